//! The tenant's own data: collections with a schema and indexes, and their records.

mod bulk;
mod collections;
mod list;
mod records;
mod views;

use shared::http::Routes;
use utoipa_axum::routes;

/// Of a bulk request; below what API Gateway hands to a function (6 MB).
const BODY_LIMIT: usize = 2 * 1_024 * 1_024;

pub fn routes() -> Routes {
    Routes::new()
        .body_limit(BODY_LIMIT)
        .with(routes!(
            collections::list_collections,
            collections::create_collection
        ))
        .with(routes!(
            collections::get_collection,
            collections::update_collection,
            collections::delete_collection
        ))
        .with(routes!(list::list_records, records::create_record))
        .with(routes!(bulk::change_records))
        .with(routes!(
            records::get_record,
            records::replace_record,
            records::update_record,
            records::delete_record
        ))
        .with(routes!(records::restore_record))
        .with(routes!(list::list_record_versions))
}
