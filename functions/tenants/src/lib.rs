//! The caller's tenant, its roles, API keys and identity providers, and what it uses; the operators' routes.

mod api_keys;
mod invitations;
mod platform;
mod roles;
mod sso;
mod usage;
mod views;

use shared::{
    access::{Caller, Permission},
    http::{Body, IfMatch, Routes, Tagged, TenantOut},
    problem::{ApiError, Problem},
    store::{TenantPatch, Versioned},
};
use utoipa_axum::routes;

use crate::views::TenantPatchIn;

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(get_tenant, update_tenant))
        .with(routes!(usage::get_usage))
        .with(routes!(roles::list_roles, roles::create_role))
        .with(routes!(
            roles::get_role,
            roles::update_role,
            roles::delete_role
        ))
        .with(routes!(
            invitations::list_invitations,
            invitations::create_invitation
        ))
        .with(routes!(invitations::delete_invitation))
        .with(routes!(invitations::resend_invitation))
        .with(routes!(api_keys::list_api_keys, api_keys::create_api_key))
        .with(routes!(api_keys::get_api_key, api_keys::delete_api_key))
        .with(routes!(api_keys::rotate_api_key))
        .with(routes!(
            sso::list_sso_connections,
            sso::create_sso_connection
        ))
        .with(routes!(
            sso::get_sso_connection,
            sso::update_sso_connection,
            sso::delete_sso_connection
        ))
        .with(routes!(platform::list_tenants))
        .with(routes!(platform::get_tenant, platform::update_tenant))
        .with(routes!(platform::suspend_tenant))
        .with(routes!(platform::reactivate_tenant))
}

/// The tenant that the credential names.
#[utoipa::path(get, path = "/v1/tenant", tag = "tenants", responses(
    (status = 200, description = "The tenant", body = TenantOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn get_tenant(caller: Caller) -> Result<Tagged<TenantOut>, ApiError> {
    let store = caller.authorize(Permission::TenantRead)?;
    let tenant = store.tenant().await?;
    Ok(Tagged(Versioned {
        version: tenant.version,
        value: tenant.value.into(),
    }))
}

/// Changes the given fields.
#[utoipa::path(patch, path = "/v1/tenant", tag = "tenants", request_body = TenantPatchIn,
    params(("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")),
    responses(
        (status = 200, description = "The tenant as it is now", body = TenantOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn update_tenant(
    caller: Caller,
    seen: IfMatch,
    Body(patch): Body<TenantPatchIn>,
) -> Result<Tagged<TenantOut>, ApiError> {
    let store = caller.authorize(Permission::TenantUpdate)?;
    let current = seen.check(store.tenant().await?)?;
    let change = store.change_tenant(current, TenantPatch { name: patch.name })?;
    let tenant = store.commit(change).await?;
    Ok(Tagged(Versioned {
        version: tenant.version,
        value: tenant.value.into(),
    }))
}
