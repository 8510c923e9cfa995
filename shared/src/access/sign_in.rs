//! Registration, sign-in, refresh and sign-out: the flows that come before there is a caller.

mod family;

use jiff::{SignedDuration, Timestamp};

pub use family::{logout, refresh};

use crate::{
    access::{
        ACCESS_TOKEN_LIFETIME_S, Keyring, Role,
        browser::{self, Opened},
        mfa, password,
        refresh::RefreshToken,
        token::{self, Subject},
    },
    app::App,
    audit::{self, Action, Actor},
    id::{SsoConnectionId, TenantId, UserId},
    limit::{OverLimit, RateLimit},
    mail::{self, MailJob},
    problem::{ApiError, FieldError},
    seal::Secret,
    store::{
        Change, Conflict, Identity, MOST_TRIES, Registration, Session, SignInCode, StoreError,
        Tenant, TenantStatus, TenantStore, Try, User, UserStatus, WINDOW_S, Write,
    },
};

/// A session ends when it is not refreshed for this long.
const IDLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A session ends after this long however often it is refreshed.
const ABSOLUTE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Where a request came in: for audit entries, and for the issuer of its tokens.
pub struct Entrance {
    pub issuer: String,
    pub origin: audit::Origin,
}

pub struct Register {
    pub tenant_name: String,
    pub name: String,
    pub email: String,
    pub password: Secret<String>,
}

pub struct Login {
    pub email: String,
    pub password: Secret<String>,
    pub tenant: Option<TenantId>,
    pub otp: Option<Secret<String>>,
}

/// What a successful sign-in or refresh gives.
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    /// Seconds.
    pub expires_in: i64,
}

/// Who has signed in, with their tokens.
pub struct SignedIn {
    pub tenant: Tenant,
    pub user: User,
    pub tokens: Tokens,
}

/// Makes a tenant whose first owner is signed in at once. One transaction.
///
/// # Errors
/// `Conflict` when there is an account with the e-mail address.
pub async fn register(app: &App, at: &Entrance, new: Register) -> Result<SignedIn, ApiError> {
    let now = app.clock.now();
    password::check(&new.password, &new.email, "/password")?;
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let password_hash = password::hash(new.password)
        .await
        .map_err(ApiError::Internal)?;
    let tenant = Tenant {
        id: app.ids.make(now),
        name: new.tenant_name,
        status: TenantStatus::Active,
        owners: 1,
        created_at: now,
        updated_at: now,
    };
    let user = User {
        id: app.ids.make(now),
        email: new.email,
        name: new.name,
        role: Role::Owner,
        status: UserStatus::Active,
        sign_ins: 1,
        last_sign_in_at: Some(now),
        created_at: now,
        updated_at: now,
    };
    let (session, refresh) = begin(app, tenant.id, &user, 0, now);
    let registration = Registration {
        tenant: tenant.clone(),
        user: user.clone(),
        password_hash,
        session: session.clone(),
    };
    app.platform()
        .register(registration, &at.origin, app.ids)
        .await?;
    let verification = MailJob::Verification {
        user: user.id,
        request: app.ids.make(now),
    };
    // They are in; the letter can be asked for again.
    if let Err(error) = mail::queue(app, &verification).await {
        tracing::warn!(%error, "the letter to a new account was not queued");
    }
    let tokens = tokens(
        app, &keyring, &at.issuer, tenant.id, &session, &refresh, now,
    )?;
    Ok(SignedIn {
        tenant,
        user,
        tokens,
    })
}

/// Checks a password and a second factor, and begins a session.
///
/// # Errors
/// One refusal for an unknown address, a wrong password and a suspended account, after the same calls;
/// `RateLimited` after too many of them; `Invalid` naming `tenant_id` when a right password leads to several
/// tenants; `OtpRequired` when a right password needs a code beside it.
pub async fn login(app: &App, at: &Entrance, login: Login) -> Result<SignedIn, ApiError> {
    let now = app.clock.now();
    let begin = proved(app, at, login, now).await?;
    once(begin_in(app, at, begin, now).await)?.ok_or(REFUSED)
}

/// As [`login`], for a session that a browser keeps in a cookie.
pub async fn open_browser(
    app: &App,
    at: &Entrance,
    login: Login,
) -> Result<(Tenant, User, Opened), ApiError> {
    let now = app.clock.now();
    let begin = Begin {
        keeper: Keeper::Browser,
        ..proved(app, at, login, now).await?
    };
    let begun = once(begin_session(app, at, begin, now).await)?;
    let (tenant, user, session, token) = begun.ok_or(REFUSED)?;
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let opened = browser::opened(&keyring, &token, &session, now);
    Ok((tenant, user, opened))
}

const REFUSED: ApiError = ApiError::Unauthenticated("e-mail address or password is wrong");

/// A code that another request has used up meanwhile is as wrong as any.
fn once<T>(outcome: Result<T, ApiError>) -> Result<T, ApiError> {
    match outcome {
        Err(ApiError::Conflict(Conflict::Version)) => Err(ApiError::Unauthenticated(
            "the account changed meanwhile, or the code was used: sign in again",
        )),
        outcome => outcome,
    }
}

/// The session that a right password and code may begin.
async fn proved(app: &App, at: &Entrance, login: Login, now: Timestamp) -> Result<Begin, ApiError> {
    count_try(app, &login.email, now).await?;
    let identity = app.platform().identity(&login.email).await?;
    let hash = identity
        .as_ref()
        .and_then(|identity| identity.value.password_hash.clone());
    let right = password::verify(login.password, hash)
        .await
        .map_err(ApiError::Internal)?;
    let Some(identity) = identity.filter(|_| right) else {
        // Whether there is somebody to tell is looked up behind the queue.
        let failed = MailJob::SignInFailed {
            email: login.email,
            tenant: login.tenant,
            at: now,
            request_id: at.origin.request_id.clone(),
            source_ip: at.origin.source_ip.clone(),
        };
        mail::queue(app, &failed).await?;
        return Err(REFUSED);
    };
    let tenant = chosen(&identity.value, login.tenant)?.ok_or(REFUSED)?;
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    const WRONG: ApiError = ApiError::Unauthenticated("the one-time code is wrong or was used");
    let passed = mfa::passed(&keyring, &identity.value, login.otp.as_ref(), WRONG, now)?;
    let mut also = vec![app.platform().forget_tries(&login.email)?];
    if let Some(person) = passed {
        also.push(app.platform().replace_identity(identity.version, &person)?);
    }
    Ok(Begin {
        tenant,
        user: identity.value.id,
        ends_by: None,
        sso: None,
        keeper: Keeper::Client,
        also,
    })
}

/// Counts a try at a person's password or one-time code, before it is made.
///
/// # Errors
/// `RateLimited` when there were too many in a quarter of an hour, for known and unknown addresses alike.
pub(crate) async fn count_try(app: &App, name: &str, now: Timestamp) -> Result<(), ApiError> {
    let now_s = now.as_second();
    match app.platform().count_try(name, now_s).await? {
        Try::Counted => Ok(()),
        Try::Locked { until_s } => Err(ApiError::RateLimited(OverLimit {
            policy: "sign-in",
            limit: RateLimit {
                requests: MOST_TRIES,
                per_seconds: u32::try_from(WINDOW_S).unwrap_or(u32::MAX),
                burst: None,
            },
            retry_after_s: u64::try_from(until_s - now_s).unwrap_or(1).max(1),
        })),
    }
}

/// The one tenant to sign in to; `None` if the asked-for one is not among the person's.
fn chosen(identity: &Identity, asked: Option<TenantId>) -> Result<Option<TenantId>, ApiError> {
    if let Some(asked) = asked {
        if identity.tenants.contains(&asked) && !identity.reaches(asked) {
            return Err(NOT_VERIFIED);
        }
        return Ok(identity.tenants.contains(&asked).then_some(asked));
    }
    let reached = identity.tenants.iter().copied();
    let reached: Vec<TenantId> = reached.filter(|tenant| identity.reaches(*tenant)).collect();
    match reached.as_slice() {
        [] if identity.tenants.is_empty() => Ok(None),
        [] => Err(NOT_VERIFIED),
        [only] => Ok(Some(*only)),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            let detail = format!("must name one of this user's tenants: {}", names.join(", "));
            Err(ApiError::Invalid(vec![FieldError::new(
                "/tenant_id",
                detail,
            )]))
        }
    }
}

pub(crate) const NOT_VERIFIED: ApiError = ApiError::NotAllowed(
    "the e-mail address must be verified before the account reaches a tenant other than its first",
);

/// Tells the tenant of a person that somebody tried to sign in as them.
pub(crate) async fn record_failure(
    app: &App,
    origin: audit::Origin,
    asked: Option<TenantId>,
    identity: &Identity,
    at: Timestamp,
) -> Result<(), StoreError> {
    let named = asked.filter(|asked| identity.tenants.contains(asked));
    let Some(tenant) = named.or_else(|| identity.tenants.first().copied()) else {
        return Ok(());
    };
    let change = Change {
        value: (),
        action: Action::SignInFailed,
        target: identity.id.to_string(),
        changes: Default::default(),
        writes: Vec::new(),
    };
    let store = TenantStore::open(app, tenant, Actor::System, origin, at);
    store.commit(change).await
}

/// A password for the member with this address that an administrator makes.
pub async fn hash_password(password: Secret<String>, email: &str) -> Result<String, ApiError> {
    password::check(&password, email, "/password")?;
    password::hash(password).await.map_err(ApiError::Internal)
}

/// The tenant of a sign-in that began at one of its connections.
pub(crate) fn vouched(
    app: &App,
    at: &Entrance,
    tenant: TenantId,
    actor: Actor,
    now: Timestamp,
) -> TenantStore {
    TenantStore::open(app, tenant, actor, at.origin.clone(), now)
}

/// Begins a session for a member whom their identity provider has vouched for; `None` if they may not sign
/// in. The session reaches this tenant only, and ends when the identity provider says so.
pub(crate) async fn by_sso(
    app: &App,
    at: &Entrance,
    code: &SignInCode,
    now: Timestamp,
) -> Result<Option<SignedIn>, ApiError> {
    let begin = Begin {
        tenant: code.tenant_id,
        user: code.user_id,
        ends_by: code.session_ends,
        sso: Some(code.connection_id),
        keeper: Keeper::Client,
        also: Vec::new(),
    };
    begin_in(app, at, begin, now).await
}

/// A session that is to begin, once the person is proved.
pub(crate) struct Begin {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    /// Unix seconds: it ends then at the latest.
    pub(crate) ends_by: Option<i64>,
    pub(crate) sso: Option<SsoConnectionId>,
    pub(crate) keeper: Keeper,
    /// What is written in the same transaction.
    pub(crate) also: Vec<Write>,
}

/// Who keeps what a session is continued with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// A client, which has a refresh token.
    Client,
    /// A browser, which has a cookie.
    Browser,
}

/// Begins a session of a member; `None` if they, or their tenant, may not sign in. Two calls.
pub(crate) async fn begin_in(
    app: &App,
    at: &Entrance,
    begin: Begin,
    now: Timestamp,
) -> Result<Option<SignedIn>, ApiError> {
    let begun = begin_session(app, at, begin, now).await?;
    let Some((tenant, user, session, refresh)) = begun else {
        return Ok(None);
    };
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let tokens = tokens(
        app, &keyring, &at.issuer, tenant.id, &session, &refresh, now,
    )?;
    Ok(Some(SignedIn {
        tenant,
        user,
        tokens,
    }))
}

type Begun = (Tenant, User, Session, RefreshToken);

async fn begin_session(
    app: &App,
    at: &Entrance,
    begin: Begin,
    now: Timestamp,
) -> Result<Option<Begun>, ApiError> {
    let member = app.platform().member(begin.tenant, begin.user).await?;
    let Some((tenant, user, gate)) = member else {
        return Ok(None);
    };
    let user = user.value;
    if tenant.status != TenantStatus::Active || user.status != UserStatus::Active {
        return Ok(None);
    }
    let (mut session, refresh) = self::begin(app, tenant.id, &user, gate.epoch, now);
    session.sso = begin.sso;
    if begin.keeper == Keeper::Browser {
        session.is_browser = true;
        session.expires_at = now.as_second() + browser::IDLE.as_secs();
        session.ends_at = now.as_second() + browser::ABSOLUTE.as_secs();
    }
    if let Some(end) = begin.ends_by {
        session.ends_at = session.ends_at.min(end);
        session.expires_at = session.expires_at.min(end);
    }
    let mut writes = app
        .platform()
        .begin_session(tenant.id, &user, &session, now)?;
    writes.extend(begin.also);
    let changes = begin.sso.map(|connection| {
        audit::differences(
            &serde_json::json!(null),
            &serde_json::json!({ "sso_connection": connection }),
        )
    });
    vouched(app, at, tenant.id, Actor::User(user.id), now)
        .commit(Change {
            value: (),
            action: Action::SignedIn,
            target: session.id.to_string(),
            changes: changes.unwrap_or_default(),
            writes,
        })
        .await?;
    Ok(Some((tenant, user, session, refresh)))
}

fn begin(
    app: &App,
    tenant: TenantId,
    user: &User,
    epoch: u64,
    now: Timestamp,
) -> (Session, RefreshToken) {
    let id = app.ids.make(now);
    let refresh = RefreshToken::first(tenant, user.id, id);
    let after = |duration| {
        now.saturating_add(duration)
            .unwrap_or(Timestamp::MAX)
            .as_second()
    };
    let session = Session {
        id,
        user: user.id,
        role: user.role,
        epoch,
        refresh_hash: refresh.hash(),
        previous_hash: None,
        rotated_at: now,
        created_at: now,
        expires_at: after(IDLE),
        ends_at: after(ABSOLUTE),
        sso: None,
        is_browser: false,
    };
    (session, refresh)
}

fn tokens(
    app: &App,
    keyring: &Keyring,
    issuer: &str,
    tenant: TenantId,
    session: &Session,
    refresh: &RefreshToken,
    now: Timestamp,
) -> Result<Tokens, ApiError> {
    let subject = Subject {
        tenant,
        user: session.user,
        role: session.role,
        session: session.id,
        epoch: session.epoch,
    };
    let access_token =
        token::issue(keyring, issuer, subject, now, app.ids).map_err(ApiError::Internal)?;
    Ok(Tokens {
        access_token,
        refresh_token: refresh.text(keyring.refresh_key()),
        expires_in: ACCESS_TOKEN_LIFETIME_S,
    })
}
