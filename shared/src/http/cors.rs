//! Cross-origin requests (the Fetch standard's CORS protocol): from the applications that the deployment names, by
//! their exact origins, with credentials; from nowhere else.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};

use crate::{access::Origin, app::App, problem::ApiError};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, x-csrf-token, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, idempotency-replayed, ratelimit, ratelimit-policy, retry-after, x-request-id",
);
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");

pub(crate) async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| is_listed(&app, origin));
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        let mut response = http::Response::new(axum::body::Body::empty());
        if let Some(origin) = allowed {
            let headers = response.headers_mut();
            allow(headers, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
        }
        return response.into_response();
    }
    let mut response = next.run(request).await;
    // Also without an origin: a cache must not give one origin's answer to another.
    if app.config.app_origins().next().is_some() {
        let vary = HeaderValue::from_static("origin");
        response.headers_mut().append(header::VARY, vary);
    }
    if let Some(origin) = allowed {
        allow(response.headers_mut(), origin);
        let exposed = header::ACCESS_CONTROL_EXPOSE_HEADERS;
        response.headers_mut().insert(exposed, EXPOSED);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let credentials = header::ACCESS_CONTROL_ALLOW_CREDENTIALS;
    headers.insert(credentials, HeaderValue::from_static("true"));
}

fn is_listed(app: &App, origin: &HeaderValue) -> bool {
    let listed = |origin: &str| app.config.app_origins().any(|one| one == origin);
    origin.to_str().is_ok_and(listed)
}

/// A request that no page of another site has made: it names no origin, its own, or a listed one.
pub struct TrustedOrigin;

impl TrustedOrigin {
    pub(crate) fn check(parts: &Parts, app: &App) -> Result<(), ApiError> {
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        let own = Origin::of(parts, app).0;
        let trusted =
            |origin: &HeaderValue| origin.as_bytes() == own.as_bytes() || is_listed(app, origin);
        if origins.all(trusted) {
            Ok(())
        } else {
            Err(ApiError::NotAllowed(
                "a page of this origin may not use sessions of this API",
            ))
        }
    }
}

impl FromRequestParts<App> for TrustedOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Self::check(parts, app).map(|()| Self)
    }
}
