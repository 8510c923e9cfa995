//! Rows of a list by a filter, oldest first: how a bulk job finds its way through them. The order is that of
//! the ids, so a change of a row never moves it.

use std::{collections::HashMap, hash::Hash, str::FromStr};

use serde::de::DeserializeOwned;

use crate::store::{
    StoreError, TenantStore,
    change::read,
    db::{Filter, Table},
    key::{Key, Sort},
    list::{Listing, sort_key},
};

/// A stretch of the rows that a filter matches.
#[derive(Debug)]
pub(crate) struct Stretch<Id> {
    pub(crate) ids: Vec<Id>,
    /// Rows that were looked at.
    pub(crate) examined: u64,
    /// The sort key to go on after; `None` at the end.
    pub(crate) next: Option<String>,
}

/// Rows by id; `None` for one that this version cannot read.
pub(crate) type Rows<Id, T> = HashMap<Id, Option<T>>;

impl TenantStore {
    /// At most `limit` matching rows after `after`, oldest first.
    pub(super) async fn stretch<Id: FromStr>(
        &self,
        listing: Listing,
        filter: &Filter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Stretch<Id>, StoreError> {
        let query = listing.query(self.tenant, filter, after, false, limit);
        let seen = self.db().examine(query).await?;
        let ids = seen.items.iter().filter_map(sort_key);
        Ok(Stretch {
            ids: ids.filter_map(|sk| sk.parse().ok()).collect(),
            examined: u64::try_from(seen.examined).unwrap_or(u64::MAX),
            next: seen.next.as_ref().and_then(sort_key),
        })
    }

    /// How many rows match, up to `enough`; the flag is false if there may be more.
    pub(super) async fn count(
        &self,
        listing: Listing,
        filter: &Filter,
        enough: usize,
    ) -> Result<(usize, bool), StoreError> {
        let query = listing.query(self.tenant, filter, None, false, enough);
        self.db().count(&query, enough).await
    }

    /// Those of the rows of the events table that are there.
    pub(super) async fn rows_by_id<Id: FromStr + Eq + Hash, T: DeserializeOwned>(
        &self,
        sorts: impl Iterator<Item = Sort>,
    ) -> Result<Rows<Id, T>, StoreError> {
        let keys = sorts.map(|sort| Key::new(self.tenant, &sort).attributes());
        let rows = self.db().get_many(Table::Events, keys.collect()).await?;
        let mut found = HashMap::new();
        for row in rows {
            if let Some(id) = sort_key(&row).and_then(|id| id.parse().ok()) {
                found.insert(id, read(row).ok());
            }
        }
        Ok(found)
    }
}
