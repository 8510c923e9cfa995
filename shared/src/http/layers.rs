//! Around every handler: a request id, one log line, a caught panic, problem bodies.

use std::panic::AssertUnwindSafe;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, header};

use crate::{
    app::App,
    http::{cors, idempotency, routes::RouteName},
    id::{Id, RequestKind},
    limit::Quotas,
    problem::{ApiError, Problem},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request in answers, logs and audit entries.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// The function's own, for the answer to a longer body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

pub(crate) fn around(router: Router, app: App, body_limit: usize) -> Router {
    let guard = idempotency::Guard {
        app: app.clone(),
        body_limit,
    };
    router
        .layer(middleware::from_fn_with_state(guard, idempotency::guard))
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(Extension(BodyLimit(body_limit)))
        .layer(middleware::from_fn_with_state(app.clone(), cors::cors))
        .layer(middleware::from_fn_with_state(app, serve))
}

/// One path's methods: others answer 405.
pub(crate) use crate::http::routes::with_method_fallback as method;

async fn serve(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = app.clock.now();
    let id = request_id(&app, &request, started);
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id.clone()));
    let quotas = Quotas::default();
    request.extensions_mut().insert(quotas.clone());
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = outcome.unwrap_or_else(|_| {
        ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response()
    });
    let mut response = with_problem_body(response, path, &id);
    let took = app.clock.now().duration_since(started);
    let route = response
        .extensions()
        .get::<RouteName>()
        .map(|name| name.0.clone());
    tracing::info!(
        request.id = id,
        http.method = %method,
        http.route = route.unwrap_or_default(),
        http.status = response.status().as_u16(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(0),
        "answered a request"
    );
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    quotas.write(headers);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The client's own id if it is short and plain, else a new one.
fn request_id(app: &App, request: &Request, now: jiff::Timestamp) -> String {
    let plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(plain);
    match given {
        Some(id) => id.to_owned(),
        None => {
            let id: Id<RequestKind> = app.ids.make(now);
            id.to_string()
        }
    }
}

/// `ApiError` leaves a [`Problem`] on its response; here it gets path, request id and body.
fn with_problem_body(mut response: Response, path: String, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let problem = Problem {
        instance: path,
        request_id: request_id.to_owned(),
        ..problem
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, body.into())
}
