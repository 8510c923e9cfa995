//! The rows that say how destinations fare, and what becomes of one that fails for long. A healthy one has
//! no row, and no attempt that succeeds writes one.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    audit::Action,
    id::{DestinationId, EventId},
    outbound::{
        health::{Gate, HORIZON, Health, LULL, PROBE},
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

/// How a destination fares, as its owner is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DestinationHealth {
    pub state: HealthState,
    /// No attempt has succeeded since.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_failed_at: Option<Timestamp>,
    /// No attempt is made before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspended_until: Option<Timestamp>,
    /// A failure at this time or later disables it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_from: Option<Timestamp>,
    pub disabled_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    Healthy,
    /// Its last attempt failed.
    Failing,
    /// It has failed so often in a row that it is left alone for a while.
    Suspended,
    Disabled,
}

impl TenantStore {
    /// One call for both rows.
    pub async fn destination_health(
        &self,
        id: DestinationId,
    ) -> Result<DestinationHealth, StoreError> {
        let keys = [Sort::Destination(id), Sort::DestinationHealth(id)];
        let keys = keys.map(|sort| Key::new(self.tenant, &sort).attributes());
        let mut destination: Option<Destination> = None;
        let mut health = Health::default();
        for row in self.db().get_many(Table::Platform, keys.into()).await? {
            let sk = row.get("sk").and_then(|sk| sk.as_s().ok());
            if sk.is_some_and(|sk| sk.starts_with("DSTH#")) {
                health = read(row)?;
            } else {
                destination = Some(read(row)?);
            }
        }
        let destination = destination.ok_or(StoreError::NotFound)?;
        let at = |ms: Option<i64>| Timestamp::from_millisecond(ms?).ok();
        let failing_since = at(health.failing_since_ms);
        let suspended_until = match health.gate(self.now) {
            Gate::Wait(until) => Some(until),
            Gate::Pass | Gate::Probe => None,
        };
        Ok(DestinationHealth {
            state: match (destination.enabled, suspended_until, failing_since) {
                (false, ..) => HealthState::Disabled,
                (true, Some(_), _) => HealthState::Suspended,
                (true, None, Some(_)) => HealthState::Failing,
                (true, None, None) => HealthState::Healthy,
            },
            failing_since,
            last_failed_at: at(health.last_failed_ms),
            suspended_until,
            disabled_from: failing_since.and_then(|since| since.checked_add(HORIZON).ok()),
            disabled_reason: destination.disabled_reason,
        })
    }

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
        const REST: &str = "REMOVE suspensions, open_until_ms, probe_until_ms";
        let now_ms = self.now.as_millisecond();
        let lull = self.now.saturating_sub(LULL).unwrap_or(Timestamp::MIN);
        // An answer that refuses an event is a sign of life.
        let (strikes, goes_on) = match strike {
            Strike::Yes => (1, "ADD strikes :strikes".to_owned()),
            Strike::No => (0, format!(", strikes = :strikes {REST}")),
        };
        let request = |expression: String| {
            let request = self.health_row(id)?.update_expression(expression);
            Ok::<_, StoreError>(
                request
                    .expression_attribute_values(":strikes", number(strikes))
                    .expression_attribute_values(":now", number(now_ms)),
            )
        };
        let same = request(format!(
            "SET last_failed_ms = :now, failing_since_ms = if_not_exists(failing_since_ms, :now) {goes_on}"
        ))?
        .condition_expression("attribute_not_exists(last_failed_ms) OR last_failed_ms >= :lull")
        .expression_attribute_values(":lull", number(lull.as_millisecond()));
        if let Ok(row) = changed(same).await? {
            return read(row);
        }
        let anew = request(format!(
            "SET last_failed_ms = :now, failing_since_ms = :now, strikes = :strikes {REST}"
        ))?;
        read(changed(anew).await?.unwrap_or_default())
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
