//! The permits that one instance holds of one bucket. It leases as many as it used in the last moments,
//! so that a steady stream costs a write every [`Wallet::hold`] and not one for each request; what it
//! does not spend within twice that time lapses.

use crate::limit::gcra::{Decision, Rate};

/// Leases are made to last so long at most.
const LONGEST_HOLD: i128 = 2_000_000_000;

/// A lease is at most so many times the one before: a single request does not make an instance rich.
const GROWTH: u32 = 4;

/// How long everything passes after the table did not answer, before it is asked again.
const BLIND_TIME: i128 = 1_000_000_000;

/// What one instance knows of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct Wallet {
    rate: Rate,
    /// The most that may be owed.
    trust: u32,
    /// Permits that were spent and not leased yet: the next lease pays them.
    owed: u32,
    permits: u32,
    lapses_at: i128,
    leased_at: Option<i128>,
    /// Permits asked for since the last lease.
    asked: u32,
    block: u32,
    /// The bucket's number as this instance saw it last.
    full_until: Option<i128>,
    /// Whether others kept the bucket busy at the last lease: then its number lies ahead of now again,
    /// most likely, whatever was seen of it.
    is_busy: bool,
    /// Until when the table need not be asked: it has just refused.
    shut_until: i128,
    /// What was asked for then: less may be there.
    shut_cost: u32,
    is_scarce: bool,
    blind_until: i128,
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Pass,
    /// Lease first.
    Ask,
    Refuse {
        wait: i128,
    },
}

/// A lease to be written, on condition that the bucket is as it was thought to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    /// The bucket has nothing in it: its number is below `now`, or missing.
    Fresh {
        now: i128,
        full_until: i128,
        block: u32,
        owed: u32,
    },
    /// Adds to a number that lies between `now` and `at_most`.
    Further {
        now: i128,
        add: i128,
        at_most: i128,
        block: u32,
        owed: u32,
    },
}

impl Wallet {
    pub(crate) fn new(rate: Rate, trust: u32) -> Self {
        Self {
            rate,
            trust,
            owed: 0,
            permits: 0,
            lapses_at: 0,
            leased_at: None,
            asked: 0,
            block: 0,
            full_until: None,
            is_busy: false,
            shut_until: 0,
            shut_cost: 0,
            is_scarce: false,
            blind_until: 0,
        }
    }

    /// How long a lease is made to last: a quarter of what the bucket holds, so that all instances
    /// together never sit on more than that quarter while the rest is needed elsewhere.
    pub(crate) fn hold(rate: Rate) -> i128 {
        (rate.capacity() / 4).clamp(1, LONGEST_HOLD)
    }

    /// Counts a request, once, before its first [`Wallet::step`].
    pub(crate) fn count(&mut self, cost: u32) {
        self.asked = self.asked.saturating_add(cost);
    }

    pub(crate) fn step(&mut self, now: i128, cost: u32) -> Step {
        if now >= self.lapses_at {
            self.permits = 0;
        }
        if let Some(left) = self.permits.checked_sub(cost) {
            self.permits = left;
            return Step::Pass;
        }
        if now < self.blind_until {
            return Step::Pass;
        }
        match self.shut_until - now {
            wait if wait > 0 && cost >= self.shut_cost => return Step::Refuse { wait },
            _ => {}
        }
        match self.owed.checked_add(cost) {
            Some(owed) if owed <= self.trust => {
                self.owed = owed;
                Step::Pass
            }
            Some(_) | None => Step::Ask,
        }
    }

    /// The lease to try next, or how long to wait for one.
    pub(crate) fn plan(&mut self, now: i128, cost: u32) -> Result<Lease, i128> {
        let free = self.rate.free(self.full_until, now);
        let share = if self.is_scarce { free } else { free / 4 };
        let block = self.wanted(now, cost).min(share).max(cost);
        let owed = self.owed;
        let all = block.saturating_add(owed);
        match self.rate.decide(self.full_until, now, all) {
            Decision::Refused { wait } => {
                let wait = wait.max(Self::hold(self.rate) / 2);
                self.shut_until = now + wait;
                self.shut_cost = cost;
                self.is_scarce = true;
                Err(wait)
            }
            Decision::Granted { full_until } => {
                let add = self.rate.interval * i128::from(all);
                let is_ahead = self.full_until.is_some_and(|present| present >= now);
                Ok(if is_ahead || self.is_busy {
                    Lease::Further {
                        now,
                        add,
                        at_most: now + self.rate.capacity() - add,
                        block,
                        owed,
                    }
                } else {
                    Lease::Fresh {
                        now,
                        full_until,
                        block,
                        owed,
                    }
                })
            }
        }
    }

    /// The lease was written, and the bucket's number is now `full_until`; `cost` is spent at once.
    pub(crate) fn granted(&mut self, lease: Lease, full_until: i128, cost: u32) {
        let (now, block, owed, is_busy) = match lease {
            Lease::Fresh {
                now, block, owed, ..
            } => (now, block, owed, false),
            Lease::Further {
                now, block, owed, ..
            } => (now, block, owed, true),
        };
        // More may have been spent on trust while the lease was written.
        self.owed = self.owed.saturating_sub(owed);
        self.is_busy = is_busy;
        self.permits = block.saturating_sub(cost);
        self.lapses_at = now + 2 * Self::hold(self.rate);
        self.leased_at = Some(now);
        self.asked = 0;
        self.block = block;
        self.full_until = Some(full_until);
        self.is_scarce =
            self.is_scarce && self.rate.free(self.full_until, now) < self.rate.burst / 4;
    }

    /// The bucket was not as it was thought to be.
    pub(crate) fn learned(&mut self, full_until: Option<i128>) {
        self.full_until = full_until;
        self.is_busy = false;
    }

    /// What is held is worth nothing before `until`.
    pub(crate) fn pause(&mut self, until: i128, full_until: i128) {
        self.permits = 0;
        self.shut_until = self.shut_until.max(until);
        self.shut_cost = 0;
        self.blind_until = 0;
        self.learned(Some(full_until));
    }

    /// The table did not answer: everything passes for a moment.
    pub(crate) fn went_blind(&mut self, now: i128) {
        self.blind_until = now + BLIND_TIME;
    }

    /// Permits that are left as far as this instance knows, and how long until the bucket is empty again.
    pub(crate) fn remaining(&self, now: i128) -> (u32, i128) {
        let held = if now < self.lapses_at {
            self.permits
        } else {
            0
        };
        let free = self.rate.free(self.full_until, now).saturating_add(held);
        let level = self.full_until.map_or(0, |until| (until - now).max(0));
        let wait = level + self.rate.interval * i128::from(self.owed);
        (free.saturating_sub(self.owed).min(self.rate.burst), wait)
    }

    /// Whether nothing but what is owed would be lost if this were forgotten.
    pub(crate) fn is_idle(&self, now: i128) -> bool {
        now >= self.lapses_at && now >= self.shut_until && now >= self.blind_until
    }

    /// As many as will be asked for while a lease lasts, by what was asked for since the last one.
    fn wanted(&self, now: i128, cost: u32) -> u32 {
        let Some(leased_at) = self.leased_at else {
            return cost.max(self.trust);
        };
        let elapsed = (now - leased_at).max(1);
        let rate = i128::from(self.asked) * Self::hold(self.rate) / elapsed;
        let grown = self.block.saturating_mul(GROWTH).max(cost);
        u32::try_from(rate).unwrap_or(u32::MAX).min(grown)
    }
}

#[cfg(test)]
mod tests;
