//! A request with an Idempotency-Key on its way. The writes of its handler are held until the reply is
//! known, so that effect and reply are one transaction.
//!
//! The store and the queue find the attempt of the present request by themselves: a handler commits and
//! sends as it always does. What is held is committed early when the handler goes on to read, and its
//! messages are kept with the reply, so that they can be sent again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::TenantId,
    problem::ApiError,
    seal::{self, sha256_hex},
    store::{
        Conflict, Db, StoreError,
        change::{IntoWrite, number, put, read, text},
        db::{Item, Table, Write},
        key::{Key, Sort},
    },
};

/// How long a reply is kept: 24 hours.
pub(crate) const KEPT_S: i64 = 86_400;

tokio::task_local! {
    static PRESENT: Arc<Keyed>;
}

/// One request with a key, over all runs of its handler.
pub(crate) struct Keyed {
    /// The header as it came; read when the caller is known.
    header: String,
    fingerprint: String,
    run: String,
    progress: Mutex<Progress>,
}

struct Progress {
    owner: Option<Owner>,
    /// Conflicts that earlier runs of the handler met, in their order: a new run is told of them.
    script: Vec<Refusal>,
    told: usize,
    stage: Stage,
    sends: Vec<Message>,
}

/// Whose key it is, and where its row lies.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) tenant: TenantId,
    pub(crate) key: Key,
    pub(crate) now: Timestamp,
}

/// A condition that did not hold.
#[derive(Clone)]
pub(crate) struct Refusal {
    conflict: Conflict,
    old: Option<Box<Item>>,
}

pub(crate) enum Stage {
    /// Nothing is to be written yet.
    Open,
    /// The effect, as it will be committed with the reply.
    Held(Vec<Write>),
    /// Committed before the reply was known.
    Early,
    /// An early commit met this conflict: the handler must run again and be told.
    Refused(Refusal),
    /// An early commit found the row of an earlier request.
    Found(Box<Item>),
}

/// A message that goes out once the effect is committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) queue_url: String,
    pub(crate) group: String,
    pub(crate) body: String,
    pub(crate) delay_s: u64,
}

/// The row of a key. Without a reply its effect was committed, and the reply was lost or is to come.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    pub(crate) fingerprint: String,
    /// The attempt that wrote it.
    pub(crate) run: String,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<String>,
}

impl KeyRow {
    pub(crate) fn read(item: Item) -> Result<Self, StoreError> {
        read(item)
    }
}

/// The attempt of the present request, once its caller is known.
fn present() -> Option<Arc<Keyed>> {
    PRESENT
        .try_with(Arc::clone)
        .ok()
        .filter(|keyed| keyed.progress().owner.is_some())
}

/// Names the owner of the present request's key.
///
/// # Errors
/// The header is not a key.
pub(crate) fn own(tenant: TenantId, principal: &str, now: Timestamp) -> Result<(), ApiError> {
    let Ok(keyed) = PRESENT.try_with(Arc::clone) else {
        return Ok(());
    };
    let name = parse(&keyed.header)?;
    let hash = sha256_hex(format!("{principal}\n{name}").as_bytes());
    let key = Key::new(tenant, &Sort::Idempotency(hash));
    keyed.progress().owner = Some(Owner { tenant, key, now });
    Ok(())
}

/// Commits what is held, because the handler is about to do something else.
pub(crate) async fn settle(db: &Db) -> Result<(), StoreError> {
    match present() {
        Some(keyed) => keyed.settle(db).await,
        None => Ok(()),
    }
}

/// Claims the key before a handler's first write, for one whose writes are many transactions: none of them
/// is then held, and a request that comes again runs none of them.
pub(crate) async fn claim(db: &Db) -> Result<(), StoreError> {
    let Some(keyed) = present() else {
        return Ok(());
    };
    if let Some(refusal) = keyed.next_refusal() {
        return Err(refusal.into());
    }
    {
        let mut progress = keyed.progress();
        if matches!(progress.stage, Stage::Open) {
            progress.stage = Stage::Held(Vec::new());
        }
    }
    keyed.settle(db).await
}

/// Holds `writes` if the present request can; gives them back otherwise.
pub(crate) async fn hold(db: &Db, writes: Vec<Write>) -> Result<Option<Vec<Write>>, StoreError> {
    let Some(keyed) = present() else {
        return Ok(Some(writes));
    };
    if let Some(refusal) = keyed.next_refusal() {
        return Err(refusal.into());
    }
    {
        let mut progress = keyed.progress();
        if matches!(progress.stage, Stage::Open) {
            progress.stage = Stage::Held(writes);
            return Ok(None);
        }
    }
    keyed.settle(db).await?;
    Ok(Some(writes))
}

/// Keeps `messages` until what is held is committed; gives them back if nothing is.
pub(crate) fn keep(messages: Vec<Message>) -> Option<Vec<Message>> {
    let Some(keyed) = present() else {
        return Some(messages);
    };
    let mut progress = keyed.progress();
    if matches!(progress.stage, Stage::Held(_)) {
        progress.sends.extend(messages);
        return None;
    }
    Some(messages)
}

impl Keyed {
    pub(crate) fn new(header: String, fingerprint: String) -> Arc<Self> {
        Arc::new(Self {
            header,
            fingerprint,
            run: seal::encode_hex(&seal::random::<16>()),
            progress: Mutex::new(Progress {
                owner: None,
                script: Vec::new(),
                told: 0,
                stage: Stage::Open,
                sends: Vec::new(),
            }),
        })
    }

    /// Runs a handler whose store and queue know of this keyed.
    pub(crate) async fn scope<F: Future>(self: &Arc<Self>, handler: F) -> F::Output {
        PRESENT.scope(Arc::clone(self), handler).await
    }

    pub(crate) fn owner(&self) -> Option<Owner> {
        self.progress().owner.clone()
    }

    /// What the handler has left behind: its stage and its messages. The attempt is open again.
    pub(crate) fn take(&self) -> (Stage, Vec<Message>) {
        let mut progress = self.progress();
        progress.told = 0;
        let stage = std::mem::replace(&mut progress.stage, Stage::Open);
        (stage, std::mem::take(&mut progress.sends))
    }

    /// The next run of the handler meets this conflict where this one did.
    pub(crate) fn tell(&self, refusal: Refusal) {
        self.progress().script.push(refusal);
    }

    pub(crate) fn is_of(&self, row: &KeyRow) -> bool {
        row.run == self.run
    }

    pub(crate) fn fits(&self, row: &KeyRow) -> bool {
        row.fingerprint == self.fingerprint
    }

    /// The row of the key, on condition that there is none that is still kept.
    pub(crate) fn row(
        &self,
        db: &Db,
        owner: &Owner,
        reply: Option<String>,
    ) -> Result<Write, StoreError> {
        let now = owner.now.as_second();
        let row = KeyRow {
            fingerprint: self.fingerprint.clone(),
            run: self.run.clone(),
            created_at: now,
            expires_at: now + KEPT_S,
            reply,
        };
        let item = put(db.table(Table::Ephemeral)?, &owner.key, &row)?
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(now))
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            )
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::KeyUsed,
        })
    }

    /// Adds the reply to a row that was committed early.
    pub(crate) async fn add_reply(
        &self,
        db: &Db,
        owner: &Owner,
        reply: String,
    ) -> Result<(), StoreError> {
        let request = db.client().update_item();
        request
            .table_name(db.table(Table::Ephemeral)?)
            .set_key(Some(owner.key.attributes()))
            .update_expression("SET reply = :reply")
            .condition_expression("run = :run")
            .expression_attribute_values(":reply", AttributeValue::S(reply))
            .expression_attribute_values(":run", text(&self.run))
            .send()
            .await?;
        Ok(())
    }

    /// The row of an earlier request with this key that is still kept.
    pub(crate) async fn find(db: &Db, owner: &Owner) -> Result<Option<KeyRow>, StoreError> {
        let item = db
            .get(Table::Ephemeral, owner.key.attributes(), true)
            .await?;
        let row: Option<KeyRow> = item.map(read).transpose()?;
        Ok(row.filter(|row| row.expires_at > owner.now.as_second()))
    }

    async fn settle(&self, db: &Db) -> Result<(), StoreError> {
        let (writes, sends, owner) = {
            let mut progress = self.progress();
            match std::mem::replace(&mut progress.stage, Stage::Early) {
                Stage::Held(writes) => (
                    writes,
                    std::mem::take(&mut progress.sends),
                    progress.owner.clone(),
                ),
                stage @ (Stage::Refused(_) | Stage::Found(_)) => {
                    progress.stage = stage;
                    return Err(abandoned());
                }
                stage @ (Stage::Open | Stage::Early) => {
                    progress.stage = stage;
                    return Ok(());
                }
            }
        };
        let owner = owner.ok_or_else(abandoned)?;
        // Whoever goes on to read, with whatever credentials: what is held is the tenant's.
        let db = &db.of(owner.tenant);
        let mut all = vec![self.row(db, &owner, None)?];
        all.extend(writes);
        let error = match db.transact_now(all).await {
            Ok(()) => {
                // They go out after the handler, as the others of this request.
                self.progress().sends = sends;
                return Ok(());
            }
            Err(error) => error,
        };
        let stage = match error {
            StoreError::Conflict {
                conflict: Conflict::KeyUsed,
                old: Some(item),
            } => Stage::Found(item),
            StoreError::Conflict { conflict, old } => Stage::Refused(Refusal { conflict, old }),
            other => {
                self.progress().stage = Stage::Open;
                return Err(other);
            }
        };
        self.progress().stage = stage;
        Err(abandoned())
    }

    fn next_refusal(&self) -> Option<Refusal> {
        let mut progress = self.progress();
        let refusal = progress.script.get(progress.told).cloned()?;
        progress.told += 1;
        Some(refusal)
    }

    // Each change is one step: what a panic leaves is whole.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler's run is in vain: its answer is not used.
fn abandoned() -> StoreError {
    StoreError::Unavailable(anyhow!("this run of a keyed request is abandoned"))
}

impl Refusal {
    pub(crate) fn new(conflict: Conflict, old: Option<Box<Item>>) -> Self {
        Self { conflict, old }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict {
            conflict: refusal.conflict,
            old: refusal.old,
        }
    }
}

/// A string of Structured Fields (RFC 9651 section 3.3.3), as the draft has it, or the bare text that
/// many clients send.
fn parse(header: &str) -> Result<String, ApiError> {
    let inner = header
        .strip_prefix('"')
        .map(|rest| rest.strip_suffix('"').unwrap_or_default());
    let name = inner.unwrap_or(header);
    let letter = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    if !(1..=255).contains(&name.len()) || !name.bytes().all(letter) {
        return Err(ApiError::invalid(
            "Idempotency-Key",
            "must be 1 to 255 printable ASCII characters without \" and \\, in quotes or bare",
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests;
