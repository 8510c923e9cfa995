//! When a failed delivery is tried again: a fixed schedule with jitter, and the destination's own word.

use std::time::Duration;

/// Waits after the first, second, … failed try of a round, in seconds: three days in all.
const WAITS_S: [u64; 9] = [
    5,
    5 * 60,
    30 * 60,
    2 * 3_600,
    5 * 3_600,
    10 * 3_600,
    14 * 3_600,
    20 * 3_600,
    24 * 3_600,
];

/// The longest that a destination may ask for.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The wait after failed try `tries` (from 1) of a round; `None` after the last. Between 80 and 120 % of
/// the schedule, and no shorter than a `Retry-After` of up to a day.
pub(crate) fn next(tries: u64, retry_after: Option<Duration>, random: u32) -> Option<Duration> {
    let at = usize::try_from(tries.checked_sub(1)?).ok()?;
    let base_ms = WAITS_S.get(at)? * 1_000;
    let spread_ms = base_ms * 2 / 5;
    let chosen_ms = base_ms - spread_ms / 2 + spread_ms * u64::from(random) / u64::from(u32::MAX);
    let asked = retry_after.unwrap_or_default().min(LONGEST);
    Some(Duration::from_millis(chosen_ms).max(asked))
}

/// Up to half a minute, so that what waits for the same moment does not come at once.
pub(crate) fn spread(random: u32) -> Duration {
    Duration::from_millis(u64::from(random) * 30_000 / u64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
