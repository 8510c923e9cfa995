//! Wire types of collections and records.

use std::collections::BTreeMap;

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    audit::FieldChange,
    id::{CollectionId, RecordId},
    index::Index,
    problem::{ApiError, Problem},
    store::{
        Collection, CollectionName, DeletedRecord, Record, RecordVersion, Retention, Versioned,
    },
};
use utoipa::ToSchema;

/// Operations of one bulk request.
pub(crate) const MOST_OPERATIONS: usize = 100;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionIn {
    /// 1 to 40 of a-z, 0-9 and `_`, a letter first.
    #[garde(skip)]
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]{0,39}$", example = "contacts")]
    pub(crate) name: CollectionName,
    /// JSON Schema 2020-12, without references to the outside.
    #[garde(skip)]
    #[schema(value_type = Object, example = json!({ "type": "object" }))]
    pub(crate) schema: Value,
    /// By which fields records are sorted and filtered. They stay as they are.
    #[serde(default)]
    #[garde(dive)]
    #[schema(max_items = 8, example = json!([{ "fields": [{ "path": "status", "type": "string" }] }]))]
    pub(crate) indexes: Vec<Index>,
    /// Over how many partitions its records are spread: each takes about 1,000 write units a second, and a
    /// page of a list reads all of them. 1, 4 or 16; 1 if not given.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<u8>, example = 1)]
    pub(crate) shards: Shards,
    #[serde(default)]
    #[garde(dive)]
    pub(crate) retention: Option<RetentionIn>,
}

/// 1, 4 or 16.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) enum Shards {
    #[default]
    One,
    Four,
    Sixteen,
}

impl TryFrom<u8> for Shards {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::One),
            4 => Ok(Self::Four),
            16 => Ok(Self::Sixteen),
            _ => Err("must be 1, 4 or 16"),
        }
    }
}

impl From<Shards> for u8 {
    fn from(shards: Shards) -> Self {
        match shards {
            Shards::One => 1,
            Shards::Four => 4,
            Shards::Sixteen => 16,
        }
    }
}

/// For how many days what is kept. What is not given is as it was; at first 30, 365 and for ever.
#[derive(Clone, Copy, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionIn {
    /// A deleted record, so that it can be restored.
    #[garde(inner(range(min = 1, max = 365)))]
    #[schema(minimum = 1, maximum = 365)]
    deleted_days: Option<u16>,
    /// What a change has made of a record, after the change.
    #[garde(inner(range(min = 1, max = 3650)))]
    #[schema(minimum = 1, maximum = 3650)]
    history_days: Option<u16>,
    /// A record, after it was made; `null` for ever. Holds for records that are made from then on.
    #[serde(default, deserialize_with = "shared::http::nullable")]
    #[garde(inner(inner(range(min = 1, max = 3650))))]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 3650)]
    expire_days: Option<Option<u16>>,
}

impl RetentionIn {
    pub(crate) fn over(self, present: Retention) -> Retention {
        Retention {
            deleted_days: self.deleted_days.unwrap_or(present.deleted_days),
            history_days: self.history_days.unwrap_or(present.history_days),
            expire_days: self.expire_days.unwrap_or(present.expire_days),
        }
    }
}

impl From<RetentionIn> for Retention {
    fn from(retention: RetentionIn) -> Self {
        retention.over(Self {
            deleted_days: 30,
            history_days: 365,
            expire_days: None,
        })
    }
}

/// Fields that are not given stay as they are.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionPatchIn {
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Object>, example = json!({ "type": "object" }))]
    pub(crate) schema: Option<Value>,
    #[serde(default)]
    #[garde(dive)]
    pub(crate) retention: Option<RetentionIn>,
    /// Only as they are.
    #[serde(default)]
    #[garde(dive)]
    pub(crate) indexes: Option<Vec<Index>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CollectionOut {
    #[schema(value_type = String)]
    id: CollectionId,
    #[schema(value_type = String)]
    name: CollectionName,
    #[schema(value_type = Object)]
    schema: Value,
    indexes: Vec<Index>,
    shards: u8,
    retention: RetentionOut,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct RetentionOut {
    deleted_days: u16,
    history_days: u16,
    expire_days: Option<u16>,
}

impl TryFrom<Collection> for CollectionOut {
    type Error = ApiError;

    fn try_from(collection: Collection) -> Result<Self, ApiError> {
        let Retention {
            deleted_days,
            history_days,
            expire_days,
        } = collection.retention;
        Ok(Self {
            id: collection.id,
            name: collection.name,
            schema: collection.schema()?,
            shards: collection.shards,
            retention: RetentionOut {
                deleted_days,
                history_days,
                expire_days,
            },
            created_at: collection.created_at,
            updated_at: collection.updated_at,
            indexes: collection.indexes,
        })
    }
}

/// What a record holds; for PATCH a merge patch (RFC 7396) of it.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordIn {
    #[garde(skip)]
    #[schema(value_type = Object, example = json!({ "name": "Ada" }))]
    pub(crate) data: Value,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecordOut {
    #[schema(value_type = String)]
    id: RecordId,
    #[schema(value_type = String)]
    collection: CollectionName,
    /// The number that the `ETag` has.
    version: u64,
    #[schema(value_type = Object)]
    data: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When the collection lets go of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl RecordOut {
    pub(crate) fn new(
        collection: CollectionName,
        record: Versioned<Record>,
    ) -> Result<Self, ApiError> {
        let (version, record) = (record.version, record.value);
        Ok(Self {
            id: record.id,
            collection,
            version,
            data: record.data()?,
            created_at: record.created_at,
            updated_at: record.updated_at,
            expires_at: record.expires_at(),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeletedRecordOut {
    #[schema(value_type = String)]
    id: RecordId,
    #[schema(value_type = String)]
    collection: CollectionName,
    #[schema(value_type = Object)]
    data: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
    /// Until then it can be restored.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl DeletedRecordOut {
    pub(crate) fn new(
        collection: CollectionName,
        record: &DeletedRecord,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            id: record.id,
            collection,
            data: record.data()?,
            created_at: record.created_at,
            updated_at: record.updated_at,
            deleted_at: record.deleted_at,
            expires_at: record.expires_at(),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecordVersionOut {
    version: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// A user's id, a bulk job's id, or `system`.
    actor: String,
    #[schema(example = "record.updated")]
    action: String,
    request_id: String,
    /// Field name to the values before and after.
    changes: BTreeMap<String, FieldChange>,
}

impl TryFrom<RecordVersion> for RecordVersionOut {
    type Error = ApiError;

    fn try_from(version: RecordVersion) -> Result<Self, ApiError> {
        Ok(Self {
            changes: version.changes()?,
            version: version.version,
            at: version.at,
            actor: version.actor,
            action: version.action,
            request_id: version.request_id,
        })
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkIn {
    /// Carried out independently of each other, in no particular order.
    #[garde(length(min = 1, max = MOST_OPERATIONS), dive)]
    #[schema(min_items = 1, max_items = 100)]
    pub(crate) operations: Vec<OperationIn>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationIn {
    #[garde(skip)]
    pub(crate) op: Verb,
    /// For all but `create`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) id: Option<RecordId>,
    /// The version that the change is based on; whatever is there if not given.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) if_match: Option<u64>,
    /// For all but `delete`; for `merge` a merge patch (RFC 7396).
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Object>, example = json!({ "name": "Ada" }))]
    pub(crate) data: Option<Value>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    Create,
    Replace,
    Merge,
    Delete,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct BulkOut {
    succeeded: usize,
    failed: usize,
    /// In the order of the operations.
    results: Vec<BulkResultOut>,
}

impl BulkOut {
    pub(crate) fn new(results: Vec<BulkResultOut>) -> Self {
        let failed = results.iter().filter(|result| result.error.is_some());
        let failed = failed.count();
        Self {
            succeeded: results.len() - failed,
            failed,
            results,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct BulkResultOut {
    /// What the single request would have been answered with.
    status: u16,
    #[schema(value_type = Option<String>)]
    id: Option<RecordId>,
    /// The record's version after the operation.
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

impl BulkResultOut {
    pub(crate) fn done(status: u16, id: Option<RecordId>, version: Option<u64>) -> Self {
        Self {
            status,
            id,
            version,
            error: None,
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "an error that was dealt with is gone"
    )]
    pub(crate) fn failed(id: Option<RecordId>, error: ApiError) -> Self {
        let problem = error.problem();
        Self {
            status: problem.status,
            id,
            version: None,
            error: Some(problem),
        }
    }
}
