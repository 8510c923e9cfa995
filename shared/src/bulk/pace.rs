//! How fast a job goes, as pure functions. The waits are the queue's: no worker sleeps.

use std::time::Duration;

/// Rows of one page at most: as many as one BatchGetItem takes.
const MAX_PAGE_LEN: usize = 100;

/// A page covers this many seconds at most, so that a slow job does not come in bursts and a
/// cancelled one ends soon.
const MAX_PAGE_S: u32 = 10;

/// How many rows a page of a job with this pace has.
pub(super) fn page_len(pace_per_s: u32) -> usize {
    let within = usize::try_from(pace_per_s.saturating_mul(MAX_PAGE_S)).unwrap_or(MAX_PAGE_LEN);
    within.clamp(1, MAX_PAGE_LEN)
}

/// When the row with this number of those that a page changes is due, after the page's start.
pub(super) fn offset(row: usize, pace_per_s: u32) -> Duration {
    let pace = u64::from(pace_per_s.max(1));
    Duration::from_secs(u64::try_from(row).unwrap_or(u64::MAX) / pace)
}

/// How long the next page waits after a page that changed `rows` rows.
pub(super) fn pause(rows: usize, pace_per_s: u32) -> Duration {
    let pace = u64::from(pace_per_s.max(1));
    Duration::from_secs(u64::try_from(rows).unwrap_or(u64::MAX).div_ceil(pace))
}

/// The wait before a page that failed for the `attempt`th time, from 1, is tried again.
pub(super) fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(attempt).unwrap_or(u64::MAX).min(300))
}

#[cfg(test)]
mod tests;
