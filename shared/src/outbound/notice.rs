//! Operational events: what Portico tells a tenant of itself. One is kept in its deliveries alone, which are
//! written with the change that it tells of.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    id::{DeliveryId, DestinationId, EventId},
    outbound::fan_out::new_ticket,
    store::{NewDelivery, Outlets},
};

/// What is told.
pub(crate) struct Notice<'a> {
    pub(crate) event: EventId,
    /// Begins with `portico.`.
    pub(crate) kind: &'a str,
    pub(crate) data: Value,
    /// Whom it is of no use to.
    pub(crate) except: Option<DestinationId>,
}

/// The deliveries to all enabled destinations that ask for such events.
pub(crate) fn notices(outlets: &Outlets, notice: &Notice<'_>, now: Timestamp) -> Vec<NewDelivery> {
    let body = json!({
        "type": notice.kind, "timestamp": now.to_string(), "data": notice.data,
    });
    let asks = outlets.destinations.iter().filter(|destination| {
        destination.enabled
            && Some(destination.id) != notice.except
            && destination.event_types.takes_operational(notice.kind)
    });
    asks.map(|destination| NewDelivery {
        id: DeliveryId::of(notice.event, destination.id),
        event: notice.event,
        endpoint: None,
        destination: destination.id,
        kind: Some(notice.kind.to_owned()),
        body: Some(body.to_string()),
        ticket: new_ticket(),
    })
    .collect()
}
