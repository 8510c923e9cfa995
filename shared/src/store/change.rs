//! Writes. A [`Change`] carries its audit action: the store commits both in one transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    audit::{Action, Actor, Entry, FieldChange, Origin},
    id::{IdGen, TenantId},
    seal,
    store::{
        Conflict, Db, StoreError, TenantStore,
        db::{Item, Table, Write},
        key::{Key, Sort, minute_of_entry},
    },
};

/// A row with the number of its version: every write of it is conditional on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub version: u64,
    pub value: T,
}

/// What is to be written, what it yields, and what the audit trail will say of it.
pub struct Change<T> {
    pub(crate) value: T,
    pub(crate) action: Action,
    pub(crate) target: String,
    pub(crate) changes: BTreeMap<String, FieldChange>,
    pub(crate) writes: Vec<Write>,
}

/// Who, where and when, for the audit entry of a change.
pub(crate) struct Signature<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) actor: Actor,
    pub(crate) origin: &'a Origin,
    pub(crate) now: Timestamp,
}

impl TenantStore {
    /// One transaction: the change and its audit entry. State is committed when this returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of the change's conditions did not hold: nothing is written.
    pub async fn commit<T>(&self, change: Change<T>) -> Result<T, StoreError> {
        let by = Signature {
            tenant: self.tenant,
            actor: self.actor,
            origin: &self.origin,
            now: self.now,
        };
        commit(self.db(), self.app.ids, &by, change).await
    }
}

pub(crate) async fn commit<T>(
    db: &Db,
    ids: IdGen,
    by: &Signature<'_>,
    change: Change<T>,
) -> Result<T, StoreError> {
    let entry = Entry {
        id: ids.make(by.now),
        tenant_id: by.tenant,
        at: by.now,
        actor: by.actor.to_string(),
        action: change.action.name().to_owned(),
        target: change.target,
        changes: change.changes,
        request_id: by.origin.request_id.clone(),
        source_ip: by.origin.source_ip.clone(),
        salt: Some(seal::encode_hex(&seal::random::<16>())),
    };
    let mut writes = change.writes;
    let key = Key::new(by.tenant, &Sort::Audit(entry.id));
    writes.push(Write {
        item: put(db.table(Table::Audit)?, &key, &entry)?
            .item("minute", text(minute_of_entry(entry.id)))
            .condition_expression("attribute_not_exists(pk)")
            .into_write()?,
        conflict: Conflict::Exists,
    });
    db.transact(writes).await?;
    Ok(change.value)
}

/// Writes of one table, named once.
pub(crate) struct Writer<'a> {
    table: &'a str,
}

impl Db {
    pub(crate) fn writer(&self, table: Table) -> Result<Writer<'_>, StoreError> {
        Ok(Writer {
            table: self.table(table)?,
        })
    }
}

impl Writer<'_> {
    /// A row that must not be there yet.
    pub(crate) fn insert<T: Serialize>(
        &self,
        key: &Key,
        row: &T,
        conflict: Conflict,
    ) -> Result<Write, StoreError> {
        self.insert_at(key, 1, row, conflict)
    }

    /// A row that must not be there yet, and starts with this version.
    pub(crate) fn insert_at<T: Serialize>(
        &self,
        key: &Key,
        version: u64,
        row: &T,
        conflict: Conflict,
    ) -> Result<Write, StoreError> {
        let item = put(self.table, key, row)?
            .item("version", number(version))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .into_write()?;
        Ok(Write { item, conflict })
    }

    /// A row in place of its version `version`, as the next one.
    pub(crate) fn replace<T: Serialize>(
        &self,
        key: &Key,
        version: u64,
        row: &T,
        conflict: Conflict,
    ) -> Result<Write, StoreError> {
        let item = put(self.table, key, row)?
            .item("version", number(version + 1))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version))
            .into_write()?;
        Ok(Write { item, conflict })
    }

    /// Removes the row if it is at `version`.
    pub(crate) fn remove(
        &self,
        key: &Key,
        version: u64,
        conflict: Conflict,
    ) -> Result<Write, StoreError> {
        let item = Delete::builder()
            .table_name(self.table)
            .set_key(Some(key.attributes()))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version))
            .build()?;
        Ok(Write {
            item: TransactWriteItem::builder().delete(item).build(),
            conflict,
        })
    }

    /// Removes the row whether or not it is there.
    pub(crate) fn clear(&self, key: Item) -> Result<Write, StoreError> {
        let item = Delete::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .build()?;
        Ok(Write {
            item: TransactWriteItem::builder().delete(item).build(),
            conflict: Conflict::Version,
        })
    }

    /// Puts a row of a table without sort keys that must not be there yet.
    pub(crate) fn claim<T: Serialize>(
        &self,
        pk: &str,
        row: &T,
        conflict: Conflict,
    ) -> Result<Write, StoreError> {
        let item = Put::builder()
            .table_name(self.table)
            .set_item(Some(serde_dynamo::to_item(row)?))
            .item("pk", AttributeValue::S(pk.to_owned()))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .into_write()?;
        Ok(Write { item, conflict })
    }

    /// An update expression on one row.
    pub(crate) fn update(
        &self,
        key: &Key,
        expression: &str,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(self.table)
            .set_key(Some(key.attributes()))
            .update_expression(expression)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

pub(crate) fn put<T: Serialize>(
    table: &str,
    key: &Key,
    row: &T,
) -> Result<aws_sdk_dynamodb::types::builders::PutBuilder, StoreError> {
    let item: Item = serde_dynamo::to_item(row)?;
    Ok(Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .item("pk", AttributeValue::S(key.pk.clone()))
        .item("sk", AttributeValue::S(key.sk.clone())))
}

/// A finished part of a transaction.
pub(crate) trait IntoWrite {
    fn into_write(self) -> Result<TransactWriteItem, StoreError>;
}

impl IntoWrite for aws_sdk_dynamodb::types::builders::PutBuilder {
    fn into_write(self) -> Result<TransactWriteItem, StoreError> {
        Ok(TransactWriteItem::builder().put(self.build()?).build())
    }
}

impl IntoWrite for aws_sdk_dynamodb::types::builders::UpdateBuilder {
    fn into_write(self) -> Result<TransactWriteItem, StoreError> {
        Ok(TransactWriteItem::builder().update(self.build()?).build())
    }
}

/// A stored row as its type.
pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    Ok(serde_dynamo::from_item(item)?)
}

impl TenantStore {
    /// The tenant's row of the platform table as its type, with its version. One consistent read.
    pub(super) async fn platform_row<T: DeserializeOwned>(
        &self,
        sort: &Sort,
    ) -> Result<Versioned<T>, StoreError> {
        let key = Key::new(self.tenant, sort).attributes();
        let item = self.db().get(Table::Platform, key, true).await?;
        read_versioned(item.ok_or(StoreError::NotFound)?)
    }
}

/// A stored row as its type, with its version.
pub(crate) fn read_versioned<T: DeserializeOwned>(item: Item) -> Result<Versioned<T>, StoreError> {
    let version = item
        .get("version")
        .and_then(|version| version.as_n().ok())
        .and_then(|text| text.parse().ok());
    let version =
        version.ok_or_else(|| StoreError::Internal(anyhow::anyhow!("a row has no version")))?;
    Ok(Versioned {
        version,
        value: read(item)?,
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "takes what the caller has, ids and numbers alike"
)]
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "takes what the caller has, ids and text alike"
)]
pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}
