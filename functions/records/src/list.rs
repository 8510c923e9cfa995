//! Lists of records: all of them, those that a filter names, deleted ones, and the versions of one.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use shared::{
    access::{Caller, Permission},
    http::{PageQuery, Path, Query},
    id::RecordId,
    index::Question,
    problem::{ApiError, FieldError, Problem},
    store::{CollectionName, Page, PageRequest},
};

use crate::views::{DeletedRecordOut, RecordOut, RecordVersionOut};

/// What the query parameters ask for.
#[derive(Default)]
struct Asked {
    limit: Option<u16>,
    cursor: Option<String>,
    is_deleted: bool,
    question: Question,
}

/// A collection's records, in the order of their making or of an index.
///
/// Filters are parameters named by indexed fields: `status=open` for equality, `age:gte=18`, `age:gt`,
/// `age:lte`, `age:lt` and `name:prefix=Ad` for ranges. What no index serves is refused.
#[utoipa::path(get, path = "/v1/collections/{name}/records", tag = "records",
    params(
        ("name" = String, Path),
        PageQuery,
        ("sort" = Option<String>, Query, description = "An indexed field or `created_at`; with `-` before it, the greatest first", example = "-created_at"),
        ("deleted" = Option<bool>, Query, description = "`true` lists deleted records that can be restored, without filters and order"),
    ), responses(
    (status = 200, description = "One page. Of deleted records, each also has `deleted_at` and `expires_at`", body = Page<RecordOut>),
    (status = 422, description = "No index serves the filters and the order", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_records(
    caller: Caller,
    Path(name): Path<CollectionName>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let store = caller.authorize(Permission::RecordsRead)?;
    let asked = Asked::read(parameters)?;
    let page = PageRequest::new(asked.limit, asked.cursor)?;
    let open = store.open_collection(name).await?;
    if asked.is_deleted {
        if asked.question != Question::default() {
            let detail = "must not be true with filters or sort: deleted records are in no index";
            return Err(ApiError::invalid("deleted", detail));
        }
        let page = store.deleted_records(&open, &page).await?;
        let page = page.try_map(|record| DeletedRecordOut::new(name, &record))?;
        return Ok(Json(page).into_response());
    }
    let plan = asked.question.plan(&open.collection.indexes)?;
    let page = store.records(&open, &plan, &page).await?;
    let page = page.try_map(|record| RecordOut::new(name, record))?;
    Ok(Json(page).into_response())
}

/// What each change has made of a record, latest first; also of a deleted one.
#[utoipa::path(get, path = "/v1/collections/{name}/records/{id}/history", tag = "records",
    params(("name" = String, Path), ("id" = String, Path), PageQuery), responses(
    (status = 200, description = "One page", body = Page<RecordVersionOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_record_versions(
    caller: Caller,
    Path((name, id)): Path<(CollectionName, RecordId)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<RecordVersionOut>>, ApiError> {
    let store = caller.authorize(Permission::RecordsRead)?;
    let open = store.open_collection(name).await?;
    let page = store.record_history(&open, id, &query.page()?).await?;
    Ok(Json(page.try_map(RecordVersionOut::try_from)?))
}

impl Asked {
    fn read(parameters: Vec<(String, String)>) -> Result<Self, ApiError> {
        let (mut asked, mut errors) = (Self::default(), Vec::new());
        for (name, text) in parameters {
            let read = match name.as_str() {
                "limit" => text
                    .parse()
                    .map(|limit| asked.limit = Some(limit))
                    .map_err(|_| FieldError::new("limit", "must be 1 to 100")),
                "cursor" => {
                    asked.cursor = Some(text);
                    Ok(())
                }
                "deleted" => text
                    .parse()
                    .map(|is_deleted| asked.is_deleted = is_deleted)
                    .map_err(|_| FieldError::new("deleted", "must be true or false")),
                _ => asked.question.add(&name, &text),
            };
            errors.extend(read.err());
        }
        if errors.is_empty() {
            Ok(asked)
        } else {
            Err(ApiError::Invalid(errors))
        }
    }
}
