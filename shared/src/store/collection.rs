//! Collections: a tenant's own kinds of data, each with a name, a JSON Schema that its records fit, and
//! indexes. Its id, indexes and shards never change: where a record's rows are follows from them.

mod name;
mod open;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use name::CollectionName;
pub use open::{COLLECTION_STALENESS, OpenCollection};

pub(crate) use open::CollectionCache;

use crate::{
    audit::{self, Action},
    id::CollectionId,
    index::Index,
    problem::ApiError,
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::{IntoWrite, number},
        db::{Filter, Query, Range, Table, Write},
        key::{Key, List, Place, Sort},
        list::Listing,
    },
};

/// Collections of one tenant.
pub const MOST_COLLECTIONS: u32 = 100;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collection {
    pub id: CollectionId,
    pub name: CollectionName,
    /// JSON Schema 2020-12, as text: an item's numbers and nesting would not survive otherwise.
    pub(crate) schema: String,
    pub indexes: Vec<Index>,
    /// Partitions over which its records are spread, and those of each index.
    pub shards: u8,
    pub retention: Retention,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// For how many days what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// A deleted record, so that it can be restored.
    pub deleted_days: u16,
    /// What a change has made of a record, after the change.
    pub history_days: u16,
    /// A record, after it was made; for ever if `None`.
    pub expire_days: Option<u16>,
}

/// A collection to be made.
pub struct NewCollection {
    pub name: CollectionName,
    pub schema: Value,
    pub indexes: Vec<Index>,
    pub shards: u8,
    pub retention: Retention,
}

impl Collection {
    pub fn schema(&self) -> Result<Value, ApiError> {
        serde_json::from_str(&self.schema).map_err(|error| ApiError::Internal(error.into()))
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            collection: self.id,
            shards: self.shards,
        }
    }
}

impl TenantStore {
    pub async fn collection(
        &self,
        name: CollectionName,
    ) -> Result<Versioned<Collection>, StoreError> {
        self.platform_row(&Sort::Collection(name)).await
    }

    /// By name.
    pub async fn collections(&self, page: &PageRequest) -> Result<Page<Collection>, ApiError> {
        self.page(Listing::all(List::Collections), &Filter::default(), page)
            .await
    }

    pub fn create_collection(
        &self,
        new: NewCollection,
    ) -> Result<Change<Versioned<Collection>>, StoreError> {
        let collection = Collection {
            id: self.app.ids.make(self.now),
            name: new.name,
            schema: new.schema.to_string(),
            indexes: new.indexes,
            shards: new.shards,
            retention: new.retention,
            created_at: self.now,
            updated_at: self.now,
        };
        let key = Key::new(self.tenant, &Sort::Collection(new.name));
        let platform = self.db().writer(Table::Platform)?;
        Ok(Change {
            action: Action::CollectionCreated,
            target: collection.id.to_string(),
            changes: audit::differences(&Value::Null, &shown(&collection)),
            writes: vec![
                platform.insert(&key, &collection, Conflict::Exists)?,
                self.count_collection(Count::Made)?,
            ],
            value: Versioned {
                version: 1,
                value: collection,
            },
        })
    }

    /// Another schema or retention. Records that are there are held against the schema when they are
    /// next written.
    pub fn change_collection(
        &self,
        from: Versioned<Collection>,
        schema: Option<&Value>,
        retention: Retention,
    ) -> Result<Change<Versioned<Collection>>, StoreError> {
        let before = shown(&from.value);
        let to = Collection {
            schema: schema.map_or(from.value.schema, Value::to_string),
            retention,
            updated_at: self.now,
            ..from.value
        };
        let key = Key::new(self.tenant, &Sort::Collection(to.name));
        let platform = self.db().writer(Table::Platform)?;
        self.forget_collection(to.name);
        Ok(Change {
            action: Action::CollectionUpdated,
            target: to.id.to_string(),
            changes: audit::differences(&before, &shown(&to)),
            writes: vec![platform.replace(&key, from.version, &to, Conflict::Version)?],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
    }

    /// Removes a collection without records. Its deleted ones are out of reach with it, and die in time:
    /// another collection of the name has another id.
    ///
    /// # Errors
    /// `Conflict` while it has records.
    pub async fn delete_collection(&self, from: &Versioned<Collection>) -> Result<(), StoreError> {
        let collection = &from.value;
        for shard in 0..collection.shards {
            let any = Query {
                table: Table::Platform,
                index: None,
                partition: collection.place().records(self.tenant, shard),
                range: Range::Prefix("rec_".to_owned()),
                after: None,
                newest_first: false,
                limit: 1,
                filter: &Filter::default(),
            };
            if !self.db().query(any).await?.0.is_empty() {
                return Err(StoreError::Conflict {
                    conflict: Conflict::NotEmpty,
                    old: None,
                });
            }
        }
        let key = Key::new(self.tenant, &Sort::Collection(collection.name));
        let platform = self.db().writer(Table::Platform)?;
        self.forget_collection(collection.name);
        self.commit(Change {
            action: Action::CollectionDeleted,
            target: collection.id.to_string(),
            changes: audit::differences(&shown(collection), &Value::Null),
            writes: vec![
                platform.remove(&key, from.version, Conflict::Version)?,
                self.count_collection(Count::Removed)?,
            ],
            value: (),
        })
        .await
    }

    fn count_collection(&self, count: Count) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::CollectionCount);
        let (step, below) = match count {
            Count::Made => (1, i64::from(MOST_COLLECTIONS)),
            Count::Removed => (-1, i64::MAX),
        };
        let platform = self.db().writer(Table::Platform)?;
        let item = platform
            .update(&key, "ADD collections :step")
            .condition_expression("attribute_not_exists(collections) OR collections < :below")
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":below", number(below))
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::TooManyCollections,
        })
    }
}

#[derive(Clone, Copy)]
enum Count {
    Made,
    Removed,
}

fn shown(collection: &Collection) -> Value {
    // As text: not every JSON value is one that an item can hold.
    json!({
        "name": collection.name,
        "schema": collection.schema,
        "indexes": collection.indexes,
        "shards": collection.shards,
        "retention": collection.retention,
    })
}
