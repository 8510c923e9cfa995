//! Records of a collection. A record, its index rows, its history and its audit entry are written in one
//! transaction; each write is conditional: the record is not there yet, or is at the version that was read.
//!
//! The functions here yield a [`Change`] that is not committed yet: its writes can go into a larger
//! transaction.

mod history;
mod list;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use history::RecordVersion;

use crate::{
    audit::{self, Action},
    id::RecordId,
    index,
    problem::ApiError,
    store::{
        Change, Collection, Conflict, OpenCollection, StoreError, TenantStore, Versioned,
        change::read_versioned,
        db::{Item, Table, Write},
        key::{Key, Sort},
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: RecordId,
    /// A JSON object, as text.
    data: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The second at which the collection lets go of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

/// A record that can be restored until `expires_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeletedRecord {
    pub id: RecordId,
    data: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Timestamp,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record_expires_at: Option<i64>,
}

impl Record {
    pub fn data(&self) -> Result<Value, ApiError> {
        parsed(&self.data)
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
            .and_then(|at| Timestamp::from_second(at).ok())
    }
}

impl DeletedRecord {
    pub fn data(&self) -> Result<Value, ApiError> {
        parsed(&self.data)
    }

    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_second(self.expires_at).unwrap_or(self.deleted_at)
    }
}

/// What is written beside a record's own row.
struct Steps<'a> {
    collection: &'a Collection,
    id: RecordId,
    action: Action,
    /// The version that comes of it.
    version: u64,
    from: Option<&'a str>,
    to: Option<&'a str>,
    expires_at: Option<i64>,
}

impl TenantStore {
    pub async fn record(
        &self,
        open: &OpenCollection,
        id: RecordId,
    ) -> Result<Versioned<Record>, StoreError> {
        let sort = Sort::Record(open.collection.place(), id);
        let record = self.platform_row::<Record>(&sort).await?;
        if is_over(record.value.expires_at, self.now) {
            return Err(StoreError::NotFound);
        }
        Ok(record)
    }

    /// Those of the records that are there, in no particular order.
    pub async fn records_of(
        &self,
        open: &OpenCollection,
        ids: &[RecordId],
    ) -> Result<Vec<Versioned<Record>>, StoreError> {
        let place = open.collection.place();
        let key = |id: &RecordId| Key::new(self.tenant, &Sort::Record(place, *id)).attributes();
        let keys: Vec<Item> = ids.iter().map(key).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.db().get_many(Table::Platform, keys).await?;
        let records = items.into_iter().map(read_versioned::<Record>);
        let mut records = records.collect::<Result<Vec<_>, _>>()?;
        // A row outlives its time until it is swept.
        records.retain(|record| !is_over(record.value.expires_at, self.now));
        Ok(records)
    }

    /// A deleted record that can still be restored.
    pub async fn deleted_record(
        &self,
        open: &OpenCollection,
        id: RecordId,
    ) -> Result<Versioned<DeletedRecord>, StoreError> {
        let sort = Sort::DeletedRecord(open.collection.place(), id);
        let record = self.platform_row::<DeletedRecord>(&sort).await?;
        let deleted = &record.value;
        // One that its collection would let go of at once is not worth restoring.
        if is_over(Some(deleted.expires_at), self.now)
            || is_over(deleted.record_expires_at, self.now)
        {
            return Err(StoreError::NotFound);
        }
        Ok(record)
    }

    /// `data` has passed [`OpenCollection::check`].
    pub fn create_record(
        &self,
        open: &OpenCollection,
        data: &Value,
    ) -> Result<Change<Versioned<Record>>, ApiError> {
        let collection = &open.collection;
        let record = Record {
            id: self.app.ids.make(self.now),
            data: data.to_string(),
            created_at: self.now,
            updated_at: self.now,
            expires_at: collection
                .retention
                .expire_days
                .map(|days| self.after(days)),
        };
        let key = Key::new(self.tenant, &Sort::Record(collection.place(), record.id));
        let platform = self.db().writer(Table::Platform)?;
        let row = platform.insert(&key, &record, Conflict::Exists)?;
        let steps = Steps {
            collection,
            id: record.id,
            action: Action::RecordCreated,
            version: 1,
            from: None,
            to: Some(&record.data),
            expires_at: record.expires_at,
        };
        self.change(&steps, vec![row], record.clone())
    }

    /// `data` has passed [`OpenCollection::check`].
    pub fn replace_record(
        &self,
        open: &OpenCollection,
        from: Versioned<Record>,
        data: &Value,
    ) -> Result<Change<Versioned<Record>>, ApiError> {
        let collection = &open.collection;
        let (version, record) = (from.version, from.value);
        let to = Record {
            id: record.id,
            data: data.to_string(),
            created_at: record.created_at,
            updated_at: self.now,
            expires_at: record.expires_at,
        };
        let key = Key::new(self.tenant, &Sort::Record(collection.place(), to.id));
        let platform = self.db().writer(Table::Platform)?;
        let row = platform.replace(&key, version, &to, Conflict::Version)?;
        let steps = Steps {
            collection,
            id: to.id,
            action: Action::RecordUpdated,
            version: version + 1,
            from: Some(&record.data),
            to: Some(&to.data),
            expires_at: to.expires_at,
        };
        self.change(&steps, vec![row], to.clone())
    }

    /// Takes a record out of the list and the indexes, and keeps it for as long as the collection says.
    pub fn delete_record(
        &self,
        open: &OpenCollection,
        from: Versioned<Record>,
    ) -> Result<Change<Versioned<DeletedRecord>>, ApiError> {
        let collection = &open.collection;
        let (version, place, record) = (from.version, collection.place(), from.value);
        let deleted = DeletedRecord {
            id: record.id,
            data: record.data,
            created_at: record.created_at,
            updated_at: record.updated_at,
            deleted_at: self.now,
            expires_at: self.after(collection.retention.deleted_days),
            record_expires_at: record.expires_at,
        };
        let key = Key::new(self.tenant, &Sort::Record(place, deleted.id));
        let kept = Key::new(self.tenant, &Sort::DeletedRecord(place, deleted.id));
        let platform = self.db().writer(Table::Platform)?;
        let rows = vec![
            platform.remove(&key, version, Conflict::Version)?,
            platform.insert_at(&kept, version + 1, &deleted, Conflict::Version)?,
        ];
        let steps = Steps {
            collection,
            id: deleted.id,
            action: Action::RecordDeleted,
            version: version + 1,
            from: Some(&deleted.data),
            to: None,
            expires_at: None,
        };
        self.change(&steps, rows, deleted.clone())
    }

    /// Puts a deleted record back. Its data has passed [`OpenCollection::check`].
    pub fn restore_record(
        &self,
        open: &OpenCollection,
        from: Versioned<DeletedRecord>,
    ) -> Result<Change<Versioned<Record>>, ApiError> {
        let collection = &open.collection;
        let (version, place, deleted) = (from.version, collection.place(), from.value);
        let record = Record {
            id: deleted.id,
            data: deleted.data,
            created_at: deleted.created_at,
            updated_at: self.now,
            expires_at: deleted.record_expires_at,
        };
        let key = Key::new(self.tenant, &Sort::Record(place, record.id));
        let kept = Key::new(self.tenant, &Sort::DeletedRecord(place, record.id));
        let platform = self.db().writer(Table::Platform)?;
        let rows = vec![
            platform.remove(&kept, version, Conflict::Version)?,
            platform.insert_at(&key, version + 1, &record, Conflict::Version)?,
        ];
        let steps = Steps {
            collection,
            id: record.id,
            action: Action::RecordRestored,
            version: version + 1,
            from: None,
            to: Some(&record.data),
            expires_at: record.expires_at,
        };
        self.change(&steps, rows, record.clone())
    }

    fn change<T>(
        &self,
        steps: &Steps<'_>,
        mut writes: Vec<Write>,
        value: T,
    ) -> Result<Change<Versioned<T>>, ApiError> {
        let shown = |data: Option<&str>| match data {
            Some(data) => Ok::<_, ApiError>(shown(steps.collection, parsed(data)?)),
            None => Ok(Value::Null),
        };
        let changes = audit::differences(&shown(steps.from)?, &shown(steps.to)?);
        writes.extend(self.index_writes(steps)?);
        writes.push(self.keep_version(steps)?);
        Ok(Change {
            action: steps.action,
            target: steps.id.to_string(),
            changes,
            writes,
            value: Versioned {
                version: steps.version,
                value,
            },
        })
    }

    /// A row that stays as it is costs nothing.
    fn index_writes(&self, steps: &Steps<'_>) -> Result<Vec<Write>, ApiError> {
        let platform = self.db().writer(Table::Platform)?;
        let rows = |data: Option<&str>| match data {
            Some(data) => index::row_prefixes(&steps.collection.indexes, &parsed(data)?)
                .map(|rows| rows.into_iter().map(Some).collect())
                .map_err(ApiError::Invalid),
            None => Ok(vec![None; steps.collection.indexes.len()]),
        };
        let (before, after): (Vec<_>, Vec<_>) = (rows(steps.from)?, rows(steps.to)?);
        let mut writes = Vec::new();
        for (at, (before, after)) in before.into_iter().zip(after).enumerate() {
            if before == after {
                continue;
            }
            let key = |row| {
                let sort = Sort::IndexRow(steps.collection.place(), at, row, steps.id);
                Key::new(self.tenant, &sort)
            };
            if let Some(before) = before {
                writes.push(platform.clear(key(before).attributes())?);
            }
            if let Some(after) = after {
                let row = IndexRow {
                    expires_at: steps.expires_at,
                };
                writes.push(platform.insert(&key(after), &row, Conflict::Version)?);
            }
        }
        Ok(writes)
    }

    /// The second that lies so many days ahead.
    fn after(&self, days: u16) -> i64 {
        let days = SignedDuration::from_hours(24 * i64::from(days));
        self.now.as_second().saturating_add(days.as_secs())
    }
}

/// All that an index row says beside its key. It dies with its record.
#[derive(Serialize)]
struct IndexRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

fn parsed(data: &str) -> Result<Value, ApiError> {
    serde_json::from_str(data).map_err(|error| ApiError::Internal(error.into()))
}

fn is_over(expires_at: Option<i64>, now: Timestamp) -> bool {
    expires_at.is_some_and(|at| at <= now.as_second())
}

/// The audit trail holds each field that changed, as it was and as it became. A value that an item cannot
/// hold as it is, such as 1e300 or a field without a name, is there as its JSON text.
fn shown(collection: &Collection, data: Value) -> Value {
    let mut shown = serde_json::Map::new();
    shown.insert("collection".to_owned(), json!(collection.name));
    if let Value::Object(fields) = data {
        let fields = fields.into_iter();
        shown.extend(fields.map(|(name, value)| (format!("data.{name}"), plain(value))));
    }
    Value::Object(shown)
}

fn plain(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value,
        Value::Number(ref number) if number.is_i64() => value,
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Value::String(value.to_string()),
    }
}
