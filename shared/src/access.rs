//! Who is calling and what they may do. A tenant's data is opened by [`Caller::authorize`] only.

mod api_key;
pub mod browser;
mod caller;
pub mod explain;
mod gate;
pub mod invite;
mod keyring;
mod mail_token;
mod master;
pub mod mfa;
mod operator;
mod password;
mod permission;
mod permissions;
pub mod recovery;
mod refresh;
mod role;
pub mod sign_in;
pub mod sso;
pub mod tenancy;
mod token;
mod totp;

pub use caller::{Caller, Member, Origin, Principal, Strict};
pub use gate::GATE_STALENESS;
pub use keyring::{Jwk, rotate_keys};
pub use operator::{Operator, TenantFile};
pub use permission::Permission;
pub use permissions::Permissions;
pub use role::Role;
pub use token::ACCESS_TOKEN_LIFETIME_S;

pub(crate) use browser::SessionCache;
pub(crate) use mfa::SecondFactor;

pub(crate) use api_key::{ApiKeyCache, KeyToken};
pub(crate) use gate::{Gate, GateCache, MARK_LIFETIME_S, Standing};
pub(crate) use token::TokenError;

pub(crate) use mail_token::MailToken;

pub(crate) use keyring::{Keyring, KeyringCache, KeyringRow};
pub(crate) use master::MasterKey;

/// The public keys with which anyone can verify our access tokens (RFC 7517 section 5).
pub async fn jwks(app: &crate::App) -> Result<Vec<Jwk>, crate::problem::ApiError> {
    let keyring = app
        .keyring(app.clock.now())
        .await
        .map_err(crate::problem::ApiError::Unavailable)?;
    Ok(keyring.jwks())
}
