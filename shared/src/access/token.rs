//! Access tokens: JWTs of RFC 9068, signed with Ed25519 only. Verified without any I/O.

use std::collections::HashSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::{
    access::{Keyring, Role},
    id::{Id, IdGen, SessionId, TenantId, TokenKind, UserId},
};

/// Seconds from issue to expiry: how long a removed user or changed role can still be seen.
pub const ACCESS_TOKEN_LIFETIME_S: i64 = 600;

/// Seconds by which the clocks of two instances may differ.
const LEEWAY_S: i64 = 5;

/// The longest token that is looked at; ours have about 700 characters.
const MAX_TOKEN_LEN: usize = 2_048;

/// RFC 9068 section 2.1: what tells an access token from every other JWT.
const TYPE: &str = "at+jwt";

const AUDIENCE: &str = "portico";

/// The claims of an access token (RFC 9068 section 2.2, and ours: `tenant`, `role`, `sid`,
/// `epoch`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: UserId,
    pub(crate) client_id: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    /// Ours have none: what may be used later is not issued now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<i64>,
    pub(crate) jti: Id<TokenKind>,
    pub(crate) tenant: TenantId,
    pub(crate) role: Role,
    pub(crate) sid: SessionId,
    /// The tenant's session epoch when the session began.
    pub(crate) epoch: u64,
}

/// Why a token was not accepted. The client is told one thing only: not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("not a token of the expected form")]
    Malformed,
    #[error("signed by no key of ours")]
    UnknownKey,
    #[error("signature, issuer, audience or claims do not hold")]
    Invalid,
    #[error("expired")]
    Expired,
    #[error("issued in the future")]
    NotYetValid,
}

/// Who a token is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    pub(crate) epoch: u64,
}

pub(crate) fn issue(
    keyring: &Keyring,
    issuer: &str,
    subject: Subject,
    now: Timestamp,
    ids: IdGen,
) -> anyhow::Result<String> {
    let key = keyring.signing_key(now);
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.kid.to_string());
    let claims = AccessClaims {
        iss: issuer.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: subject.user,
        client_id: AUDIENCE.to_owned(),
        exp: now.as_second() + ACCESS_TOKEN_LIFETIME_S,
        iat: now.as_second(),
        nbf: None,
        jti: ids.make(now),
        tenant: subject.tenant,
        role: subject.role,
        sid: subject.session,
        epoch: subject.epoch,
    };
    Ok(encode(
        &header,
        &claims,
        &EncodingKey::from_ed_der(key.private.expose()),
    )?)
}

/// The key id that `token` names, for a reload of the keyring when it is not known.
pub(crate) fn key_id(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN_LEN {
        return Err(TokenError::Malformed);
    }
    let encoded = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(encoded).ok();
    let header: Option<OurHeader> = header.and_then(|json| serde_json::from_slice(&json).ok());
    let header = header.ok_or(TokenError::Malformed)?;
    // `none`, HMAC and RSA never reach a key: algorithm and type are ours, not the token's choice.
    if header.alg != "EdDSA" || header.typ != TYPE {
        return Err(TokenError::Malformed);
    }
    Ok(header.kid)
}

/// All that a header of ours has: `crit`, `jku`, `jwk`, `x5u`, `zip` and the like are not even looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurHeader {
    alg: String,
    typ: String,
    kid: String,
}

pub(crate) fn verify(
    keyring: &Keyring,
    issuer: &str,
    token: &str,
    now: Timestamp,
) -> Result<AccessClaims, TokenError> {
    let kid = key_id(token)?;
    let public = keyring.public_key(&kid).ok_or(TokenError::UnknownKey)?;
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.required_spec_claims = HashSet::from(["exp", "iss", "aud", "sub"].map(str::to_owned));
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[AUDIENCE]);
    // The library reads the system's clock; expiry is decided below, on the request's time.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    let claims = decode::<AccessClaims>(token, &DecodingKey::from_ed_der(public), &rules)
        .map_err(|_| TokenError::Invalid)?
        .claims;
    let now_s = now.as_second();
    let lives_s = claims.exp.checked_sub(claims.iat);
    if lives_s != Some(ACCESS_TOKEN_LIFETIME_S) || claims.nbf.is_some() {
        return Err(TokenError::Invalid);
    }
    if claims.exp <= now_s - LEEWAY_S {
        return Err(TokenError::Expired);
    }
    if claims.iat > now_s + LEEWAY_S {
        return Err(TokenError::NotYetValid);
    }
    Ok(claims)
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
