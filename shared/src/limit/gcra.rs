//! The generic cell rate algorithm as arithmetic: a bucket is one number, the time at which it would be
//! empty again. Nothing here reads a clock; all times and durations are nanoseconds.

/// A rate and how much of it may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Between two permits, rounded up: a rounding never lets one more through.
    pub(crate) interval: i128,
    pub(crate) burst: u32,
}

/// What a bucket says to a request for permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The bucket's new number.
    Granted { full_until: i128 },
    /// So long until the same request would be granted, if nobody else takes permits.
    Refused { wait: i128 },
}

impl Rate {
    pub(crate) fn new(requests: u32, per_seconds: u32, burst: u32) -> Self {
        let window = i128::from(per_seconds) * 1_000_000_000;
        let requests = i128::from(requests.max(1));
        Self {
            interval: (window + requests - 1) / requests,
            burst: burst.max(1),
        }
    }

    /// How long a full bucket takes to empty.
    pub(crate) fn capacity(self) -> i128 {
        self.interval * i128::from(self.burst)
    }

    /// Permits that the bucket would grant at once. `full_until` is its number, if it has one yet.
    pub(crate) fn free(self, full_until: Option<i128>, now: i128) -> u32 {
        let room = self.capacity() - self.level(full_until, now);
        u32::try_from(room / self.interval).unwrap_or(0)
    }

    pub(crate) fn decide(self, full_until: Option<i128>, now: i128, permits: u32) -> Decision {
        let level = self.level(full_until, now) + self.interval * i128::from(permits);
        match level - self.capacity() {
            wait if wait > 0 => Decision::Refused { wait },
            _ => Decision::Granted {
                full_until: now + level,
            },
        }
    }

    fn level(self, full_until: Option<i128>, now: i128) -> i128 {
        full_until.map_or(0, |until| (until - now).max(0))
    }
}
