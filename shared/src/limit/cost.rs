//! What a request costs of its caller's limits: about what it costs the platform, a read being one.

use axum::extract::MatchedPath;
use http::{Method, request::Parts};

const READ: u32 = 1;
const CHANGE: u32 = 2;

/// Routes that do the work of many, by the path that the router holds (a verb is a segment of its own).
const DEARER: [(&str, u32); 3] = [
    ("/v1/collections/{name}/records/@bulk", 20),
    ("/v1/events/@replay", 20),
    ("/v1/destinations/{id}/@test", 5),
];

pub(crate) fn of(parts: &Parts) -> u32 {
    let path = parts.extensions.get::<MatchedPath>();
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    cost(&parts.method, path)
}

fn cost(method: &Method, path: &str) -> u32 {
    if method == Method::GET || method == Method::HEAD {
        return READ;
    }
    let dearer = DEARER.iter().find(|(route, _)| *route == path);
    dearer.map_or(CHANGE, |(_, cost)| *cost)
}
