//! Keys that vendors publish. A request only says which one it wants: it is fetched from the vendor's own
//! host, before the request is believed, and verification itself is handed what was found.

mod certificate;
mod fetch;
mod jwk;

use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey};
use serde_json::Value;

use crate::webhook::keys::algorithm_of;
use crate::webhook::request::RawRequest;
use crate::webhook::scheme::{Algorithm, Ask, Issuer, Proof, Scheme, TokenKey};
use crate::webhook::verify::{VerifyError, check_envelope, paypal, select_wire, sns, token};

pub use certificate::Trust;
pub(crate) use fetch::{VendorKeyCache, call_vendor, fetch};

/// Which key: a `kid`, or the URL of a certificate, that the vendor may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyRef {
    issuer: Issuer,
    name: String,
}

/// A public key as the vendor published it, in DER or as a bare point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorKey(Vec<u8>);

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the vendor has no such key")]
    Unknown,
    #[error("the vendor did not answer with a key")]
    Unavailable,
    #[error("the key is of no kind that this vendor signs with")]
    Unusable,
    #[error("the vendor says that the key has expired")]
    Expired,
    #[error("the certificate's chain ends at no public root")]
    Untrusted,
    #[error("the certificate is for another name")]
    WrongName,
    #[error("too many keys were asked for that the vendor does not have")]
    TooMany,
    #[error("it was not fetched")]
    NotFetched,
}

impl KeyError {
    /// Whether the vendor may answer otherwise a moment later.
    fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable | Self::TooMany | Self::NotFetched => true,
            Self::Unknown | Self::Unusable | Self::Expired | Self::Untrusted | Self::WrongName => {
                false
            }
        }
    }
}

/// What was found for one request.
#[derive(Debug, Clone, Default)]
pub struct VendorKeys(Option<(KeyRef, Result<VendorKey, KeyError>)>);

impl KeyRef {
    pub(crate) fn new(issuer: Issuer, name: &str) -> Option<Self> {
        issuer.may_have(name).then(|| Self {
            issuer,
            name: name.to_owned(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL at which the vendor has it.
    pub fn url(&self) -> String {
        match self.issuer.ask(&self.name) {
            Ask::Get(url) => url,
            Ask::PlaidPost(url) => url.to_owned(),
        }
    }
}

impl VendorKeys {
    /// For schemes that need no other key than the endpoint's own.
    pub fn none() -> Self {
        Self(None)
    }

    /// What somebody at hand says that the vendor answers with: a certificate in PEM, a JWK or a set of
    /// them. For test vectors and captured requests.
    pub fn given(
        scheme: &Scheme,
        request: &RawRequest<'_>,
        now_unix_s: i64,
        answer: impl FnOnce(&KeyRef) -> Option<String>,
    ) -> Self {
        let Ok(Some(wanted)) = wanted(scheme, request) else {
            return Self::none();
        };
        let found = match answer(&wanted) {
            Some(text) => read(&wanted, text.as_bytes(), Trust::Given, now_unix_s),
            None => Err(KeyError::Unknown),
        };
        Self(Some((wanted, found)))
    }

    pub(crate) fn found(wanted: KeyRef, found: Result<VendorKey, KeyError>) -> Self {
        Self(Some((wanted, found)))
    }

    pub(crate) fn get(&self, wanted: &KeyRef) -> Result<&VendorKey, VerifyError> {
        let found = match &self.0 {
            Some((found, key)) if found == wanted => key.as_ref().map_err(Clone::clone),
            Some(_) | None => Err(KeyError::NotFetched),
        };
        found.map_err(|reason| VerifyError::NoVendorKey { reason })
    }
}

impl VendorKey {
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(algorithm) = algorithm_of(algorithm) else {
            return false;
        };
        let key = UnparsedPublicKey::new(algorithm, &self.0);
        key.verify(message, signature).is_ok()
    }

    fn checked(bytes: Vec<u8>, algorithm: Algorithm) -> Result<Self, KeyError> {
        let parsed =
            algorithm_of(algorithm).map(|algorithm| ParsedPublicKey::new(algorithm, &bytes));
        match parsed {
            Some(Ok(_)) => Ok(Self(bytes)),
            Some(Err(_)) | None => Err(KeyError::Unusable),
        }
    }
}

/// The key that a request names. Nothing of it is believed: this only says what to ask the vendor for.
pub fn wanted(scheme: &Scheme, request: &RawRequest<'_>) -> Result<Option<KeyRef>, VerifyError> {
    let (_, wire) = select_wire(scheme, request.headers);
    let issuer = match &wire.proof {
        Proof::Token(rule) => match rule.key {
            TokenKey::Fetched(issuer) => issuer,
            TokenKey::Secret => return Ok(None),
        },
        Proof::Certificate(certified) => certified.issuer(),
        Proof::Signature(_) | Proof::Canonical(_) | Proof::Credential(_) | Proof::Unsigned => {
            return Ok(None);
        }
    };
    check_envelope(wire, request)?;
    match &wire.proof {
        Proof::Token(rule) => token::wanted(rule, issuer, request),
        Proof::Certificate(_) if issuer == Issuer::AwsSns => sns::wanted(request.body),
        Proof::Certificate(_) => paypal::wanted(request.headers),
        Proof::Signature(_) | Proof::Canonical(_) | Proof::Credential(_) | Proof::Unsigned => {
            return Ok(None);
        }
    }
    .map(Some)
}

/// The key in a vendor's answer.
pub(crate) fn read(
    wanted: &KeyRef,
    answer: &[u8],
    trust: Trust,
    now_unix_s: i64,
) -> Result<VendorKey, KeyError> {
    match wanted.issuer {
        Issuer::AwsSns => certificate::of_host(answer),
        Issuer::PayPal => certificate::of_chain(answer, trust, now_unix_s),
        Issuer::AtlassianInstall => certificate::public_key(answer),
        Issuer::Google => jwk::of_set(&json(answer)?, &wanted.name, Algorithm::RsaSha256),
        Issuer::Plaid | Issuer::PlaidSandbox => {
            let answer = json(answer)?;
            let key = answer.get("key").unwrap_or(&answer);
            jwk::one(key, &wanted.name, Algorithm::EcdsaP256Sha256Fixed)
        }
    }
}

fn json(answer: &[u8]) -> Result<Value, KeyError> {
    serde_json::from_slice(answer).map_err(|_| KeyError::Unusable)
}

#[cfg(test)]
mod tests;
