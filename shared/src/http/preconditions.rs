//! ETag and If-Match (RFC 9110 sections 8.8.3 and 13.1.1): a version, quoted.

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;

use crate::{app::App, problem::ApiError, store::Versioned};

/// The version that the client has seen, if it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(Seen);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Unsaid,
    /// `*`: whatever is there.
    Any,
    Version(u64),
}

impl IfMatch {
    /// `current` if the client has seen this version, or has not said what it saw.
    pub fn check<T>(self, current: Versioned<T>) -> Result<Versioned<T>, ApiError> {
        match self.0 {
            Seen::Version(seen) if seen != current.version => Err(ApiError::PreconditionFailed),
            Seen::Version(_) | Seen::Any | Seen::Unsaid => Ok(current),
        }
    }

    /// As [`IfMatch::check`], for changes where a lost update would hurt (RFC 6585 section 3).
    ///
    /// # Errors
    /// The client has not said which version it has seen.
    pub fn required<T>(self, current: Versioned<T>) -> Result<Versioned<T>, ApiError> {
        match self.0 {
            Seen::Unsaid => Err(ApiError::PreconditionRequired),
            Seen::Any | Seen::Version(_) => self.check(current),
        }
    }
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(Seen::Unsaid));
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(Seen::Any));
        }
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        // A tag that is not of ours matches no version: the precondition fails.
        quoted
            .and_then(|tag| tag.parse().ok())
            .map(|version| Self(Seen::Version(version)))
            .ok_or(ApiError::PreconditionFailed)
    }
}

/// A resource with its version as the ETag.
pub struct Tagged<T>(pub Versioned<T>);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0.value).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}
