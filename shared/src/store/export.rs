//! A tenant's data on its way out: which rows come next, each as a line of JSON, and the files that were made of them.
//!
//! **Invariant:** a file is written once. Whoever does a page again finds it, or makes the same range anew.

mod files;
mod line;

use serde::{Deserialize, Serialize};

use crate::{
    id::{DeliveryId, EventId},
    store::{
        Collection, CollectionName, StoreError, TenantStore,
        change::read,
        db::{Filter, Item, Query, Range, Table},
        key::{Key, List, Sort},
        list::{Listing, sort_key},
    },
};

pub use files::{ExportFile, ExportPart};

/// Rows of one page at most; a read ends at a megabyte too.
const ROWS: usize = 200;
/// Fewer of those that bring a payload.
const EVENTS: usize = 10;
/// As many as one BatchGetItem takes.
const DELIVERIES: usize = 100;

/// What is exported, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Section {
    /// The tenant, its members, roles, keys, endpoints, connections and the like.
    Tenant,
    Records {
        collection: CollectionName,
        shard: u8,
    },
    Events,
    Deliveries,
    Audit,
}

/// Where an export is: behind the row `after` of a section, or at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) section: Section,
    pub(crate) after: Option<String>,
}

/// The rows of one page: those of the place up to `upto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) place: Place,
    pub(crate) upto: String,
}

impl Place {
    pub(crate) fn start() -> Self {
        Self::of(Section::Tenant)
    }

    fn of(section: Section) -> Self {
        Self {
            section,
            after: None,
        }
    }
}

impl Section {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Records { .. } => "records",
            Self::Events => "events",
            Self::Deliveries => "deliveries",
            Self::Audit => "audit",
        }
    }

    fn rows(self) -> usize {
        match self {
            Self::Tenant | Self::Records { .. } | Self::Audit => ROWS,
            Self::Events => EVENTS,
            Self::Deliveries => DELIVERIES,
        }
    }
}

impl TenantStore {
    /// The rows of the page at `place`, how many they are, and where the next page starts.
    pub(crate) async fn export_span(
        &self,
        place: &Place,
    ) -> Result<(Option<Span>, u64, Option<Place>), StoreError> {
        let (rows, next) = match self.export_query(place, "~").await? {
            Some(query) => self.db().once(&query).await?,
            None => (Vec::new(), None),
        };
        let last = rows.last().and_then(sort_key);
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let next = match (&last, next) {
            (Some(last), Some(_)) => Some(Place {
                section: place.section,
                after: Some(last.clone()),
            }),
            (_, _) => self.section_after(place.section).await?.map(Place::of),
        };
        let span = last.map(|upto| Span {
            place: place.clone(),
            upto,
        });
        Ok((span, count, next))
    }

    /// The rows of a span as lines of JSON, as they are now.
    pub(crate) async fn export_lines(&self, span: &Span) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        let Some(mut query) = self.export_query(&span.place, &span.upto).await? else {
            return Ok(lines);
        };
        loop {
            let (rows, next) = self.db().once(&query).await?;
            for row in rows_of(span.place.section, self, rows).await? {
                lines.extend(line::of(span.place.section, row)?);
            }
            match next {
                Some(next) => query.after = Some(next),
                None => return Ok(lines),
            }
        }
    }

    /// `None` for a collection that is gone.
    async fn export_query(
        &self,
        place: &Place,
        upto: &str,
    ) -> Result<Option<Query<'static>>, StoreError> {
        const ALL: &Filter = &Filter::none();
        let of = |list: List| (list.table(), list.index(), list.range(self.tenant).0);
        let (table, index, partition) = match place.section {
            // All lists of what a tenant has are in one partition.
            Section::Tenant => of(List::Users),
            Section::Records { collection, shard } => match self.collection(collection).await {
                Ok(found) => {
                    let partition = found.value.place().records(self.tenant, shard);
                    (Table::Platform, None, partition)
                }
                Err(StoreError::NotFound) => return Ok(None),
                Err(error) => return Err(error),
            },
            Section::Events => of(List::Events),
            Section::Deliveries => of(List::Deliveries),
            Section::Audit => of(List::Audit),
        };
        // No sort key has a character below `!`: this is just behind the row.
        let from = place.after.as_ref().map(|after| format!("{after} "));
        let from = from.unwrap_or_else(|| "!".to_owned());
        Ok(Some(Query {
            table,
            index,
            partition,
            range: Range::Between(from, upto.to_owned()),
            after: None,
            newest_first: false,
            limit: place.section.rows(),
            filter: ALL,
        }))
    }

    async fn section_after(&self, section: Section) -> Result<Option<Section>, StoreError> {
        let behind = match section {
            Section::Tenant => None,
            Section::Records { collection, shard } => Some((collection, shard)),
            Section::Events => return Ok(Some(Section::Deliveries)),
            Section::Deliveries => return Ok(Some(Section::Audit)),
            Section::Audit => return Ok(None),
        };
        for collection in self.all_collections().await? {
            let name = collection.name;
            let shard = match behind {
                Some((last, shard)) if last == name => shard + 1,
                Some((last, _)) if name.as_str() < last.as_str() => continue,
                Some(_) | None => 0,
            };
            if shard < collection.shards.max(1) {
                return Ok(Some(Section::Records {
                    collection: name,
                    shard,
                }));
            }
        }
        Ok(Some(Section::Events))
    }

    /// By name.
    async fn all_collections(&self) -> Result<Vec<Collection>, StoreError> {
        let filter = Filter::none();
        let most = usize::try_from(crate::store::MOST_COLLECTIONS).unwrap_or(ROWS);
        let query = Listing::all(List::Collections).query(self.tenant, &filter, None, false, most);
        let (rows, _) = self.db().query(query).await?;
        rows.into_iter().map(read).collect()
    }
}

/// The whole rows behind those of a list.
async fn rows_of(
    section: Section,
    store: &TenantStore,
    rows: Vec<Item>,
) -> Result<Vec<Item>, StoreError> {
    let ids = || rows.iter().filter_map(sort_key);
    match section {
        Section::Tenant | Section::Records { .. } | Section::Audit => Ok(rows),
        Section::Deliveries => {
            let ids = ids().filter_map(|sk| sk.parse::<DeliveryId>().ok());
            let keys = ids.map(|id| Key::new(store.tenant, &Sort::Delivery(id)).attributes());
            let mut rows = store.db().get_many(Table::Events, keys.collect()).await?;
            rows.sort_by_key(sort_key);
            Ok(rows)
        }
        Section::Events => {
            let mut whole = Vec::new();
            for id in ids().filter_map(|sk| sk.parse::<EventId>().ok()) {
                match store.event(id).await {
                    Ok((event, payload)) => whole.push(line::event(&event, payload)?),
                    // Its retention has ended meanwhile.
                    Err(StoreError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(whole)
        }
    }
}
