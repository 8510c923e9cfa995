//! Encryption at rest and the random source. A secret is sealed for one purpose and one owner:
//! both are in the additional data, so that a sealed value moved to another row does not open.

use std::{fmt, marker::PhantomData};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac, rand,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

const FORMAT: u8 = 1;

/// A value that must not reach a log, a reply or a table: no `Display`, no `Serialize`, a redacted
/// `Debug`, wiped when dropped.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself; each call is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

impl<T: Zeroize + utoipa::PartialSchema> utoipa::PartialSchema for Secret<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        T::schema()
    }
}

impl<T: Zeroize + utoipa::ToSchema> utoipa::ToSchema for Secret<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }
}

/// An encrypted `Secret<T>` as a table holds it: base64 of format byte, nonce and ciphertext.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed<T> {
    text: String,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            of: PhantomData,
        }
    }
}

impl<T> Sealed<T> {
    pub(crate) fn from_text(text: String) -> Self {
        Self {
            text,
            of: PhantomData,
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// The same ciphertext. Two seals of one value differ.
impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(redacted)")
    }
}

/// What a sealed value is for; part of the additional data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    RootKey,
    SigningKey,
    VendorCredential,
    VendorGrant,
    WebhookSecret,
    IdempotentReply,
    DestinationKey,
    DestinationHeader,
    TotpSecret,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::RootKey => "root-key",
            Self::SigningKey => "signing-key",
            Self::VendorCredential => "vendor-credential",
            Self::VendorGrant => "vendor-grant",
            Self::WebhookSecret => "webhook-secret",
            Self::IdempotentReply => "idempotent-reply",
            Self::DestinationKey => "destination-key",
            Self::DestinationHeader => "destination-header",
            Self::TotpSecret => "totp-secret",
        }
    }
}

/// The value was sealed by another key, for another owner or purpose, or was altered.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("sealed value does not open with this key, owner and purpose")]
pub struct OpenError;

/// A 256-bit key that seals values and derives other keys.
pub struct SealingKey {
    aead: LessSafeKey,
    derive: hmac::Key,
}

impl SealingKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, OpenError> {
        let unbound = UnboundKey::new(&AES_256_GCM, key).map_err(|_| OpenError)?;
        Ok(Self {
            aead: LessSafeKey::new(unbound),
            derive: hmac::Key::new(hmac::HMAC_SHA256, key),
        })
    }

    /// Encrypts `plain` for `owner` (an id, or a fixed word for what belongs to the platform).
    pub fn seal<T: AsRef<[u8]>>(
        &self,
        purpose: Purpose,
        owner: &str,
        plain: &T,
    ) -> Result<Sealed<T>, OpenError> {
        let nonce = random::<NONCE_LEN>();
        let mut buffer = plain.as_ref().to_vec();
        self.aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad(purpose, owner)),
                &mut buffer,
            )
            .map_err(|_| OpenError)?;
        let mut out = vec![FORMAT];
        out.extend_from_slice(&nonce);
        out.append(&mut buffer);
        Ok(Sealed {
            text: STANDARD.encode(out),
            of: PhantomData,
        })
    }

    /// The inverse of [`SealingKey::seal`].
    pub fn open<T>(
        &self,
        purpose: Purpose,
        owner: &str,
        sealed: &Sealed<T>,
    ) -> Result<Secret<Vec<u8>>, OpenError> {
        let bytes = STANDARD.decode(&sealed.text).map_err(|_| OpenError)?;
        let (format, rest) = bytes.split_first().ok_or(OpenError)?;
        if *format != FORMAT {
            return Err(OpenError);
        }
        let (nonce, cipher) = rest.split_at_checked(NONCE_LEN).ok_or(OpenError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
        let mut buffer = Zeroizing::new(cipher.to_vec());
        let plain = self
            .aead
            .open_in_place(nonce, Aad::from(aad(purpose, owner)), &mut buffer)
            .map_err(|_| OpenError)?;
        Ok(Secret::new(plain.to_vec()))
    }

    /// A seed of its own for one use, as [`SealingKey::derived`].
    pub(crate) fn derived_seed(&self, name: &str) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        let tag = hmac::sign(&self.derive, name.as_bytes());
        for (to, from) in seed.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        seed
    }

    /// A key of its own for one use: HMAC-SHA256 of the use's name under this key.
    pub(crate) fn derived(&self, name: &str) -> hmac::Key {
        hmac::Key::new(
            hmac::HMAC_SHA256,
            hmac::sign(&self.derive, name.as_bytes()).as_ref(),
        )
    }
}

/// The owner's length goes first, so that no two (purpose, owner) pairs give the same bytes.
fn aad(purpose: Purpose, owner: &str) -> Vec<u8> {
    format!("portico/{}/{}/{owner}", purpose.name(), owner.len()).into_bytes()
}

/// The random source itself, for signatures that need one.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads randomness"
)]
pub(crate) fn source() -> rand::SystemRandom {
    rand::SystemRandom::new()
}

/// Bytes from the operating system's random source.
#[expect(
    clippy::expect_used,
    reason = "without randomness no token or key may be made"
)]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads randomness"
)]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system's random source works");
    bytes
}

/// SHA-256 in lower-case hexadecimal: how tokens and addresses are stored and looked up.
pub fn sha256_hex(bytes: &[u8]) -> String {
    encode_hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// `None` unless `text` is an even number of hexadecimal digits.
pub fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        })
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
