//! A circuit breaker as a pure decision: a value, what happened, and the value after it. Nothing here
//! reads a clock or a table.
//!
//! **Invariant:** while a breaker is open at most one probe is under way, and only the probe that holds
//! the present era can close it. Marks of another era count for nothing.

mod marks;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use marks::Mark;

pub(crate) use marks::Marks;

/// When a breaker opens, for how long, and how it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The last so many calls are looked at,
    pub window_calls: usize,
    /// and of them only those that are younger than this.
    pub window_age: SignedDuration,
    /// Fewer calls than this decide nothing.
    pub minimum_calls: usize,
    /// Percent of failed calls from which on it opens.
    pub failure_percent: u8,
    /// Percent of slow calls from which on it opens.
    pub slow_percent: u8,
    /// A call that takes longer is slow.
    pub slow_after: Duration,
    /// How long it is open the first time; doubled each time that it opens again out of its return.
    pub open_for: SignedDuration,
    pub open_for_at_most: SignedDuration,
    /// How long a probe may take before another one may be made.
    pub probe_lease: SignedDuration,
    /// How long the return to all calls takes after a probe that went well.
    pub ramp: SignedDuration,
    /// So many calls decide while it returns.
    pub trial_calls: usize,
    /// How many sources must be in trouble, and be half of all sources at least. With more than one, no
    /// single source can open the breaker for the others.
    pub minimum_sources: usize,
}

impl Rules {
    /// One connection's breaker.
    pub const CONNECTION: Self = Self {
        window_calls: 50,
        window_age: SignedDuration::from_mins(10),
        minimum_calls: 10,
        failure_percent: 50,
        slow_percent: 80,
        slow_after: Duration::from_secs(10),
        open_for: SignedDuration::from_secs(30),
        open_for_at_most: SignedDuration::from_mins(10),
        probe_lease: SignedDuration::from_secs(30),
        ramp: SignedDuration::from_secs(40),
        trial_calls: 5,
        minimum_sources: 1,
    };

    /// The breaker that all tenants share for one vendor's host: three tenants at least must be in
    /// trouble, so that none can shut the vendor for the others.
    pub const HOST: Self = Self {
        window_calls: 200,
        minimum_calls: 20,
        minimum_sources: 3,
        ..Self::CONNECTION
    };

    /// How a call counts.
    pub fn mark(&self, has_failed: bool, took: Duration) -> Mark {
        match (has_failed, took > self.slow_after) {
            (false, false) => Mark::Fine,
            (false, true) => Mark::Slow,
            (true, false) => Mark::Failed,
            (true, true) => Mark::FailedSlow,
        }
    }
}

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trip {
    Failures { percent: u8 },
    SlowCalls { percent: u8 },
    Sources { troubled: usize, of: usize },
    Probe,
}

/// A breaker, as it is stored. The default is one that nothing was ever reported to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// One more with each change of phase: the fence of probes and of late reports.
    pub era: u64,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    Closed {
        marks: Marks,
        /// When a probe closed it, and how often it had opened in a row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        returned: Option<Returned>,
    },
    Open {
        until: Timestamp,
        trip: Trip,
        times: u32,
    },
    /// One call is under way that decides.
    Probing {
        until: Timestamp,
        trip: Trip,
        times: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub at: Timestamp,
    pub times: u32,
}

/// What a breaker says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    Pass,
    /// The call may be made as the probe once `next` is written in place of the present breaker.
    Probe {
        next: Breaker,
    },
    /// Not before then.
    Refuse {
        until: Timestamp,
    },
}

/// Calls of one instance and one source since its last report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    pub(crate) era: u64,
    pub(crate) source: u16,
    pub(crate) marks: &'a [Mark],
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed {
            marks: Marks::default(),
            returned: None,
        }
    }
}

impl Breaker {
    /// Whether a call may be made now. `draw` is chance, and `idle` says that this instance has let
    /// nothing pass for a second: while a breaker returns, either lets a call through.
    pub(crate) fn admit(&self, rules: &Rules, now: Timestamp, draw: u32, idle: Idle) -> Admission {
        match &self.phase {
            Phase::Closed { returned, .. } => match returned {
                Some(returned) => self.ramped(rules, now, draw, idle, returned),
                None => Admission::Pass,
            },
            Phase::Open { until, .. } | Phase::Probing { until, .. } if now < *until => {
                Admission::Refuse { until: *until }
            }
            Phase::Open { trip, times, .. } | Phase::Probing { trip, times, .. } => {
                Admission::Probe {
                    next: self.after(Phase::Probing {
                        until: later(now, rules.probe_lease),
                        trip: *trip,
                        times: *times,
                    }),
                }
            }
        }
    }

    /// An eighth of all calls at first, then a quarter, a half, and all: each for a fourth of the ramp.
    fn ramped(
        &self,
        rules: &Rules,
        now: Timestamp,
        draw: u32,
        idle: Idle,
        returned: &Returned,
    ) -> Admission {
        let elapsed = now.duration_since(returned.at).as_millis().max(0);
        let step = elapsed * 4 / rules.ramp.as_millis().max(1);
        let share = match step {
            0 => u32::MAX / 8,
            1 => u32::MAX / 4,
            2 => u32::MAX / 2,
            _ => u32::MAX,
        };
        if draw <= share || idle == Idle::Yes {
            return Admission::Pass;
        }
        Admission::Refuse {
            until: later(now, SignedDuration::from_secs(1)),
        }
    }

    /// The breaker after these calls; `None` if they change nothing.
    pub(crate) fn report(&self, rules: &Rules, now: Timestamp, report: Report<'_>) -> Option<Self> {
        let Phase::Closed { marks, returned } = &self.phase else {
            return None;
        };
        if report.era != self.era || report.marks.is_empty() {
            return None;
        }
        let mut marks = marks.clone();
        marks.push(rules, now, report.source, report.marks);
        let is_returning = returned.filter(|back| now < later(back.at, rules.ramp));
        let minimum = match is_returning {
            Some(_) => rules.trial_calls.min(rules.minimum_calls),
            None => rules.minimum_calls,
        };
        match marks.trip(rules, minimum) {
            Some(trip) => {
                let times = is_returning.map_or(1, |back| back.times.saturating_add(1));
                Some(self.opened(rules, now, trip, times))
            }
            None => Some(Self {
                era: self.era,
                phase: Phase::Closed {
                    marks,
                    returned: is_returning,
                },
            }),
        }
    }

    /// The breaker after its probe; `None` if the probe's turn is over.
    pub(crate) fn probed(
        &self,
        rules: &Rules,
        now: Timestamp,
        era: u64,
        mark: Mark,
    ) -> Option<Self> {
        let Phase::Probing { times, .. } = self.phase else {
            return None;
        };
        if era != self.era {
            return None;
        }
        if mark.is_bad() {
            return Some(self.opened(rules, now, Trip::Probe, times.saturating_add(1)));
        }
        let mut marks = Marks::default();
        marks.push(rules, now, 0, &[mark]);
        Some(self.after(Phase::Closed {
            marks,
            returned: Some(Returned { at: now, times }),
        }))
    }

    /// Closed, with nothing held against the vendor: what an operator asks for.
    pub(crate) fn reset(&self) -> Self {
        self.after(Phase::default())
    }

    /// Whether there are failures or slow calls in the window: then good calls are worth a report too.
    pub(crate) fn is_uneasy(&self) -> bool {
        match &self.phase {
            Phase::Closed { marks, returned } => returned.is_some() || marks.has_bad(),
            Phase::Open { .. } | Phase::Probing { .. } => true,
        }
    }

    /// `closed`, `open`, `half_open` or, on its way back, `returning`.
    pub fn name(&self, rules: &Rules, now: Timestamp) -> &'static str {
        match &self.phase {
            Phase::Closed {
                returned: Some(back),
                ..
            } if now < later(back.at, rules.ramp) => "returning",
            Phase::Closed { .. } => "closed",
            Phase::Open { .. } => "open",
            Phase::Probing { .. } => "half_open",
        }
    }

    fn opened(&self, rules: &Rules, now: Timestamp, trip: Trip, times: u32) -> Self {
        let doublings = times.saturating_sub(1).min(20);
        let wait = rules.open_for.saturating_mul(1 << doublings);
        self.after(Phase::Open {
            until: later(now, wait.min(rules.open_for_at_most.max(rules.open_for))),
            trip,
            times,
        })
    }

    fn after(&self, phase: Phase) -> Self {
        Self {
            era: self.era + 1,
            phase,
        }
    }
}

/// Whether an instance has let nothing pass for a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idle {
    Yes,
    No,
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
