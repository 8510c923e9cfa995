//! What an audit entry says: who did what to what, when, from where, and what it changed.

use std::{collections::BTreeMap, fmt, str::FromStr};

use http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::ClientAddress,
    id::{ApiKeyId, AuditId, JobId, TenantId, UserId},
    named::named,
};

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    User(UserId),
    /// An API key, whoever made it.
    Key(ApiKeyId),
    /// A bulk job, which a user has started.
    Job(JobId),
    /// A person of the operators' tenant.
    Operator(UserId),
    /// The platform itself: a worker or a schedule.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "{id}"),
            Self::Key(id) => write!(f, "{id}"),
            Self::Job(id) => write!(f, "{id}"),
            Self::Operator(id) => write!(f, "operator:{id}"),
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

named! {
    /// Every kind of entry. The text form is what clients filter by.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Action {
        TenantCreated => "tenant.created",
        TenantUpdated => "tenant.updated",
        TenantSuspended => "tenant.suspended",
        TenantReactivated => "tenant.reactivated",
        TermsUpdated => "tenant.terms_updated",
        UserCreated => "user.created",
        UserUpdated => "user.updated",
        UserDeleted => "user.deleted",
        UserSuspended => "user.suspended",
        UserReactivated => "user.reactivated",
        SessionRevoked => "session.revoked",
        SessionsRevoked => "session.all_revoked",
        RoleCreated => "role.created",
        RoleUpdated => "role.updated",
        RoleDeleted => "role.deleted",
        InvitationCreated => "invitation.created",
        InvitationResent => "invitation.resent",
        InvitationDeleted => "invitation.deleted",
        InvitationAccepted => "invitation.accepted",
        PasswordChanged => "password.changed",
        PasswordReset => "password.reset",
        MfaEnrolled => "mfa.enrolled",
        MfaEnabled => "mfa.enabled",
        MfaDisabled => "mfa.disabled",
        MfaCodesRenewed => "mfa.recovery_codes_renewed",
        EmailVerified => "email.verified",
        ApiKeyCreated => "api_key.created",
        ApiKeyRotated => "api_key.rotated",
        ApiKeyDeleted => "api_key.deleted",
        ConnectorCreated => "connector.created",
        ConnectorDeleted => "connector.deleted",
        ConnectionCreated => "connection.created",
        ConnectionUpdated => "connection.updated",
        ConnectionDeleted => "connection.deleted",
        ConnectionAuthorized => "connection.authorized",
        ConnectionNeedsReconnect => "connection.needs_reconnect",
        ConnectionTested => "connection.tested",
        ConnectionCalled => "connection.called",
        BreakerReset => "connection.breaker_reset",
        EndpointCreated => "webhook_endpoint.created",
        EndpointUpdated => "webhook_endpoint.updated",
        EndpointDeleted => "webhook_endpoint.deleted",
        EndpointSecretRotated => "webhook_endpoint.secret_rotated",
        EndpointSecretPlanted => "webhook_endpoint.secret_planted",
        EndpointTokenOffered => "webhook_endpoint.token_offered",
        EventReplayed => "event.replayed",
        CollectionCreated => "collection.created",
        CollectionUpdated => "collection.updated",
        CollectionDeleted => "collection.deleted",
        RecordCreated => "record.created",
        RecordUpdated => "record.updated",
        RecordDeleted => "record.deleted",
        RecordRestored => "record.restored",
        JobCreated => "job.created",
        JobCancelled => "job.cancelled",
        JobEnded => "job.ended",
        DestinationCreated => "destination.created",
        DestinationUpdated => "destination.updated",
        DestinationDeleted => "destination.deleted",
        DestinationKeyRotated => "destination.key_rotated",
        DestinationDisabled => "destination.disabled",
        DeliveryRetried => "delivery.retried",
        SignedIn => "session.signed_in",
        SignInFailed => "session.sign_in_failed",
        SignedOut => "session.signed_out",
        RefreshTokenReused => "session.refresh_token_reused",
        SsoConnectionCreated => "sso_connection.created",
        SsoConnectionUpdated => "sso_connection.updated",
        SsoConnectionDeleted => "sso_connection.deleted",
        SsoLinked => "sso_connection.subject_linked",
        SsoRefused => "sso_connection.sign_in_refused",
        PlatformTenantSuspended => "platform.tenant_suspended",
        PlatformTenantReactivated => "platform.tenant_reactivated",
        PlatformTermsUpdated => "platform.tenant_terms_updated",
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|action| action.name() == text);
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
    /// A user's id, an API key's id, a bulk job's id, `operator:` and an operator's id, or `system`.
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
