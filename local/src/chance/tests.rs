//! That a seed decides everything, and that nothing else does.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::chance::Chance;

#[test]
fn the_first_numbers_of_a_seed_are_those_of_splitmix64() {
    // From the algorithm's own description: seed 1234567.
    let mut chance = Chance::seeded(1_234_567);
    assert_eq!(chance.bits(), 6_457_827_717_110_365_317);
    assert_eq!(chance.bits(), 3_203_168_211_198_807_973);
    assert_eq!(chance.bits(), 9_817_491_932_198_370_423);
}

proptest! {
    #[test]
    fn a_number_stays_below_its_bound(seed: u64, bound in 1_usize..1_000) {
        prop_assert!(Chance::seeded(seed).below(bound) < bound);
    }

    #[test]
    fn a_shuffle_loses_and_doubles_nothing(seed: u64, count in 0_usize..200) {
        let mut items: Vec<usize> = (0..count).collect();
        Chance::seeded(seed).shuffle(&mut items);
        let mut again: Vec<usize> = (0..count).collect();
        Chance::seeded(seed).shuffle(&mut again);
        prop_assert_eq!(&items, &again);
        let distinct: BTreeSet<usize> = items.into_iter().collect();
        prop_assert_eq!(distinct, (0..count).collect::<BTreeSet<_>>());
    }
}

#[test]
fn nothing_can_be_picked_from_nothing() {
    assert_eq!(Chance::seeded(1).pick::<u8>(&[]), None);
    assert_eq!(Chance::seeded(1).below(0), 0);
}
