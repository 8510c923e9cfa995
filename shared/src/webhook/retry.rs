//! When to try again: exponential backoff with full jitter, a pure function of attempt and chance.

use std::time::Duration;

/// Attempts after which an event is given up. The queue's own limit is higher: it only catches
/// messages whose worker dies before it can decide.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

const BASE_MS: u64 = 5_000;
const CAP_MS: u64 = 15 * 60 * 1_000;

/// The wait after failed attempt `attempt` (from 1): between 1 second and min(cap, base · 2^(attempt-1)).
///
/// Full jitter as in AWS's "Exponential Backoff and Jitter": it spreads a herd the widest.
pub(crate) fn delay(attempt: u32, random: u32) -> Duration {
    let doubled = BASE_MS.saturating_mul(
        1_u64
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u64::MAX),
    );
    let most = doubled.min(CAP_MS);
    let chosen = most.saturating_mul(u64::from(random)) / u64::from(u32::MAX);
    Duration::from_millis(chosen.max(1_000))
}

#[cfg(test)]
mod tests;
