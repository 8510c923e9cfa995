//! Passwords that are forgotten or changed, and e-mail addresses that are verified.

use axum::{extract::State, http::StatusCode};
use garde::Validate;
use serde::Deserialize;
use shared::{
    App,
    access::{Strict, recovery, sign_in::Entrance},
    http::{Body, rules},
    limit::Attempt,
    problem::{ApiError, Problem},
    seal::Secret,
};
use utoipa::ToSchema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgotIn {
    #[garde(custom(rules::email))]
    #[schema(example = "ada@acme.example")]
    email: String,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetIn {
    /// Out of the letter's link.
    #[garde(skip)]
    #[schema(value_type = String, example = "ppr_…")]
    token: Secret<String>,
    #[garde(custom(rules::password))]
    #[schema(value_type = String, min_length = 10, max_length = 256)]
    password: Secret<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    #[garde(skip)]
    #[schema(value_type = String)]
    current_password: Secret<String>,
    #[garde(custom(rules::password))]
    #[schema(value_type = String, min_length = 10, max_length = 256)]
    new_password: Secret<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyIn {
    /// Out of the letter's link.
    #[garde(skip)]
    #[schema(value_type = String, example = "pev_…")]
    token: Secret<String>,
}

/// Mails a link to a new password, if the address is somebody's. The answer does not say whether it is.
#[utoipa::path(post, path = "/v1/auth/password/forgot", tag = "auth", security(()), request_body = ForgotIn, responses(
    (status = 202, description = "It will be looked at"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn forgot_password(
    app: State<App>,
    _: Attempt,
    Body(given): Body<ForgotIn>,
) -> Result<StatusCode, ApiError> {
    recovery::forgot(&app, rules::normal_email(&given.email)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password, once, within an hour of the letter. All sessions of the person end, and the address
/// counts as verified.
#[utoipa::path(post, path = "/v1/auth/password/reset", tag = "auth", security(()), request_body = ResetIn, responses(
    (status = 204, description = "The password is set"),
    (status = 401, description = "The token was used or has expired", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn reset_password(
    app: State<App>,
    _: Attempt,
    at: Entrance,
    Body(given): Body<ResetIn>,
) -> Result<StatusCode, ApiError> {
    recovery::reset(&app, &at, &given.token, given.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the caller's password. Their other sessions end, in all tenants.
#[utoipa::path(post, path = "/v1/auth/password/change", tag = "auth", request_body = ChangeIn, responses(
    (status = 204, description = "The password is changed"),
    (status = 403, description = "A session of single sign-on", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn change_password(
    app: State<App>,
    Strict(caller): Strict,
    Body(given): Body<ChangeIn>,
) -> Result<StatusCode, ApiError> {
    recovery::change(&app, &caller, given.current_password, given.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mails a link that verifies the caller's address, at most one a minute.
#[utoipa::path(post, path = "/v1/auth/email/verification", tag = "auth", responses(
    (status = 202, description = "It will be mailed, unless the address is verified"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn ask_to_verify_email(
    app: State<App>,
    Strict(caller): Strict,
) -> Result<StatusCode, ApiError> {
    recovery::ask_to_verify(&app, &caller).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes the token of a letter as the proof that its address is the person's, once, within a day.
#[utoipa::path(post, path = "/v1/auth/email/verify", tag = "auth", security(()), request_body = VerifyIn, responses(
    (status = 204, description = "The address is verified"),
    (status = 401, description = "The token was used or has expired", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn verify_email(
    app: State<App>,
    at: Entrance,
    Body(given): Body<VerifyIn>,
) -> Result<StatusCode, ApiError> {
    recovery::verify(&app, &at, &given.token).await?;
    Ok(StatusCode::NO_CONTENT)
}
