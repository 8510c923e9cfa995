//! One delivery for each destination that takes an event: its row in the event's transaction, its message
//! after it. A message that may have been lost is sent again.

use std::time::Duration;

use crate::{
    app::App,
    id::{DeliveryId, DestinationId, EventId},
    queue::{DeliveryJob, EventRef, send_deliveries},
    seal,
    store::{NewDelivery, StoreError, TenantStore},
};

/// The deliveries of an event that is about to be applied.
pub(crate) async fn plan(
    app: &App,
    store: &TenantStore,
    event: &EventRef,
    kind: Option<&str>,
) -> Result<Vec<NewDelivery>, StoreError> {
    let now = app.clock.now();
    let outlets = app.outlets.get(store, now).await?;
    let takes: Vec<DestinationId> = outlets
        .destinations
        .iter()
        .filter(|destination| {
            let ids = &destination.endpoint_ids;
            destination.enabled
                && destination.event_types.takes(kind)
                && (ids.is_empty() || ids.contains(&event.endpoint))
        })
        .map(|destination| destination.id)
        .collect();
    if takes.is_empty() {
        return Ok(Vec::new());
    }
    let named = app.outlets.route(store, event.endpoint, now).await?;
    let takes = takes
        .into_iter()
        .filter(|id| named.is_empty() || named.contains(id));
    Ok(takes
        .map(|destination| NewDelivery {
            id: DeliveryId::of(event.event, destination),
            event: event.event,
            endpoint: Some(event.endpoint),
            destination,
            kind: kind.map(str::to_owned),
            body: None,
            ticket: new_ticket(),
        })
        .collect())
}

/// Sends the messages of deliveries whose rows were just committed.
pub(crate) async fn announce(
    app: &App,
    store: &TenantStore,
    deliveries: &[NewDelivery],
) -> anyhow::Result<()> {
    let first = |delivery: &NewDelivery| {
        let NewDelivery {
            id, destination, ..
        } = delivery;
        first_message(store, *id, *destination, delivery.ticket.clone())
    };
    send_deliveries(app, deliveries.iter().map(first).collect()).await
}

/// For events that an earlier run has applied and sent on: that run may have died before it sent the
/// messages.
pub(crate) async fn repair<'a>(
    app: &App,
    store: &TenantStore,
    applied: impl IntoIterator<Item = (EventId, &'a [DestinationId])>,
) -> anyhow::Result<()> {
    let ids: Vec<DeliveryId> = applied
        .into_iter()
        .flat_map(|(event, destinations)| {
            let of = move |destination: &DestinationId| DeliveryId::of(event, *destination);
            destinations.iter().map(of)
        })
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let untried = store.untried_deliveries(&ids).await?;
    let messages = untried
        .into_iter()
        .map(|delivery| first_message(store, delivery.id, delivery.destination_id, delivery.ticket))
        .collect();
    send_deliveries(app, messages).await
}

fn first_message(
    store: &TenantStore,
    delivery: DeliveryId,
    destination: DestinationId,
    ticket: String,
) -> (DeliveryJob, Duration) {
    let job = DeliveryJob::Attempt {
        tenant: store.tenant_id(),
        delivery,
        destination,
        ticket,
        step: 0,
    };
    (job, Duration::ZERO)
}

/// Names one round of tries: messages of an earlier round find another one and end.
pub(crate) fn new_ticket() -> String {
    seal::encode_hex(&seal::random::<12>())
}
