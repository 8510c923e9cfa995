//! Pages of a collection's records, in the order of their making or of an index. A cursor is the last
//! row's sort key: what is written meanwhile moves no other row.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use futures_util::future::try_join_all;

use super::{DeletedRecord, Record};
use crate::{
    id::RecordId,
    index::{self, Direction, Plan},
    problem::ApiError,
    store::{
        Cursor, OpenCollection, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::{read, read_versioned},
        db::{Filter, Item, Query, Range, Table},
        key::Key,
        merge::{Merge, sort_key, step},
    },
};

/// A range of sort keys in each of a collection's partitions.
struct Walk<'a> {
    open: &'a OpenCollection,
    plan: &'a Plan,
    /// Names the list inside a cursor's signature.
    name: String,
}

impl TenantStore {
    /// One query for each shard, and one more call for the records behind an index's rows.
    pub async fn records(
        &self,
        open: &OpenCollection,
        plan: &Plan,
        page: &PageRequest,
    ) -> Result<Page<Versioned<Record>>, ApiError> {
        let (rows, next_cursor) = self.walk(&Walk::new(open, plan), page).await?;
        let data = match plan.index {
            None => {
                let records = rows.into_iter().map(read_versioned::<Record>);
                let mut records = records.collect::<Result<Vec<_>, _>>()?;
                records.retain(|record| !super::is_over(record.value.expires_at, self.now));
                records
            }
            Some(at) => self.behind(open, at, &rows).await?,
        };
        Ok(Page { data, next_cursor })
    }

    /// Deleted records that can be restored, in the order of their making.
    pub async fn deleted_records(
        &self,
        open: &OpenCollection,
        page: &PageRequest,
    ) -> Result<Page<DeletedRecord>, ApiError> {
        let plan = Plan {
            index: None,
            from: "DEL#".to_owned(),
            to: "DEL#~".to_owned(),
            direction: Direction::Ascending,
        };
        let (rows, next_cursor) = self.walk(&Walk::new(open, &plan), page).await?;
        let records = rows.into_iter().map(read::<DeletedRecord>);
        let mut data = records.collect::<Result<Vec<_>, StoreError>>()?;
        data.retain(|record| !super::is_over(Some(record.expires_at), self.now));
        Ok(Page { data, next_cursor })
    }

    /// The records of an index's rows, in their order. A record that has changed since its row was read, so
    /// that it is not at that place any more, is left out.
    async fn behind(
        &self,
        open: &OpenCollection,
        at: usize,
        rows: &[Item],
    ) -> Result<Vec<Versioned<Record>>, ApiError> {
        let id_of = |row: &Item| -> Option<RecordId> {
            let (_, id) = sort_key(Some(row)).rsplit_once('#')?;
            id.parse().ok()
        };
        let ids: Vec<RecordId> = rows.iter().filter_map(id_of).collect();
        let records = self.records_of(open, &ids).await?;
        let mut by_row = HashMap::new();
        for record in records {
            let rows = index::row_prefixes(&open.collection.indexes, &record.value.data()?);
            let rows = rows.map_err(ApiError::Invalid)?;
            if let Some(row) = rows.into_iter().nth(at) {
                by_row.insert(format!("{row}{}", record.value.id), record);
            }
        }
        let found = rows
            .iter()
            .filter_map(|row| by_row.remove(sort_key(Some(row))));
        Ok(found.collect())
    }

    /// Up to a page of rows, and the cursor for what follows.
    async fn walk(
        &self,
        walk: &Walk<'_>,
        page: &PageRequest,
    ) -> Result<(Vec<Item>, Option<String>), ApiError> {
        let keyring = self.app.keyring(self.now).await;
        let keyring = keyring.map_err(ApiError::Unavailable)?;
        let key: &hmac::Key = keyring.cursor_key();
        let after = page.after(key, self.tenant, &walk.name)?;
        let shards = walk.open.collection.shards;
        let mut merge = Merge::new(shards, walk.plan.direction, after.as_deref());
        let mut rows: Vec<Item> = Vec::new();
        while rows.len() < page.limit() {
            let hungry = merge.hungry();
            if hungry.is_empty() {
                let Some(row) = merge.next() else { break };
                rows.push(row);
                continue;
            }
            let step = step(page.limit(), shards);
            let reads = hungry.into_iter().map(|(lane, after)| async move {
                let query = self.lane(walk, lane, after, step);
                let (rows, next) = self.db().query(query).await?;
                let next = next.map(|key| sort_key(Some(&key)).to_owned());
                Ok::<_, StoreError>((lane, rows, next))
            });
            for (lane, rows, next) in try_join_all(reads).await? {
                merge.feed(lane, rows, next);
            }
        }
        let last = rows.last().filter(|_| merge.has_more());
        let cursor = last.map(|row| Cursor::new(key, self.tenant, &walk.name, sort_key(Some(row))));
        Ok((rows, cursor.map(Cursor::into_text)))
    }

    fn lane(
        &self,
        walk: &Walk<'_>,
        lane: u8,
        after: Option<String>,
        step: usize,
    ) -> Query<'static> {
        static NO_FILTER: Filter = Filter::none();
        let place = walk.open.collection.place();
        let partition = match walk.plan.index {
            None => place.records(self.tenant, lane),
            Some(index) => place.index(self.tenant, index, lane),
        };
        let start = |sk: String| Key {
            pk: partition.clone(),
            sk,
        };
        Query {
            table: Table::Platform,
            index: None,
            after: after.map(|sk| start(sk).attributes()),
            partition: partition.clone(),
            range: Range::Between(walk.plan.from.clone(), walk.plan.to.clone()),
            newest_first: walk.plan.direction == Direction::Descending,
            limit: step,
            filter: &NO_FILTER,
        }
    }
}

impl<'a> Walk<'a> {
    fn new(open: &'a OpenCollection, plan: &'a Plan) -> Self {
        let Plan {
            index,
            from,
            to,
            direction,
        } = plan;
        Self {
            open,
            plan,
            name: format!(
                "records {} {index:?} {from} {to} {direction:?}",
                open.collection.id
            ),
        }
    }
}
