//! The only source of now. Time is read once at the edge of a request or job and passed down.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Where an [`App`](crate::App) reads the time: the system's clock plus an offset.
///
/// The offset is zero in production; the local stack shares one among all functions, so that a
/// test moves time for all of them instead of sleeping.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed));
        Timestamp::now()
            .saturating_add(offset)
            .unwrap_or(Timestamp::MAX)
    }

    /// A clock that is `offset_ms` milliseconds ahead of the system's, shared with the caller.
    pub fn shifted(offset_ms: Arc<AtomicI64>) -> Self {
        Self { offset_ms }
    }
}
