//! The rows of rate limits: one number for each bucket, written under a condition and never read first.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError, types::ReturnValue,
    types::ReturnValuesOnConditionCheckFailure,
};

use crate::{
    limit::{Lease, Usage},
    store::{
        PlatformStore, StoreError, TenantStore,
        change::number,
        db::{Item, Table},
        key::{Key, Sort},
    },
};

/// How long a bucket's row outlives the time at which it would be empty.
const KEPT_S: i128 = 3_600;

/// As long as the month before is asked about.
const USAGE_KEPT_S: i128 = 62 * 86_400;

/// What became of a lease.
pub(crate) enum Leased {
    /// It is written; the bucket's new number, and the requests of the month if they are counted.
    Written { full_until: i128, used: Option<u64> },
    /// The bucket was not as the lease took it to be; its number, if it has one.
    Moved(Option<i128>),
}

impl PlatformStore {
    /// Writes a lease, or learns what stood against it. One call, one write unit.
    /// With `usage`, the row also counts those requests, and is kept for as long as they are asked about.
    pub(crate) async fn lease(
        &self,
        key: &Key,
        lease: &Lease,
        usage: Option<&Usage>,
    ) -> Result<Leased, StoreError> {
        let kept_s = usage.map_or(KEPT_S, |_| USAGE_KEPT_S);
        let counted = usage.map_or("", |_| " ADD #month :requests");
        let request = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match lease {
            Lease::Fresh {
                now, full_until, ..
            } => request
                .update_expression(format!(
                    "SET full_until = :until, expires_at = :expires{counted}"
                ))
                .condition_expression("attribute_not_exists(pk) OR full_until < :now")
                .expression_attribute_values(":until", number(full_until))
                .expression_attribute_values(":expires", expires_at(*full_until, kept_s))
                .expression_attribute_values(":now", number(now)),
            Lease::Further {
                now, add, at_most, ..
            } => request
                .update_expression(format!(
                    "SET full_until = full_until + :add, expires_at = :expires{counted}"
                ))
                .condition_expression("full_until BETWEEN :now AND :most")
                .expression_attribute_values(":add", number(add))
                .expression_attribute_values(":expires", expires_at(at_most + add, kept_s))
                .expression_attribute_values(":now", number(now))
                .expression_attribute_values(":most", number(at_most)),
        };
        let request = match usage {
            Some(usage) => request
                .expression_attribute_names("#month", month_attribute(&usage.month))
                .expression_attribute_values(":requests", number(usage.new)),
            None => request,
        };
        let error = match request.send().await {
            Ok(answer) => {
                let row = answer.attributes.unwrap_or_default();
                let full_until = full_until(&row).ok_or_else(|| {
                    StoreError::Internal(anyhow::anyhow!("a bucket's row has no number"))
                })?;
                let used = usage.and_then(|usage| requests_of(&row, &usage.month));
                return Ok(Leased::Written { full_until, used });
            }
            Err(error) => error,
        };
        if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        {
            return Ok(Leased::Moved(failed.item().and_then(full_until)));
        }
        Err(error.into())
    }
}

impl PlatformStore {
    /// Moves a bucket's number to `full_until`, unless it lies beyond. One write unit.
    pub(crate) async fn pause_bucket(&self, key: &Key, full_until: i128) -> Result<(), StoreError> {
        let request = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_key(Some(key.attributes()))
            .update_expression("SET full_until = :until, expires_at = :expires")
            .condition_expression("attribute_not_exists(pk) OR full_until < :until")
            .expression_attribute_values(":until", number(full_until))
            .expression_attribute_values(":expires", expires_at(full_until, KEPT_S));
        let Err(error) = request.send().await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(error.into()),
        }
    }
}

impl TenantStore {
    /// Requests of a month that the tenant's instances have reported.
    pub async fn requests_of_month(&self, month: &str) -> Result<u64, StoreError> {
        let key = Key::new(self.tenant, &Sort::TenantLimit);
        let row = self
            .db()
            .get(Table::Ephemeral, key.attributes(), false)
            .await?;
        Ok(row.and_then(|row| requests_of(&row, month)).unwrap_or(0))
    }
}

fn full_until(row: &Item) -> Option<i128> {
    row.get("full_until")?.as_n().ok()?.parse().ok()
}

/// In seconds, as TTL reads it.
fn expires_at(full_until: i128, kept_s: i128) -> aws_sdk_dynamodb::types::AttributeValue {
    number(full_until / 1_000_000_000 + kept_s)
}

fn month_attribute(month: &str) -> String {
    format!("requests_{month}")
}

fn requests_of(row: &Item, month: &str) -> Option<u64> {
    row.get(&month_attribute(month))?.as_n().ok()?.parse().ok()
}
