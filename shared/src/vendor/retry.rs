//! Whether and when a call is made again. A decision is a value; nobody sleeps here.
//!
//! **Invariant:** a request that may have had an effect is repeated only if a repetition has none: by its
//! method (RFC 9110 section 9.2.2), or by a key with which the vendor knows it again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    id::ConnectionId,
    vendor::{Class, VendorError},
};

/// Requests that are made for one call at most, at once.
pub(crate) const MOST_AT_ONCE: u32 = 2;
/// The longest wait after the first failure; it doubles with each further one.
const BASE_MS: u64 = 2_000;
const CAP_MS: u64 = 900_000;

/// A first request earns this, a repetition costs ten times as much: a vendor in trouble is sent a tenth
/// more, not double.
const EARNED: u32 = 1;
const COST: u32 = 10;
const MOST_SAVED: u32 = 50;
/// Connections whose savings one instance keeps in mind.
const CAPACITY: usize = 10_000;

/// Whether a repetition changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    Yes,
    No,
}

/// What to do about a call that has not succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Never,
    /// Not before then.
    After(Duration),
}

/// What is left of one instance's repetitions, by connection.
#[derive(Default)]
pub(crate) struct RetryBudgets(Mutex<HashMap<ConnectionId, u32>>);

impl RetryBudgets {
    pub(crate) fn earn(&self, connection: ConnectionId) {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if saved.len() >= CAPACITY {
            saved.clear();
        }
        let saved = saved.entry(connection).or_insert(MOST_SAVED);
        *saved = (*saved + EARNED).min(MOST_SAVED);
    }

    /// Whether one repetition can be paid; it is then.
    pub(crate) fn spend(&self, connection: ConnectionId) -> bool {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = saved.entry(connection).or_insert(MOST_SAVED);
        let left = saved.checked_sub(COST);
        *saved = left.unwrap_or(*saved);
        left.is_some()
    }
}

/// When a failed call may be made again, by whoever can wait: `attempt` counts from one, `draw` is chance.
pub fn again(
    outcome: Result<(Class, Option<Duration>), &VendorError>,
    repeatable: Repeatable,
    attempt: u32,
    draw: u32,
) -> Again {
    let jitter = jitter(attempt, draw);
    match outcome {
        Ok((Class::Done | Class::Denied | Class::Rejected, _)) => Again::Never,
        // A throttled request was not looked at, whatever it would have done.
        Ok((Class::Throttled, pause)) => Again::After(pause.unwrap_or_default() + jitter),
        Ok((Class::Failed, pause)) => match repeatable {
            Repeatable::Yes => Again::After(pause.unwrap_or_default() + jitter),
            Repeatable::No => Again::Never,
        },
        // It was not made.
        Err(VendorError::Suspended(refused)) => {
            Again::After(Duration::from_secs(refused.wait_s) + jitter)
        }
        Err(VendorError::OverBudget(over)) => {
            Again::After(Duration::from_secs(over.retry_after_s) + jitter)
        }
        Err(VendorError::Header(_)) => Again::Never,
        Err(VendorError::Egress(error)) if error.is_permanent() => Again::Never,
        Err(VendorError::Egress(_)) => match repeatable {
            Repeatable::Yes => Again::After(jitter),
            Repeatable::No => Again::Never,
        },
        Err(VendorError::NotConnected(_) | VendorError::Answer { .. }) => Again::Never,
        Err(VendorError::Refreshing) => Again::After(Duration::from_secs(1) + jitter),
        // What was read changed nothing.
        Err(VendorError::Page(_) | VendorError::NoToken { .. } | VendorError::Internal(_)) => {
            Again::After(jitter)
        }
    }
}

/// Full jitter, as in AWS's "Exponential Backoff and Jitter".
fn jitter(attempt: u32, draw: u32) -> Duration {
    let doubled = BASE_MS.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    let most = doubled.min(CAP_MS);
    Duration::from_millis(most * u64::from(draw) / u64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
