//! The platform's clock: the functions' own, moved forward when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Clones share one offset, so that stores, queues and functions see the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    pub fn new() -> Self {
        Self::default()
    }

    /// What the functions are given.
    pub fn shared(&self) -> shared::time::Clock {
        shared::time::Clock::shifted(Arc::clone(&self.offset_ms))
    }

    /// Milliseconds since 1970, moved by every `advance` so far.
    pub fn now_ms(&self) -> i64 {
        self.shared().now().as_millisecond()
    }

    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}
