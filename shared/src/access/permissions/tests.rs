//! Sets of permissions: a set covers another exactly when it holds each of the other's.

use proptest::prelude::*;

use super::*;

fn any_set() -> impl Strategy<Value = Permissions> {
    proptest::sample::subsequence(Permission::ALL.to_vec(), 0..=Permission::ALL.len())
        .prop_map(|permissions| permissions.into_iter().collect())
}

#[test]
fn the_list_holds_every_permission_once() {
    let names: std::collections::BTreeSet<_> =
        Permission::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(names.len(), Permission::ALL.len());
    let bits: std::collections::BTreeSet<_> =
        Permission::ALL.iter().map(|one| *one as usize).collect();
    assert!(bits.iter().copied().eq(0..Permission::ALL.len()));
}

#[test]
fn built_in_roles_follow_each_other_and_an_owner_has_all() {
    let [user, admin, owner] = Role::BUILT_IN.map(Permissions::built_in);
    assert!(owner.covers(admin) && admin.covers(user) && user.covers(Permissions::SELF));
    assert!(!admin.covers(owner));
    assert_eq!(owner, Permissions::all().without(Permissions::OPERATORS));
}

proptest! {
    #[test]
    fn covering_is_holding_each(held in any_set(), asked in any_set()) {
        prop_assert_eq!(held.covers(asked), asked.iter().all(|one| held.contains(one)));
    }

    /// Whatever roles are made by whoever holds `held`, no chain of them reaches beyond `held`.
    #[test]
    fn no_chain_of_grants_escalates(
        held in any_set(),
        tried in proptest::collection::vec(any_set(), 1..20),
    ) {
        let mut reached = held.union(Permissions::SELF);
        for set in tried {
            if reached.covers(set.without(Permissions::SELF)) {
                reached = reached.union(set);
            }
        }
        prop_assert_eq!(reached, held.union(Permissions::SELF));
    }

    #[test]
    fn a_stored_set_is_read_as_it_was(set in any_set()) {
        prop_assert_eq!(Permissions::of_text(&set.to_text()), set);
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), set);
    }
}
