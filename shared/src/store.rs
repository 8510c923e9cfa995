//! The two doors to data. [`TenantStore`] holds one tenant and can name no other; [`PlatformStore`]
//! serves only what has no tenant yet. Every write is a [`Change`]: it carries its audit entry.

mod api_key;
mod attempts;
mod audit_log;
mod authorization;
mod breaker;
mod bulk_job;
mod change;
mod collection;
mod connection;
mod cursor;
mod db;
mod delivery;
mod destination;
mod duty;
mod endpoint;
mod event;
mod export;
mod gate;
mod grant;
mod identity;
mod invitation;
mod key;
mod keyed;
mod limiter;
mod list;
mod merge;
mod own_connector;
mod platform;
mod record;
mod rejection;
mod role;
mod session;
mod sso;
mod sso_flow;
mod stretch;
mod tenant;
mod trail;
mod user;
mod wall;

pub use api_key::{ApiKey, MadeApiKey, NewApiKey};
pub use audit_log::{InclusionProof, SealedPart};
pub use bulk_job::{
    BulkJob, ExportTenant, JobKind, JobState, MAX_UNFINISHED, Progress, ReplayEvents,
    RetryDeliveries,
};
pub use change::{Change, Versioned};
pub use collection::{
    COLLECTION_STALENESS, Collection, CollectionName, MOST_COLLECTIONS, NewCollection,
    OpenCollection, Retention,
};
pub use connection::{
    AuthKind, Connection, ConnectionPatch, ConnectionStatus, Credentials, NewConnection,
};
pub use cursor::{Cursor, Page, PageRequest};
pub use db::{Conflict, StoreError};
pub use delivery::{Delivery, DeliveryAttempt, DeliveryFilter, DeliveryState};
pub use destination::{
    Destination, DestinationHealth, DestinationKey, DestinationPatch, HealthState,
    MOST_DESTINATIONS, NewDestination,
};
pub use endpoint::{
    Arrived, Endpoint, EndpointHandshake, EndpointPatch, EndpointSecret, MOST_SECRETS, NewEndpoint,
};
pub use event::{Attempt, Event, EventFilter, EventState, Ledger, Outcome, Tally};
pub use export::{ExportFile, ExportPart};
pub use gate::MOST_ROLES;
pub use invitation::{Invitation, InvitationState};
pub use own_connector::OwnConnector;
pub use platform::PlatformStore;
pub use record::{DeletedRecord, Record, RecordVersion};
pub use rejection::Rejection;
pub use role::{CustomRole, NewRole, RolePatch};
pub use sso::{SamlSettings, SsoConnection, SsoConnectionPatch};
pub use tenant::{Tenant, TenantPatch, TenantStatus};
pub use trail::AuditFilter;
pub use user::{NewUser, User, UserFilter, UserPatch, UserStatus};

pub(crate) use attempts::{MOST_TRIES, Try, WINDOW_S};
pub(crate) use authorization::PendingAuthorization;
pub(crate) use breaker::{BreakerRow, WrittenBreaker};
pub(crate) use bulk_job::{Plan, Planned};
pub(crate) use collection::CollectionCache;
pub(crate) use connection::credential_owner;
pub(crate) use db::{Db, Write};
pub(crate) use delivery::{Claim, Hold, NewDelivery, Next, NotYet};
pub(crate) use destination::Outlets;
pub(crate) use endpoint::{address_hash, secret_owner};
pub(crate) use event::{Applied, EventContent};
pub(crate) use export::{Place as ExportPlace, Span as ExportSpan};
pub(crate) use grant::{GrantRow, Locked, NewGrant};
pub(crate) use identity::{Begun, Identity};
pub(crate) use invitation::Joining;
pub(crate) use key::{Key, Sort};
pub(crate) use keyed::{KeyRow, Keyed, Message, Owner, Refusal, Stage, keep, own};
pub(crate) use limiter::Leased;
pub(crate) use platform::Registration;
pub use session::SessionSummary;
pub(crate) use session::{Rotation, Session};
pub(crate) use sso_flow::{PendingSignIn, Seen, SignInCode};
pub(crate) use stretch::{Rows, Stretch};

use jiff::Timestamp;

use crate::{
    app::App,
    audit::{Actor, Origin},
    id::TenantId,
};

/// One tenant's data, for one request or job. Made only by `Caller::authorize`,
/// `Job::open` and, for a sign-in that has proved its password, `access::sign_in`.
pub struct TenantStore {
    app: App,
    /// With the tenant's own credentials: see `wall`.
    db: Db,
    tenant: TenantId,
    actor: Actor,
    origin: Origin,
    now: Timestamp,
}

impl TenantStore {
    pub(crate) fn open(
        app: &App,
        tenant: TenantId,
        actor: Actor,
        origin: Origin,
        now: Timestamp,
    ) -> Self {
        Self {
            app: app.clone(),
            db: app.db.of(tenant),
            tenant,
            actor,
            origin,
            now,
        }
    }

    /// For a handler that commits more than one change: with an Idempotency-Key, the key is taken before
    /// the first of them.
    ///
    /// # Errors
    /// The key was used before. The handler ends: its answer is not used.
    pub async fn begin_several(&self) -> Result<(), StoreError> {
        keyed::claim(self.db()).await
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }
}
