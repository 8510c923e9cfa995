//! Pages of a tenant's lists: one query, a signed cursor, filters within a bound.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use crate::{
    id::TenantId,
    problem::ApiError,
    store::{
        Cursor, Page, PageRequest, TenantStore,
        change::read,
        db::{Filter, Index, Item, Query, Range, Table},
        key::{Key, List, Sort},
    },
};

/// A list, or a part of it between two sort keys.
pub(crate) struct Listing {
    list: List,
    between: Option<(String, String)>,
}

impl Listing {
    pub(crate) fn all(list: List) -> Self {
        Self {
            list,
            between: None,
        }
    }

    /// From one sort key to another, both included.
    pub(crate) fn between(list: List, from: String, to: String) -> Self {
        Self {
            list,
            between: Some((from, to)),
        }
    }

    /// At most `limit` rows that match `filter`, after the row with the sort key `after`.
    pub(super) fn query<'f>(
        self,
        tenant: TenantId,
        filter: &'f Filter,
        after: Option<&str>,
        newest_first: bool,
        limit: usize,
    ) -> Query<'f> {
        let Self { list, between } = self;
        let (partition, prefix) = list.range(tenant);
        Query {
            table: list.table(),
            index: list.index(),
            after: after.map(|sk| list.start(tenant, sk)),
            partition,
            range: between.map_or(Range::Prefix(prefix), |(from, to)| Range::Between(from, to)),
            newest_first,
            limit,
            filter,
        }
    }
}

impl TenantStore {
    /// At most `page.limit()` rows that match `filter`. A page may be short and still have a
    /// successor: a call examines a bounded number of rows.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        listing: Listing,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<T>, ApiError> {
        let keyring = self
            .app
            .keyring(self.now)
            .await
            .map_err(ApiError::Unavailable)?;
        let list = listing.list;
        let after = page.after(keyring.cursor_key(), self.tenant, list.name())?;
        let newest_first = list.is_newest_first();
        let query = listing.query(
            self.tenant,
            filter,
            after.as_deref(),
            newest_first,
            page.limit(),
        );
        let (items, next) = self.db().query(query).await?;
        let next = next.as_ref().and_then(sort_key);
        let cursor =
            next.map(|sk| Cursor::new(keyring.cursor_key(), self.tenant, list.name(), &sk));
        let data = items.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page {
            data,
            next_cursor: cursor.map(Cursor::into_text),
        })
    }
}

/// Where a row is in its list.
pub(super) fn sort_key(row: &Item) -> Option<String> {
    row.get("sk").and_then(|sk| sk.as_s().ok()).cloned()
}

impl List {
    pub(crate) fn table(self) -> Table {
        match self {
            Self::Users
            | Self::Collections
            | Self::Roles
            | Self::Sessions(_)
            | Self::Connections
            | Self::Connectors
            | Self::Endpoints
            | Self::Jobs
            | Self::Destinations
            | Self::SsoConnections
            | Self::ApiKeys
            | Self::Invitations => Table::Platform,
            Self::Events | Self::Deliveries => Table::Events,
            Self::Audit | Self::Seals => Table::Audit,
        }
    }

    pub(crate) fn index(self) -> Option<Index> {
        match self {
            Self::Events | Self::Deliveries => Some(Index::ByTime),
            Self::Users
            | Self::Roles
            | Self::Sessions(_)
            | Self::Connections
            | Self::Connectors
            | Self::Endpoints
            | Self::Collections
            | Self::Audit
            | Self::Seals
            | Self::Jobs
            | Self::Destinations
            | Self::SsoConnections
            | Self::ApiKeys
            | Self::Invitations => None,
        }
    }

    /// What happens is listed latest first, what exists in the order of its making.
    fn is_newest_first(self) -> bool {
        match self {
            Self::Events
            | Self::Deliveries
            | Self::Audit
            | Self::Seals
            | Self::Jobs
            | Self::Invitations => true,
            Self::Users
            | Self::Collections
            | Self::Roles
            | Self::Sessions(_)
            | Self::Connections
            | Self::Connectors
            | Self::Endpoints
            | Self::Destinations
            | Self::SsoConnections
            | Self::ApiKeys => false,
        }
    }

    /// The exclusive start key for a sort key out of a cursor; the partition is always the tenant's.
    pub(crate) fn start(self, tenant: TenantId, sk: &str) -> Item {
        let (partition, _) = self.range(tenant);
        let sort = ("sk".to_owned(), AttributeValue::S(sk.to_owned()));
        match self {
            Self::Users
            | Self::Roles
            | Self::Sessions(_)
            | Self::Connections
            | Self::Connectors
            | Self::Endpoints
            | Self::Collections
            | Self::Audit
            | Self::Seals
            | Self::Jobs
            | Self::Destinations
            | Self::SsoConnections
            | Self::ApiKeys
            | Self::Invitations => {
                Item::from([("pk".to_owned(), AttributeValue::S(partition)), sort])
            }
            Self::Events => {
                let row = sk.parse().map(|id| Key::new(tenant, &Sort::Event(id)));
                let pk = AttributeValue::S(row.map(|row| row.pk).unwrap_or_default());
                let list = AttributeValue::S(partition);
                Item::from([("pk".to_owned(), pk), ("list_pk".to_owned(), list), sort])
            }
            Self::Deliveries => {
                let row = sk.parse().map(|id| Key::new(tenant, &Sort::Delivery(id)));
                let pk = AttributeValue::S(row.map(|row| row.pk).unwrap_or_default());
                let list = AttributeValue::S(partition);
                Item::from([("pk".to_owned(), pk), ("list_pk".to_owned(), list), sort])
            }
        }
    }
}
