//! Sessions: one family of refresh tokens each. Rotation is one conditional update.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    access::Role,
    audit::Action,
    id::{SessionId, SsoConnectionId, UserId},
    problem::ApiError,
    store::{
        Change, Conflict, Db, Page, PageRequest, StoreError, TenantStore,
        change::{IntoWrite, number, read, text},
        db::{Filter, Item, MAX_EXAMINED, Query, Range, Table, Write},
        key::{Key, List, Sort},
        list::Listing,
    },
};

/// Sessions that one change of a user reaches: what fits a transaction beside its other writes.
const MAX_SESSIONS: usize = 80;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
    /// The tenant's session epoch when it began: an earlier one than the gate's has ended.
    #[serde(default)]
    pub(crate) epoch: u64,
    pub(crate) refresh_hash: String,
    pub(crate) previous_hash: Option<String>,
    pub(crate) rotated_at: Timestamp,
    pub(crate) created_at: Timestamp,
    /// Unix seconds: the end of the session if it is not used; the table's TTL.
    pub(crate) expires_at: i64,
    /// Unix seconds: the end of the session however much it is used.
    pub(crate) ends_at: i64,
    /// The connection whose identity provider vouched for the person. Its word is good in this tenant only:
    /// such a session must neither lead to another tenant nor change how the person signs in elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sso: Option<SsoConnectionId>,
    /// Kept by a browser in a cookie: its hash is the cookie's, and it is not refreshed.
    #[serde(default)]
    pub(crate) is_browser: bool,
}

/// A session as its user sees it.
#[derive(Debug, Clone, Deserialize)]
pub struct SessionSummary {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub rotated_at: Timestamp,
    /// Unix seconds.
    pub expires_at: i64,
    /// Unix seconds.
    pub ends_at: i64,
}

/// What became of a presented refresh token.
pub(crate) enum Rotation {
    /// It was the current one; the session as it is now.
    Rotated(Session),
    /// It was not; the session as it is.
    NotCurrent(Session),
    /// There is no such session any more.
    Ended,
}

impl Db {
    /// The row of a session, by a key that carried our MAC.
    pub(crate) async fn session(&self, key: &Key) -> Result<Option<Session>, StoreError> {
        let item = self.get(Table::Platform, key.attributes(), true).await?;
        item.map(read).transpose()
    }

    /// Moves the idle end of a session that is alive.
    pub(crate) async fn move_session_end(
        &self,
        key: &Key,
        until_s: i64,
        now_s: i64,
    ) -> Result<(), StoreError> {
        self.client()
            .update_item()
            .table_name(self.table(Table::Platform)?)
            .set_key(Some(key.attributes()))
            .update_expression("SET expires_at = :until")
            .condition_expression("expires_at > :now AND ends_at > :now")
            .expression_attribute_values(":until", number(until_s))
            .expression_attribute_values(":now", number(now_s))
            .send()
            .await?;
        Ok(())
    }

    /// Makes `to` the current token of the session, if `from` is.
    pub(crate) async fn rotate(
        &self,
        key: &Key,
        from: &str,
        to: &str,
        now: Timestamp,
        idle_until: i64,
    ) -> Result<Rotation, StoreError> {
        let answer = self
            .client()
            .update_item()
            .table_name(self.table(Table::Platform)?)
            .set_key(Some(key.attributes()))
            .update_expression(
                "SET refresh_hash = :to, previous_hash = :from, rotated_at = :at, expires_at = :idle_until",
            )
            .condition_expression("refresh_hash = :from AND expires_at > :now AND ends_at > :now")
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .expression_attribute_values(":at", text(now))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":idle_until", number(idle_until))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                return Ok(Rotation::Rotated(read(
                    answer.attributes.unwrap_or_default(),
                )?));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(item) => Ok(Rotation::NotCurrent(read(item.clone())?)),
                None => Ok(Rotation::Ended),
            },
            _ => Err(error.into()),
        }
    }
}

impl TenantStore {
    /// The user's latest sessions: as many as fit a transaction. Older ones are ended first, so
    /// that none escapes a change of its user.
    async fn session_keys(&self, user: UserId) -> Result<Vec<Item>, StoreError> {
        let (partition, prefix) = List::Sessions(user).range(self.tenant);
        let query = Query {
            table: Table::Platform,
            index: None,
            partition,
            range: Range::Prefix(prefix),
            after: None,
            newest_first: true,
            limit: MAX_EXAMINED,
            filter: &Filter::default(),
        };
        let (sessions, _) = self.db().query(query).await?;
        let key_of = |item: Item| {
            item.into_iter()
                .filter(|(name, _)| name == "pk" || name == "sk")
                .collect()
        };
        let mut keys: Vec<Item> = sessions.into_iter().map(key_of).collect();
        let surplus = keys.split_off(keys.len().min(MAX_SESSIONS));
        let writer = self.db().writer(Table::Platform)?;
        for batch in surplus.chunks(MAX_SESSIONS) {
            let writes = batch
                .iter()
                .map(|key| writer.clear(key.clone()))
                .collect::<Result<_, _>>()?;
            self.db().transact(writes).await?;
        }
        Ok(keys)
    }

    /// Writes that give the user's sessions another role.
    pub(crate) async fn set_session_roles(
        &self,
        user: UserId,
        role: Role,
    ) -> Result<Vec<Write>, StoreError> {
        let writer = self.db().writer(Table::Platform)?;
        let keys = self.session_keys(user).await?;
        let update = |key: Item| {
            let key = Key {
                pk: string(&key, "pk"),
                sk: string(&key, "sk"),
            };
            let item = writer
                .update(&key, "SET #role = :role")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":role", text(role))
                .into_write()?;
            Ok(Write {
                item,
                conflict: Conflict::Version,
            })
        };
        keys.into_iter().map(update).collect()
    }

    /// Writes that end the user's sessions.
    pub(crate) async fn end_sessions(&self, user: UserId) -> Result<Vec<Write>, StoreError> {
        let writer = self.db().writer(Table::Platform)?;
        self.session_keys(user)
            .await?
            .into_iter()
            .map(|key| writer.clear(key))
            .collect()
    }

    /// The user's sessions in this tenant, in the order of their making. One that has ended by itself
    /// may be among them until the table has swept it.
    pub async fn sessions(
        &self,
        user: UserId,
        page: &PageRequest,
    ) -> Result<Page<SessionSummary>, ApiError> {
        self.page(Listing::all(List::Sessions(user)), &Filter::default(), page)
            .await
    }

    /// Ends one session: its refresh token at once, its access tokens with the gate.
    ///
    /// # Errors
    /// `NotFound` when the user has no such session.
    pub async fn revoke_session(&self, user: UserId, id: SessionId) -> Result<(), StoreError> {
        let change = Change {
            value: (),
            action: Action::SessionRevoked,
            target: id.to_string(),
            changes: Default::default(),
            writes: vec![self.end_session(user, id)?],
        };
        match self.commit(change).await {
            Err(StoreError::Conflict {
                conflict: Conflict::SessionMoved,
                ..
            }) => return Err(StoreError::NotFound),
            outcome => outcome?,
        }
        self.mark_sessions(&[id]).await
    }

    /// Ends all sessions of the user.
    pub async fn revoke_sessions(&self, user: UserId) -> Result<(), StoreError> {
        let keys = self.session_keys(user).await?;
        self.revoke_keys(user, keys).await
    }

    /// Ends the user's sessions that began before `at`, but for one.
    pub(crate) async fn revoke_sessions_before(
        &self,
        user: UserId,
        at: Timestamp,
        but: Option<SessionId>,
    ) -> Result<(), StoreError> {
        let mut keys = self.session_keys(user).await?;
        keys.retain(|key| session_of(key).is_none_or(|id| Some(id) != but && id.made_at() < at));
        if keys.is_empty() {
            return Ok(());
        }
        self.revoke_keys(user, keys).await
    }

    pub(crate) async fn session(
        &self,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let key = Key::new(self.tenant, &Sort::Session(user, id));
        self.db().session(&key).await
    }

    /// Marked first: were the second step lost, no token of theirs is let in all the same.
    async fn revoke_keys(&self, user: UserId, keys: Vec<Item>) -> Result<(), StoreError> {
        let ids: Vec<SessionId> = keys.iter().filter_map(session_of).collect();
        self.mark_sessions(&ids).await?;
        let writer = self.db().writer(Table::Platform)?;
        let ends = keys.into_iter().map(|key| writer.clear(key));
        self.commit(Change {
            value: (),
            action: Action::SessionsRevoked,
            target: user.to_string(),
            changes: Default::default(),
            writes: ends.collect::<Result<_, _>>()?,
        })
        .await
    }

    /// The write that ends one session that is still there.
    pub(crate) fn end_session(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::Session(user, session));
        let item = aws_sdk_dynamodb::types::Delete::builder()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_exists(pk)")
            .build()?;
        let item = aws_sdk_dynamodb::types::TransactWriteItem::builder()
            .delete(item)
            .build();
        Ok(Write {
            item,
            conflict: Conflict::SessionMoved,
        })
    }
}

/// The session that a row's key is of.
fn session_of(key: &Item) -> Option<SessionId> {
    string(key, "sk").rsplit('#').next()?.parse().ok()
}

fn string(item: &Item, name: &str) -> String {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .cloned()
        .unwrap_or_default()
}
