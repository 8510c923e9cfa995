//! Many instances on one bucket, under a simulated clock: the bound, the promise and the price.

use proptest::prelude::*;

use super::{Lease, Step, Wallet};
use crate::limit::gcra::Rate;

const SECOND: i128 = 1_000_000_000;

/// A table row and the instances that lease from it.
struct World {
    rate: Rate,
    row: Option<i128>,
    wallets: Vec<Wallet>,
    trust: u32,
    writes: usize,
    passed: Vec<i128>,
    refused: usize,
}

impl World {
    fn new(rate: Rate, instances: usize) -> Self {
        Self::trusting(rate, instances, 0)
    }

    fn trusting(rate: Rate, instances: usize, trust: u32) -> Self {
        Self {
            rate,
            row: None,
            wallets: vec![Wallet::new(rate, trust); instances],
            trust,
            writes: 0,
            passed: Vec::new(),
            refused: 0,
        }
    }

    /// As `Limiter::take`, with the condition of the write held against the row.
    fn request(&mut self, instance: usize, now: i128) {
        let wallet = &mut self.wallets[instance];
        wallet.count(1);
        let step = wallet.step(now, 1);
        let passes = match step {
            Step::Pass => true,
            Step::Refuse { .. } => false,
            Step::Ask => loop {
                let Ok(lease) = wallet.plan(now, 1) else {
                    break false;
                };
                self.writes += 1;
                let written = match lease {
                    Lease::Fresh {
                        now, full_until, ..
                    } => Some(full_until).filter(|_| self.row.is_none_or(|row| row < now)),
                    Lease::Further {
                        now, add, at_most, ..
                    } => {
                        let row = self.row.filter(|row| (now..=at_most).contains(row));
                        row.map(|row| row + add)
                    }
                };
                match written {
                    Some(full_until) => {
                        self.row = Some(full_until);
                        wallet.granted(lease, full_until, 1);
                        break true;
                    }
                    None => wallet.learned(self.row),
                }
            },
        };
        if passes {
            self.passed.push(now);
        } else {
            self.refused += 1;
        }
    }

    /// The most that any window of this length has let through.
    fn busiest(&self, window: i128) -> i128 {
        let mut from = 0;
        let mut most = 0;
        for (at, time) in self.passed.iter().enumerate() {
            while time - self.passed[from] >= window {
                from += 1;
            }
            most = most.max(at - from + 1);
        }
        i128::try_from(most).unwrap()
    }

    /// What the documentation promises for a window of this length.
    fn bound(&self, window: i128) -> i128 {
        let lifetime = 2 * Wallet::hold(self.rate);
        let owed = i128::from(self.trust) * i128::try_from(self.wallets.len()).unwrap();
        i128::from(self.rate.burst) + (window + lifetime) / self.rate.interval + 1 + owed
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever arrives where and when, no window lets more through than is documented.
    #[test]
    fn no_window_lets_through_more_than_the_bound(
        requests in 1_u32..2_000, per_seconds in 1_u32..120, burst in 1_u32..2_000, instances in 1_usize..40,
        trust in 0_u32..30,
        steps in prop::collection::vec((0_usize..40, 0_u64..2_000, 1_usize..80), 1..400),
    ) {
        let rate = Rate::new(requests, per_seconds, burst);
        let mut world = World::trusting(rate, instances, trust.min(burst / 2));
        let mut now = 1_700_000_000 * SECOND;
        for (instance, pause_ms, count) in steps {
            now += i128::from(pause_ms) * 1_000_000;
            for _ in 0..count {
                world.request(instance % instances, now);
            }
        }
        for window in [SECOND / 10, SECOND, i128::from(per_seconds) * SECOND, 300 * SECOND] {
            prop_assert!(world.busiest(window) <= world.bound(window), "{window}");
        }
    }

    /// A stream below the limit is never refused, however it falls on the instances.
    #[test]
    fn steady_traffic_under_the_limit_is_never_refused(
        per_second in 5_u32..300, per_seconds in 1_u32..60, instances in 1_usize..8,
        dice in prop::collection::vec(0_usize..1_000, 3_000),
    ) {
        let requests = per_second * per_seconds;
        // Each instance has a first permit of its own.
        prop_assume!(requests as usize > 8 * instances);
        let rate = Rate::new(requests, per_seconds, requests);
        let mut world = World::new(rate, instances);
        let mut now = 1_700_000_000 * SECOND;
        for die in dice {
            // Nineteen of twenty permits are used.
            now += rate.interval * 20 / 19;
            world.request(die % instances, now);
        }
        prop_assert_eq!(world.refused, 0);
    }
}

#[test]
fn a_flood_gets_what_the_limit_gives_and_costs_little() {
    let rate = Rate::new(6_000, 60, 6_000);
    let mut world = World::new(rate, 4);
    let start = 1_700_000_000 * SECOND;
    for at in 0..60_000 {
        world.request(at % 4, start + i128::try_from(at).unwrap() * SECOND / 1_000);
    }
    // A minute at a thousand a second: the burst, and what comes back in that minute.
    assert!(
        (11_500..=12_001).contains(&world.passed.len()),
        "{}",
        world.passed.len()
    );
    assert!(world.writes < 60 * 20, "{}", world.writes);
}

#[test]
fn a_hundred_requests_a_second_cost_fewer_than_five_writes_a_second() {
    for instances in [1, 2, 4, 8] {
        let rate = Rate::new(7_200, 60, 7_200);
        let mut world = World::new(rate, instances);
        let start = 1_700_000_000 * SECOND;
        for at in 0..12_000 {
            let now = start + i128::try_from(at).unwrap() * SECOND / 100;
            world.request(at * 7 % instances, now);
        }
        assert_eq!(world.refused, 0);
        assert!(
            world.writes < 120 * 5,
            "{instances} instances: {} writes",
            world.writes
        );
    }
}

#[test]
fn leased_permits_lapse() {
    let rate = Rate::new(100, 1, 100);
    let mut world = World::new(rate, 1);
    let mut now = 1_700_000_000 * SECOND;
    for _ in 0..60 {
        world.request(0, now);
        now += SECOND / 100;
    }
    let writes = world.writes;
    let lifetime = 2 * Wallet::hold(rate);
    world.request(0, now + lifetime);
    assert!(world.writes > writes, "{}", world.writes);
}

#[test]
fn a_table_that_is_away_lets_everything_pass_for_a_moment() {
    let mut wallet = Wallet::new(Rate::new(1, 60, 1), 0);
    wallet.went_blind(5 * SECOND);
    assert_eq!(wallet.step(5 * SECOND + 1, 1), Step::Pass);
    assert_eq!(wallet.step(7 * SECOND, 1), Step::Ask);
}

#[test]
fn light_traffic_on_trust_costs_a_fraction_of_a_write() {
    let rate = Rate::new(6_000, 60, 2_000);
    let mut world = World::trusting(rate, 1, 20);
    let start = 1_700_000_000 * SECOND;
    for at in 0..1_000 {
        // One in ten seconds: each lease has long lapsed.
        world.request(0, start + at * 10 * SECOND);
    }
    assert_eq!(world.refused, 0);
    assert!(world.writes <= 50, "{}", world.writes);
}

#[test]
fn what_is_left_counts_what_is_owed_and_what_is_held() {
    let mut wallet = Wallet::new(Rate::new(100, 1, 100), 10);
    assert_eq!(wallet.remaining(SECOND).0, 100);
    assert_eq!(wallet.step(SECOND, 4), Step::Pass);
    assert_eq!(wallet.remaining(SECOND).0, 96);
}
