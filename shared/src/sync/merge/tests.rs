//! Merges: each case of the table by itself, and two sides that edit at random, with crashes and repetitions,
//! and always come to agree without losing an edit in silence.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sync::{
    Conflict, Fields, Loss, Merge, Policies, Policy, RecordSide, Resolution, Side, merge, resolve,
};

fn fields(value: Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

fn at(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

fn present(value: Value, seconds: i64) -> RecordSide {
    RecordSide::Present {
        fields: fields(value),
        changed_at: at(seconds),
    }
}

fn all(policy: Policy) -> Policies {
    Policies {
        default: policy,
        fields: BTreeMap::new(),
    }
}

#[test]
fn a_field_that_one_side_changed_goes_to_the_other() {
    let base = fields(json!({ "a": 1, "b": 2, "c": 3 }));
    let local = present(json!({ "a": 9, "b": 2, "c": 3 }), 5);
    let remote = present(json!({ "a": 1, "b": null, "c": 3 }), 5);
    let merged = merge(Some(&base), &local, &remote, &all(Policy::Manual));
    assert_eq!(merged.to_remote, fields(json!({ "a": 9 })));
    assert_eq!(merged.to_local, fields(json!({ "b": null })));
    assert_eq!(merged.base, Some(fields(json!({ "a": 9, "c": 3 }))));
    assert!(merged.losses.is_empty() && merged.conflicts.is_empty());
}

#[test]
fn a_field_that_both_changed_goes_by_its_policy_and_the_loser_is_kept() {
    let base = fields(json!({ "a": 1 }));
    let (local, remote) = (present(json!({ "a": 2 }), 5), present(json!({ "a": 3 }), 6));
    let with = |policy| merge(Some(&base), &local, &remote, &all(policy));
    let ours = with(Policy::Local);
    assert_eq!(ours.to_remote, fields(json!({ "a": 2 })));
    let lost = |side, lost, won| Loss {
        field: Some("a".to_owned()),
        side,
        lost,
        won,
    };
    assert_eq!(ours.losses, [lost(Side::Remote, json!(3), json!(2))]);
    for policy in [Policy::Remote, Policy::Newest] {
        let theirs = with(policy);
        assert_eq!(theirs.to_local, fields(json!({ "a": 3 })));
        assert_eq!(theirs.losses, [lost(Side::Local, json!(2), json!(3))]);
    }
    let manual = with(Policy::Manual);
    assert!(manual.to_local.is_empty() && manual.to_remote.is_empty());
    assert_eq!(manual.base, Some(base.clone()));
    assert_eq!(manual.conflicts[0].base, json!(1));
    // Nobody is newest if both are of the same second, or one does not say.
    let tie = merge(
        Some(&base),
        &local,
        &present(json!({ "a": 3 }), 5),
        &all(Policy::Newest),
    );
    assert_eq!(tie.conflicts.len(), 1);
    let one_policy = Policies {
        default: Policy::Local,
        fields: [("a".to_owned(), Policy::Remote)].into(),
    };
    let merged = merge(Some(&base), &local, &remote, &one_policy);
    assert_eq!(merged.to_local, fields(json!({ "a": 3 })));
}

#[test]
fn what_both_changed_alike_is_agreed_on() {
    let base = fields(json!({ "a": 1 }));
    let both = present(json!({ "a": 2 }), 5);
    let merged = merge(Some(&base), &both, &both, &all(Policy::Manual));
    assert_eq!(
        merged,
        Merge {
            base: Some(fields(json!({ "a": 2 }))),
            ..Merge::default()
        }
    );
    let echo = merge(merged.base.as_ref(), &both, &both, &all(Policy::Manual));
    assert!(echo.is_idle(merged.base.as_ref()));
}

#[test]
fn a_record_that_is_new_on_one_side_is_made_on_the_other() {
    let new = present(json!({ "a": 1, "b": null }), 5);
    let absent = RecordSide::Absent { since: None };
    for (local, remote, side) in [(&new, &absent, Side::Remote), (&absent, &new, Side::Local)] {
        let merged = merge(None, local, remote, &all(Policy::Manual));
        assert_eq!(merged.make, Some(side));
        assert_eq!(merged.base, Some(fields(json!({ "a": 1 }))));
    }
    // The same record on both sides, matched by a key: what differs goes by the policy.
    let (local, remote) = (
        present(json!({ "k": 1, "a": 2 }), 1),
        present(json!({ "k": 1, "b": 3 }), 2),
    );
    let merged = merge(None, &local, &remote, &all(Policy::Manual));
    assert_eq!(merged.to_remote, fields(json!({ "a": 2 })));
    assert_eq!(merged.to_local, fields(json!({ "b": 3 })));
}

#[test]
fn a_delete_follows_unless_the_other_side_has_changed_the_record() {
    let base = fields(json!({ "a": 1 }));
    let gone = RecordSide::Absent { since: at(5) };
    let same = merge(
        Some(&base),
        &gone,
        &present(json!({ "a": 1 }), 1),
        &all(Policy::Manual),
    );
    assert_eq!((same.delete, same.base), (Some(Side::Remote), None));
    let changed = present(json!({ "a": 2 }), 9);
    let with = |policy| merge(Some(&base), &gone, &changed, &all(policy));
    let manual = with(Policy::Manual);
    assert_eq!(manual.conflicts.len(), 1);
    assert_eq!((manual.delete, manual.base), (None, Some(base.clone())));
    let local = with(Policy::Local);
    assert_eq!(local.delete, Some(Side::Remote));
    assert_eq!(local.losses[0].lost, json!({ "a": 2 }));
    for policy in [Policy::Remote, Policy::Newest] {
        let again = with(policy);
        assert_eq!(
            (again.make, again.to_local),
            (Some(Side::Local), fields(json!({ "a": 2 })))
        );
    }
    let both = merge(Some(&base), &gone, &gone, &all(Policy::Manual));
    assert_eq!(both, Merge::default());
}

#[test]
fn a_persons_choice_keeps_what_it_did_not_choose() {
    let conflict = Conflict {
        field: Some("a".to_owned()),
        base: json!(1),
        local: json!(2),
        remote: json!(3),
    };
    let (chosen, losses) = resolve(&conflict, &Resolution::Remote);
    assert_eq!(
        (chosen, losses.len(), losses[0].side),
        (json!(3), 1, Side::Local)
    );
    let (chosen, losses) = resolve(&conflict, &Resolution::Value { value: json!(4) });
    assert_eq!((chosen, losses.len()), (json!(4), 2));
}

/// One record in a small world: both sides, what they last agreed on, and everything that was said of losses.
#[derive(Default)]
struct World {
    local: Option<(Fields, i64)>,
    remote: Option<(Fields, i64)>,
    gone: [i64; 2],
    base: Option<Fields>,
    /// Values that edits have put into a field.
    edits: Vec<(String, Value)>,
    listed: Vec<Value>,
    clock: i64,
}

#[derive(Debug, Clone)]
enum Act {
    Edit {
        side: Side,
        field: u8,
        value: u8,
    },
    Delete {
        side: Side,
    },
    /// A sync that dies after so many of its steps, and is done again later.
    Sync {
        steps: u8,
    },
}

impl World {
    fn side(&mut self, side: Side) -> &mut Option<(Fields, i64)> {
        match side {
            Side::Local => &mut self.local,
            Side::Remote => &mut self.remote,
        }
    }

    fn seen(&self, side: Side) -> RecordSide {
        let (record, gone) = match side {
            Side::Local => (&self.local, self.gone[0]),
            Side::Remote => (&self.remote, self.gone[1]),
        };
        match record {
            Some((fields, changed)) => RecordSide::Present {
                fields: fields.clone(),
                changed_at: at(*changed),
            },
            None => RecordSide::Absent { since: at(gone) },
        }
    }

    fn act(&mut self, act: &Act, policies: &Policies) {
        self.clock += 1;
        let clock = self.clock;
        match act {
            Act::Edit { side, field, value } => {
                let (field, value) = (
                    format!("f{field}"),
                    json!(u64::from(*value) * 1_000 + clock as u64),
                );
                let record = self
                    .side(*side)
                    .get_or_insert_with(|| (Fields::new(), clock));
                record.0.insert(field.clone(), value.clone());
                record.1 = clock;
                self.edits.push((field, value));
            }
            Act::Delete { side } => {
                if let Some((fields, _)) = self.side(*side).take() {
                    // Who deletes gives up what they saw, and knows it.
                    self.edits
                        .retain(|(name, value)| fields.get(name) != Some(value));
                    self.gone[usize::from(*side == Side::Remote)] = clock;
                }
            }
            Act::Sync { steps } => self.sync(*steps, policies),
        }
    }

    /// The vendor's write, then our own, then the commit of the base; a crash may come between any two, and
    /// what was listed before the crash stays listed.
    fn sync(&mut self, steps: u8, policies: &Policies) {
        let (local, remote) = (self.seen(Side::Local), self.seen(Side::Remote));
        let merged = merge(self.base.as_ref(), &local, &remote, policies);
        let told = merged.losses.iter().map(|loss| &loss.lost);
        let stand = merged
            .conflicts
            .iter()
            .flat_map(|one| [&one.local, &one.remote]);
        self.listed.extend(told.chain(stand).cloned());
        if steps == 0 {
            return;
        }
        self.apply(Side::Remote, &merged);
        if steps == 1 {
            return;
        }
        self.apply(Side::Local, &merged);
        if steps == 2 {
            return;
        }
        self.base = merged.base;
    }

    fn apply(&mut self, side: Side, merged: &Merge) {
        let clock = self.clock;
        if merged.delete == Some(side) {
            *self.side(side) = None;
            self.gone[usize::from(side == Side::Remote)] = clock;
        }
        let taken = match side {
            Side::Local => &merged.to_local,
            Side::Remote => &merged.to_remote,
        };
        if taken.is_empty() && merged.make != Some(side) {
            return;
        }
        let record = self
            .side(side)
            .get_or_insert_with(|| (Fields::new(), clock));
        record.0.extend(taken.clone());
        record.0.retain(|_, value| !value.is_null());
    }

    fn mentions(&self, value: &Value) -> bool {
        let holds = |fields: &Fields| fields.values().any(|held| held == value);
        let sides = [&self.local, &self.remote];
        let is_there = sides.into_iter().flatten().any(|(fields, _)| holds(fields));
        is_there
            || self.listed.iter().any(|listed| {
                listed == value
                    || listed
                        .as_object()
                        .is_some_and(|record| record.values().any(|held| held == value))
            })
    }
}

fn act() -> impl Strategy<Value = Act> {
    let side = prop_oneof![Just(Side::Local), Just(Side::Remote)];
    prop_oneof![
        6 => (side.clone(), 0_u8..3, 0_u8..5).prop_map(|(side, field, value)| Act::Edit { side, field, value }),
        1 => side.prop_map(|side| Act::Delete { side }),
        4 => (0_u8..5).prop_map(|steps| Act::Sync { steps }),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Local),
        Just(Policy::Remote),
        Just(Policy::Newest),
        Just(Policy::Manual)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn two_sides_come_to_agree_and_no_edit_disappears_in_silence(
        acts in proptest::collection::vec(act(), 1..40), default in policy(), one in policy(),
    ) {
        let policies = Policies { default, fields: [("f0".to_owned(), one)].into() };
        let mut world = World::default();
        for act in &acts {
            // An edit that the same side overwrites is gone because its author wanted that.
            if let Act::Edit { side, field, .. } = act {
                let name = format!("f{field}");
                let held = world.side(*side).as_ref().and_then(|(fields, _)| fields.get(&name).cloned());
                world.edits.retain(|(field, value)| *field != name || Some(value) != held.as_ref());
            }
            world.act(act, &policies);
        }
        for _ in 0..3 {
            world.act(&Act::Sync { steps: 9 }, &policies);
        }
        let last = merge(world.base.as_ref(), &world.seen(Side::Local), &world.seen(Side::Remote), &policies);
        // At rest: nothing moves any more, and only conflicts that a person is to decide are left.
        prop_assert!(last.to_local.is_empty() && last.to_remote.is_empty(), "{last:?}");
        prop_assert!(last.make.is_none() && last.delete.is_none(), "{last:?}");
        if last.conflicts.is_empty() {
            let sides = [&world.local, &world.remote];
            let [local, remote] = sides.map(|side| side.as_ref().map(|(fields, _)| fields.clone()));
            prop_assert_eq!(local, remote);
        }
        for (field, value) in &world.edits {
            prop_assert!(world.mentions(value), "{field} = {value} is nowhere");
        }
    }

    #[test]
    fn a_merge_that_is_done_has_nothing_left_to_do(
        base in proptest::option::of(small()), local in small(), remote in small(), default in policy(),
    ) {
        let policies = all(default);
        let side = |fields: &Fields| RecordSide::Present { fields: fields.clone(), changed_at: at(1) };
        let first = merge(base.as_ref(), &side(&local), &side(&remote), &policies);
        let (mut ours, mut theirs) = (local.clone(), remote.clone());
        ours.extend(first.to_local.clone());
        theirs.extend(first.to_remote.clone());
        let second = merge(first.base.as_ref(), &side(&ours), &side(&theirs), &policies);
        prop_assert!(second.to_local.is_empty() && second.to_remote.is_empty());
        prop_assert_eq!(second.losses, Vec::new());
        prop_assert_eq!(second.base, first.base);
    }
}

fn small() -> impl Strategy<Value = Fields> {
    let value = prop_oneof![Just(Value::Null), (0_u8..3).prop_map(|value| json!(value))];
    proptest::collection::btree_map("[ab]", value, 0..3)
}
