//! What an audit entry says: who did what to what, when, from where, and what it changed.

use std::{collections::BTreeMap, fmt, str::FromStr};

use http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::ClientAddress,
    id::{AuditId, JobId, TenantId, UserId},
};

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    User(UserId),
    /// A bulk job, which a user has started.
    Job(JobId),
    /// The platform itself: a worker or a schedule.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "{id}"),
            Self::Job(id) => write!(f, "{id}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// Where a request came from. The client's address is API Gateway's, never a client's header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub request_id: String,
    pub source_ip: Option<String>,
}

impl Origin {
    pub(crate) fn of(parts: &Parts) -> Self {
        let request_id = parts.extensions.get::<crate::http::RequestId>();
        Self {
            request_id: request_id.map(|id| id.0.clone()).unwrap_or_default(),
            source_ip: ClientAddress::text(parts).map(str::to_owned),
        }
    }
}

/// Every kind of entry. The text form is what clients filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    TenantCreated,
    TenantUpdated,
    UserCreated,
    UserUpdated,
    UserDeleted,
    UserSuspended,
    UserReactivated,
    SessionRevoked,
    SessionsRevoked,
    RoleCreated,
    RoleUpdated,
    RoleDeleted,
    EndpointCreated,
    EndpointUpdated,
    EndpointDeleted,
    EndpointSecretRotated,
    EndpointSecretPlanted,
    EndpointTokenOffered,
    EventReplayed,
    JobCreated,
    JobCancelled,
    JobEnded,
    DestinationCreated,
    DestinationUpdated,
    DestinationDeleted,
    DestinationKeyRotated,
    SignedIn,
    SignInFailed,
    SignedOut,
    RefreshTokenReused,
    SsoConnectionCreated,
    SsoConnectionUpdated,
    SsoConnectionDeleted,
    SsoLinked,
    SsoRefused,
}

impl Action {
    pub const ALL: [Self; 35] = [
        Self::TenantCreated,
        Self::TenantUpdated,
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeleted,
        Self::UserSuspended,
        Self::UserReactivated,
        Self::SessionRevoked,
        Self::SessionsRevoked,
        Self::RoleCreated,
        Self::RoleUpdated,
        Self::RoleDeleted,
        Self::EndpointCreated,
        Self::EndpointUpdated,
        Self::EndpointDeleted,
        Self::EndpointSecretRotated,
        Self::EndpointSecretPlanted,
        Self::EndpointTokenOffered,
        Self::EventReplayed,
        Self::JobCreated,
        Self::JobCancelled,
        Self::JobEnded,
        Self::DestinationCreated,
        Self::DestinationUpdated,
        Self::DestinationDeleted,
        Self::DestinationKeyRotated,
        Self::SignedIn,
        Self::SignInFailed,
        Self::SignedOut,
        Self::RefreshTokenReused,
        Self::SsoConnectionCreated,
        Self::SsoConnectionUpdated,
        Self::SsoConnectionDeleted,
        Self::SsoLinked,
        Self::SsoRefused,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TenantCreated => "tenant.created",
            Self::TenantUpdated => "tenant.updated",
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::UserSuspended => "user.suspended",
            Self::UserReactivated => "user.reactivated",
            Self::SessionRevoked => "session.revoked",
            Self::SessionsRevoked => "session.all_revoked",
            Self::RoleCreated => "role.created",
            Self::RoleUpdated => "role.updated",
            Self::RoleDeleted => "role.deleted",
            Self::EndpointCreated => "webhook_endpoint.created",
            Self::EndpointUpdated => "webhook_endpoint.updated",
            Self::EndpointDeleted => "webhook_endpoint.deleted",
            Self::EndpointSecretRotated => "webhook_endpoint.secret_rotated",
            Self::EndpointSecretPlanted => "webhook_endpoint.secret_planted",
            Self::EndpointTokenOffered => "webhook_endpoint.token_offered",
            Self::EventReplayed => "event.replayed",
            Self::JobCreated => "job.created",
            Self::JobCancelled => "job.cancelled",
            Self::JobEnded => "job.ended",
            Self::DestinationCreated => "destination.created",
            Self::DestinationUpdated => "destination.updated",
            Self::DestinationDeleted => "destination.deleted",
            Self::DestinationKeyRotated => "destination.key_rotated",
            Self::SignedIn => "session.signed_in",
            Self::SignInFailed => "session.sign_in_failed",
            Self::SignedOut => "session.signed_out",
            Self::RefreshTokenReused => "session.refresh_token_reused",
            Self::SsoConnectionCreated => "sso_connection.created",
            Self::SsoConnectionUpdated => "sso_connection.updated",
            Self::SsoConnectionDeleted => "sso_connection.deleted",
            Self::SsoLinked => "sso_connection.subject_linked",
            Self::SsoRefused => "sso_connection.sign_in_refused",
        }
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|action| action.name() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|action| action.name()).collect();
            format!("must be one of {}", names.join(", "))
        })
    }
}

/// One value before and after; a created or deleted resource has one of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// An audit entry, as stored and as shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    pub id: AuditId,
    pub tenant_id: TenantId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// A user's id, a bulk job's id, or `system`.
    pub actor: String,
    #[schema(example = "user.updated")]
    pub action: String,
    /// The id of what was changed.
    pub target: String,
    /// Field name to the values before and after. Secrets are never among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, FieldChange>,
    pub request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Random: the log commits to `changes` and `source_ip` under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// The fields in which two JSON objects differ; `null` stands for a resource that is not there.
pub(crate) fn differences(from: &Value, to: &Value) -> BTreeMap<String, FieldChange> {
    let empty = serde_json::Map::new();
    let from = from.as_object().unwrap_or(&empty);
    let to = to.as_object().unwrap_or(&empty);
    from.keys()
        .chain(to.keys())
        .filter(|name| from.get(*name) != to.get(*name))
        .map(|name| {
            (
                name.clone(),
                FieldChange {
                    from: from.get(name).cloned(),
                    to: to.get(name).cloned(),
                },
            )
        })
        .collect()
}
