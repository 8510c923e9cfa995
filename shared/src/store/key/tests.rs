//! Keys: whatever the row, it lies inside its tenant.

use proptest::prelude::*;

use super::*;
use crate::id::IdGen;

fn ids() -> (TenantId, UserId, SessionId, EndpointId, EventId, AuditId) {
    let (ids, now) = (IdGen::default(), jiff::Timestamp::UNIX_EPOCH);
    (
        ids.make(now),
        ids.make(now),
        ids.make(now),
        ids.make(now),
        ids.make(now),
        ids.make(now),
    )
}

proptest! {
    #[test]
    fn every_key_starts_with_its_tenant(hash in ".{0,70}", part in 0_usize..9) {
        let (tenant, user, session, endpoint, event, audit) = ids();
        let limit = RateLimit { requests: 1, per_seconds: 2, burst: None };
        let sorts = [
            Sort::Tenant,
            Sort::Gate,
            Sort::Role(IdGen::default().make(jiff::Timestamp::UNIX_EPOCH)),
            Sort::User(user),
            Sort::Session(user, session),
            Sort::Endpoint(endpoint),
            Sort::Event(event),
            Sort::EventPart(event, part),
            Sort::Dedupe(endpoint, hash),
            Sort::Audit(audit),
            Sort::Rejection(endpoint, 7),
            Sort::EndpointLimit(endpoint, limit),
        ];
        for sort in sorts {
            let key = Key::new(tenant, &sort);
            let rest = key.pk.strip_prefix(&format!("T#{tenant}")).expect("the tenant leads");
            prop_assert!(rest.is_empty() || rest.starts_with('#'), "{key:?}");
        }
    }
}

#[test]
fn every_list_lies_inside_its_tenant() {
    let (tenant, user, ..) = ids();
    for list in [
        List::Users,
        List::Roles,
        List::Sessions(user),
        List::Endpoints,
        List::Events,
        List::Audit,
    ] {
        assert!(
            list.range(tenant).0.starts_with(&format!("T#{tenant}")),
            "{list:?}"
        );
    }
}

#[test]
fn events_spread_over_all_shards() {
    let (tenant, ..) = ids();
    let partitions: std::collections::BTreeSet<String> = (0..2_000)
        .map(|_| {
            Key::new(
                tenant,
                &Sort::Event(IdGen::default().make(jiff::Timestamp::UNIX_EPOCH)),
            )
            .pk
        })
        .collect();
    assert_eq!(partitions.len(), 16);
}
