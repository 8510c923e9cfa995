//! What a tenant sets up to talk with vendors, and what came of it: endpoints and events.

mod endpoints;
mod events;
mod views;

use shared::http::Routes;
use utoipa_axum::routes;

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(
            endpoints::list_endpoints,
            endpoints::create_endpoint
        ))
        .with(routes!(
            endpoints::get_endpoint,
            endpoints::update_endpoint,
            endpoints::delete_endpoint
        ))
        .with(routes!(endpoints::list_schemes))
        .with(routes!(events::list_events))
        .with(routes!(events::get_event))
        .with(routes!(events::replay_event))
}
