//! Passwords that are forgotten or changed, and addresses that are verified. A mailed token works once. A new
//! password ends the sessions that began under the old one.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    access::{
        Caller, MailToken, Permission, password,
        sign_in::{self, Entrance},
        tenancy,
    },
    app::App,
    audit::{self, Action, Actor},
    id::{SessionId, TenantId, UserId},
    mail::{self, MailJob},
    problem::ApiError,
    seal::Secret,
    store::{Change, Conflict, Identity, StoreError, TenantStore, Versioned, Write},
};

const REFUSED: ApiError =
    ApiError::Unauthenticated("the link is not valid: it was used or has expired");

/// Queues a letter with a link to a new password, if the address is somebody's. The answer is the same, and
/// so are the calls: whether it is, the worker finds out.
pub async fn forgot(app: &App, email: String) -> Result<(), ApiError> {
    let request = app.ids.make(app.clock.now());
    mail::queue(app, &MailJob::Forgotten { email, request }).await
}

/// Sets a new password by way of a mailed token, which also proves the address.
///
/// # Errors
/// One refusal for a token that is not good.
pub async fn reset(
    app: &App,
    at: &Entrance,
    token: &Secret<String>,
    new: Secret<String>,
) -> Result<(), ApiError> {
    let now = app.clock.now();
    let Some(MailToken::Reset { user, request }) = parsed(app, token, now).await? else {
        return Err(REFUSED);
    };
    let found = app.platform().identity_of(user).await?;
    let (identity, home) = found.and_then(with_tenant).ok_or(REFUSED)?;
    password::check(&new, &identity.value.email, "/password")?;
    let hash = password::hash(new).await.map_err(ApiError::Internal)?;
    let to = Identity {
        password_hash: Some(hash),
        email_verified: true,
        ..identity.value
    };
    let change = Change {
        value: (),
        action: Action::PasswordReset,
        target: user.to_string(),
        changes: Default::default(),
        writes: vec![
            app.platform().use_reset(user, request, now)?,
            app.platform().replace_identity(identity.version, &to)?,
            app.platform().forget_tries(&to.email)?,
        ],
    };
    let store = sign_in::vouched(app, at, home, Actor::User(user), now);
    once(store.commit(change).await)?;
    after_new_password(app, &to, None, now).await
}

/// Changes the caller's password. Their other sessions end.
///
/// # Errors
/// `Invalid` for a wrong present password; `NotAllowed` for a session of single sign-on, whose word must not
/// change how the person signs in elsewhere.
pub async fn change(
    app: &App,
    caller: &Caller,
    current: Secret<String>,
    new: Secret<String>,
) -> Result<(), ApiError> {
    let now = caller.now();
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeUpdate)?;
    let (session, identity) = tenancy::person(app, caller, &store).await?;
    if session.sso.is_some() {
        return Err(ApiError::NotAllowed(
            "a session of single sign-on may not change the password: sign in with it",
        ));
    }
    sign_in::count_try(app, &identity.value.email, now).await?;
    let present = identity.value.password_hash.clone();
    let right = password::verify(current, present).await;
    if !right.map_err(ApiError::Internal)? {
        return Err(ApiError::invalid(
            "/current_password",
            "must be the present password",
        ));
    }
    password::check(&new, &identity.value.email, "/new_password")?;
    let hash = password::hash(new).await.map_err(ApiError::Internal)?;
    let to = Identity {
        password_hash: Some(hash),
        ..identity.value
    };
    store
        .commit(Change {
            value: (),
            action: Action::PasswordChanged,
            target: member.user.to_string(),
            changes: Default::default(),
            writes: vec![
                app.platform().replace_identity(identity.version, &to)?,
                app.platform().forget_tries(&to.email)?,
            ],
        })
        .await?;
    after_new_password(app, &to, Some(member.session), now).await
}

/// Queues a letter that verifies the caller's address, unless it is verified.
pub async fn ask_to_verify(app: &App, caller: &Caller) -> Result<(), ApiError> {
    let user = caller.member()?.user;
    caller.authorize(Permission::MeUpdate)?;
    let request = app.ids.make(caller.now());
    mail::queue(app, &MailJob::Verification { user, request }).await
}

/// Takes a mailed token as the proof that its address is the person's.
///
/// # Errors
/// One refusal for a token that is not good.
pub async fn verify(app: &App, at: &Entrance, token: &Secret<String>) -> Result<(), ApiError> {
    let now = app.clock.now();
    let Some(MailToken::Verification { user, request }) = parsed(app, token, now).await? else {
        return Err(REFUSED);
    };
    let found = app.platform().identity_of(user).await?;
    let (identity, home) = found.and_then(with_tenant).ok_or(REFUSED)?;
    let to = Identity {
        email_verified: true,
        ..identity.value
    };
    let writes: Vec<Write> = vec![
        app.platform().use_verification(user, request, now)?,
        app.platform().replace_identity(identity.version, &to)?,
    ];
    let store = sign_in::vouched(app, at, home, Actor::User(user), now);
    let change = Change {
        value: (),
        action: Action::EmailVerified,
        target: user.to_string(),
        changes: audit::differences(&json!(null), &json!({ "email": to.email })),
        writes,
    };
    once(store.commit(change).await)
}

/// Ends the sessions of a person that began before their password was changed, in all tenants.
pub(crate) async fn end_sessions(
    app: &App,
    identity: &Identity,
    but: Option<SessionId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    for tenant in &identity.tenants {
        store_of(app, *tenant, identity.id, at)
            .revoke_sessions_before(identity.id, at, but)
            .await?;
    }
    Ok(())
}

fn store_of(app: &App, tenant: TenantId, user: UserId, at: Timestamp) -> TenantStore {
    let nowhere = Entrance {
        issuer: String::new(),
        origin: audit::Origin::default(),
    };
    sign_in::vouched(app, &nowhere, tenant, Actor::User(user), at)
}

/// The worker ends the sessions as well: were this request to die here, they would end all the same.
async fn after_new_password(
    app: &App,
    identity: &Identity,
    but: Option<SessionId>,
    at: Timestamp,
) -> Result<(), ApiError> {
    let job = MailJob::PasswordChanged {
        user: identity.id,
        at,
        but,
    };
    mail::queue(app, &job).await?;
    Ok(end_sessions(app, identity, but, at).await?)
}

async fn parsed(
    app: &App,
    token: &Secret<String>,
    now: Timestamp,
) -> Result<Option<MailToken>, ApiError> {
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    Ok(MailToken::parse(token.expose(), keyring.mail_key()))
}

/// The tenant whose trail tells of what the person does before they are signed in.
fn with_tenant(identity: Versioned<Identity>) -> Option<(Versioned<Identity>, TenantId)> {
    let tenant = identity.value.tenants.first().copied()?;
    Some((identity, tenant))
}

fn once(outcome: Result<(), StoreError>) -> Result<(), ApiError> {
    match outcome {
        Err(StoreError::Conflict {
            conflict: Conflict::TokenUsed,
            ..
        }) => Err(REFUSED),
        outcome => Ok(outcome?),
    }
}
