//! Many changes of one collection in one request. Each is a transaction of its own and has its own result:
//! one that fails stops none of the others.

use std::collections::{HashMap, HashSet};

use axum::Json;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use shared::{
    access::{Caller, Permission},
    http::{Body, Path},
    id::RecordId,
    problem::{ApiError, FieldError, Problem},
    schema::merge,
    store::{CollectionName, OpenCollection, Record, TenantStore, Versioned},
};

use crate::views::{BulkIn, BulkOut, BulkResultOut, OperationIn, Verb};

/// Transactions under way at a time.
const AT_ONCE: usize = 10;

/// One operation whose fields fit together.
enum Operation {
    Create(Value),
    Replace(RecordId, Option<u64>, Value),
    Merge(RecordId, Option<u64>, Value),
    Delete(RecordId, Option<u64>),
}

/// What became of one.
struct Done {
    status: u16,
    id: Option<RecordId>,
    version: Option<u64>,
}

/// Creates, changes and deletes up to 100 records. The answer has a result for each, in their order.
#[utoipa::path(post, path = "/v1/collections/{name}/records:bulk", tag = "records", request_body = BulkIn,
    params(("name" = String, Path)), responses(
    (status = 200, description = "What became of each operation, whether or not it was carried out", body = BulkOut),
    (status = "default", description = "A problem of the request as a whole: nothing was done", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn change_records(
    caller: Caller,
    Path(name): Path<CollectionName>,
    Body(bulk): Body<BulkIn>,
) -> Result<Json<BulkOut>, ApiError> {
    let store = caller.authorize(Permission::RecordsWrite)?;
    let operations = fitting(bulk.operations)?;
    let open = store.open_collection(name).await?;
    let ids: Vec<RecordId> = operations.iter().filter_map(Operation::id).collect();
    let present = store.records_of(&open, &ids).await?;
    let mut present: HashMap<RecordId, Versioned<Record>> = present
        .into_iter()
        .map(|record| (record.value.id, record))
        .collect();
    store.begin_several().await?;
    let tasks = operations.into_iter().enumerate().map(|(at, operation)| {
        let current = operation.id().and_then(|id| present.remove(&id));
        let (store, open) = (&store, &open);
        async move {
            let id = operation.id();
            match carry_out(store, open, operation, current).await {
                Ok(done) => BulkResultOut::done(done.status, done.id, done.version),
                Err(error) => BulkResultOut::failed(id, within(error, at)),
            }
        }
    });
    // Collected first: the tasks borrow `present` while they are made.
    let tasks: Vec<_> = tasks.collect();
    let results: Vec<BulkResultOut> = stream::iter(tasks).buffered(AT_ONCE).collect().await;
    Ok(Json(BulkOut::new(results)))
}

async fn carry_out(
    store: &TenantStore,
    open: &OpenCollection,
    operation: Operation,
    current: Option<Versioned<Record>>,
) -> Result<Done, ApiError> {
    let current = |seen: Option<u64>| match (current, seen) {
        (None, _) => Err(ApiError::NotFound),
        (Some(record), Some(seen)) if record.version != seen => Err(ApiError::PreconditionFailed),
        (Some(record), _) => Ok(record),
    };
    let (status, change) = match operation {
        Operation::Create(data) => {
            open.check(&data)?;
            (201, store.create_record(open, &data)?)
        }
        Operation::Replace(_, seen, data) => {
            let from = current(seen)?;
            open.check(&data)?;
            (200, store.replace_record(open, from, &data)?)
        }
        Operation::Merge(_, seen, patch) => {
            let from = current(seen)?;
            let mut to = from.value.data()?;
            merge(&mut to, &patch);
            open.check(&to)?;
            (200, store.replace_record(open, from, &to)?)
        }
        Operation::Delete(id, seen) => {
            store
                .commit(store.delete_record(open, current(seen)?)?)
                .await?;
            return Ok(Done {
                status: 204,
                id: Some(id),
                version: None,
            });
        }
    };
    let record = store.commit(change).await?;
    Ok(Done {
        status,
        id: Some(record.value.id),
        version: Some(record.version),
    })
}

/// # Errors
/// Each operation that lacks a field or has one too many, and each that names a record once more.
fn fitting(operations: Vec<OperationIn>) -> Result<Vec<Operation>, ApiError> {
    let (mut fitting, mut errors, mut named) = (Vec::new(), Vec::new(), HashSet::new());
    for (at, operation) in operations.into_iter().enumerate() {
        let OperationIn {
            op,
            id,
            if_match,
            data,
        } = operation;
        let mut refuse = |field: &str, detail: &str| {
            errors.push(FieldError::new(format!("/operations/{at}/{field}"), detail));
        };
        if id.is_some_and(|id| !named.insert(id)) {
            refuse("id", "must be in one operation only");
        }
        match (op, id, data) {
            (Verb::Create, None, Some(data)) => {
                if if_match.is_some() {
                    refuse("if_match", "must not be given for create");
                }
                fitting.push(Operation::Create(data));
            }
            (Verb::Replace, Some(id), Some(data)) => {
                fitting.push(Operation::Replace(id, if_match, data));
            }
            (Verb::Merge, Some(id), Some(data)) => {
                fitting.push(Operation::Merge(id, if_match, data));
            }
            (Verb::Delete, Some(id), None) => fitting.push(Operation::Delete(id, if_match)),
            (Verb::Create, Some(_), _) => refuse("id", "must not be given for create"),
            (Verb::Delete, Some(_), Some(_)) => refuse("data", "must not be given for delete"),
            (Verb::Create, None, None) | (Verb::Replace | Verb::Merge, Some(_), None) => {
                refuse("data", "must be given");
            }
            (Verb::Replace | Verb::Merge | Verb::Delete, None, _) => {
                refuse("id", "must be given");
            }
        }
    }
    if errors.is_empty() {
        Ok(fitting)
    } else {
        Err(ApiError::Invalid(errors))
    }
}

/// Pointers into the whole body, as a client has it.
fn within(error: ApiError, at: usize) -> ApiError {
    match error {
        ApiError::Invalid(errors) => {
            let moved = errors.into_iter().map(|error| {
                let pointer = format!("/operations/{at}{}", error.pointer);
                FieldError::new(pointer, error.detail)
            });
            ApiError::Invalid(moved.collect())
        }
        other => other,
    }
}

impl Operation {
    fn id(&self) -> Option<RecordId> {
        match self {
            Self::Create(_) => None,
            Self::Replace(id, ..) | Self::Merge(id, ..) | Self::Delete(id, _) => Some(*id),
        }
    }
}
