//! How a destination fares, and whether it may be called. A healthy one has nothing to say here, and no
//! attempt that succeeds writes anything. Pure decisions; the rows are in `store::destination::health`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A destination that has answered nothing with success for this long is disabled at a failure.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Failures that are further apart do not belong to one outage.
pub(crate) const LULL: SignedDuration = SignedDuration::from_hours(48);

/// Failures in a row, of the kind that says nobody is there, that suspend calls.
const STRIKES: u64 = 5;

const FIRST_SUSPENSION: Duration = Duration::from_secs(30);
const LONGEST_SUSPENSION: Duration = Duration::from_secs(600);

/// The longest that a destination may have all its calls suspended for.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// How long a probe may take: longer than an attempt, so that there is one at a time.
pub(crate) const PROBE: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    /// No attempt has succeeded since.
    pub(crate) failing_since_ms: Option<i64>,
    pub(crate) last_failed_ms: Option<i64>,
    pub(crate) strikes: u64,
    /// Suspensions since the last success.
    pub(crate) suspensions: u32,
    pub(crate) open_until_ms: Option<i64>,
    pub(crate) probe_until_ms: Option<i64>,
}

/// Whether a destination may be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Pass,
    /// By one at a time, to see whether it is back.
    Probe,
    Wait(Timestamp),
}

impl Health {
    pub(crate) fn is_failing(&self) -> bool {
        self.failing_since_ms.is_some()
    }

    pub(crate) fn gate(&self, now: Timestamp) -> Gate {
        let Some(open_until_ms) = self.open_until_ms else {
            return Gate::Pass;
        };
        let until_ms = open_until_ms.max(self.probe_until_ms.unwrap_or(0));
        match Timestamp::from_millisecond(until_ms) {
            Ok(until) if until > now => Gate::Wait(until),
            Ok(_) | Err(_) => Gate::Probe,
        }
    }

    /// Until when calls are suspended after a failure that led here; `None` to let them go on.
    pub(crate) fn suspension(&self, asked: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
        let is_open = self
            .open_until_ms
            .is_some_and(|ms| ms > now.as_millisecond());
        let doubled = FIRST_SUSPENSION.saturating_mul(1 << self.suspensions.min(10));
        let own = (self.strikes >= STRIKES && !is_open).then(|| doubled.min(LONGEST_SUSPENSION));
        let asked = asked.map(|asked| asked.min(LONGEST_ASKED));
        let wait = own.max(asked)?;
        let until = now
            .saturating_add(SignedDuration::try_from(wait).ok()?)
            .ok()?;
        let is_news = self
            .open_until_ms
            .is_none_or(|ms| ms < until.as_millisecond());
        is_news.then_some(until)
    }

    /// Since when nothing has succeeded, if that is too long ago.
    pub(crate) fn is_hopeless(&self, now: Timestamp) -> Option<Timestamp> {
        let since = Timestamp::from_millisecond(self.failing_since_ms?).ok()?;
        (now.duration_since(since) >= HORIZON).then_some(since)
    }
}

#[cfg(test)]
mod tests;
