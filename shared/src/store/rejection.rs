//! The last requests that an endpoint refused: a ring of rows that die after a week. A row has a number;
//! its place in the ring is the number's remainder, and a lower number never takes a higher one's place.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    id::{EndpointId, TenantId},
    store::{
        PlatformStore, StoreError, TenantStore,
        change::{number, read, text},
        db::{Filter, Item, Query, Range, Table},
        key::{Key, Sort},
    },
};

/// Refused requests that are kept for each endpoint.
const REJECTIONS_KEPT: u64 = 50;

/// How long one is kept.
const RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A refused request, without its body and without any header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Counts the endpoint's kept rejections, with gaps.
    pub(crate) number: u64,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    pub reason: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_len: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
    /// Rejections that the same instance saw before this one and did not keep.
    pub suppressed: u64,
}

impl PlatformStore {
    /// The number for the next rejection: one query of at most fifty small rows.
    pub(crate) async fn next_rejection(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
    ) -> Result<u64, StoreError> {
        let rows = self.db().rejections(tenant, endpoint).await?;
        Ok(rows.iter().map(|row| row.number).max().unwrap_or(0) + 1)
    }

    /// One write. `Err` within is the number that holds the place already.
    pub(crate) async fn keep_rejection(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        rejection: &Rejection,
    ) -> Result<Result<(), u64>, StoreError> {
        let key = ring_key(tenant, endpoint, rejection.number);
        let ends = rejection.at.saturating_add(RETENTION);
        let expires_at = ends.unwrap_or(Timestamp::MAX).as_second();
        let row: Item = serde_dynamo::to_item(rejection)?;
        let answer = self
            .db()
            .client()
            .put_item()
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_item(Some(row))
            .item("pk", text(&key.pk))
            .item("sk", text(&key.sk))
            .item("expires_at", number(expires_at))
            .condition_expression("attribute_not_exists(pk) OR #number < :number")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":number", number(rejection.number))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(Ok(()));
        };
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        {
            let held = failed.item().and_then(|row| row.get("number"));
            let held = held.and_then(|value: &AttributeValue| value.as_n().ok()?.parse().ok());
            return Ok(Err(held.unwrap_or(rejection.number)));
        }
        Err(error.into())
    }
}

impl TenantStore {
    /// Latest first. One query.
    pub async fn rejections(&self, endpoint: EndpointId) -> Result<Vec<Rejection>, StoreError> {
        let mut rows = self.db().rejections(self.tenant, endpoint).await?;
        // A row outlives its time until the table's TTL gets to it.
        rows.retain(|row| self.now.duration_since(row.at) < RETENTION);
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.number)));
        Ok(rows)
    }
}

impl crate::store::Db {
    async fn rejections(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
    ) -> Result<Vec<Rejection>, StoreError> {
        let query = Query {
            table: Table::Ephemeral,
            index: None,
            partition: ring_key(tenant, endpoint, 0).pk,
            range: Range::Prefix("REJ#".to_owned()),
            after: None,
            newest_first: false,
            limit: usize::try_from(REJECTIONS_KEPT).unwrap_or(usize::MAX),
            filter: &Filter::default(),
        };
        let (rows, _) = self.query(query).await?;
        rows.into_iter().map(read).collect()
    }
}

fn ring_key(tenant: TenantId, endpoint: EndpointId, number: u64) -> Key {
    Key::new(tenant, &Sort::Rejection(endpoint, number % REJECTIONS_KEPT))
}
