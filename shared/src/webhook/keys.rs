//! Secrets decoded once, so that a cached endpoint verifies without touching their text again.
//! An empty or undecodable secret never becomes a key.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use zeroize::Zeroizing;

use crate::webhook::encoding::{base64_key, hex_key};
use crate::webhook::scheme::{Algorithm, KeyFormat, Proof, Scheme, Shape, TokenKey, sns_region};
use crate::webhook::verify::VerifyError;

/// The usable secrets of one endpoint, in the order given; prepared for one scheme.
pub struct Keys {
    /// One list per header family of the scheme, in its order.
    by_wire: Vec<Vec<PreparedKey>>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every key is the large variant, and a box would be one more jump per request"
)]
pub(crate) enum PreparedKey {
    Hmac(hmac::Key),
    /// The secret's bytes, for the schemes that hash it with the content or send it in clear.
    Text(Zeroizing<Vec<u8>>),
    Public(ParsedPublicKey),
    /// No key at all: the endpoint's word that it takes unsigned requests.
    Unsigned,
}

impl Keys {
    /// Decodes every secret or refuses all of them: a half-usable rotation must not go unnoticed.
    pub fn prepare<S: AsRef<[u8]>>(scheme: &Scheme, secrets: &[S]) -> Result<Self, VerifyError> {
        if scheme.shape() == Shape::Unsigned {
            return Err(VerifyError::Unsigned);
        }
        if secrets.is_empty() {
            return Err(VerifyError::NoSecret);
        }
        let unusable = |index: usize| VerifyError::UnusableSecret {
            number: index + 1,
            expected: scheme.key_format.expected(),
        };
        let mut by_wire: Vec<Vec<PreparedKey>> = scheme.wires().map(|_| Vec::new()).collect();
        for (index, secret) in secrets.iter().enumerate() {
            let bytes = decode(scheme.key_format, secret.as_ref()).ok_or(unusable(index))?;
            for (wire, keys) in scheme.wires().zip(&mut by_wire) {
                keys.push(PreparedKey::new(&wire.proof, &bytes).ok_or(unusable(index))?);
            }
        }
        Ok(Self { by_wire })
    }

    /// The keys of an endpoint that says in as many words that it takes unsigned requests.
    ///
    /// # Errors
    /// The scheme has a proof, and no option replaces it.
    pub fn unsigned(scheme: &Scheme) -> Result<Self, VerifyError> {
        if scheme.shape() != Shape::Unsigned {
            return Err(VerifyError::NoSecret);
        }
        let key = |_| vec![PreparedKey::Unsigned];
        Ok(Self {
            by_wire: scheme.wires().map(key).collect(),
        })
    }

    /// No keys: nothing verifies.
    pub(crate) fn none() -> Self {
        Self {
            by_wire: Vec::new(),
        }
    }

    pub(crate) fn of_wire(&self, index: usize) -> &[PreparedKey] {
        self.by_wire.get(index).map_or(&[], Vec::as_slice)
    }
}

impl PreparedKey {
    /// `None` where the proof takes no key, or not this one.
    pub(crate) fn new(proof: &Proof, bytes: &Zeroizing<Vec<u8>>) -> Option<Self> {
        match proof {
            Proof::Signature(signature) => Self::of_algorithm(signature.algorithm, bytes),
            Proof::Canonical(canonical) => Self::of_algorithm(canonical.algorithm(), bytes),
            Proof::Token(token) => match token.key {
                TokenKey::Secret => Self::of_algorithm(token.algorithm.algorithm(), bytes),
                TokenKey::Fetched(_) => Some(Self::Text(bytes.clone())),
            },
            Proof::Credential(_) | Proof::Certificate(_) => Some(Self::Text(bytes.clone())),
            Proof::Unsigned => None,
        }
    }

    pub(crate) fn of_algorithm(algorithm: Algorithm, bytes: &Zeroizing<Vec<u8>>) -> Option<Self> {
        match algorithm {
            Algorithm::HmacSha256 => Some(Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, bytes))),
            Algorithm::HmacSha1 => Some(Self::Hmac(hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                bytes,
            ))),
            Algorithm::Sha256 => Some(Self::Text(bytes.clone())),
            Algorithm::Ed25519
            | Algorithm::EcdsaP256Sha256
            | Algorithm::EcdsaP256Sha256Fixed
            | Algorithm::RsaSha256
            | Algorithm::RsaSha1 => {
                let key = ParsedPublicKey::new(algorithm_of(algorithm)?, bytes.as_slice());
                key.ok().map(Self::Public)
            }
        }
    }

    pub(crate) fn allows_unsigned(&self) -> bool {
        match self {
            Self::Unsigned => true,
            Self::Hmac(_) | Self::Text(_) | Self::Public(_) => false,
        }
    }
}

/// How signatures under a public key are checked; `None` for an algorithm without one.
pub(crate) fn algorithm_of(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::Sha256 => None,
        Algorithm::Ed25519 => Some(&ED25519),
        Algorithm::EcdsaP256Sha256 => Some(&ECDSA_P256_SHA256_ASN1),
        Algorithm::EcdsaP256Sha256Fixed => Some(&ECDSA_P256_SHA256_FIXED),
        Algorithm::RsaSha256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RsaSha1 => Some(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
    }
}

/// The key bytes of a secret's text, or `None` when there is no usable key in it.
pub(crate) fn decode(format: KeyFormat, secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(secret).ok();
    let bytes = match format {
        KeyFormat::Utf8 => Some(secret.to_vec()),
        KeyFormat::Text64 => (text?.chars().count() == 64).then(|| secret.to_vec()),
        KeyFormat::TopicArn => is_topic_arn(text?).then(|| secret.to_vec()),
        KeyFormat::UserPassword | KeyFormat::ClientCredentials => match text?.split_once(':')? {
            ("", _) | (_, "") => None,
            (_, _) => Some(secret.to_vec()),
        },
        KeyFormat::Base64 | KeyFormat::SpkiBase64 => base64_key(text?),
        KeyFormat::Hex => hex_key(text?),
        KeyFormat::Whsec => base64_key(strip(text?, "whsec_")),
        KeyFormat::WhsecOrUtf8 => match text.and_then(|text| text.strip_prefix("whsec_")) {
            Some(base64) => base64_key(base64),
            None => Some(secret.to_vec()),
        },
        KeyFormat::Whpk => base64_key(text?.strip_prefix("whpk_")?).filter(|key| key.len() == 32),
        KeyFormat::Ed25519Hex => hex_key(text?).filter(|key| key.len() == 32),
    };
    bytes.filter(|bytes| !bytes.is_empty()).map(Zeroizing::new)
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>
fn is_topic_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let [arn, partition, service, region, account, name] = parts.as_slice() else {
        return false;
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    *arn == "arn"
        && partition.starts_with("aws")
        && *service == "sns"
        && sns_region(&format!("sns.{region}.amazonaws.com")).is_some()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=256).contains(&name.len())
        && name.bytes().all(is_name)
}

fn strip<'a>(text: &'a str, prefix: &str) -> &'a str {
    text.strip_prefix(prefix).unwrap_or(text)
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keys({} secrets)", self.of_wire(0).len())
    }
}

#[cfg(test)]
mod tests;
