//! Deliveries by a filter, oldest first, for bulk jobs.

use crate::{
    id::DeliveryId,
    queue::DeliveryJob,
    store::{Delivery, DeliveryFilter, Event, Rows, StoreError, Stretch, TenantStore, key::Sort},
};

impl TenantStore {
    /// At most `limit` matching deliveries after `after`, oldest first.
    pub(crate) async fn select_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Stretch<DeliveryId>, StoreError> {
        self.stretch(filter.listing(), &filter.rest(), after, limit)
            .await
    }

    /// How many deliveries match, up to `enough`; the flag is false if there may be more.
    pub async fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
        enough: usize,
    ) -> Result<(usize, bool), StoreError> {
        self.count(filter.listing(), &filter.rest(), enough).await
    }

    /// The deliveries that are there, by id.
    pub(crate) async fn deliveries_by_id(
        &self,
        ids: &[DeliveryId],
    ) -> Result<Rows<DeliveryId, Delivery>, StoreError> {
        self.rows_by_id(ids.iter().map(|id| Sort::Delivery(*id)))
            .await
    }

    /// What became of an event at the destinations that it was sent on to.
    pub async fn deliveries_of(&self, event: &Event) -> Result<Vec<Delivery>, StoreError> {
        let ids = event.destinations.iter();
        let ids: Vec<_> = ids.map(|id| DeliveryId::of(event.id, *id)).collect();
        let rows = self.deliveries_by_id(&ids).await?;
        let mut deliveries: Vec<_> = rows.into_values().flatten().collect();
        deliveries.sort_by_key(|delivery| delivery.destination_id);
        Ok(deliveries)
    }

    /// The first message of a delivery's present round: for one that may have been lost.
    pub(crate) fn first_job(&self, delivery: &Delivery) -> DeliveryJob {
        DeliveryJob::Attempt {
            tenant: self.tenant,
            delivery: delivery.id,
            destination: delivery.destination_id,
            ticket: delivery.ticket.clone(),
            step: 0,
        }
    }
}
