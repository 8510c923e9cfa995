//! The gate's decision: what it says goes before what the token says, and only while marked.

use proptest::prelude::*;

use super::*;
use crate::id::IdGen;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn ticket() -> Ticket {
    let (ids, now) = (IdGen::default(), at(0));
    Ticket {
        user: ids.make(now),
        session: ids.make(now),
        role: Role::Admin,
        epoch: 3,
    }
}

#[test]
fn an_open_gate_lets_a_token_in_as_what_it_says() {
    assert_eq!(Gate::open().admit(&ticket(), at(0)), Ok(Role::Admin));
}

#[test]
fn a_suspended_tenant_an_earlier_epoch_and_an_ended_session_are_out() {
    let ticket = ticket();
    let mut gate = Gate::open();
    gate.status = TenantStatus::Suspended;
    assert_eq!(gate.admit(&ticket, at(0)), Err(TurnedAway::TenantSuspended));
    gate = Gate::open();
    gate.epoch = 4;
    assert_eq!(gate.admit(&ticket, at(0)), Err(TurnedAway::SessionEnded));
    gate.epoch = 3;
    assert_eq!(gate.admit(&ticket, at(0)), Ok(Role::Admin));
    gate.sessions.insert(ticket.session, 10);
    assert_eq!(gate.admit(&ticket, at(9)), Err(TurnedAway::SessionEnded));
}

#[test]
fn a_custom_role_allows_what_the_tenant_says_and_nothing_by_itself() {
    let role: RoleId = IdGen::default().make(at(0));
    assert_eq!(Gate::open().permissions(Role::Custom(role)), None);
    assert_eq!(Permissions::built_in(Role::Custom(role)), Permissions::NONE);
}

proptest! {
    #[test]
    fn a_mark_holds_until_its_second_and_not_after(
        until in 0_i64..1_000,
        now in 0_i64..1_000,
        out: bool,
    ) {
        let ticket = ticket();
        let mut gate = Gate::open();
        let standing = if out { Standing::Out } else { Standing::Member(Role::User) };
        gate.members.insert(ticket.user, (standing, until));
        let marked = if out { Err(TurnedAway::MemberOut) } else { Ok(Role::User) };
        let expected = if now < until { marked } else { Ok(Role::Admin) };
        prop_assert_eq!(gate.admit(&ticket, at(now)), expected);
    }
}
