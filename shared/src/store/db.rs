//! The DynamoDB client and its errors. The only file that calls the data plane.

use std::collections::HashMap;

use anyhow::anyhow;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::Builder,
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, KeysAndAttributes, TransactWriteItem},
};

use crate::{config::Config, config::ConfigError, telemetry::Calls};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Rows that one list call reads at most, however few of them match its filters.
pub(crate) const MAX_EXAMINED: usize = 1_000;

#[derive(Clone)]
pub(crate) struct Db {
    client: Client,
    config: Config,
}

/// The tables of template.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Platform,
    Directory,
    Events,
    Audit,
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
    #[error("a tenant needs at least one owner")]
    LastOwner,
    #[error("the resource exists already")]
    Exists,
    #[error("the vendor's event was applied before")]
    Duplicate,
    #[error("the job was done before")]
    Done,
    #[error("the event is in a state that cannot be replayed: it is still being processed")]
    NotReplayable,
    #[error("the session has ended or its token was used")]
    SessionMoved,
}

/// One write of a transaction, and what it means when its condition does not hold.
pub(crate) struct Write {
    pub(crate) item: TransactWriteItem,
    pub(crate) conflict: Conflict,
}

/// A query over one partition, newest or oldest first.
pub(crate) struct Query<'a> {
    pub(crate) table: Table,
    pub(crate) index: Option<Index>,
    pub(crate) partition: String,
    pub(crate) range: Range,
    pub(crate) after: Option<Item>,
    pub(crate) newest_first: bool,
    pub(crate) limit: usize,
    pub(crate) filter: &'a Filter,
}

/// An index of the events table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    ByTime,
}

/// The sort keys that a query covers.
pub(crate) enum Range {
    Prefix(String),
    Between(String, String),
}

/// Equalities on attributes that no key serves: applied to what a query has read.
#[derive(Default)]
pub(crate) struct Filter(Vec<(&'static str, String)>);

impl Filter {
    pub(crate) fn equals(mut self, attribute: &'static str, value: Option<impl ToString>) -> Self {
        self.0
            .extend(value.map(|value| (attribute, value.to_string())));
        self
    }
}

impl Db {
    pub(crate) fn new(sdk: &SdkConfig, config: &Config, calls: Calls) -> Self {
        Self {
            client: Client::from_conf(Builder::from(sdk).interceptor(calls).build()),
            config: config.clone(),
        }
    }

    pub(crate) fn table(&self, table: Table) -> Result<&str, ConfigError> {
        match table {
            Table::Platform => self.config.platform_table(),
            Table::Directory => self.config.directory_table(),
            Table::Events => self.config.events_table(),
            Table::Audit => self.config.audit_table(),
        }
    }

    /// Half a read unit for each 4 KB, or a whole one when `consistent`.
    pub(crate) async fn get(
        &self,
        table: Table,
        key: Item,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
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

    /// Up to `limit` matching rows, and the last key that was read when there may be more.
    pub(crate) async fn query(
        &self,
        query: Query<'_>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut found = Vec::new();
        let mut after = query.after.clone();
        let mut examined = 0;
        loop {
            let answer = self
                .query_once(&query, after.take(), query.limit - found.len())
                .await?;
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

    async fn query_once(
        &self,
        query: &Query<'_>,
        after: Option<Item>,
        missing: usize,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput, StoreError> {
        let (partition_name, index) = match query.index {
            None => ("pk", None),
            Some(Index::ByTime) => ("list_pk", Some("by_time".to_owned())),
        };
        // A filter is applied after the limit: without one, read no more than is wanted.
        let page = if query.filter.0.is_empty() {
            missing
        } else {
            250
        };
        let mut request = self
            .client
            .query()
            .table_name(self.table(query.table)?)
            .set_index_name(index)
            .expression_attribute_names("#pk", partition_name)
            .expression_attribute_values(":pk", AttributeValue::S(query.partition.clone()))
            .scan_index_forward(!query.newest_first)
            .set_exclusive_start_key(after)
            .limit(i32::try_from(page).unwrap_or(1));
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
        Ok(request.send().await?)
    }

    /// All or nothing. A condition that fails comes back as that write's [`Conflict`], with the row
    /// that was there.
    pub(crate) async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
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

impl From<ConfigError> for StoreError {
    fn from(error: ConfigError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<aws_sdk_dynamodb::error::BuildError> for StoreError {
    fn from(error: aws_sdk_dynamodb::error::BuildError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Internal(anyhow::Error::from(error).context("convert a row"))
    }
}

/// What is worth a retry (no answer, throttled, failed on AWS's side) is `Unavailable`; what would
/// fail again (refused credentials, malformed request) is `Internal`.
impl<E> From<SdkError<E>> for StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        const TRANSIENT: [&str; 7] = [
            "InternalServerError",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "ServiceUnavailable",
            "ThrottlingException",
            "TransactionConflictException",
            "TransactionInProgressException",
        ];
        if let SdkError::ServiceError(service) = &error
            && service.err().code() == Some("ConditionalCheckFailedException")
        {
            return Self::Conflict {
                conflict: Conflict::Version,
                old: None,
            };
        }
        let transient = match &error {
            SdkError::ServiceError(service) => {
                service.raw().status().is_server_error()
                    || service
                        .err()
                        .code()
                        .is_some_and(|code| TRANSIENT.contains(&code))
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        let error = anyhow::Error::from(error);
        if transient {
            Self::Unavailable(error)
        } else {
            Self::Internal(error)
        }
    }
}
