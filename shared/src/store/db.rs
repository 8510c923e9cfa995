//! The DynamoDB client and its errors. The only file that calls the data plane.

mod failure;
mod query;

use std::{collections::HashMap, sync::Arc};

use anyhow::anyhow;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::Builder,
    operation::{
        query::builders::QueryFluentBuilder, transact_write_items::TransactWriteItemsError,
    },
    types::{AttributeValue, KeysAndAttributes, Select, TransactWriteItem},
};

pub(crate) use self::query::{Examined, Filter, Index, Query, Range};
use crate::{
    config::{Config, ConfigError},
    id::TenantId,
    store::{keyed, wall::Wall},
    telemetry::Calls,
    time::Clock,
};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Rows that one list call reads at most, however few of them match its filters.
pub(crate) const MAX_EXAMINED: usize = 1_000;

/// Calls that one count makes at most; each reads up to 1 MB of rows.
const MAX_COUNTING: usize = 20;

#[derive(Clone)]
pub(crate) struct Db {
    client: Client,
    config: Arc<Config>,
    wall: Wall,
}

/// The tables of template.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Platform,
    Directory,
    Events,
    Audit,
    Ephemeral,
}

/// Why a read or write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("not found")]
    NotFound,
    #[error("{conflict}")]
    Conflict {
        conflict: Conflict,
        old: Option<Box<HashMap<String, AttributeValue>>>,
    },
    #[error("the store did not answer")]
    Unavailable(#[source] anyhow::Error),
    #[error("the store refused the request")]
    Internal(#[source] anyhow::Error),
}

/// The condition of a write that did not hold, as a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("the resource changed meanwhile: read it again and repeat the change")]
    Version,
    #[error("If-Match names another version")]
    Precondition,
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    #[error("a user with this e-mail address is already a member")]
    AlreadyMember,
    #[error("a tenant may have 50 custom roles: delete one first")]
    TooManyRoles,
    #[error("members have this role: give them another first")]
    RoleInUse,
    #[error("the tenant has no such role")]
    NoSuchRole,
    #[error("a tenant needs at least one owner")]
    LastOwner,
    #[error("the invitation was accepted already")]
    Accepted,
    #[error("the link was used or has expired")]
    TokenUsed,
    #[error("the resource exists already")]
    Exists,
    #[error("the vendor's event was applied before")]
    Duplicate,
    #[error("the entry is not sealed yet: it will be within a few minutes")]
    NotSealed,
    #[error("the job was done before")]
    Done,
    #[error("the event is in a state that cannot be replayed: it is still being processed")]
    NotReplayable,
    #[error(
        "as many jobs as a tenant may have at a time are unfinished: wait for one to end, or cancel one"
    )]
    TooManyJobs,
    #[error(
        "a tenant has at most {} destinations: delete one first",
        super::MOST_DESTINATIONS
    )]
    TooManyDestinations,
    #[error("an attempt of the delivery is under way, or it was retried meanwhile")]
    DeliveryInProgress,
    #[error("the destination is disabled or gone: enable it, and retry then")]
    DestinationOff,
    #[error(
        "a tenant has at most {} collections: delete one first",
        super::MOST_COLLECTIONS
    )]
    TooManyCollections,
    #[error("the collection has records: delete them first")]
    NotEmpty,
    #[error("the connection is not authorized: begin with GET /v1/connections/{{id}}/authorize")]
    NotConnected,
    #[error("a tenant may have 50 connectors of its own: delete one first")]
    TooManyConnectors,
    #[error("the job has ended: there is nothing left to cancel")]
    JobEnded,
    #[error("the session has ended or its token was used")]
    SessionMoved,
    #[error("the Idempotency-Key was used before")]
    KeyUsed,
    #[error("a request with this Idempotency-Key is under way: repeat it in a moment")]
    KeyBusy,
    #[error(
        "the request with this Idempotency-Key was carried out, and its reply is not known: read the resource"
    )]
    ReplyLost,
}

/// One write of a transaction, and what it means when its condition does not hold.
pub(crate) struct Write {
    pub(crate) item: TransactWriteItem,
    pub(crate) conflict: Conflict,
}

impl Db {
    /// With the function's own credentials.
    pub(crate) fn new(
        sdk: SdkConfig,
        sts: SdkConfig,
        config: &Config,
        clock: Clock,
        calls: Calls,
    ) -> Self {
        let config = Arc::new(config.clone());
        let builder = Builder::from(&sdk).interceptor(calls.clone());
        Self {
            client: Client::from_conf(builder.build()),
            wall: Wall::new(sdk, sts, Arc::clone(&config), clock, calls),
            config,
        }
    }

    /// The same tables with credentials that reach this tenant's rows only.
    pub(crate) fn of(&self, tenant: TenantId) -> Self {
        Self {
            client: self.wall.client(tenant),
            config: Arc::clone(&self.config),
            wall: self.wall.clone(),
        }
    }

    pub(crate) fn table(&self, table: Table) -> Result<&str, ConfigError> {
        match table {
            Table::Platform => self.config.platform_table(),
            Table::Directory => self.config.directory_table(),
            Table::Events => self.config.events_table(),
            Table::Audit => self.config.audit_table(),
            Table::Ephemeral => self.config.ephemeral_table(),
        }
    }

    /// Half a read unit for each 4 KB, or a whole one when `consistent`.
    pub(crate) async fn get(
        &self,
        table: Table,
        key: Item,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        keyed::settle(self).await?;
        let answer = self
            .client
            .get_item()
            .table_name(self.table(table)?)
            .set_key(Some(key))
            .consistent_read(consistent)
            .send()
            .await?;
        Ok(answer.item)
    }

    /// Several rows of one table in one call, in no particular order.
    pub(crate) async fn get_all(
        &self,
        table: Table,
        keys: Vec<Item>,
    ) -> Result<Vec<Item>, StoreError> {
        keyed::settle(self).await?;
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()?;
        let name = self.table(table)?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(name, keys)
            .send()
            .await?;
        if answer
            .unprocessed_keys()
            .is_some_and(|left| !left.is_empty())
        {
            return Err(StoreError::Unavailable(anyhow!(
                "the table did not answer for all keys"
            )));
        }
        Ok(answer
            .responses
            .and_then(|mut tables| tables.remove(name))
            .unwrap_or_default())
    }

    /// The rows that are there of any number of keys, a hundred a call; what does not fit an answer of
    /// 16 MB is asked for again.
    pub(crate) async fn get_many(
        &self,
        table: Table,
        keys: Vec<Item>,
    ) -> Result<Vec<Item>, StoreError> {
        keyed::settle(self).await?;
        let name = self.table(table)?;
        let mut found = Vec::new();
        let mut waiting = keys;
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(100));
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::replace(&mut waiting, rest)))
                .consistent_read(true)
                .build()?;
            let request = self.client.batch_get_item().request_items(name, keys);
            let answer = request.send().await?;
            let mut tables = answer.responses.unwrap_or_default();
            let items = tables.remove(name).unwrap_or_default();
            let left = answer.unprocessed_keys.unwrap_or_default().remove(name);
            let left = left.map(|left| left.keys).unwrap_or_default();
            if items.is_empty() && !left.is_empty() {
                return Err(StoreError::Unavailable(anyhow!(
                    "the table answered for none of the keys"
                )));
            }
            found.extend(items);
            waiting.extend(left);
        }
        Ok(found)
    }

    /// Up to `limit` matching rows, and the last key that was read when there may be more.
    pub(crate) async fn query(
        &self,
        query: Query<'_>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut found = Vec::new();
        let mut after = query.after.clone();
        let mut examined = 0;
        if query.range.is_empty() {
            return Ok((found, None));
        }
        loop {
            // A filter is applied after the limit: without one, read no more than is wanted.
            let step = if query.filter.0.is_empty() {
                query.limit - found.len()
            } else {
                250
            };
            let answer = self.query_once(&query, after.take(), step).await?;
            examined += usize::try_from(answer.scanned_count).unwrap_or(MAX_EXAMINED);
            found.extend(answer.items.unwrap_or_default());
            after = answer.last_evaluated_key;
            if found.len() > query.limit {
                found.truncate(query.limit);
                after = found.last().map(|item| key_of(item, query.index));
            }
            if after.is_none() || found.len() >= query.limit || examined >= MAX_EXAMINED {
                return Ok((found, after));
            }
        }
    }

    /// Up to `query.limit` matching rows out of at most [`MAX_EXAMINED`], none of them read in vain:
    /// the key to go on from is that of the last row that was looked at.
    pub(crate) async fn examine(&self, query: Query<'_>) -> Result<Examined, StoreError> {
        let mut seen = Examined::default();
        let mut after = query.after.clone();
        if query.range.is_empty() {
            return Ok(seen);
        }
        loop {
            let step = query.limit - seen.items.len();
            let answer = self.query_once(&query, after.take(), step).await?;
            seen.examined += usize::try_from(answer.scanned_count).unwrap_or(MAX_EXAMINED);
            seen.items.extend(answer.items.unwrap_or_default());
            after = answer.last_evaluated_key;
            let is_full = seen.items.len() >= query.limit || seen.examined >= MAX_EXAMINED;
            if after.is_none() || is_full {
                seen.next = after;
                return Ok(seen);
            }
        }
    }

    /// Matching rows, counted without being fetched, until `enough` are found or [`MAX_COUNTING`]
    /// calls were made. The flag is false if there may be more.
    pub(crate) async fn count(
        &self,
        query: &Query<'_>,
        enough: usize,
    ) -> Result<(usize, bool), StoreError> {
        keyed::settle(self).await?;
        let mut count = 0;
        let mut after = None;
        if query.range.is_empty() {
            return Ok((0, true));
        }
        for _ in 0..MAX_COUNTING {
            let request = self.query_request(query, after)?;
            let answer = request.select(Select::Count).send().await?;
            count += usize::try_from(answer.count).unwrap_or(0);
            after = answer.last_evaluated_key;
            if after.is_none() && count <= enough {
                return Ok((count, true));
            }
            if count >= enough {
                return Ok((enough, false));
            }
        }
        Ok((count, false))
    }

    /// One call: at most `query.limit` rows or a megabyte, and the last key that was read when there may be more.
    pub(crate) async fn once(
        &self,
        query: &Query<'_>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        if query.range.is_empty() {
            return Ok((Vec::new(), None));
        }
        let answer = self
            .query_once(query, query.after.clone(), query.limit)
            .await?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    async fn query_once(
        &self,
        query: &Query<'_>,
        after: Option<Item>,
        step: usize,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput, StoreError> {
        keyed::settle(self).await?;
        let request = self.query_request(query, after)?;
        let step = i32::try_from(step).unwrap_or(1);
        Ok(request.limit(step).send().await?)
    }

    fn query_request(
        &self,
        query: &Query<'_>,
        after: Option<Item>,
    ) -> Result<QueryFluentBuilder, StoreError> {
        let (partition_name, index) = match query.index {
            None => ("pk", None),
            Some(Index::ByTime) => ("list_pk", Some("by_time".to_owned())),
        };
        let mut request = self
            .client
            .query()
            .table_name(self.table(query.table)?)
            .set_index_name(index)
            .expression_attribute_names("#pk", partition_name)
            .expression_attribute_values(":pk", AttributeValue::S(query.partition.clone()))
            .scan_index_forward(!query.newest_first)
            .set_exclusive_start_key(after);
        request = match &query.range {
            Range::Prefix(prefix) => request
                .key_condition_expression("#pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.clone())),
            Range::Between(from, to) => request
                .key_condition_expression("#pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", AttributeValue::S(from.clone()))
                .expression_attribute_values(":to", AttributeValue::S(to.clone())),
        };
        let mut terms = Vec::new();
        for (at, (attribute, value)) in query.filter.0.iter().enumerate() {
            terms.push(format!("#f{at} = :f{at}"));
            request = request
                .expression_attribute_names(format!("#f{at}"), *attribute)
                .expression_attribute_values(format!(":f{at}"), AttributeValue::S(value.clone()));
        }
        if !terms.is_empty() {
            request = request.filter_expression(terms.join(" AND "));
        }
        Ok(request)
    }

    /// All or nothing. A condition that fails comes back as that write's [`Conflict`], with the row
    /// that was there.
    /// In a request with an Idempotency-Key the first call is held until the reply is known.
    pub(crate) async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        match keyed::hold(self, writes).await? {
            Some(writes) => self.transact_now(writes).await,
            None => Ok(()),
        }
    }

    /// As [`Db::transact`], at once.
    pub(crate) async fn transact_now(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let (items, conflicts): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .map(|write| (write.item, write.conflict))
            .unzip();
        let answer = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(error.into());
        };
        let failed = cancelled.cancellation_reasons().iter().zip(&conflicts);
        for (reason, conflict) in failed {
            if reason.code() == Some("ConditionalCheckFailed") {
                let old = reason.item.clone().map(Box::new);
                return Err(StoreError::Conflict {
                    conflict: *conflict,
                    old,
                });
            }
        }
        let busy = cancelled.cancellation_reasons().iter().zip(&conflicts);
        for (reason, conflict) in busy {
            if *conflict == Conflict::KeyUsed && reason.code() == Some("TransactionConflict") {
                return Err(StoreError::Conflict {
                    conflict: Conflict::KeyBusy,
                    old: None,
                });
            }
        }
        Err(StoreError::Unavailable(anyhow!(
            "the transaction was cancelled: {:?}",
            cancelled.cancellation_reasons()
        )))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// The attributes from which a query can go on after `item`.
fn key_of(item: &Item, index: Option<Index>) -> Item {
    let names: &[&str] = match index {
        None => &["pk", "sk"],
        Some(Index::ByTime) => &["pk", "sk", "list_pk"],
    };
    let pairs = names.iter().filter_map(|name| item.get_key_value(*name));
    pairs
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
