//! When to try again: exponential backoff with full jitter, a pure function of policy, attempt and chance.

use std::time::Duration;

use garde::Validate;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most attempts that a policy may ask for. The queue's own limit is higher: it only catches
/// messages whose worker dies before it can decide.
pub(crate) const MOST_ATTEMPTS: u32 = 50;

/// No shorter wait: SQS counts visibility in whole seconds.
const SHORTEST_MS: u64 = 1_000;

/// How often and for how long an endpoint's events are tried. No wait is longer than 12 hours: should it
/// have to stay hidden, that is the longest visibility timeout of SQS.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    #[garde(range(min = 1, max = MOST_ATTEMPTS))]
    #[schema(minimum = 1, maximum = 50)]
    pub max_attempts: u32,
    /// The longest wait after the first failed attempt; it doubles with each further one.
    #[garde(range(min = 1, max = 43_200))]
    #[schema(minimum = 1, maximum = 43_200)]
    pub base_s: u32,
    /// No wait is longer, whatever `base_s` says.
    #[garde(range(min = 1, max = 43_200))]
    #[schema(minimum = 1, maximum = 43_200)]
    pub cap_s: u32,
    /// An attempt that fails this long after the event's arrival is the last.
    #[garde(range(min = 1, max = 168))]
    #[schema(minimum = 1, maximum = 168)]
    pub horizon_hours: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 8,
            base_s: 5,
            cap_s: 900,
            horizon_hours: 72,
        }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt `attempt` (from 1) of an event of this age; `None` after the last.
    pub(crate) fn next(self, attempt: u32, age: SignedDuration, random: u32) -> Option<Duration> {
        let horizon = SignedDuration::from_hours(i64::from(self.horizon_hours));
        if attempt >= self.max_attempts || age >= horizon {
            return None;
        }
        Some(self.delay(attempt, random))
    }

    /// Between 1 second and min(cap, base · 2^(attempt-1)).
    ///
    /// Full jitter as in AWS's "Exponential Backoff and Jitter": it spreads a herd the widest.
    pub(crate) fn delay(self, attempt: u32, random: u32) -> Duration {
        let doubled = (u64::from(self.base_s) * 1_000).saturating_mul(
            1_u64
                .checked_shl(attempt.saturating_sub(1))
                .unwrap_or(u64::MAX),
        );
        let most = doubled.min(u64::from(self.cap_s) * 1_000);
        let chosen = most.saturating_mul(u64::from(random)) / u64::from(u32::MAX);
        Duration::from_millis(chosen.max(SHORTEST_MS))
    }
}

#[cfg(test)]
mod tests;
