//! A second factor: codes of an authenticator app, and recovery codes. A code counts once, over all instances,
//! because using it up is part of the transaction that it opens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    access::{Caller, Keyring, Permission, password, sign_in, tenancy, totp},
    app::App,
    audit::{self, Action},
    id::UserId,
    problem::ApiError,
    seal::{self, Purpose, Sealed, Secret},
    store::{Change, Identity, TenantStore, Versioned},
};

/// A person's second factor, inside their row.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SecondFactor {
    secret: Sealed<Vec<u8>>,
    /// Set once the person has shown that their app has the secret: from then on it is asked for.
    confirmed_at: Option<Timestamp>,
    /// The latest step of which a code was used.
    last_step: i64,
    /// MACs of the recovery codes that are left.
    recovery: Vec<String>,
}

/// A secret that is to be confirmed.
pub struct Enrolment {
    /// In base32, for who types it.
    pub secret: String,
    /// For a QR code.
    pub uri: String,
}

pub struct Factors {
    pub is_on: bool,
    pub confirmed_at: Option<Timestamp>,
    pub recovery_codes_left: usize,
}

impl SecondFactor {
    fn new(keyring: &Keyring, user: UserId, plain: &[u8]) -> Result<Self, ApiError> {
        let secret = keyring
            .root()
            .seal(Purpose::TotpSecret, &user.to_string(), &plain.to_vec());
        Ok(Self {
            secret: secret.map_err(|error| ApiError::Internal(error.into()))?,
            confirmed_at: None,
            last_step: -1,
            recovery: Vec::new(),
        })
    }

    pub(crate) fn is_on(&self) -> bool {
        self.confirmed_at.is_some()
    }

    /// Itself after `code` was used; `None` if it is not good.
    fn after(
        &self,
        keyring: &Keyring,
        user: UserId,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, ApiError> {
        let owner = user.to_string();
        let plain = keyring
            .root()
            .open(Purpose::TotpSecret, &owner, &self.secret);
        let plain = plain.map_err(|error| ApiError::Internal(error.into()))?;
        let digits: String = code.chars().filter(|one| !one.is_whitespace()).collect();
        if let Some(step) = totp::step_of(plain.expose(), &digits, now.as_second(), self.last_step)
        {
            return Ok(Some(Self {
                last_step: step,
                ..self.clone()
            }));
        }
        let hash = totp::recovery_hash(keyring.recovery_key(), code);
        if !self.is_on() || !self.recovery.contains(&hash) {
            return Ok(None);
        }
        let mut left = self.clone();
        left.recovery.retain(|one| *one != hash);
        Ok(Some(left))
    }
}

/// The person as they must be stored with a sign-in: a code that they gave is used up.
///
/// # Errors
/// `OtpRequired` when there must be one and is none; `refused` when it is not good.
pub(crate) fn passed(
    keyring: &Keyring,
    identity: &Identity,
    code: Option<&Secret<String>>,
    refused: ApiError,
    now: Timestamp,
) -> Result<Option<Identity>, ApiError> {
    let Some(factor) = identity.second_factor.as_ref().filter(|one| one.is_on()) else {
        return Ok(None);
    };
    let code = code.ok_or(ApiError::OtpRequired)?;
    let after = factor.after(keyring, identity.id, code.expose(), now)?;
    let after = after.ok_or(refused)?;
    Ok(Some(Identity {
        second_factor: Some(after),
        ..identity.clone()
    }))
}

/// The caller's second factor.
pub async fn factors(app: &App, caller: &Caller) -> Result<Factors, ApiError> {
    let store = caller.authorize(Permission::MeRead)?;
    let (_, identity) = tenancy::person(app, caller, &store).await?;
    let factor = identity.value.second_factor;
    let on = factor.filter(SecondFactor::is_on);
    Ok(Factors {
        is_on: on.is_some(),
        confirmed_at: on.as_ref().and_then(|on| on.confirmed_at),
        recovery_codes_left: on.map_or(0, |on| on.recovery.len()),
    })
}

/// A new secret, which takes effect when it is confirmed.
///
/// # Errors
/// `Invalid` for a wrong password; `NotAllowed` while there is a factor, in a session of single sign-on, and for an
/// address that is not verified.
pub async fn enrol(
    app: &App,
    caller: &Caller,
    password: Secret<String>,
) -> Result<Enrolment, ApiError> {
    let (store, identity) = proved(app, caller, password).await?;
    if is_on(&identity.value) {
        return Err(ApiError::NotAllowed(
            "there is a second factor already: remove it first",
        ));
    }
    // Whoever takes the account back by its mailbox must not find a stranger's factor in the way.
    if !identity.value.email_verified {
        return Err(ApiError::NotAllowed(
            "the e-mail address must be verified before the account has a second factor",
        ));
    }
    let keyring = keyring(app, caller).await?;
    let plain = seal::random::<{ totp::SECRET_LEN }>();
    let user = identity.value.id;
    let email = identity.value.email.clone();
    let factor = SecondFactor::new(&keyring, user, &plain)?;
    replace(app, &store, identity, Some(factor), Action::MfaEnrolled).await?;
    Ok(Enrolment {
        secret: totp::base32(&plain),
        uri: totp::uri(&plain, &email),
    })
}

/// Switches the factor on: the app has the secret. Yields recovery codes, which are not seen again.
///
/// # Errors
/// `Invalid` for a code that is not good.
pub async fn confirm(
    app: &App,
    caller: &Caller,
    code: &Secret<String>,
) -> Result<Vec<String>, ApiError> {
    let store = caller.authorize(Permission::MeUpdate)?;
    let (_, identity) = tenancy::person(app, caller, &store).await?;
    sign_in::count_try(app, &identity.value.email, caller.now()).await?;
    let pending = identity.value.second_factor.clone();
    let Some(pending) = pending.filter(|factor| !factor.is_on()) else {
        return Err(ApiError::NotAllowed(
            "there is nothing to confirm: POST /v1/auth/mfa/totp first",
        ));
    };
    let keyring = keyring(app, caller).await?;
    let after = pending.after(&keyring, identity.value.id, code.expose(), caller.now())?;
    let (factor, codes) = with_codes(&keyring, after.ok_or(wrong_code())?);
    let factor = SecondFactor {
        confirmed_at: Some(caller.now()),
        ..factor
    };
    replace(app, &store, identity, Some(factor), Action::MfaEnabled).await?;
    Ok(codes)
}

/// New recovery codes in place of those that are left.
///
/// # Errors
/// `Invalid` for a code that is not good.
pub async fn renew_recovery_codes(
    app: &App,
    caller: &Caller,
    code: &Secret<String>,
) -> Result<Vec<String>, ApiError> {
    let (store, identity, after) = with_code(app, caller, code).await?;
    let keyring = keyring(app, caller).await?;
    let (factor, codes) = with_codes(&keyring, after);
    replace(app, &store, identity, Some(factor), Action::MfaCodesRenewed).await?;
    Ok(codes)
}

/// Switches the factor off.
///
/// # Errors
/// `Invalid` for a wrong password or a code that is not good.
pub async fn remove(
    app: &App,
    caller: &Caller,
    password: Secret<String>,
    code: &Secret<String>,
) -> Result<(), ApiError> {
    proved(app, caller, password).await?;
    let (store, identity, _) = with_code(app, caller, code).await?;
    replace(app, &store, identity, None, Action::MfaDisabled).await
}

fn is_on(identity: &Identity) -> bool {
    let factor = identity.second_factor.as_ref();
    factor.is_some_and(SecondFactor::is_on)
}

fn wrong_code() -> ApiError {
    ApiError::invalid(
        "/code",
        "must be the app's present code, or a recovery code; each once",
    )
}

fn with_codes(keyring: &Keyring, factor: SecondFactor) -> (SecondFactor, Vec<String>) {
    let codes = totp::recovery_codes();
    let hash = |code: &String| totp::recovery_hash(keyring.recovery_key(), code);
    let factor = SecondFactor {
        recovery: codes.iter().map(hash).collect(),
        ..factor
    };
    (factor, codes)
}

/// The caller, who knows the account's password in this request, and whom no identity provider vouches for.
async fn proved(
    app: &App,
    caller: &Caller,
    given: Secret<String>,
) -> Result<(TenantStore, Versioned<Identity>), ApiError> {
    let store = caller.authorize(Permission::MeUpdate)?;
    let (session, identity) = tenancy::person(app, caller, &store).await?;
    if session.sso.is_some() {
        return Err(ApiError::NotAllowed(
            "a session of single sign-on may not change how the person signs in elsewhere",
        ));
    }
    sign_in::count_try(app, &identity.value.email, caller.now()).await?;
    let hash = identity.value.password_hash.clone();
    let right = password::verify(given, hash).await;
    if right.map_err(ApiError::Internal)? {
        Ok((store, identity))
    } else {
        Err(ApiError::invalid(
            "/password",
            "must be the account's password",
        ))
    }
}

/// The caller's factor after they have given a code.
async fn with_code(
    app: &App,
    caller: &Caller,
    code: &Secret<String>,
) -> Result<(TenantStore, Versioned<Identity>, SecondFactor), ApiError> {
    let store = caller.authorize(Permission::MeUpdate)?;
    let (_, identity) = tenancy::person(app, caller, &store).await?;
    sign_in::count_try(app, &identity.value.email, caller.now()).await?;
    let factor = identity.value.second_factor.clone();
    let Some(factor) = factor.filter(SecondFactor::is_on) else {
        return Err(ApiError::NotAllowed("there is no second factor"));
    };
    let keyring = keyring(app, caller).await?;
    let after = factor.after(&keyring, identity.value.id, code.expose(), caller.now())?;
    Ok((store, identity, after.ok_or(wrong_code())?))
}

async fn keyring(app: &App, caller: &Caller) -> Result<std::sync::Arc<Keyring>, ApiError> {
    let keyring = app.keyring(caller.now()).await;
    keyring.map_err(ApiError::Unavailable)
}

async fn replace(
    app: &App,
    store: &TenantStore,
    identity: Versioned<Identity>,
    factor: Option<SecondFactor>,
    action: Action,
) -> Result<(), ApiError> {
    let was_on = is_on(&identity.value);
    let to = Identity {
        second_factor: factor,
        ..identity.value
    };
    let change = Change {
        value: (),
        action,
        target: to.id.to_string(),
        changes: audit::differences(
            &json!({ "second_factor": was_on }),
            &json!({ "second_factor": is_on(&to) }),
        ),
        writes: vec![
            app.platform().replace_identity(identity.version, &to)?,
            app.platform().forget_tries(&to.email)?,
        ],
    };
    Ok(store.commit(change).await?)
}
