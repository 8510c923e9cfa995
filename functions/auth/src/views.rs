//! Wire types of the auth routes.

use garde::Validate;
use serde::{Deserialize, Serialize};
use shared::{
    access::{
        Jwk, Permission, Role,
        sign_in::{Login, SignedIn, Tokens},
    },
    app::DependencyCheck,
    http::{TenantOut, UserOut, rules},
    id::{SessionId, TenantId},
    seal::Secret,
    store::SessionSummary,
};
use utoipa::ToSchema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Acme")]
    pub(crate) tenant_name: String,
    #[garde(custom(rules::name))]
    #[schema(example = "Ada Lovelace")]
    pub(crate) name: String,
    #[garde(custom(rules::email))]
    #[schema(example = "ada@acme.example")]
    pub(crate) email: String,
    #[garde(custom(rules::password))]
    #[schema(value_type = String, min_length = 10, max_length = 256, example = "correct horse battery")]
    pub(crate) password: Secret<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginIn {
    #[garde(length(max = 254))]
    #[schema(example = "ada@acme.example")]
    pub(crate) email: String,
    #[garde(skip)]
    #[schema(value_type = String, example = "correct horse battery")]
    pub(crate) password: Secret<String>,
    /// Which tenant to sign in to; needed by users of several.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) tenant_id: Option<TenantId>,
    /// A one-time code or a recovery code, for an account with a second factor.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(crate) otp: Option<Secret<String>>,
}

impl From<LoginIn> for Login {
    fn from(given: LoginIn) -> Self {
        Self {
            email: rules::normal_email(&given.email),
            password: given.password,
            tenant: given.tenant_id,
            otp: given.otp,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshIn {
    #[garde(skip)]
    #[schema(value_type = String)]
    pub(crate) refresh_token: Secret<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainIn {
    #[garde(skip)]
    pub(crate) permission: Permission,
    /// Another role than the caller's own.
    #[garde(skip)]
    pub(crate) role: Option<Role>,
}

/// A session of the caller's.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionOut {
    #[schema(value_type = String)]
    id: SessionId,
    /// Whether the request came in this session.
    is_current: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    last_refreshed_at: String,
    /// When it ends if it is not refreshed before.
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    /// When it ends however often it is refreshed.
    #[schema(value_type = String, format = DateTime)]
    ends_at: String,
}

impl SessionOut {
    pub(crate) fn new(session: &SessionSummary, current: SessionId) -> Self {
        Self {
            id: session.id,
            is_current: session.id == current,
            created_at: session.created_at.to_string(),
            last_refreshed_at: session.rotated_at.to_string(),
            expires_at: second(session.expires_at),
            ends_at: second(session.ends_at),
        }
    }
}

pub(crate) fn second(unix_s: i64) -> String {
    jiff::Timestamp::from_second(unix_s)
        .unwrap_or(jiff::Timestamp::MAX)
        .to_string()
}

/// Tokens, as RFC 6749 section 5.1 names them.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensOut {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: i64,
}

impl From<Tokens> for TokensOut {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SignedInOut {
    tenant: TenantOut,
    user: UserOut,
    #[serde(flatten)]
    tokens: TokensOut,
}

impl From<SignedIn> for SignedInOut {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            tenant: signed_in.tenant.into(),
            user: signed_in.user.into(),
            tokens: signed_in.tokens.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct JwksOut {
    pub(crate) keys: Vec<Jwk>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    pub(crate) status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// `ok` or `unavailable`.
    pub(crate) status: &'static str,
    dependencies: Vec<DependencyOut>,
}

#[derive(Serialize, ToSchema)]
struct DependencyOut {
    name: &'static str,
    status: &'static str,
    latency_ms: u64,
}

impl From<Vec<DependencyCheck>> for Ready {
    fn from(checks: Vec<DependencyCheck>) -> Self {
        let word = |is_up: bool| if is_up { "ok" } else { "unavailable" };
        let status = word(checks.iter().all(|check| check.is_up));
        let out = |check: DependencyCheck| DependencyOut {
            name: check.name,
            status: word(check.is_up),
            latency_ms: check.latency_ms,
        };
        Self {
            status,
            dependencies: checks.into_iter().map(out).collect(),
        }
    }
}
