//! Sealed parts of a tenant's audit log: rows of the audit table that are never changed, in a chain. The
//! head in the platform table makes the chain one: of two that seal at a time, one wins.

use std::collections::{BTreeSet, HashSet};

use anyhow::anyhow;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    audit::{
        Checkpoint, Entry, MARGIN, hash_of,
        merkle::{self, Hash, Part, Peaks},
        vkey,
    },
    id::{AuditId, TenantId},
    problem::ApiError,
    store::{
        Conflict, Page, PageRequest, PlatformStore, StoreError, TenantStore, Versioned,
        change::{IntoWrite, put, read, read_versioned, text},
        db::{Filter, Item, Table, Write},
        key::{Key, List, MINUTE_SHARDS, Sort, minute_partition},
        list::Listing,
    },
};

/// Leaves of one sealed part: its row stays well below the 400 KB of an item.
const MOST_LEAVES: usize = 1_000;

/// Sealed parts of one query, and queries for one proof: more than any entry's part can be away.
const PARTS: i32 = 10;
const MOST_QUERIES: usize = 20;

/// A sealed part of the log, as stored and as shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SealedPart {
    /// The length of the log before this part.
    pub first: u64,
    /// The length of the log with it: what its checkpoint says.
    pub size: u64,
    #[schema(value_type = String, format = DateTime)]
    pub sealed_at: Timestamp,
    /// A signed note in the form of C2SP tlog-checkpoint.
    pub checkpoint: String,
    /// The key that the note is signed with, in the form of C2SP signed-note.
    pub key: String,
    /// The entries in the order of their leaves.
    pub entries: Vec<AuditId>,
    /// Their leaf hashes, base64.
    pub leaves: Vec<String>,
    /// The roots of the complete subtrees before this part, base64.
    pub peaks: Vec<String>,
}

/// The end of the chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    size: u64,
    peaks: Vec<String>,
    /// The hash of the last checkpoint.
    previous: String,
    /// Everything older was looked at.
    until: AuditId,
}

/// That an entry is in the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InclusionProof {
    pub entry_id: AuditId,
    pub leaf_index: u64,
    /// Base64.
    pub leaf_hash: String,
    /// The audit path of RFC 6962 section 2.1.1, base64, from the leaf upwards.
    pub path: Vec<String>,
    /// The signed note whose root the path leads to.
    pub checkpoint: String,
    pub key: String,
}

impl TenantStore {
    /// Seals what is old enough and not sealed yet, looking again at what is as old as `since`. True if
    /// there may be more.
    pub(crate) async fn seal_audit(
        &self,
        key: &Ed25519KeyPair,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let head = self.audit_head().await?;
        let since = AuditId::first_at(since);
        let seen = head.as_ref().map_or(since, |head| head.value.until);
        let to = AuditId::first_at(self.now - MARGIN);
        let from = since.min(seen);
        let sealed = self.sealed_since(from).await?;
        let (entries, is_all) = self.unsealed(from, to, &sealed).await?;
        let Some(last) = entries.last().map(|entry| entry.id) else {
            return Ok(false);
        };
        let looked_at = if is_all { to } else { last };
        let until = looked_at.max(seen);
        let (mut peaks, previous, version) = match &head {
            Some(Versioned { version, value }) => {
                let peaks = peaks(value.size, &value.peaks)?;
                (peaks, hash(&value.previous)?, Some(*version))
            }
            None => (Peaks::default(), merkle::sha256(&[]), None),
        };
        let (first, before) = (peaks.size, texts(&peaks.hashes));
        let leaves: Vec<Hash> = entries.iter().map(Entry::leaf).collect();
        for leaf in &leaves {
            peaks.push(*leaf);
        }
        let checkpoint = Checkpoint {
            tenant: self.tenant,
            size: peaks.size,
            root: peaks.root(),
            previous,
        };
        let part = SealedPart {
            first,
            size: peaks.size,
            sealed_at: self.now,
            checkpoint: checkpoint.sign(key),
            key: vkey(key),
            entries: entries.iter().map(|entry| entry.id).collect(),
            leaves: texts(&leaves),
            peaks: before,
        };
        let head = Head {
            size: peaks.size,
            peaks: texts(&peaks.hashes),
            previous: STANDARD.encode(checkpoint.hash()),
            until,
        };
        self.write_seal(&part, &head, version).await?;
        Ok(!is_all)
    }

    /// The part and the moved head, or neither.
    async fn write_seal(
        &self,
        part: &SealedPart,
        head: &Head,
        version: Option<u64>,
    ) -> Result<(), StoreError> {
        let key = Key::new(self.tenant, &Sort::Seal(part.sealed_at, part.first));
        let item = put(self.db().table(Table::Audit)?, &key, part)?
            .condition_expression("attribute_not_exists(pk)")
            .into_write()?;
        let key = Key::new(self.tenant, &Sort::AuditHead);
        let platform = self.db().writer(Table::Platform)?;
        let head = match version {
            None => platform.insert(&key, head, Conflict::Version)?,
            Some(version) => platform.replace(&key, version, head, Conflict::Version)?,
        };
        let conflict = Conflict::Exists;
        self.db()
            .transact(vec![Write { item, conflict }, head])
            .await
    }

    async fn audit_head(&self) -> Result<Option<Versioned<Head>>, StoreError> {
        let key = Key::new(self.tenant, &Sort::AuditHead).attributes();
        let item = self.db().get(Table::Platform, key, true).await?;
        item.map(read_versioned).transpose()
    }

    /// Entries before `to` that no part holds, oldest first; false if there may be more.
    async fn unsealed(
        &self,
        from: AuditId,
        to: AuditId,
        sealed: &HashSet<AuditId>,
    ) -> Result<(Vec<Entry>, bool), StoreError> {
        let (from, end) = (from.to_string(), to.to_string());
        let mut found: Vec<Entry> = Vec::new();
        let mut after = None;
        loop {
            let answer = self.audit_rows(&from, &end, 1_000, after).await?;
            for item in answer.items.unwrap_or_default() {
                let entry: Entry = read(item)?;
                if entry.id < to && !sealed.contains(&entry.id) {
                    found.push(entry);
                }
            }
            after = answer.last_evaluated_key;
            if found.len() > MOST_LEAVES {
                found.truncate(MOST_LEAVES);
                return Ok((found, false));
            }
            if after.is_none() {
                return Ok((found, true));
            }
        }
    }

    /// The entries of every part that may hold one as late as `from`.
    async fn sealed_since(&self, from: AuditId) -> Result<HashSet<AuditId>, StoreError> {
        let mut sealed = HashSet::new();
        let mut after = None;
        loop {
            let (parts, next) = self.parts_since(from.made_at(), after).await?;
            sealed.extend(parts.into_iter().flat_map(|part| part.entries));
            if next.is_none() {
                return Ok(sealed);
            }
            after = next;
        }
    }

    /// Parts sealed at or after `at`, oldest first.
    async fn parts_since(
        &self,
        at: Timestamp,
        after: Option<Item>,
    ) -> Result<(Vec<SealedPart>, Option<Item>), StoreError> {
        let from = Key::new(self.tenant, &Sort::Seal(at, 0)).sk;
        let answer = self.audit_rows(&from, "SEAL#~", PARTS, after).await?;
        let parts = answer.items.unwrap_or_default().into_iter().map(read);
        Ok((parts.collect::<Result<_, _>>()?, answer.last_evaluated_key))
    }

    /// Rows of the tenant's audit partition between two sort keys. Consistent: what was sealed a moment
    /// ago must not be sealed again.
    pub(super) async fn audit_rows(
        &self,
        from: &str,
        to: &str,
        limit: i32,
        after: Option<Item>,
    ) -> Result<QueryOutput, StoreError> {
        let (partition, _) = List::Audit.range(self.tenant);
        let request = self
            .db()
            .client()
            .query()
            .table_name(self.db().table(Table::Audit)?)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .consistent_read(true)
            .limit(limit)
            .set_exclusive_start_key(after);
        Ok(request.send().await?)
    }

    /// Sealed parts with their checkpoints, latest first.
    pub async fn audit_checkpoints(
        &self,
        page: &PageRequest,
    ) -> Result<Page<SealedPart>, ApiError> {
        let listing = Listing::all(List::Seals);
        self.page(listing, &Filter::default(), page).await
    }

    /// That an entry is in the log, against the first checkpoint that covers it.
    ///
    /// # Errors
    /// [`Conflict::NotSealed`]: it is too young.
    pub async fn audit_proof(&self, id: AuditId) -> Result<InclusionProof, StoreError> {
        self.audit_entry(id).await?;
        let mut after = None;
        for _ in 0..MOST_QUERIES {
            let (parts, next) = self.parts_since(id.made_at(), after).await?;
            for part in parts {
                if let Some(at) = part.entries.iter().position(|entry| *entry == id) {
                    return part.proof(at, id);
                }
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
        Err(StoreError::Conflict {
            conflict: Conflict::NotSealed,
            old: None,
        })
    }
}

impl SealedPart {
    fn proof(&self, at: usize, id: AuditId) -> Result<InclusionProof, StoreError> {
        let before = peaks(self.first, &self.peaks)?;
        let leaves: Vec<Hash> = self
            .leaves
            .iter()
            .map(|leaf| hash(leaf))
            .collect::<Result<_, _>>()?;
        let leaf_index = self.first + u64::try_from(at).unwrap_or(0);
        let part = Part {
            before: &before,
            leaves: &leaves,
        };
        let path = part.inclusion(leaf_index).ok_or_else(unreadable)?;
        Ok(InclusionProof {
            entry_id: id,
            leaf_index,
            leaf_hash: self.leaves.get(at).cloned().unwrap_or_default(),
            path: texts(&path),
            checkpoint: self.checkpoint.clone(),
            key: self.key.clone(),
        })
    }
}

impl PlatformStore {
    /// The tenants with audit entries of this minute since 1970: a query for each shard of the index.
    pub(crate) async fn tenants_of_minute(
        &self,
        minute: i64,
    ) -> Result<BTreeSet<TenantId>, StoreError> {
        let shards = (0..MINUTE_SHARDS).map(|shard| self.tenants_of_shard(minute, shard));
        let found = futures_util::future::try_join_all(shards).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn tenants_of_shard(
        &self,
        minute: i64,
        shard: u128,
    ) -> Result<BTreeSet<TenantId>, StoreError> {
        let mut tenants = BTreeSet::new();
        let mut after = None;
        loop {
            let answer = self
                .db()
                .client()
                .query()
                .table_name(self.db().table(Table::Audit)?)
                .index_name("by_minute")
                .key_condition_expression("#minute = :minute")
                .expression_attribute_names("#minute", "minute")
                .expression_attribute_values(":minute", text(minute_partition(minute, shard)))
                .set_exclusive_start_key(after)
                .send()
                .await?;
            let items = answer.items.unwrap_or_default();
            let pks = items.iter().filter_map(|item| item.get("pk")?.as_s().ok());
            tenants.extend(pks.filter_map(|pk| pk.strip_prefix("T#")?.parse::<TenantId>().ok()));
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(tenants);
            }
        }
    }
}

fn peaks(size: u64, texts: &[String]) -> Result<Peaks, StoreError> {
    let hashes = texts
        .iter()
        .map(|text| hash(text))
        .collect::<Result<_, _>>()?;
    Peaks::new(size, hashes).ok_or_else(unreadable)
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash)).collect()
}

fn hash(text: &str) -> Result<Hash, StoreError> {
    hash_of(text).map_err(StoreError::Internal)
}

fn unreadable() -> StoreError {
    StoreError::Internal(anyhow!("a sealed part does not fit its own size"))
}
