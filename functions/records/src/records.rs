//! Records, one at a time.

use axum::http::StatusCode;
use shared::{
    access::{Caller, Permission},
    http::{Body, IfMatch, Path, Tagged},
    id::RecordId,
    problem::{ApiError, Problem},
    schema::merge,
    store::{CollectionName, Record, Versioned},
};

use crate::views::{RecordIn, RecordOut};

/// Makes a record that fits the collection's schema.
#[utoipa::path(post, path = "/v1/collections/{name}/records", tag = "records", request_body = RecordIn,
    params(("name" = String, Path)), responses(
    (status = 201, description = "The record", body = RecordOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_record(
    caller: Caller,
    Path(name): Path<CollectionName>,
    Body(new): Body<RecordIn>,
) -> Result<(StatusCode, Tagged<RecordOut>), ApiError> {
    let store = caller.authorize(Permission::RecordsWrite)?;
    let open = store.open_collection(name).await?;
    open.check(&new.data)?;
    let change = store.create_record(&open, &new.data)?;
    let record = store.commit(change).await?;
    Ok((StatusCode::CREATED, tagged(name, record)?))
}

/// One record.
#[utoipa::path(get, path = "/v1/collections/{name}/records/{id}", tag = "records",
    params(("name" = String, Path), ("id" = String, Path)), responses(
    (status = 200, description = "The record", body = RecordOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_record(
    caller: Caller,
    Path((name, id)): Path<(CollectionName, RecordId)>,
) -> Result<Tagged<RecordOut>, ApiError> {
    let store = caller.authorize(Permission::RecordsRead)?;
    let open = store.open_collection(name).await?;
    tagged(name, store.record(&open, id).await?)
}

/// Puts other data in the place of what the record holds.
#[utoipa::path(put, path = "/v1/collections/{name}/records/{id}", tag = "records", request_body = RecordIn,
    params(("name" = String, Path), ("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that the change is based on"),),
    responses(
        (status = 200, description = "The record as it is now", body = RecordOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn replace_record(
    caller: Caller,
    seen: IfMatch,
    Path((name, id)): Path<(CollectionName, RecordId)>,
    Body(new): Body<RecordIn>,
) -> Result<Tagged<RecordOut>, ApiError> {
    let store = caller.authorize(Permission::RecordsWrite)?;
    let open = store.open_collection(name).await?;
    let current = seen.required(store.record(&open, id).await?)?;
    open.check(&new.data)?;
    let change = store.replace_record(&open, current, &new.data)?;
    tagged(name, store.commit(change).await?)
}

/// Merges `data` into what the record holds (RFC 7396): `null` removes a field.
#[utoipa::path(patch, path = "/v1/collections/{name}/records/{id}", tag = "records", request_body = RecordIn,
    params(("name" = String, Path), ("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that the change is based on"),),
    responses(
        (status = 200, description = "The record as it is now", body = RecordOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_record(
    caller: Caller,
    seen: IfMatch,
    Path((name, id)): Path<(CollectionName, RecordId)>,
    Body(patch): Body<RecordIn>,
) -> Result<Tagged<RecordOut>, ApiError> {
    let store = caller.authorize(Permission::RecordsWrite)?;
    let open = store.open_collection(name).await?;
    let current = seen.required(store.record(&open, id).await?)?;
    let mut to = current.value.data()?;
    merge(&mut to, &patch.data);
    open.check(&to)?;
    let change = store.replace_record(&open, current, &to)?;
    tagged(name, store.commit(change).await?)
}

/// Deletes a record. It can be restored for as long as the collection's retention says.
#[utoipa::path(delete, path = "/v1/collections/{name}/records/{id}", tag = "records",
    params(("name" = String, Path), ("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that the change is based on"),),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_record(
    caller: Caller,
    seen: IfMatch,
    Path((name, id)): Path<(CollectionName, RecordId)>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::RecordsWrite)?;
    let open = store.open_collection(name).await?;
    let current = seen.required(store.record(&open, id).await?)?;
    let change = store.delete_record(&open, current)?;
    store.commit(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts a deleted record back as it was, if that fits the present schema.
#[utoipa::path(post, path = "/v1/collections/{name}/records/{id}:restore", tag = "records",
    params(("name" = String, Path), ("id" = String, Path)), responses(
    (status = 200, description = "The record", body = RecordOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn restore_record(
    caller: Caller,
    Path((name, id)): Path<(CollectionName, RecordId)>,
) -> Result<Tagged<RecordOut>, ApiError> {
    let store = caller.authorize(Permission::RecordsWrite)?;
    let open = store.open_collection(name).await?;
    let deleted = store.deleted_record(&open, id).await?;
    open.check(&deleted.value.data()?)?;
    let change = store.restore_record(&open, deleted)?;
    tagged(name, store.commit(change).await?)
}

fn tagged(name: CollectionName, record: Versioned<Record>) -> Result<Tagged<RecordOut>, ApiError> {
    Ok(Tagged(Versioned {
        version: record.version,
        value: RecordOut::new(name, record)?,
    }))
}
