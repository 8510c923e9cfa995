//! Roles: three built in, others of the tenant's own.

use axum::{Json, http::StatusCode};
use shared::{
    access::{Caller, Permission, Permissions, Role, Strict},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged},
    problem::{ApiError, Problem},
    store::{NewRole, RolePatch, Versioned},
};

use crate::views::{BuiltInRoleOut, RoleIn, RoleOut, RolePatchIn, RolesOut};

/// The built-in roles, and one page of the tenant's own in the order in which they were made.
#[utoipa::path(get, path = "/v1/tenant/roles", tag = "tenants", params(PageQuery), responses(
    (status = 200, description = "The built-in roles and one page of custom roles", body = RolesOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_roles(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<RolesOut>, ApiError> {
    let store = caller.authorize(Permission::RolesRead)?;
    let page = store.roles(&query.page()?).await?.map(RoleOut::from);
    Ok(Json(RolesOut {
        built_in: Role::BUILT_IN.map(BuiltInRoleOut::from).into(),
        data: page.data,
        next_cursor: page.next_cursor,
    }))
}

/// Makes a role of permissions that the caller holds. A tenant may have 50.
#[utoipa::path(post, path = "/v1/tenant/roles", tag = "tenants", request_body = RoleIn, responses(
    (status = 201, description = "The role", body = RoleOut),
    (status = 403, description = "It would allow what the caller may not do", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_role(
    Strict(caller): Strict,
    Body(new): Body<RoleIn>,
) -> Result<(StatusCode, Tagged<RoleOut>), ApiError> {
    let store = caller.authorize(Permission::RolesWrite)?;
    let permissions: Permissions = new.permissions.into_iter().collect();
    caller.may_grant_set(permissions)?;
    let new = NewRole {
        name: new.name,
        description: new.description,
        permissions,
    };
    let role = store.create_role(new).await?;
    Ok((StatusCode::CREATED, tagged(role)))
}

/// One custom role.
#[utoipa::path(get, path = "/v1/tenant/roles/{id}", tag = "tenants", params(("id" = String, Path)), responses(
    (status = 200, description = "The role", body = RoleOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_role(
    caller: Caller,
    Path(id): Path<shared::id::RoleId>,
) -> Result<Tagged<RoleOut>, ApiError> {
    let store = caller.authorize(Permission::RolesRead)?;
    Ok(tagged(store.role(id).await?))
}

/// Changes the given fields. Its members have the new permissions within five seconds.
#[utoipa::path(patch, path = "/v1/tenant/roles/{id}", tag = "tenants", request_body = RolePatchIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The role as it is now", body = RoleOut),
        (status = 403, description = "It allows, or would allow, what the caller may not do", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_role(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<shared::id::RoleId>,
    Body(patch): Body<RolePatchIn>,
) -> Result<Tagged<RoleOut>, ApiError> {
    let store = caller.authorize(Permission::RolesWrite)?;
    let current = seen.check(store.role(id).await?)?;
    let permissions = patch
        .permissions
        .map(|set| set.into_iter().collect::<Permissions>());
    caller.may_grant_set(current.value.permissions)?;
    caller.may_grant_set(permissions.unwrap_or(current.value.permissions))?;
    let patch = RolePatch {
        name: patch.name,
        description: patch.description,
        permissions,
    };
    Ok(tagged(store.update_role(current, patch).await?))
}

/// Removes a role that no member has.
#[utoipa::path(delete, path = "/v1/tenant/roles/{id}", tag = "tenants",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "The role is gone"),
        (status = 409, description = "Members have it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_role(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<shared::id::RoleId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::RolesWrite)?;
    let current = seen.check(store.role(id).await?)?;
    caller.may_grant_set(current.value.permissions)?;
    store.delete_role(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(role: Versioned<shared::store::CustomRole>) -> Tagged<RoleOut> {
    Tagged(Versioned {
        version: role.version,
        value: role.value.into(),
    })
}
