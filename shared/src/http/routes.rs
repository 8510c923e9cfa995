//! A function's routes. Path, method, documentation and handler come from one attribute on the
//! handler, so that the OpenAPI document cannot name a route that does not exist.
//!
//! Custom verbs (`/v1/events/{id}:replay`) are routed as a last segment of their own: the router
//! matches whole segments only.

use axum::{
    Router,
    extract::{MatchedPath, Request},
    middleware::{self, Next},
    response::Response,
    routing::MethodRouter,
};
use http::uri::{PathAndQuery, Uri};
use lambda_http::RequestExt as _;
use percent_encoding::percent_decode_str;
use tower::Layer;
use utoipa::openapi::{
    OpenApi, OpenApiBuilder, RefOr, Schema,
    path::{Operation, ParameterBuilder, ParameterIn, Paths},
    schema::{ObjectBuilder, Type},
};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{
    app::App,
    http::{documented, layers},
    problem::ApiError,
};

/// Stands for the `:` of a custom verb inside the router; no client's path may contain it.
const VERB: &str = "/@";

/// The routes of one function and their part of the OpenAPI document.
pub struct Routes {
    router: Router<App>,
    documented: Vec<Documented>,
    body_limit: usize,
}

/// What `routes!` says of handlers: their schemas by name, and their paths.
type Documented = (Vec<(String, RefOr<Schema>)>, Paths);

/// The longest request body in bytes, unless a function says otherwise.
const BODY_LIMIT: usize = 64 * 1_024;

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

impl Routes {
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            documented: Vec::new(),
            body_limit: BODY_LIMIT,
        }
    }

    /// Adds handlers given as `routes!(handler, …)`.
    #[must_use]
    pub fn with(mut self, (schemas, paths, methods): UtoipaMethodRouter<App>) -> Self {
        for path in paths.paths.keys() {
            self.router = self
                .router
                .route(&internal(path), layers::method(methods.clone()));
        }
        self.documented.push((schemas, paths));
        self
    }

    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// This function's part of the OpenAPI document. Put together here and not with each route: a start of a
    /// function needs none of it.
    pub fn openapi(self) -> OpenApi {
        let mut document = OpenApiBuilder::new().build();
        for (schemas, mut paths) in self.documented {
            for item in paths.paths.values_mut() {
                item.post.iter_mut().for_each(with_idempotency_key);
                documented::complete(item);
            }
            let mut part = OpenApiBuilder::new()
                .paths(merged(Paths::new(), paths))
                .build();
            let components = part.components.get_or_insert_default();
            components.schemas.extend(schemas);
            document.merge(part);
        }
        documented::describe(document.components.get_or_insert_default());
        document
    }

    /// The service that Lambda, the local stack and the tests call.
    pub fn finish(self, app: App) -> Router {
        let router = self
            .router
            .fallback(async || ApiError::NotFound)
            .layer(middleware::from_fn(name_route))
            .with_state(app.clone());
        // Outside of the router, because it decides which route matches.
        let router = Router::new()
            .fallback_service(tower::util::MapRequestLayer::new(split_verb).layer(router));
        layers::around(router, app, self.body_limit)
    }
}

/// Documents the header for who has a tenant: for others it means nothing.
fn with_idempotency_key(post: &mut Operation) {
    if post.security.is_some() {
        return;
    }
    let header = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "A request with a key that was used for the same request gets its reply and changes nothing",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(257)),
        ))
        .build();
    post.parameters.get_or_insert_default().push(header.into());
}

/// Adds the methods of one set of handlers to those of another on the same path.
fn merged(mut into: Paths, from: Paths) -> Paths {
    for (path, item) in from.paths {
        match into.paths.get_mut(&path) {
            Some(present) => present.merge_operations(item),
            None => drop(into.paths.insert(path, item)),
        }
    }
    into
}

/// The documented path that a request matched, for its log line.
#[derive(Clone)]
pub(crate) struct RouteName(pub(crate) String);

async fn name_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let name = matched.map(|path| RouteName(path.as_str().replace(VERB, ":")));
    let mut response = next.run(request).await;
    if let Some(name) = name {
        response.extensions_mut().insert(name);
    }
    response
}

/// `/v1/events/{id}:replay` as the router holds it: `/v1/events/{id}/@replay`.
fn internal(path: &str) -> String {
    match path.rsplit_once(':') {
        Some((resource, verb)) if !verb.contains('/') => format!("{resource}{VERB}{verb}"),
        Some(_) | None => path.to_owned(),
    }
}

/// Whether the path to route by is the one that the gateway saw. It hands paths over decoded (rawPath of payload
/// format 2.0, cut at an encoded `?`), and reading that as a URL ends it at a `#`, turns `\` into `/` and resolves
/// `..`: the request would reach another resource than the one it names.
fn is_as_sent(request: &Request) -> bool {
    let path = request.uri().path();
    let sent = request.raw_http_path();
    let is_whole = |parameter: &str| !parameter.contains(['?', '#']);
    let decoded = || percent_decode_str(path).decode_utf8_lossy();
    // Without a gateway there is none that was sent.
    (sent.is_empty() || sent == path || sent == decoded())
        && request
            .path_parameters_ref()
            .is_none_or(|all| all.iter().all(|(_, parameter)| is_whole(parameter)))
}

fn split_verb(mut request: Request) -> Request {
    let path = request.uri().path();
    let rewritten = if path.contains(VERB) || !is_as_sent(&request) {
        // Not a path of ours: it must not reach a verb, or another resource, by the back door.
        "/".to_owned()
    } else {
        internal(path)
    };
    if rewritten == path {
        return request;
    }
    let with_query = match request.uri().query() {
        Some(query) => format!("{rewritten}?{query}"),
        None => rewritten,
    };
    if let Ok(path_and_query) = with_query.parse::<PathAndQuery>() {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The methods of a path, with the answer for all others.
pub(crate) fn with_method_fallback(methods: MethodRouter<App>) -> MethodRouter<App> {
    methods.fallback(async || ApiError::MethodNotAllowed)
}

#[cfg(test)]
mod tests;
