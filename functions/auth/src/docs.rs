//! The readable page of the OpenAPI document. It asks nothing of any other host, and its policy lets it ask nothing.

use axum::response::IntoResponse;
use shared::http::Routes;
use utoipa_axum::routes;

/// No inline script or style, no frame, no form: only the page's own two files and the document it shows.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn add_to(routes: Routes) -> Routes {
    routes
        .with(routes!(get_docs))
        .with(routes!(get_docs_style))
        .with(routes!(get_docs_script))
}

/// The API to read: every route with its parameters, bodies and answers.
#[utoipa::path(get, path = "/docs", tag = "health", security(()), responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
))]
async fn get_docs() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("docs/page.html"))
}

/// How the page looks.
#[utoipa::path(get, path = "/docs/page.css", tag = "health", security(()), responses(
    (status = 200, description = "A style sheet", body = String, content_type = "text/css"),
))]
async fn get_docs_style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("docs/page.css"))
}

/// What builds the page from the document.
#[utoipa::path(get, path = "/docs/page.js", tag = "health", security(()), responses(
    (status = 200, description = "A script", body = String, content_type = "text/javascript"),
))]
async fn get_docs_script() -> impl IntoResponse {
    file(
        "text/javascript; charset=utf-8",
        include_str!("docs/page.js"),
    )
}

fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        ("content-type", content_type),
        ("content-security-policy", POLICY),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "public, max-age=300"),
    ];
    (headers, text)
}
