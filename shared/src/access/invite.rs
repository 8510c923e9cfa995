//! Accepting an invitation. The mailed token proves the address; a person who is known already proves their
//! password as well, or has none and chooses one.

use jiff::Timestamp;

use crate::{
    access::{
        Keyring, MailToken, mfa, password,
        sign_in::{self, Begin, Entrance, SignedIn},
    },
    app::App,
    audit::Actor,
    id::{InvitationId, TenantId, UserId},
    mail::{self, MailJob},
    problem::{ApiError, FieldError},
    seal::Secret,
    store::{
        Identity, Invitation, InvitationState, Joining, StoreError, TenantStore, User, UserStatus,
        Versioned,
    },
};

const REFUSED: ApiError = ApiError::Unauthenticated(
    "the invitation is not valid: it was used or withdrawn, or has expired",
);

pub struct Acceptance {
    pub token: Secret<String>,
    pub name: Option<String>,
    pub password: Option<Secret<String>>,
    pub otp: Option<Secret<String>>,
}

/// Queues the letter of an invitation that was just committed.
pub async fn send(app: &App, store: &TenantStore, invitation: &Invitation) -> Result<(), ApiError> {
    let job = MailJob::Invitation {
        tenant: store.tenant_id(),
        invitation: invitation.id,
        sending: invitation.sending,
    };
    mail::queue(app, &job).await
}

/// Makes the person a member, and signs them in.
///
/// # Errors
/// One refusal for whatever is not an open invitation's latest token, and for a wrong password; `Invalid` naming
/// what a new person must give; `Conflict` for who is a member already.
pub async fn accept(app: &App, at: &Entrance, given: Acceptance) -> Result<SignedIn, ApiError> {
    let now = app.clock.now();
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let token = MailToken::parse(given.token.expose(), keyring.mail_key());
    let Some(MailToken::Invitation {
        tenant,
        invitation,
        sending,
    }) = token
    else {
        return Err(REFUSED);
    };
    let invitation = open(app, at, tenant, invitation, sending, now).await?;
    let email = invitation.value.email.clone();
    let identity = app.platform().identity(&email).await?;
    let who = match identity {
        None => Joining::New(new_person(app, tenant, email, &given, now).await?),
        Some(known) => {
            let known = known_person(app, known, &given, now).await?;
            with_code(&keyring, known, given.otp.as_ref(), now)?
        }
    };
    let user = match &who {
        Joining::New(identity) => identity.id,
        Joining::Known(known, _) => known.value.id,
    };
    let member = User {
        id: user,
        email: invitation.value.email.clone(),
        name: given.name.unwrap_or_else(|| invitation.value.email.clone()),
        role: invitation.value.role,
        status: UserStatus::Active,
        sign_ins: 0,
        last_sign_in_at: None,
        created_at: now,
        updated_at: now,
    };
    let store = sign_in::vouched(app, at, tenant, Actor::User(user), now);
    store.accept_invitation(invitation, &member, who).await?;
    let begin = Begin {
        tenant,
        user,
        ends_by: None,
        sso: None,
        keeper: sign_in::Keeper::Client,
        also: vec![app.platform().forget_tries(&member.email)?],
    };
    sign_in::begin_in(app, at, begin, now).await?.ok_or(REFUSED)
}

/// The invitation, if it is open and this is its latest letter.
async fn open(
    app: &App,
    at: &Entrance,
    tenant: TenantId,
    id: InvitationId,
    sending: u32,
    now: Timestamp,
) -> Result<Versioned<Invitation>, ApiError> {
    let store = sign_in::vouched(app, at, tenant, Actor::System, now);
    let invitation = match store.invitation(id).await {
        Err(StoreError::NotFound) => return Err(REFUSED),
        found => found?,
    };
    let is_open = invitation.value.state(now) == InvitationState::Pending;
    if is_open && invitation.value.sending == sending {
        Ok(invitation)
    } else {
        Err(REFUSED)
    }
}

async fn new_person(
    app: &App,
    tenant: TenantId,
    email: String,
    given: &Acceptance,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    let mut missing = Vec::new();
    if given.name.is_none() {
        missing.push(FieldError::new("/name", "must be given by a new person"));
    }
    let Some(chosen) = &given.password else {
        missing.push(FieldError::new(
            "/password",
            "must be given by a new person",
        ));
        return Err(ApiError::Invalid(missing));
    };
    if !missing.is_empty() {
        return Err(ApiError::Invalid(missing));
    }
    let user: UserId = app.ids.make(now);
    Ok(Identity {
        id: user,
        password_hash: Some(hashed(chosen.clone(), &email).await?),
        email,
        tenants: vec![tenant],
        home: Some(tenant),
        email_verified: true,
        second_factor: None,
    })
}

async fn known_person(
    app: &App,
    known: Versioned<Identity>,
    given: &Acceptance,
    now: Timestamp,
) -> Result<Joining, ApiError> {
    let asked = || {
        ApiError::invalid(
            "/password",
            "must be the password of the account with this address",
        )
    };
    let given = given.password.clone().ok_or_else(asked)?;
    let Some(hash) = known.value.password_hash.clone() else {
        let chosen = hashed(given, &known.value.email).await?;
        return Ok(Joining::Known(known, Some(chosen)));
    };
    sign_in::count_try(app, &known.value.email, now).await?;
    let right = password::verify(given, Some(hash)).await;
    if right.map_err(ApiError::Internal)? {
        Ok(Joining::Known(known, None))
    } else {
        Err(asked())
    }
}

/// A known person's second factor is asked for as at a sign-in.
fn with_code(
    keyring: &Keyring,
    who: Joining,
    otp: Option<&Secret<String>>,
    now: Timestamp,
) -> Result<Joining, ApiError> {
    let Joining::Known(mut known, hash) = who else {
        return Ok(who);
    };
    let wrong = ApiError::invalid("/otp", "must be the app's present code, or a recovery code");
    if let Some(passed) = mfa::passed(keyring, &known.value, otp, wrong, now)? {
        known.value = passed;
    }
    Ok(Joining::Known(known, hash))
}

async fn hashed(password: Secret<String>, email: &str) -> Result<String, ApiError> {
    password::check(&password, email, "/password")?;
    password::hash(password).await.map_err(ApiError::Internal)
}
