//! Taking an ordered endpoint's batch apart: each item becomes a message of its own entity's group, in the
//! order of the batch. Twice is as good as once, because an item's event has the same id each time.

use crate::{
    queue::{Body, Carries, Delivery, Item, Job, JobError, JobResult, Ordered, send_all_in_order},
    store::TenantStore,
    webhook::{
        apply::{Run, random, work::Parcel},
        ordering::group_of_event,
        request::Headers,
        retry::RetryPolicy,
        scheme::EventField,
    },
};

impl Run<'_> {
    /// Nothing of an entity can fail here, so what is stuck holds up no other entity's items.
    pub(super) async fn forward(&self, parcel: &Parcel<'_>, order_by: &EventField) -> JobResult {
        let sent = match messages(&self.store, parcel, order_by) {
            Ok(messages) => send_all_in_order(self.app, messages).await,
            Err(error) => Err(error),
        };
        sent.map_err(|error| {
            tracing::warn!(error = format!("{error:#}"), "could not take a batch apart");
            let after = RetryPolicy::default().delay(self.received.attempt, random());
            JobError::Retry { after }
        })
    }
}

fn messages(
    store: &TenantStore,
    parcel: &Parcel<'_>,
    order_by: &EventField,
) -> anyhow::Result<Vec<Ordered>> {
    let (tenant, delivery) = (store.tenant_id(), parcel.delivery());
    let pairs: Vec<(&str, &[u8])> = delivery
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    // The whole body is not copied for each item.
    let common = Delivery {
        order_by: None,
        carries: Carries::Body,
        body: Body::Encoded(String::new()),
        headers: delivery.headers.clone(),
        scheme: delivery.scheme.clone(),
        custom_scheme: delivery.custom_scheme.clone(),
        reception: delivery.reception.clone(),
        number: delivery.number.clone(),
        event_types: delivery.event_types.clone(),
        item: None,
        ..*delivery
    };
    let mut messages = Vec::new();
    for (event, body) in parcel.bodies() {
        let group = group_of_event(
            tenant,
            delivery.endpoint,
            event.event,
            order_by,
            Headers::Pairs(&pairs),
            &body,
        );
        let item = Item {
            dedupe_key: event.dedupe_key.clone(),
            of_items: parcel.of_items(),
        };
        let job = Job::Delivery {
            tenant,
            delivery: Box::new(Delivery {
                event: event.event,
                item: Some(item),
                body: Body::of(&body)?,
                ..common.clone()
            }),
        };
        messages.push(Ordered {
            group,
            id: event.event.to_string(),
            body: job.text()?,
        });
    }
    Ok(messages)
}
