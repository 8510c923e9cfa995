//! What a tenant sets up to talk with vendors, and what came of it: connections,
//! endpoints, events, destinations, bulk jobs.

mod authorizations;
mod connections;
mod connectors;
mod deliveries;
mod destinations;
mod endpoints;
mod events;
mod exports;
mod jobs;
mod views;

use shared::http::Routes;
use utoipa_axum::routes;

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(
            connectors::list_connectors,
            connectors::create_connector
        ))
        .with(routes!(
            connectors::get_connector,
            connectors::delete_connector
        ))
        .with(routes!(
            connections::list_connections,
            connections::create_connection
        ))
        .with(routes!(
            connections::get_connection,
            connections::update_connection,
            connections::delete_connection
        ))
        .with(routes!(
            authorizations::begin_authorization,
            authorizations::complete_authorization
        ))
        .with(routes!(authorizations::return_authorization))
        .with(routes!(connections::test_connection))
        .with(routes!(connections::call_vendor))
        .with(routes!(connections::list_objects))
        .with(routes!(connections::get_connection_health))
        .with(routes!(connections::reset_breaker))
        .with(routes!(
            endpoints::list_endpoints,
            endpoints::create_endpoint
        ))
        .with(routes!(
            endpoints::get_endpoint,
            endpoints::update_endpoint,
            endpoints::delete_endpoint
        ))
        .with(routes!(endpoints::get_endpoint_handshake))
        .with(routes!(endpoints::rotate_endpoint_secret))
        .with(routes!(endpoints::list_rejections))
        .with(routes!(endpoints::list_schemes))
        .with(routes!(events::list_events))
        .with(routes!(events::get_ledger))
        .with(routes!(events::get_event))
        .with(routes!(events::explain_event))
        .with(routes!(events::replay_event))
        .with(routes!(events::replay_events))
        .with(routes!(
            destinations::list_destinations,
            destinations::create_destination
        ))
        .with(routes!(
            destinations::get_destination,
            destinations::update_destination,
            destinations::delete_destination
        ))
        .with(routes!(destinations::get_destination_health))
        .with(routes!(destinations::rotate_destination_secret))
        .with(routes!(destinations::test_destination))
        .with(routes!(exports::export_tenant))
        .with(routes!(exports::get_export))
        .with(routes!(exports::get_export_part))
        .with(routes!(deliveries::list_deliveries))
        .with(routes!(deliveries::get_delivery))
        .with(routes!(deliveries::retry_delivery))
        .with(routes!(deliveries::retry_deliveries))
        .with(routes!(jobs::list_jobs))
        .with(routes!(jobs::get_job))
        .with(routes!(jobs::cancel_job))
}
