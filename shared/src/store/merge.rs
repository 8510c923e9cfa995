//! Rows of several partitions in one order: a k-way merge that reads each partition as far as it must.

use std::collections::VecDeque;

use crate::{index::Direction, store::db::Item};

/// One partition: what was read of it and not yet given out.
#[derive(Debug, Default)]
struct Lane {
    rows: VecDeque<Item>,
    /// The sort key of the last row that was read.
    after: Option<String>,
    is_read: bool,
}

/// The lanes and their common order.
#[derive(Debug)]
pub(crate) struct Merge {
    lanes: Vec<Lane>,
    direction: Direction,
}

impl Merge {
    /// All lanes start after the same sort key: the last that was given out, whichever lane it came from.
    pub(crate) fn new(lanes: u8, direction: Direction, after: Option<&str>) -> Self {
        let lane = || Lane {
            after: after.map(str::to_owned),
            ..Lane::default()
        };
        Self {
            lanes: (0..lanes).map(|_| lane()).collect(),
            direction,
        }
    }

    /// Lanes that must be read before the next row is known, and the sort keys to go on from.
    pub(crate) fn hungry(&self) -> Vec<(u8, Option<String>)> {
        let lanes = (0..).zip(&self.lanes);
        lanes
            .filter(|(_, lane)| lane.rows.is_empty() && !lane.is_read)
            .map(|(at, lane)| (at, lane.after.clone()))
            .collect()
    }

    /// What was read of a lane; `next` is where it goes on, if it does.
    pub(crate) fn feed(&mut self, at: u8, rows: Vec<Item>, next: Option<String>) {
        let Some(lane) = self.lanes.get_mut(usize::from(at)) else {
            return;
        };
        lane.is_read = next.is_none();
        lane.after = next;
        lane.rows.extend(rows);
    }

    /// The next row; `None` while a lane is hungry, and at the end of all.
    pub(crate) fn next(&mut self) -> Option<Item> {
        if !self.hungry().is_empty() {
            return None;
        }
        let direction = self.direction;
        let lanes = self.lanes.iter_mut().filter(|lane| !lane.rows.is_empty());
        let first = lanes.min_by(|a, b| {
            let order = sort_key(a.rows.front()).cmp(sort_key(b.rows.front()));
            match direction {
                Direction::Ascending => order,
                Direction::Descending => order.reverse(),
            }
        });
        first.and_then(|lane| lane.rows.pop_front())
    }

    pub(crate) fn has_more(&self) -> bool {
        let has_more = |lane: &Lane| !lane.rows.is_empty() || !lane.is_read;
        self.lanes.iter().any(has_more)
    }
}

/// A row's sort key.
pub(crate) fn sort_key(row: Option<&Item>) -> &str {
    row.and_then(|row| row.get("sk"))
        .and_then(|sk| sk.as_s().ok())
        .map_or("", String::as_str)
}

/// How much of each of `lanes` is read at first, so that `limit` rows are there without a second call most
/// of the time: rows are spread evenly, and half as much again is two deviations and more.
pub(crate) fn step(limit: usize, lanes: u8) -> usize {
    match lanes {
        0 | 1 => limit,
        _ => (limit.div_ceil(usize::from(lanes)) * 3 / 2 + 4).min(limit),
    }
}

#[cfg(test)]
mod tests;
