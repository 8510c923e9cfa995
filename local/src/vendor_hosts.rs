//! What stands in for the hosts of vendors that publish keys: `/<host>/<path>` is answered as that host
//! would, with the key under which `cargo local send` signs.

use axum::Router;
use axum::extract::OriginalUri;
use axum::response::IntoResponse;
use http::StatusCode;
use shared::webhook::sign::stand_in;

pub fn router() -> Router {
    Router::new().fallback(answer)
}

async fn answer(OriginalUri(uri): OriginalUri) -> impl IntoResponse {
    let place = uri.path_and_query().map_or("", |path| path.as_str());
    match stand_in::answer(place.trim_start_matches('/')) {
        Some(body) => (StatusCode::OK, body),
        None => (StatusCode::NOT_FOUND, ""),
    }
}
