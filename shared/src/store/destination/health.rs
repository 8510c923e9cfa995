//! The rows that say how destinations fare, and what becomes of one that fails for long. A healthy one has
//! no row, and no attempt that succeeds writes one.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;

use crate::{
    audit::Action,
    id::{DestinationId, EventId},
    outbound::{
        health::{Gate, Health, LULL, PROBE},
        send::Strike,
    },
    store::{
        Destination, NewDelivery, StoreError, TenantStore, Versioned,
        change::{number, read},
        db::{Filter, Item, Query, Range, Table},
        destination::shown,
        key::{Key, Sort, partition},
    },
};

/// Rows of one tenant's destinations and of their health, with room to spare.
const MOST_ROWS: usize = 200;

/// A tenant's destinations, and the health of those that are not well.
pub(crate) struct Outlets {
    pub(crate) destinations: Vec<Destination>,
    pub(crate) health: HashMap<DestinationId, Health>,
}

impl TenantStore {
    /// One query: the two kinds of rows lie side by side.
    pub(crate) async fn outlets(&self) -> Result<Outlets, StoreError> {
        let query = Query {
            table: Table::Platform,
            index: None,
            partition: partition(self.tenant),
            range: Range::Prefix("DST".to_owned()),
            after: None,
            newest_first: false,
            limit: MOST_ROWS,
            filter: &Filter::default(),
        };
        let (rows, _) = self.db().query(query).await?;
        let mut outlets = Outlets {
            destinations: Vec::new(),
            health: HashMap::new(),
        };
        for row in rows {
            let sk = row.get("sk").and_then(|sk| sk.as_s().ok());
            match sk.and_then(|sk| sk.strip_prefix("DSTH#")) {
                Some(id) => {
                    let id: Option<DestinationId> = id.parse().ok();
                    let health: Health = read(row)?;
                    outlets.health.extend(id.map(|id| (id, health)));
                }
                None => outlets.destinations.push(read(row)?),
            }
        }
        Ok(outlets)
    }

    /// Counts a failure; the row as it is then. A failure long after the one before begins anew.
    pub(crate) async fn note_failure(
        &self,
        id: DestinationId,
        strike: Strike,
    ) -> Result<Health, StoreError> {
        // An answer that refuses an event is a sign of life.
        let rest = match strike {
            Strike::Yes => "ADD strikes :one",
            Strike::No => "REMOVE strikes, suspensions, open_until_ms, probe_until_ms",
        };
        let request = |set: String| {
            let request = self.health_row(id)?.update_expression(set);
            Ok::<_, StoreError>(match strike {
                Strike::Yes => request.expression_attribute_values(":one", number(1)),
                Strike::No => request,
            })
        };
        let since = self.now.saturating_sub(LULL).unwrap_or(Timestamp::MIN);
        let goes_on = request(format!(
            "SET last_failed_ms = :now, failing_since_ms = if_not_exists(failing_since_ms, :now) {rest}"
        ))?
        .condition_expression("attribute_not_exists(last_failed_ms) OR last_failed_ms >= :lull")
        .expression_attribute_values(":lull", number(since.as_millisecond()))
        .expression_attribute_values(":now", number(self.now.as_millisecond()));
        if let Ok(row) = changed(goes_on).await? {
            return read(row);
        }
        let begins = request(format!(
            "SET last_failed_ms = :now, failing_since_ms = :now {rest}"
        ))?
        .expression_attribute_values(":now", number(self.now.as_millisecond()));
        read(changed(begins).await?.unwrap_or_default())
    }

    /// Lets the destination rest until then, unless another run has done so since `seen`.
    pub(crate) async fn suspend(
        &self,
        id: DestinationId,
        seen: &Health,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let is_open = seen
            .open_until_ms
            .is_some_and(|ms| ms > self.now.as_millisecond());
        let next = seen.suspensions + u32::from(!is_open);
        let request = self
            .health_row(id)?
            .update_expression(
                "SET open_until_ms = :until, suspensions = :next REMOVE probe_until_ms",
            )
            .condition_expression(
                "attribute_exists(failing_since_ms) AND \
                 (attribute_not_exists(suspensions) OR suspensions = :seen)",
            )
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":next", number(next))
            .expression_attribute_values(":seen", number(seen.suspensions));
        changed(request).await.map(drop)
    }

    /// The right to try a destination whose rest is over: one has it at a time.
    pub(crate) async fn take_probe(&self, id: DestinationId) -> Result<Gate, StoreError> {
        let until = self.now.saturating_add(PROBE).unwrap_or(Timestamp::MAX);
        let request = self
            .health_row(id)?
            .update_expression("SET probe_until_ms = :until")
            .condition_expression(
                "open_until_ms <= :now AND \
                 (attribute_not_exists(probe_until_ms) OR probe_until_ms <= :now)",
            )
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":now", number(self.now.as_millisecond()));
        let Err(row) = changed(request).await? else {
            return Ok(Gate::Probe);
        };
        let health: Health = read(row)?;
        Ok(health.gate(self.now))
    }

    pub(crate) async fn note_success(&self, id: DestinationId) -> Result<(), StoreError> {
        let request = self
            .health_row(id)?
            .update_expression(
                "REMOVE failing_since_ms, last_failed_ms, strikes, suspensions, open_until_ms, \
                 probe_until_ms",
            )
            .condition_expression("attribute_exists(pk)");
        changed(request).await.map(drop)
    }

    /// With its audit entry, and the deliveries of the event that tells of it.
    pub(crate) async fn disable_destination(
        &self,
        from: Versioned<Destination>,
        reason: &str,
        notice: EventId,
        deliveries: &[NewDelivery],
    ) -> Result<(), StoreError> {
        let before = shown(&from.value);
        let to = Destination {
            enabled: false,
            disabled_reason: Some(reason.to_owned()),
            notice: Some(notice),
            updated_at: self.now,
            ..from.value
        };
        let mut change = self.replaced(Action::DestinationDisabled, from.version, &before, to)?;
        for delivery in deliveries {
            change.writes.push(self.delivery_write(delivery)?);
        }
        self.commit(change).await.map(drop)
    }

    fn health_row(&self, id: DestinationId) -> Result<UpdateItemFluentBuilder, StoreError> {
        let key = Key::new(self.tenant, &Sort::DestinationHealth(id));
        Ok(self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }
}

/// The row after an update, or the one that did not fulfil its condition: an empty one if there is none.
pub(in crate::store) async fn changed(
    request: UpdateItemFluentBuilder,
) -> Result<Result<Item, Item>, StoreError> {
    match request.send().await {
        Ok(answer) => Ok(Ok(answer.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Err(failed.item.clone().unwrap_or_default()))
            }
            _ => Err(error.into()),
        },
    }
}
