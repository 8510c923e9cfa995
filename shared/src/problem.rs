//! Every error a client can get, as RFC 9457 problem details. The only status table in the project.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::Permission,
    limit::{self, OverLimit, RateLimit},
    store::{Conflict, StoreError},
    vendor::VendorError,
};

/// Why a request was not served. Handlers build it, or `?` converts into it here.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("the request is malformed: {0}")]
    Malformed(String),
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The password is right, and the account has a second factor.
    #[error("a one-time code is needed: give it as `otp`")]
    OtpRequired,
    /// One answer for an unknown address and for a bad, stale or missing signature.
    #[error("the request is not authenticated")]
    NotVerified,
    #[error("this needs the permission {0}")]
    Forbidden(Permission),
    #[error("{0}")]
    NotAllowed(&'static str),
    #[error("there is no such resource")]
    NotFound,
    #[error("this resource does not answer to that method")]
    MethodNotAllowed,
    #[error("{0}")]
    Conflict(Conflict),
    #[error(
        "the Idempotency-Key was used for another request: a key belongs to one method, path and body"
    )]
    KeyReused,
    #[error("the resource has changed: If-Match names another version")]
    PreconditionFailed,
    #[error("this change needs If-Match with the ETag that it is based on, or with *")]
    PreconditionRequired,
    #[error("the body may have at most {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("the body must be sent as {expected}")]
    UnsupportedMediaType { expected: &'static str },
    #[error("the body must be sent as it is, without a Content-Encoding")]
    UnsupportedCoding,
    #[error("{} of the request's values {} not valid", .0.len(), if .0.len() == 1 { "is" } else { "are" })]
    Invalid(Vec<FieldError>),
    #[error("the limit of {} requests in {} s is reached", .0.limit.requests, .0.limit.per_seconds)]
    RateLimited(OverLimit),
    /// Of a vendor's API, and never of a service of ours.
    #[error("the vendor has not answered: {0}")]
    VendorDown(String),
    #[error("calls of this connection are suspended, because its vendor failed too often")]
    VendorSuspended { retry_after_s: u64 },
    #[error("a service that this request needs did not answer")]
    Unavailable(#[source] anyhow::Error),
    #[error("something went wrong on our side")]
    Internal(#[source] anyhow::Error),
}

/// One value that is not valid. `pointer` is a JSON pointer (RFC 6901) into the body, or the name
/// of a query parameter or header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    #[schema(example = "/email")]
    pub pointer: String,
    #[schema(example = "must be an e-mail address")]
    pub detail: String,
}

impl FieldError {
    #[expect(clippy::needless_pass_by_value, reason = "takes errors and text alike")]
    pub fn new(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.to_string(),
        }
    }
}

/// The body of every error answer (`application/problem+json`, RFC 9457 section 3).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: a URN of ours, or a type that a standard registers. docs/problems.md has
    /// a section for each.
    #[serde(rename = "type")]
    #[schema(example = "urn:portico:problem:invalid-request")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    pub detail: String,
    /// The path of the request.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instance: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Of 429: the policies of `RateLimit-Policy` that refuse the request.
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<&'static str>,
}

/// Section 6 of draft-ietf-httpapi-ratelimit-headers-10.
const QUOTA_EXCEEDED: &str = "quota-exceeded";

/// Seconds after which a client may try again when a dependency did not answer.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("2");

impl ApiError {
    /// Shorthand for one invalid field.
    pub fn invalid(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    /// (problem type, title, status): docs/problems.md has a section for each type.
    fn row(&self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::Malformed(_) => (
                "malformed-request",
                "Malformed request",
                StatusCode::BAD_REQUEST,
            ),
            Self::Unauthenticated(_) => (
                "unauthenticated",
                "Not authenticated",
                StatusCode::UNAUTHORIZED,
            ),
            Self::OtpRequired => (
                "otp-required",
                "One-time code required",
                StatusCode::UNAUTHORIZED,
            ),
            Self::NotVerified => (
                "not-verified",
                "Not authenticated",
                StatusCode::UNAUTHORIZED,
            ),
            Self::Forbidden(_) => ("forbidden", "Permission missing", StatusCode::FORBIDDEN),
            Self::NotAllowed(_) => ("not-allowed", "Not allowed", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", "Not found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "Method not allowed",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::Conflict(Conflict::KeyBusy) => (
                "idempotency-key-in-use",
                "Request in progress",
                StatusCode::CONFLICT,
            ),
            Self::KeyReused => (
                "idempotency-key-reused",
                "Idempotency-Key used for another request",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::Conflict(_) => (
                "conflict",
                "Conflict with the present state",
                StatusCode::CONFLICT,
            ),
            Self::PreconditionFailed => (
                "version-mismatch",
                "Version mismatch",
                StatusCode::PRECONDITION_FAILED,
            ),
            Self::PreconditionRequired => (
                "precondition-required",
                "If-Match missing",
                StatusCode::PRECONDITION_REQUIRED,
            ),
            Self::TooLarge { .. } => ("too-large", "Body too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType { .. } | Self::UnsupportedCoding => (
                "unsupported-media-type",
                "Unsupported media type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::Invalid(_) => (
                "invalid-request",
                "Invalid values",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::RateLimited(_) => (
                QUOTA_EXCEEDED,
                "Too many requests",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            Self::VendorDown(_) => (
                "vendor-unavailable",
                "The vendor did not answer",
                StatusCode::BAD_GATEWAY,
            ),
            Self::VendorSuspended { .. } => (
                "vendor-suspended",
                "Calls to the vendor are suspended",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Self::Unavailable(_) => (
                "unavailable",
                "Temporarily unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Self::Internal(_) => (
                "internal",
                "Internal error",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
        }
    }

    /// Every problem type, for the test that docs/problems.md has a section for each.
    pub fn kinds() -> Vec<&'static str> {
        let none = || anyhow::anyhow!("none");
        [
            Self::Malformed(String::new()),
            Self::Unauthenticated(""),
            Self::OtpRequired,
            Self::NotVerified,
            Self::Forbidden(Permission::TenantRead),
            Self::NotAllowed(""),
            Self::NotFound,
            Self::MethodNotAllowed,
            Self::Conflict(Conflict::Version),
            Self::Conflict(Conflict::KeyBusy),
            Self::KeyReused,
            Self::PreconditionFailed,
            Self::PreconditionRequired,
            Self::TooLarge { limit_bytes: 0 },
            Self::UnsupportedMediaType { expected: "" },
            Self::Invalid(Vec::new()),
            Self::RateLimited(OverLimit {
                policy: "",
                limit: RateLimit {
                    requests: 1,
                    per_seconds: 1,
                    burst: None,
                },
                retry_after_s: 1,
            }),
            Self::VendorDown(String::new()),
            Self::VendorSuspended { retry_after_s: 1 },
            Self::Unavailable(none()),
            Self::Internal(none()),
        ]
        .iter()
        .map(|error| error.row().0)
        .collect()
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            // RFC 6750 section 3: the challenge that goes with every 401.
            Self::Unauthenticated(_) | Self::OtpRequired => vec![(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"portico\""),
            )],
            Self::NotVerified => vec![(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Signature"),
            )],
            Self::Unavailable(_) | Self::Conflict(Conflict::KeyBusy) => {
                vec![(header::RETRY_AFTER, RETRY_AFTER_S)]
            }
            Self::RateLimited(over) => limit_headers(over),
            // RFC 9110 section 15.5.16: which codings would have been taken.
            Self::UnsupportedCoding => vec![(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            )],
            Self::VendorSuspended { retry_after_s } => {
                vec![(header::RETRY_AFTER, (*retry_after_s).into())]
            }
            Self::Malformed(_)
            | Self::Forbidden(_)
            | Self::NotAllowed(_)
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Conflict(_)
            | Self::KeyReused
            | Self::PreconditionFailed
            | Self::PreconditionRequired
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::Invalid(_)
            | Self::VendorDown(_)
            | Self::Internal(_) => Vec::new(),
        }
    }
}

/// RFC 9110 section 10.2.3, and what draft-ietf-httpapi-ratelimit-headers-10 adds to it.
fn limit_headers(over: &OverLimit) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = limit::of_refusal(over);
    headers.push((header::RETRY_AFTER, HeaderValue::from(over.retry_after_s)));
    headers
}

/// The draft has a type of its own for a limit that is reached.
fn type_of(kind: &str) -> String {
    match kind {
        QUOTA_EXCEEDED => format!("https://iana.org/assignments/http-problem-types#{kind}"),
        _ => format!("urn:portico:problem:{kind}"),
    }
}

impl ApiError {
    /// The problem as a part of a larger answer, which names path and request itself.
    pub fn problem(&self) -> Problem {
        let (kind, title, status) = self.row();
        match self {
            Self::Unavailable(source) => {
                tracing::warn!(error = format!("{source:#}"), "dependency unavailable")
            }
            Self::Internal(source) => {
                tracing::error!(error = format!("{source:#}"), "internal error")
            }
            _ => {}
        }
        Problem {
            kind: type_of(kind),
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            instance: String::new(),
            request_id: String::new(),
            errors: match self {
                Self::Invalid(errors) => errors.clone(),
                _ => Vec::new(),
            },
            violated_policies: match self {
                Self::RateLimited(over) => vec![over.policy],
                _ => Vec::new(),
            },
        }
    }
}

impl IntoResponse for ApiError {
    /// Status and headers; the body is written by `http::layers`, which knows path and request id.
    fn into_response(self) -> Response {
        let (_, _, status) = self.row();
        let mut response = status.into_response();
        response.headers_mut().extend(self.headers());
        response.extensions_mut().insert(self.problem());
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict {
                conflict: Conflict::Precondition,
                ..
            } => Self::PreconditionFailed,
            StoreError::Conflict { conflict, .. } => Self::Conflict(conflict),
            StoreError::Unavailable(source) => Self::Unavailable(source),
            StoreError::Internal(source) => Self::Internal(source),
        }
    }
}

impl From<VendorError> for ApiError {
    fn from(error: VendorError) -> Self {
        match error {
            VendorError::OverBudget(over) => Self::RateLimited(over),
            VendorError::Suspended(refused) => Self::VendorSuspended {
                retry_after_s: refused.wait_s,
            },
            VendorError::Header(name) => {
                Self::invalid(format!("/headers/{name}"), "it is the connection's own")
            }
            VendorError::NotConnected(_) => Self::Conflict(Conflict::NotConnected),
            error @ VendorError::Refreshing => Self::Unavailable(error.into()),
            error @ (VendorError::NoToken { .. }
            | VendorError::Answer { .. }
            | VendorError::Page(_)) => Self::VendorDown(error.to_string()),
            VendorError::Egress(error) if error.is_permanent() => Self::invalid("/path", error),
            VendorError::Egress(error) => Self::VendorDown(error.to_string()),
            VendorError::Internal(source) => Self::Internal(source),
        }
    }
}

impl From<crate::config::ConfigError> for ApiError {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::Internal(error.into())
    }
}
