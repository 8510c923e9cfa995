//! Deliveries by a filter, oldest first: how a bulk job finds its way through them.

use std::collections::HashMap;

use crate::{
    id::DeliveryId,
    queue::DeliveryJob,
    store::{
        Delivery, DeliveryFilter, Event, StoreError, TenantStore,
        change::read,
        db::{Filter, Item, Query, Range, Table},
        key::{Key, List, Sort},
    },
};

/// A stretch of the deliveries that a filter matches.
#[derive(Debug, Default)]
pub(crate) struct DeliveryStretch {
    pub(crate) deliveries: Vec<DeliveryId>,
    /// Rows that were looked at.
    pub(crate) examined: u64,
    /// The sort key to go on after; `None` at the end.
    pub(crate) next: Option<String>,
}

impl TenantStore {
    /// At most `limit` matching deliveries after `after`, oldest first.
    pub(crate) async fn select_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<DeliveryStretch, StoreError> {
        let rest = filter.rest();
        let query = self.deliveries_query(filter, &rest, after, limit);
        let seen = self.db().examine(query).await?;
        let sort_key = |item: &Item| item.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
        let ids = seen.items.iter().filter_map(sort_key);
        Ok(DeliveryStretch {
            deliveries: ids.filter_map(|sk| sk.parse().ok()).collect(),
            examined: u64::try_from(seen.examined).unwrap_or(u64::MAX),
            next: seen.next.as_ref().and_then(sort_key),
        })
    }

    /// How many deliveries match, up to `enough`; the flag is false if there may be more.
    pub async fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
        enough: usize,
    ) -> Result<(usize, bool), StoreError> {
        let rest = filter.rest();
        let query = self.deliveries_query(filter, &rest, None, enough);
        self.db().count(&query, enough).await
    }

    /// The deliveries that are there, by id; `None` for a row that this version cannot read.
    pub(crate) async fn deliveries_by_id(
        &self,
        ids: &[DeliveryId],
    ) -> Result<HashMap<DeliveryId, Option<Delivery>>, StoreError> {
        let keys = ids
            .iter()
            .map(|id| Key::new(self.tenant, &Sort::Delivery(*id)).attributes());
        let rows = self.db().get_many(Table::Events, keys.collect()).await?;
        let mut found = HashMap::new();
        for row in rows {
            let id = row.get("sk").and_then(|sk| sk.as_s().ok());
            if let Some(id) = id.and_then(|id| id.parse().ok()) {
                found.insert(id, read::<Delivery>(row).ok());
            }
        }
        Ok(found)
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

    fn deliveries_query<'a>(
        &self,
        filter: &DeliveryFilter,
        rest: &'a Filter,
        after: Option<&str>,
        limit: usize,
    ) -> Query<'a> {
        let list = List::Deliveries;
        let (partition, _) = list.range(self.tenant);
        let (from, to) = filter.range();
        Query {
            table: list.table(),
            index: list.index(),
            partition,
            range: Range::Between(from, to),
            after: after.map(|sk| list.start(self.tenant, sk)),
            newest_first: false,
            limit,
            filter: rest,
        }
    }
}
