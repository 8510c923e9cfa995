//! What is asked of a partition. Filters narrow what was read; only keys and ranges save reading.

use crate::store::db::{Item, Table};

/// A query over one partition, newest or oldest first.
pub(crate) struct Query<'a> {
    pub(crate) table: Table,
    pub(crate) index: Option<Index>,
    pub(crate) partition: String,
    pub(crate) range: Range,
    pub(crate) after: Option<Item>,
    pub(crate) newest_first: bool,
    pub(crate) limit: usize,
    pub(crate) filter: &'a Filter,
}

/// What a look at a part of a list has found.
#[derive(Default)]
pub(crate) struct Examined {
    pub(crate) items: Vec<Item>,
    /// Rows that were looked at, whether or not they match.
    pub(crate) examined: usize,
    /// Where to go on; `None` at the end of the list.
    pub(crate) next: Option<Item>,
}

/// An index of the events table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    ByTime,
}

/// The sort keys that a query covers.
pub(crate) enum Range {
    Prefix(String),
    Between(String, String),
}

impl Range {
    /// A table refuses a range whose end lies before its start.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Prefix(_) => false,
            Self::Between(from, to) => from > to,
        }
    }
}

/// Equalities on attributes that no key serves: applied to what a query has read.
#[derive(Default)]
pub(crate) struct Filter(pub(super) Vec<(&'static str, String)>);

impl Filter {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn equals(mut self, attribute: &'static str, value: Option<impl ToString>) -> Self {
        self.0
            .extend(value.map(|value| (attribute, value.to_string())));
        self
    }
}
