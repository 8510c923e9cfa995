//! Collections.

use axum::{Json, http::StatusCode};
use shared::{
    access::{Caller, Permission},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged},
    index,
    problem::{ApiError, FieldError, Problem},
    schema::Schema,
    store::{Collection, CollectionName, NewCollection, Page, Versioned},
};

use crate::views::{CollectionIn, CollectionOut, CollectionPatchIn};

/// The tenant's collections, by name.
#[utoipa::path(get, path = "/v1/collections", tag = "records", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<CollectionOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_collections(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<CollectionOut>>, ApiError> {
    let store = caller.authorize(Permission::RecordsRead)?;
    let page = store.collections(&query.page()?).await?;
    Ok(Json(page.try_map(CollectionOut::try_from)?))
}

/// Makes a collection. Its name, indexes and shards stay as they are.
#[utoipa::path(post, path = "/v1/collections", tag = "records", request_body = CollectionIn, responses(
    (status = 201, description = "The collection", body = CollectionOut),
    (status = 409, description = "There is a collection of this name, or as many as a tenant may have", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_collection(
    caller: Caller,
    Body(new): Body<CollectionIn>,
) -> Result<(StatusCode, Tagged<CollectionOut>), ApiError> {
    let store = caller.authorize(Permission::CollectionsWrite)?;
    let mut errors: Vec<FieldError> = Schema::new(&new.schema).err().into_iter().collect();
    errors.extend(index::check(&new.indexes));
    if !errors.is_empty() {
        return Err(ApiError::Invalid(errors));
    }
    let change = store.create_collection(NewCollection {
        name: new.name,
        schema: new.schema,
        indexes: new.indexes,
        shards: new.shards.into(),
        retention: new.retention.unwrap_or_default().into(),
    })?;
    let collection = store.commit(change).await?;
    Ok((StatusCode::CREATED, tagged(collection)?))
}

/// One collection.
#[utoipa::path(get, path = "/v1/collections/{name}", tag = "records", params(("name" = String, Path)), responses(
    (status = 200, description = "The collection", body = CollectionOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_collection(
    caller: Caller,
    Path(name): Path<CollectionName>,
) -> Result<Tagged<CollectionOut>, ApiError> {
    let store = caller.authorize(Permission::RecordsRead)?;
    tagged(store.collection(name).await?)
}

/// Gives it another schema or retention. A record is held against the schema when it is next written.
#[utoipa::path(patch, path = "/v1/collections/{name}", tag = "records", request_body = CollectionPatchIn,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "The ETag that the change is based on"),),
    responses(
        (status = 200, description = "The collection as it is now", body = CollectionOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_collection(
    caller: Caller,
    seen: IfMatch,
    Path(name): Path<CollectionName>,
    Body(patch): Body<CollectionPatchIn>,
) -> Result<Tagged<CollectionOut>, ApiError> {
    let store = caller.authorize(Permission::CollectionsWrite)?;
    let current = seen.required(store.collection(name).await?)?;
    let mut errors = Vec::new();
    if let Some(schema) = &patch.schema {
        errors.extend(Schema::new(schema).err());
    }
    if patch
        .indexes
        .is_some_and(|indexes| indexes != current.value.indexes)
    {
        let detail = "must stay as they are: records that exist are not in a new index. Make another collection and copy them with records:bulk";
        errors.push(FieldError::new("/indexes", detail));
    }
    if !errors.is_empty() {
        return Err(ApiError::Invalid(errors));
    }
    let retention = match patch.retention {
        Some(retention) => retention.over(current.value.retention),
        None => current.value.retention,
    };
    let change = store.change_collection(current, patch.schema.as_ref(), retention)?;
    tagged(store.commit(change).await?)
}

/// Removes a collection that has no records.
#[utoipa::path(delete, path = "/v1/collections/{name}", tag = "records",
    params(("name" = String, Path), ("If-Match" = String, Header, description = "The ETag that the change is based on"),),
    responses(
        (status = 204, description = "It is gone, and its deleted records cannot be restored"),
        (status = 409, description = "It has records", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_collection(
    caller: Caller,
    seen: IfMatch,
    Path(name): Path<CollectionName>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::CollectionsWrite)?;
    let current = seen.required(store.collection(name).await?)?;
    store.delete_collection(&current).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(collection: Versioned<Collection>) -> Result<Tagged<CollectionOut>, ApiError> {
    Ok(Tagged(Versioned {
        version: collection.version,
        value: collection.value.try_into()?,
    }))
}
