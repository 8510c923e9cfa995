//! API keys: the tenant's own credentials. A key's text is in the answer that makes it, and nowhere else.

use axum::{Json, http::StatusCode};
use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::{
    access::{Caller, Permission, Permissions, Strict},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged, rules},
    id::ApiKeyId,
    problem::{ApiError, Problem},
    store::{ApiKey, MadeApiKey, NewApiKey, Page, Versioned},
    webhook::{AllowList, MOST_NETWORKS, Network},
};
use utoipa::ToSchema;

const LONGEST_OVERLAP_HOURS: u16 = 7 * 24;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Nightly export")]
    name: String,
    /// What the key allows: nothing that its maker may not do, and none of `me:read`, `me:update` and
    /// `api_keys:write`.
    #[garde(length(min = 1, max = 128))]
    permissions: Vec<Permission>,
    /// When it ends; never if not given.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Networks from which it may be used, in CIDR form; from anywhere if not given.
    #[garde(inner(length(min = 1, max = MOST_NETWORKS)))]
    #[schema(value_type = Option<Vec<String>>, max_items = 100, example = json!(["192.0.2.0/24"]))]
    allowed_ips: Option<Vec<Network>>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyRotationIn {
    /// How long the present text stays good beside the new one: 0 to 168, 24 if not given.
    #[serde(default = "one_day")]
    #[garde(range(max = LONGEST_OVERLAP_HOURS))]
    overlap_hours: u16,
}

fn one_day() -> u16 {
    24
}

/// A key as it is listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeyOut {
    #[schema(value_type = String)]
    id: ApiKeyId,
    name: String,
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
    /// The networks from which it may be used; `null` for anywhere.
    #[schema(value_type = Option<Vec<String>>)]
    allowed_ips: Option<AllowList>,
    /// The last letters of the key.
    #[schema(example = "…4x7q")]
    hint: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Up to an hour behind; `null` if it was never used.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// Until when the text before the last rotation is good; `null` if it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_good_until: Option<Timestamp>,
    /// Who made it: a user's id. The key stays when they go.
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    rotated_at: Option<Timestamp>,
}

/// A key with its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeyCreatedOut {
    #[serde(flatten)]
    api_key: ApiKeyOut,
    /// For `Authorization: Bearer …`. Shown this once.
    #[schema(example = "pk_06evk8…")]
    key: String,
}

impl ApiKeyOut {
    fn new(key: ApiKey, now: Timestamp) -> Self {
        let second = |unix_s| Timestamp::from_second(unix_s).ok();
        Self {
            previous_good_until: key.previous_good_until(now),
            last_used_at: key.last_used_s.and_then(second),
            id: key.id,
            name: key.name,
            permissions: key.permissions,
            allowed_ips: Some(key.allowed_ips).filter(|list| !list.is_empty()),
            hint: key.hint,
            expires_at: key.ends_at,
            created_by: key.created_by,
            created_at: key.created_at,
            rotated_at: key.rotated_at,
        }
    }
}

/// The tenant's keys, in the order in which they were made.
#[utoipa::path(get, path = "/v1/tenant/api-keys", tag = "tenants", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<ApiKeyOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_api_keys(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ApiKeyOut>>, ApiError> {
    let store = caller.authorize(Permission::ApiKeysRead)?;
    let page = store.api_keys(&query.page()?).await?;
    Ok(Json(page.map(|key| ApiKeyOut::new(key, caller.now()))))
}

/// Makes a key of permissions that the caller holds. The answer shows its text, once.
#[utoipa::path(post, path = "/v1/tenant/api-keys", tag = "tenants", request_body = ApiKeyIn, responses(
    (status = 201, description = "The key with its text", body = ApiKeyCreatedOut),
    (status = 403, description = "It would allow what the caller may not do", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_api_key(
    Strict(caller): Strict,
    Body(new): Body<ApiKeyIn>,
) -> Result<(StatusCode, Tagged<ApiKeyCreatedOut>), ApiError> {
    let store = caller.authorize(Permission::ApiKeysWrite)?;
    let permissions: Permissions = new.permissions.into_iter().collect();
    if permissions.without(Permissions::NOT_FOR_KEYS) != permissions {
        return Err(ApiError::invalid(
            "/permissions",
            "must not have me:read, me:update or api_keys:write: a key is no person and makes no keys",
        ));
    }
    if new.expires_at.is_some_and(|end| end <= caller.now()) {
        return Err(ApiError::invalid("/expires_at", "must be in the future"));
    }
    caller.may_grant_set(permissions)?;
    let new = NewApiKey {
        name: new.name,
        permissions,
        allowed_ips: AllowList::new(new.allowed_ips.unwrap_or_default()),
        ends_at: new.expires_at,
    };
    let made = store.create_api_key(new).await?;
    Ok((StatusCode::CREATED, with_text(made, &caller)))
}

/// One key.
#[utoipa::path(get, path = "/v1/tenant/api-keys/{id}", tag = "tenants", params(("id" = String, Path)), responses(
    (status = 200, description = "The key", body = ApiKeyOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_api_key(
    caller: Caller,
    Path(id): Path<ApiKeyId>,
) -> Result<Tagged<ApiKeyOut>, ApiError> {
    let store = caller.authorize(Permission::ApiKeysRead)?;
    let key = store.api_key(id).await?;
    Ok(Tagged(Versioned {
        version: key.version,
        value: ApiKeyOut::new(key.value, caller.now()),
    }))
}

/// Ends the key within five seconds. Whoever may make keys may end any of them: a leaked one must not wait.
#[utoipa::path(delete, path = "/v1/tenant/api-keys/{id}", tag = "tenants",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_api_key(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<ApiKeyId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::ApiKeysWrite)?;
    let current = seen.check(store.api_key(id).await?)?;
    store.delete_api_key(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the key a new text. The present one stays good for the overlap; one from before that ends now.
#[utoipa::path(post, path = "/v1/tenant/api-keys/{id}:rotate", tag = "tenants", request_body = ApiKeyRotationIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the rotation is based on"),
    ),
    responses(
        (status = 200, description = "The key with its new text", body = ApiKeyCreatedOut),
        (status = 403, description = "It allows what the caller may not do", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rotate_api_key(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<ApiKeyId>,
    Body(rotation): Body<ApiKeyRotationIn>,
) -> Result<Tagged<ApiKeyCreatedOut>, ApiError> {
    let store = caller.authorize(Permission::ApiKeysWrite)?;
    let current = seen.check(store.api_key(id).await?)?;
    // The new text is in the caller's hands.
    caller.may_grant_set(current.value.permissions)?;
    let overlap = SignedDuration::from_hours(i64::from(rotation.overlap_hours));
    let made = store.rotate_api_key(current, overlap).await?;
    Ok(with_text(made, &caller))
}

fn with_text(made: MadeApiKey, caller: &Caller) -> Tagged<ApiKeyCreatedOut> {
    Tagged(Versioned {
        version: made.key.version,
        value: ApiKeyCreatedOut {
            api_key: ApiKeyOut::new(made.key.value, caller.now()),
            key: made.text.expose().clone(),
        },
    })
}
