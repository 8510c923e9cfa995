//! The caller's second factor.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    App,
    access::{Caller, Strict, mfa},
    http::Body,
    problem::{ApiError, Problem},
    seal::Secret,
};
use utoipa::ToSchema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolIn {
    #[garde(skip)]
    #[schema(value_type = String)]
    password: Secret<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeIn {
    /// Six digits of the app, or, once the factor is on, a recovery code. Each is good once.
    #[garde(skip)]
    #[schema(value_type = String, example = "123456")]
    code: Secret<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveIn {
    #[garde(skip)]
    #[schema(value_type = String)]
    password: Secret<String>,
    #[garde(skip)]
    #[schema(value_type = String, example = "123456")]
    code: Secret<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FactorsOut {
    is_on: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    confirmed_at: Option<Timestamp>,
    recovery_codes_left: usize,
}

/// A secret for an authenticator app. Shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolmentOut {
    /// In base32, for who types it.
    secret: String,
    /// For a QR code.
    otpauth_uri: String,
}

/// Codes for who has lost their device; each is good once. Shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodesOut {
    recovery_codes: Vec<String>,
}

/// Whether the caller has a second factor.
#[utoipa::path(get, path = "/v1/auth/mfa", tag = "auth", responses(
    (status = 200, description = "The second factor", body = FactorsOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_mfa(app: State<App>, caller: Caller) -> Result<Json<FactorsOut>, ApiError> {
    let factors = mfa::factors(&app, &caller).await?;
    Ok(Json(FactorsOut {
        is_on: factors.is_on,
        confirmed_at: factors.confirmed_at,
        recovery_codes_left: factors.recovery_codes_left,
    }))
}

/// A new secret, which counts once it is confirmed with a code.
#[utoipa::path(post, path = "/v1/auth/mfa/totp", tag = "auth", request_body = EnrolIn, responses(
    (status = 200, description = "The secret", body = EnrolmentOut),
    (status = 403, description = "There is a factor already, or this is a session of single sign-on", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn enrol_totp(
    app: State<App>,
    Strict(caller): Strict,
    Body(given): Body<EnrolIn>,
) -> Result<Json<EnrolmentOut>, ApiError> {
    let enrolment = mfa::enrol(&app, &caller, given.password).await?;
    Ok(Json(EnrolmentOut {
        secret: enrolment.secret,
        otpauth_uri: enrolment.uri,
    }))
}

/// Switches the second factor on. From now on a sign-in by password needs `otp`.
#[utoipa::path(post, path = "/v1/auth/mfa/totp/confirm", tag = "auth", request_body = CodeIn, responses(
    (status = 200, description = "Recovery codes", body = RecoveryCodesOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn confirm_totp(
    app: State<App>,
    Strict(caller): Strict,
    Body(given): Body<CodeIn>,
) -> Result<Json<RecoveryCodesOut>, ApiError> {
    let recovery_codes = mfa::confirm(&app, &caller, &given.code).await?;
    Ok(Json(RecoveryCodesOut { recovery_codes }))
}

/// Switches the second factor off.
#[utoipa::path(delete, path = "/v1/auth/mfa/totp", tag = "auth", request_body = RemoveIn, responses(
    (status = 204, description = "It is off"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn remove_totp(
    app: State<App>,
    Strict(caller): Strict,
    Body(given): Body<RemoveIn>,
) -> Result<StatusCode, ApiError> {
    mfa::remove(&app, &caller, given.password, &given.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// New recovery codes in place of those that are left.
#[utoipa::path(post, path = "/v1/auth/mfa/recovery-codes", tag = "auth", request_body = CodeIn, responses(
    (status = 200, description = "Recovery codes", body = RecoveryCodesOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn renew_recovery_codes(
    app: State<App>,
    Strict(caller): Strict,
    Body(given): Body<CodeIn>,
) -> Result<Json<RecoveryCodesOut>, ApiError> {
    let recovery_codes = mfa::renew_recovery_codes(&app, &caller, &given.code).await?;
    Ok(Json(RecoveryCodesOut { recovery_codes }))
}
