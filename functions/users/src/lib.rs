//! The members of the caller's tenant, and the caller itself.

mod views;

use axum::http::StatusCode;
use shared::{
    access::{Caller, Permission, Strict, sign_in::hash_password},
    http::{Body, IfMatch, Path, Query, Routes, Tagged, UserOut, rules},
    id::UserId,
    problem::{ApiError, Problem},
    store::{NewUser, Page, User, UserFilter, UserPatch, UserStatus, Versioned},
};
use utoipa_axum::routes;

use crate::views::{MePatchIn, UserIn, UserPatchIn, UserQuery};

pub fn routes() -> Routes {
    Routes::new()
        .with(routes!(list_users, create_user))
        .with(routes!(get_user, update_user, delete_user))
        .with(routes!(suspend_user))
        .with(routes!(reactivate_user))
        .with(routes!(get_me, update_me))
}

/// The tenant's members, in the order in which they joined.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(UserQuery), responses(
    (status = 200, description = "One page", body = Page<UserOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_users(
    caller: Caller,
    Query(query): Query<UserQuery>,
) -> Result<axum::Json<Page<UserOut>>, ApiError> {
    let store = caller.authorize(Permission::UsersRead)?;
    let filter = UserFilter {
        role: query.role,
        email: query.email.as_deref().map(rules::normal_email),
    };
    let page = shared::store::PageRequest::new(query.limit, query.cursor)?;
    let users = store.users(filter, &page).await?;
    Ok(axum::Json(users.map(UserOut::from)))
}

/// Adds a member. Without a password they cannot sign in until one is set.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = UserIn, responses(
    (status = 201, description = "The member", body = UserOut),
    (status = 409, description = "A user with this e-mail address is a member already", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn create_user(
    caller: Caller,
    Body(new): Body<UserIn>,
) -> Result<(StatusCode, Tagged<UserOut>), ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    caller.may_grant(new.role).await?;
    let password_hash = match new.password {
        Some(password) => Some(hash_password(password, &new.email).await?),
        None => None,
    };
    let new = NewUser {
        email: rules::normal_email(&new.email),
        name: new.name,
        role: new.role,
        password_hash,
    };
    let user = store.create_user(new).await?;
    Ok((StatusCode::CREATED, tagged(user)))
}

/// One member.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "The member", body = UserOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn get_user(caller: Caller, Path(id): Path<UserId>) -> Result<Tagged<UserOut>, ApiError> {
    let store = caller.authorize(Permission::UsersRead)?;
    Ok(tagged(store.user(id).await?))
}

/// Changes the given fields. A new role is in force within five seconds.
#[utoipa::path(patch, path = "/v1/users/{id}", tag = "users", request_body = UserPatchIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The member as they are now", body = UserOut),
        (status = 409, description = "The tenant would have no owner left", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn update_user(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<UserId>,
    Body(patch): Body<UserPatchIn>,
) -> Result<Tagged<UserOut>, ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    let current = seen.check(store.user(id).await?)?;
    caller.may_grant(current.value.role).await?;
    caller
        .may_grant(patch.role.unwrap_or(current.value.role))
        .await?;
    let patch = UserPatch {
        name: patch.name,
        role: patch.role,
    };
    Ok(tagged(store.update_user(current, patch).await?))
}

/// Removes the member from the tenant and ends their sessions.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "They are no member any more"),
        (status = 409, description = "The tenant would have no owner left", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn delete_user(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    let current = seen.check(store.user(id).await?)?;
    caller.may_grant(current.value.role).await?;
    store.delete_user(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Suspends the member: their sessions end, and they cannot sign in.
#[utoipa::path(post, path = "/v1/users/{id}:suspend", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "The member as they are now", body = UserOut),
    (status = 409, description = "The tenant would have no active owner left", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn suspend_user(
    Strict(caller): Strict,
    Path(id): Path<UserId>,
) -> Result<Tagged<UserOut>, ApiError> {
    set_status(&caller, id, UserStatus::Suspended).await
}

/// Lets a suspended member sign in again.
#[utoipa::path(post, path = "/v1/users/{id}:reactivate", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, description = "The member as they are now", body = UserOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn reactivate_user(
    Strict(caller): Strict,
    Path(id): Path<UserId>,
) -> Result<Tagged<UserOut>, ApiError> {
    set_status(&caller, id, UserStatus::Active).await
}

async fn set_status(
    caller: &Caller,
    id: UserId,
    status: UserStatus,
) -> Result<Tagged<UserOut>, ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    let current = store.user(id).await?;
    caller.may_grant(current.value.role).await?;
    Ok(tagged(store.set_user_status(current, status).await?))
}

/// The caller as a member of their tenant.
#[utoipa::path(get, path = "/v1/me", tag = "users", responses(
    (status = 200, description = "The caller", body = UserOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn get_me(caller: Caller) -> Result<Tagged<UserOut>, ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeRead)?;
    Ok(tagged(store.user(member.user).await?))
}

/// Changes the caller's own name.
#[utoipa::path(patch, path = "/v1/me", tag = "users", request_body = MePatchIn,
    params(("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")),
    responses(
        (status = 200, description = "The caller as they are now", body = UserOut),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
async fn update_me(
    caller: Caller,
    seen: IfMatch,
    Body(patch): Body<MePatchIn>,
) -> Result<Tagged<UserOut>, ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeUpdate)?;
    let current = seen.check(store.user(member.user).await?)?;
    Ok(tagged(
        store
            .update_user(
                current,
                UserPatch {
                    name: patch.name,
                    role: None,
                },
            )
            .await?,
    ))
}

fn tagged(user: Versioned<User>) -> Tagged<UserOut> {
    Tagged(Versioned {
        version: user.version,
        value: user.value.into(),
    })
}
