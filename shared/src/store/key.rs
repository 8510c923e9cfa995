//! Primary keys. A key is a tenant and a closed set of sort keys; no client text becomes a key
//! without being hashed or parsed first.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::audit::minute_of;
use crate::id::{
    ApiKeyId, AuditId, CollectionId, ConnectionId, DeliveryId, DestinationId, EndpointId, EventId,
    InvitationId, JobId, RecordId, RoleId, SessionId, SsoConnectionId, TenantId, UserId,
};
use crate::limit::RateLimit;
use crate::store::CollectionName;

/// Partitions over which a tenant's events are spread: one takes 1,000 write units a second.
pub(crate) const EVENT_SHARDS: u128 = 16;

/// Partitions of one minute in the index by which entries that are to be sealed are found.
pub(crate) const MINUTE_SHARDS: u128 = 8;

/// Where a row of one tenant is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

/// The rows that a tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sort {
    Tenant,
    /// What tokens cannot know: status, custom roles, marks.
    Gate,
    Role(RoleId),
    User(UserId),
    Session(UserId, SessionId),
    Endpoint(EndpointId),
    Event(EventId),
    /// A further piece of a payload that does not fit one item; counted from 1.
    EventPart(EventId, usize),
    /// How far the waits of one life of an event have come.
    EventWait(EventId, u64),
    /// Marks a vendor's event as applied. The hash covers the vendor's id or the body.
    Dedupe(EndpointId, String),
    Audit(AuditId),
    /// A sealed part of the audit log, by the time of its sealing and its first leaf.
    Seal(Timestamp, u64),
    /// The end of the audit log's chain.
    AuditHead,
    /// One place of an endpoint's ring of refused requests.
    Rejection(EndpointId, u64),
    /// The bucket of an endpoint's rate limit. A changed limit is another bucket.
    EndpointLimit(EndpointId, RateLimit),
    /// The bucket of all the tenant's callers, with the requests of each month. One row whatever the plan.
    TenantLimit,
    /// The bucket of one user or API key, by its id.
    CallerLimit(String),
    Job(JobId),
    /// A file of an export, by its part's name.
    ExportFile(JobId, String),
    /// A piece of a file, by the hash of the file.
    ExportPiece(JobId, String, usize),
    /// How many jobs are unfinished.
    JobCount,
    Collection(CollectionName),
    /// How many collections there are.
    CollectionCount,
    Record(Place, RecordId),
    /// A record that was deleted and can be restored: among the records, out of their list.
    DeletedRecord(Place, RecordId),
    /// What one change has made of a record; counted from 1.
    RecordVersion(CollectionId, RecordId, u64),
    /// A record's row in one of the collection's indexes: what its sort key starts with.
    IndexRow(Place, usize, String, RecordId),
    /// The reply that belongs to an Idempotency-Key. The hash covers the caller and the key.
    Idempotency(String),
    /// The circuit breaker of a connection.
    Breaker(ConnectionId),
    Connection(ConnectionId),
    /// A connector of the tenant's own, by its name, which is checked.
    Connector(String),
    /// What a vendor has granted a connection, and the lock under which it is renewed.
    Grant(ConnectionId),
    /// The bucket of a connection's budget. A changed budget is another bucket.
    ConnectionLimit(ConnectionId, RateLimit),
    Destination(DestinationId),
    /// How many destinations there are.
    DestinationCount,
    ApiKey(ApiKeyId),
    Invitation(InvitationId),
    SsoConnection(SsoConnectionId),
    /// Whom a subject of an identity provider is; the hash covers the subject.
    SsoLink(SsoConnectionId, String),
    DestinationHealth(DestinationId),
    Delivery(DeliveryId),
}

/// The lists that a tenant has: a partition and a prefix of its sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Users,
    Roles,
    Sessions(UserId),
    Connections,
    Connectors,
    Endpoints,
    Events,
    Audit,
    Seals,
    Jobs,
    Destinations,
    SsoConnections,
    ApiKeys,
    Deliveries,
    Collections,
    Invitations,
}

impl Key {
    pub(crate) fn new(tenant: TenantId, sort: &Sort) -> Self {
        let pk = match sort {
            Sort::Tenant
            | Sort::Gate
            | Sort::Role(_)
            | Sort::User(_)
            | Sort::Session(..)
            | Sort::Endpoint(_)
            | Sort::Audit(_)
            | Sort::Seal(..)
            | Sort::AuditHead
            | Sort::Job(_)
            | Sort::Collection(_)
            | Sort::CollectionCount
            | Sort::JobCount
            | Sort::Connection(_)
            | Sort::Connector(_)
            | Sort::Grant(_)
            | Sort::Destination(_)
            | Sort::DestinationCount
            | Sort::ApiKey(_)
            | Sort::DestinationHealth(_)
            | Sort::Invitation(_)
            | Sort::SsoConnection(_)
            | Sort::SsoLink(..) => partition(tenant),
            Sort::Record(place, id) | Sort::DeletedRecord(place, id) => {
                place.records(tenant, place.shard(*id))
            }
            Sort::RecordVersion(collection, id, _) => version_partition(tenant, *collection, *id),
            Sort::IndexRow(place, index, _, id) => place.index(tenant, *index, place.shard(*id)),
            Sort::Event(id) | Sort::EventPart(id, _) | Sort::EventWait(id, _) => {
                event_partition(tenant, u128::from_be_bytes(id.to_bytes()) % EVENT_SHARDS)
            }
            Sort::Delivery(id) => {
                event_partition(tenant, u128::from_be_bytes(id.to_bytes()) % EVENT_SHARDS)
            }
            Sort::ExportFile(job, _) | Sort::ExportPiece(job, ..) => format!("T#{tenant}#J#{job}"),
            Sort::Rejection(endpoint, _) => format!("T#{tenant}#R#{endpoint}"),
            // A partition for each bucket: a hot one slows none of the others.
            Sort::EndpointLimit(endpoint, _) => format!("T#{tenant}#L#{endpoint}"),
            Sort::TenantLimit => format!("T#{tenant}#L"),
            Sort::CallerLimit(caller) => format!("T#{tenant}#L#{caller}"),
            Sort::Idempotency(hash) => format!("T#{tenant}#I#{}", shard_of_hash(hash)),
            Sort::ConnectionLimit(connection, _) => format!("T#{tenant}#L#{connection}"),
            Sort::Breaker(connection) => format!("T#{tenant}#B#{connection}"),
            Sort::Dedupe(_, hash) => event_partition(tenant, shard_of_hash(hash)),
        };
        let sk = match sort {
            Sort::Tenant => "TENANT".to_owned(),
            Sort::Gate => "GATE".to_owned(),
            Sort::Role(id) => format!("ROL#{id}"),
            Sort::User(id) => format!("USER#{id}"),
            Sort::Session(user, id) => format!("SES#{user}#{id}"),
            Sort::Endpoint(id) => format!("WHE#{id}"),
            Sort::Event(id) => id.to_string(),
            Sort::EventPart(id, part) => format!("{id}#{part}"),
            Sort::EventWait(id, generation) => format!("{id}#WAIT#{generation}"),
            Sort::Dedupe(endpoint, hash) => format!("DEDUPE#{endpoint}#{hash}"),
            Sort::Audit(id) => id.to_string(),
            Sort::Seal(at, first) => format!("SEAL#{:013}#{first:012}", at.as_millisecond()),
            Sort::AuditHead => "AUDIT-HEAD".to_owned(),
            Sort::Rejection(_, place) => format!("REJ#{place:02}"),
            Sort::EndpointLimit(_, limit) => format!("LIMIT#{limit}"),
            Sort::TenantLimit | Sort::CallerLimit(_) => "LIMIT".to_owned(),
            Sort::Job(id) => format!("JOB#{id}"),
            Sort::ExportFile(_, part) => format!("FILE#{part}"),
            Sort::ExportPiece(_, hash, at) => format!("PIECE#{hash}#{at:03}"),
            Sort::JobCount => "JOBS".to_owned(),
            Sort::Collection(name) => format!("COL#{name}"),
            Sort::CollectionCount => "COLLECTIONS".to_owned(),
            Sort::Record(_, id) => id.to_string(),
            Sort::DeletedRecord(_, id) => format!("DEL#{id}"),
            Sort::RecordVersion(.., version) => format!("V#{version:010}"),
            Sort::IndexRow(.., prefix, id) => format!("{prefix}{id}"),
            Sort::Idempotency(hash) => format!("IDEM#{hash}"),
            Sort::Breaker(_) => "BREAKER".to_owned(),
            Sort::Connector(name) => format!("CTR#{name}"),
            Sort::Connection(id) => format!("CON#{id}"),
            Sort::Grant(id) => format!("GRANT#{id}"),
            Sort::ConnectionLimit(_, limit) => format!("LIMIT#{limit}"),
            Sort::Destination(id) => format!("DST#{id}"),
            Sort::DestinationCount => "DESTINATIONS".to_owned(),
            Sort::Invitation(id) => format!("INV#{id}"),
            Sort::ApiKey(id) => format!("KEY#{id}"),
            Sort::SsoConnection(id) => format!("SSO#{id}"),
            Sort::SsoLink(connection, hash) => format!("SSOLINK#{connection}#{hash}"),
            Sort::DestinationHealth(id) => format!("DSTH#{id}"),
            Sort::Delivery(id) => id.to_string(),
        };
        Self { pk, sk }
    }

    /// The breaker of a vendor's host, by the host's hash: it belongs to no tenant.
    pub(crate) fn host_breaker(hash: &str) -> Self {
        Self {
            pk: format!("H#{hash}"),
            sk: "BREAKER".to_owned(),
        }
    }

    /// The bucket of a client's network, by its hash: nobody has signed in yet.
    pub(crate) fn address_limit(hash: &str) -> Self {
        Self {
            pk: format!("A#{hash}"),
            sk: "LIMIT".to_owned(),
        }
    }

    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

impl List {
    /// The partition's name and the prefix that its sort keys share.
    pub(crate) fn range(self, tenant: TenantId) -> (String, String) {
        match self {
            Self::Users => (partition(tenant), "USER#".to_owned()),
            Self::Roles => (partition(tenant), "ROL#".to_owned()),
            Self::Sessions(user) => (partition(tenant), format!("SES#{user}#")),
            Self::Connectors => (partition(tenant), "CTR#".to_owned()),
            Self::Connections => (partition(tenant), "CON#".to_owned()),
            Self::Endpoints => (partition(tenant), "WHE#".to_owned()),
            Self::Events => (event_list(tenant), "evt_".to_owned()),
            Self::Audit => (partition(tenant), "aud_".to_owned()),
            Self::Seals => (partition(tenant), "SEAL#".to_owned()),
            Self::Jobs => (partition(tenant), "JOB#".to_owned()),
            Self::Destinations => (partition(tenant), "DST#".to_owned()),
            Self::SsoConnections => (partition(tenant), "SSO#".to_owned()),
            Self::Invitations => (partition(tenant), "INV#".to_owned()),
            Self::ApiKeys => (partition(tenant), "KEY#".to_owned()),
            Self::Deliveries => (delivery_list(tenant), "dlv_".to_owned()),
            Self::Collections => (partition(tenant), "COL#".to_owned()),
        }
    }

    /// Names the list inside a cursor's signature.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Roles => "roles",
            Self::Sessions(_) => "sessions",
            Self::Connections => "connections",
            Self::Connectors => "connectors",
            Self::Endpoints => "webhook-endpoints",
            Self::Events => "events",
            Self::Audit => "audit",
            Self::Seals => "audit-checkpoints",
            Self::Jobs => "jobs",
            Self::Destinations => "destinations",
            Self::SsoConnections => "sso-connections",
            Self::ApiKeys => "api-keys",
            Self::Deliveries => "deliveries",
            Self::Collections => "collections",
            Self::Invitations => "invitations",
        }
    }
}

/// Every key of a tenant starts with this, the indexes' too: `dynamodb:LeadingKeys` rests on it.
pub(crate) fn partition(tenant: TenantId) -> String {
    format!("T#{tenant}")
}

/// The index partition in which a tenant's events are listed by time.
pub(crate) fn event_list(tenant: TenantId) -> String {
    format!("T#{tenant}#E")
}

/// The index partition of an audit entry. It holds entries of every tenant, and only the sealing duty
/// may read the index: it learns which tenants have something to seal, and nothing else.
pub(crate) fn minute_of_entry(id: AuditId) -> String {
    let shard = u128::from_be_bytes(id.to_bytes()) % MINUTE_SHARDS;
    minute_partition(minute_of(id.made_at()), shard)
}

pub(crate) fn minute_partition(minute: i64, shard: u128) -> String {
    format!("MINUTE#{minute}#{shard}")
}

/// The index partition in which a tenant's deliveries are listed by their event's time.
pub(crate) fn delivery_list(tenant: TenantId) -> String {
    format!("T#{tenant}#D")
}

/// Where a collection's rows are: over how many partitions it is spread never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) collection: CollectionId,
    pub(crate) shards: u8,
}

impl Place {
    pub(crate) fn shard(self, id: RecordId) -> u8 {
        let shard = u128::from_be_bytes(id.to_bytes()) % u128::from(self.shards.max(1));
        u8::try_from(shard).unwrap_or(0)
    }

    pub(crate) fn records(self, tenant: TenantId, shard: u8) -> String {
        format!("T#{tenant}#C#{}#{shard}", self.collection)
    }

    pub(crate) fn index(self, tenant: TenantId, index: usize, shard: u8) -> String {
        format!("T#{tenant}#X#{}#{index}#{shard}", self.collection)
    }
}

pub(crate) fn version_partition(
    tenant: TenantId,
    collection: CollectionId,
    id: RecordId,
) -> String {
    format!("T#{tenant}#V#{collection}#{id}")
}

fn event_partition(tenant: TenantId, shard: u128) -> String {
    format!("T#{tenant}#E#{shard}")
}

fn shard_of_hash(hash: &str) -> u128 {
    let digit = hash
        .chars()
        .next()
        .and_then(|digit| digit.to_digit(16))
        .unwrap_or(0);
    u128::from(digit) % EVENT_SHARDS
}

#[cfg(test)]
mod tests;
