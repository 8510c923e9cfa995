//! The rows of circuit breakers: read as they are, written in place of the version that was read.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError, types::ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    store::{
        PlatformStore, StoreError,
        change::{number, read, text},
        db::{Item, Table},
        key::Key,
    },
    vendor::Breaker,
};

/// How long a row outlives its last change: longer than a breaker is open.
const KEPT_S: i64 = 86_400;

/// A breaker with the number of its version; 0 for a row that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BreakerRow {
    pub(crate) version: u64,
    #[serde(flatten)]
    pub(crate) breaker: Breaker,
}

/// What became of a write.
pub(crate) enum WrittenBreaker {
    Done,
    /// Another instance was first, with this row.
    Moved(BreakerRow),
}

impl PlatformStore {
    /// One read unit at most.
    pub(crate) async fn breaker(&self, key: &Key) -> Result<BreakerRow, StoreError> {
        let row = self
            .db()
            .get(Table::Ephemeral, key.attributes(), true)
            .await?;
        row.map_or(Ok(BreakerRow::default()), read)
    }

    /// One write under a condition; what stood against it comes back without a read.
    pub(crate) async fn write_breaker(
        &self,
        key: &Key,
        from: &BreakerRow,
        to: &Breaker,
        now: Timestamp,
    ) -> Result<WrittenBreaker, StoreError> {
        let row: Item = serde_dynamo::to_item(to)?;
        let request = self
            .db()
            .client()
            .put_item()
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_item(Some(row))
            .item("pk", text(&key.pk))
            .item("sk", text(&key.sk))
            .item("version", number(from.version + 1))
            .item("expires_at", number(now.as_second() + KEPT_S))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match from.version {
            0 => request.condition_expression("attribute_not_exists(pk)"),
            version => request
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version)),
        };
        let Err(error) = request.send().await else {
            return Ok(WrittenBreaker::Done);
        };
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        {
            let present = failed
                .item()
                .cloned()
                .map_or(Ok(BreakerRow::default()), read)?;
            return Ok(WrittenBreaker::Moved(present));
        }
        Err(error.into())
    }
}
