//! Standard Webhooks signatures over `id.timestamp.body`: HMAC-SHA256 as `v1,`, Ed25519 as `v1a,`. While a
//! key is rotated both the old and the new one sign.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::ApiError,
    seal::{self, Secret},
};

/// The specification's bounds of a secret.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 24..=64;

/// How a destination's deliveries are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SigningKind {
    /// A shared secret, `whsec_…`; signatures start with `v1,`.
    #[default]
    Hmac,
    /// A private key that never leaves Portico; the receiver has `whpk_…`. Signatures start with `v1a,`.
    Ed25519,
}

impl SigningKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// A key before it is stored.
pub struct NewKey {
    pub(crate) kind: SigningKind,
    pub(crate) bytes: Secret<Vec<u8>>,
    pub(crate) public_key: Option<String>,
}

impl NewKey {
    /// The given secret, or a new one.
    ///
    /// # Errors
    /// `Invalid`: the secret is not `whsec_` and base64 of 24 to 64 bytes, or the kind takes none.
    pub fn make(kind: SigningKind, given: Option<&Secret<String>>) -> Result<Self, ApiError> {
        match (kind, given) {
            (SigningKind::Hmac, Some(secret)) => {
                let bytes = secret
                    .expose()
                    .strip_prefix("whsec_")
                    .and_then(|text| STANDARD.decode(text).ok())
                    .filter(|bytes| SECRET_LEN.contains(&bytes.len()));
                let detail = "must be whsec_ and base64 of 24 to 64 bytes";
                let bytes = bytes.ok_or_else(|| ApiError::invalid("/secret", detail))?;
                Ok(Self::hmac(bytes))
            }
            (SigningKind::Hmac, None) => Ok(Self::hmac(seal::random::<32>().to_vec())),
            (SigningKind::Ed25519, Some(_)) => Err(ApiError::invalid(
                "/secret",
                "must not be given for ed25519: the private key is made here and stays here",
            )),
            (SigningKind::Ed25519, None) => {
                let seed = Secret::new(seal::random::<32>().to_vec());
                let pair = pair(seed.expose()).map_err(ApiError::Internal)?;
                let public = STANDARD.encode(pair.public_key().as_ref());
                Ok(Self {
                    kind,
                    bytes: seed,
                    public_key: Some(format!("whpk_{public}")),
                })
            }
        }
    }

    fn hmac(bytes: Vec<u8>) -> Self {
        Self {
            kind: SigningKind::Hmac,
            bytes: Secret::new(bytes),
            public_key: None,
        }
    }

    /// What the receiver must know and cannot read later.
    pub fn shown_secret(&self) -> Option<String> {
        match self.kind {
            SigningKind::Hmac => Some(format!("whsec_{}", STANDARD.encode(self.bytes.expose()))),
            SigningKind::Ed25519 => None,
        }
    }
}

/// The `webhook-signature` header: one signature for each key, the newest first.
pub(crate) fn signatures(
    keys: &[(SigningKind, Secret<Vec<u8>>)],
    id: &str,
    timestamp_unix_s: i64,
    body: &[u8],
) -> anyhow::Result<String> {
    let mut message = format!("{id}.{timestamp_unix_s}.").into_bytes();
    message.extend_from_slice(body);
    let mut signed = Vec::with_capacity(keys.len());
    for (kind, key) in keys {
        signed.push(match kind {
            SigningKind::Hmac => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
                format!(
                    "v1,{}",
                    STANDARD.encode(hmac::sign(&key, &message).as_ref())
                )
            }
            SigningKind::Ed25519 => {
                let signature = pair(key.expose())?.sign(&message);
                format!("v1a,{}", STANDARD.encode(signature.as_ref()))
            }
        });
    }
    Ok(signed.join(" "))
}

fn pair(seed: &[u8]) -> anyhow::Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| anyhow::anyhow!("a seed: {error}"))
}

#[cfg(test)]
mod tests;
