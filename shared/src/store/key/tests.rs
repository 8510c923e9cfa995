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

fn place() -> Place {
    let collection = IdGen::default().make(jiff::Timestamp::UNIX_EPOCH);
    Place {
        collection,
        shards: 16,
    }
}

fn record() -> RecordId {
    IdGen::default().make(jiff::Timestamp::UNIX_EPOCH)
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
            Sort::TenantLimit,
            Sort::CallerLimit(user.to_string()),
            Sort::Collection("a".parse().unwrap()),
            Sort::Record(place(), record()),
            Sort::DeletedRecord(place(), record()),
            Sort::RecordVersion(place().collection, record(), 1),
            Sort::IndexRow(place(), 0, "0#".to_owned(), record()),
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

#[test]
fn records_spread_over_all_shards_with_their_index_rows() {
    let (tenant, ..) = ids();
    let place = place();
    let mut partitions = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let id = record();
        let row = Key::new(tenant, &Sort::Record(place, id));
        let index = Key::new(tenant, &Sort::IndexRow(place, 3, "0#".to_owned(), id));
        let shard = |key: &Key| key.pk.rsplit_once('#').map(|(_, shard)| shard.to_owned());
        assert_eq!(shard(&row), shard(&index));
        partitions.insert(row.pk);
    }
    assert_eq!(partitions.len(), 16);
}
