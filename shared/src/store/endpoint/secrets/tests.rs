//! Which secrets are good when, and which are kept.

use jiff::Timestamp;
use proptest::prelude::*;

use super::{EndpointSecret, MOST_SECRETS, TooManySecrets, replaced, rotated};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn secret(name: &str, second: i64) -> EndpointSecret {
    EndpointSecret::new(serde_json::from_value(name.into()).unwrap(), at(second))
}

fn names(secrets: &[EndpointSecret]) -> Vec<String> {
    let name = |secret: &EndpointSecret| serde_json::to_string(&secret.sealed).unwrap();
    secrets.iter().map(name).collect()
}

fn good(secrets: &[EndpointSecret], second: i64) -> usize {
    secrets
        .iter()
        .filter(|secret| secret.is_good(at(second)))
        .count()
}

#[test]
fn the_old_secret_is_good_until_the_overlap_ends_and_kept_after() {
    let secrets = rotated(vec![secret("old", 0)], secret("new", 10), at(20), at(10)).unwrap();
    assert_eq!(names(&secrets), ["\"new\"", "\"old\""]);
    assert_eq!((good(&secrets, 19), good(&secrets, 20)), (2, 1));
}

#[test]
fn a_rotation_never_makes_a_secret_live_longer() {
    let once = rotated(vec![secret("a", 0)], secret("b", 10), at(20), at(10)).unwrap();
    let twice = rotated(once, secret("c", 11), at(100), at(11)).unwrap();
    let ends: Vec<_> = twice.iter().map(|secret| secret.expires_at).collect();
    assert_eq!(ends, [None, Some(at(100)), Some(at(20))]);
}

#[test]
fn a_sixth_secret_needs_the_others_to_end() {
    let five: Vec<_> = (0..5).map(|age| secret("s", age)).collect();
    let refused = rotated(five.clone(), secret("new", 9), at(10), at(9)).unwrap_err();
    assert_eq!(refused, TooManySecrets { good: 5 });
    let secrets = rotated(five, secret("new", 9), at(9), at(9)).unwrap();
    assert_eq!((secrets.len(), good(&secrets, 9)), (3, 1));
}

#[test]
fn the_two_that_expired_last_are_kept() {
    let mut secrets = vec![secret("0", 0)];
    for second in 1..5 {
        let new = secret(&second.to_string(), second);
        secrets = replaced(secrets, vec![new], at(second));
    }
    assert_eq!(names(&secrets), ["\"4\"", "\"3\"", "\"2\""]);
    assert_eq!(good(&secrets, 5), 1);
}

proptest! {
    /// However an endpoint is rotated, it has one to five good secrets and at most two others.
    #[test]
    fn a_history_of_rotations_stays_within_its_bounds(steps in prop::collection::vec((1..50_i64, 0..100_i64), 1..40)) {
        let (mut now, mut secrets) = (0, vec![secret("first", 0)]);
        for (pause, overlap) in steps {
            now += pause;
            let next = rotated(secrets.clone(), secret("next", now), at(now + overlap), at(now));
            secrets = next.unwrap_or(secrets);
            let good = good(&secrets, now);
            prop_assert!((1..=MOST_SECRETS).contains(&good));
            // Some of those that were good at the last rotation may have expired since.
            prop_assert!(secrets.len() <= MOST_SECRETS + 2);
            prop_assert!(secrets[0].expires_at.is_none());
        }
    }
}
