//! Rotation over a long time: a token verifies as long as it lives, whoever signed it with however old a copy.

use proptest::prelude::*;

use super::*;
use crate::{
    access::{Keyring, MasterKey, token},
    id::IdGen,
    telemetry::Calls,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn master() -> MasterKey {
    let key = SealingKey::new(&[7; 32]).unwrap();
    MasterKey::Local(Box::new(key), Calls::default())
}

async fn first() -> KeyringRow {
    Keyring::generate(&master(), IdGen::default(), at(0))
        .await
        .unwrap()
}

async fn opened(row: &KeyringRow) -> Keyring {
    Keyring::open(row, &master(), None).await.unwrap()
}

async fn turn(row: KeyringRow, plan: Plan, now: Timestamp) -> KeyringRow {
    let root = opened(&row).await;
    let next = planned(row.clone(), plan, root.root(), IdGen::default(), now).unwrap();
    next.unwrap_or(row)
}

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_young_key_stays_and_an_old_one_is_followed_an_hour_later() {
    let row = turn(first().await, Plan::Routine, at(29 * DAY)).await;
    assert_eq!(row.signing_keys.len(), 1);
    let row = turn(row, Plan::Routine, at(30 * DAY)).await;
    assert_eq!(row.signing_keys.len(), 2);
    let keys = opened(&row).await;
    let (old, new) = (row.signing_keys[0].kid, row.signing_keys[1].kid);
    assert_eq!(keys.signing_key(at(30 * DAY + 3_599)).kid, old);
    assert_eq!(keys.signing_key(at(30 * DAY + 3_600)).kid, new);
    assert_eq!(keys.jwks().len(), 2);
    // A second turn while it waits adds none; the old key goes when its last token is dead.
    let row = turn(row, Plan::Rotate, at(30 * DAY + 60)).await;
    assert_eq!(row.signing_keys.len(), 2);
    let row = turn(row, Plan::Routine, at(30 * DAY + 3_600 + 2_399)).await;
    assert_eq!(row.signing_keys.len(), 2);
    let row = turn(row, Plan::Routine, at(30 * DAY + 3_600 + 2_400)).await;
    assert_eq!(row.signing_keys.len(), 1);
    assert_eq!(row.signing_keys[0].kid, new);
}

#[tokio::test]
async fn a_replaced_key_is_gone_at_once() {
    let row = first().await;
    let old = row.signing_keys[0].kid.to_string();
    let row = turn(row, Plan::Replace, at(60)).await;
    let keys = opened(&row).await;
    assert!(keys.public_key(&old).is_none());
    assert_ne!(keys.signing_key(at(60)).kid.to_string(), old);
}

/// One second of one instance: it signs with the copy that it has, and verifies what others signed.
#[derive(Debug, Clone)]
struct Step {
    after_s: i64,
    rotate: bool,
    signer_age_s: i64,
    verifier_age_s: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let copy_age = 0..=COPY_AGE.as_secs();
    let gap = prop_oneof![1..900_i64, 1..(40 * DAY)];
    (gap, any::<bool>(), copy_age.clone(), copy_age).prop_map(
        |(after_s, rotate, signer_age_s, verifier_age_s)| Step {
            after_s,
            rotate,
            signer_age_s,
            verifier_age_s,
        },
    )
}

/// The row as it was stored at a time.
fn as_of(history: &[(i64, KeyringRow)], second: i64) -> KeyringRow {
    let found = history.iter().rev().find(|(from, _)| *from <= second);
    found.unwrap_or(&history[0]).1.clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_living_token_is_refused_however_stale_the_copies(steps in prop::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ids = IdGen::default();
            let mut history = vec![(0, first().await)];
            let mut now_s = 0;
            for step in steps {
                now_s += step.after_s;
                let plan = if step.rotate { Plan::Rotate } else { Plan::Routine };
                let row = turn(as_of(&history, now_s), plan, at(now_s)).await;
                history.push((now_s, row));
                let signer = opened(&as_of(&history, now_s - step.signer_age_s)).await;
                let subject = token::Subject {
                    tenant: ids.make(at(0)),
                    user: ids.make(at(0)),
                    role: crate::access::Role::User,
                    session: ids.make(at(0)),
                    epoch: 0,
                };
                let signed = token::issue(&signer, "https://x", subject, at(now_s), ids).unwrap();
                // The duty goes on meanwhile, each minute.
                let mut later = now_s;
                while later < now_s + ACCESS_TOKEN_LIFETIME_S {
                    let verifier = opened(&as_of(&history, later - step.verifier_age_s)).await;
                    // An unknown key id makes an instance look again.
                    let fresh = opened(&as_of(&history, later)).await;
                    let verdict = token::verify(&verifier, "https://x", &signed, at(later))
                        .or_else(|_| token::verify(&fresh, "https://x", &signed, at(later)));
                    assert!(verdict.is_ok(), "{later}");
                    later += 120;
                    let row = turn(as_of(&history, later), Plan::Routine, at(later)).await;
                    history.push((later, row));
                }
                now_s = later;
            }
        });
    }
}
