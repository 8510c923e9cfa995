//! The inverse of `verify`: the headers that a vendor sends with a body. What it signs, `verify` accepts.

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::webhook::encoding::{base64_key, encode, hex_key};
use crate::webhook::keys::{self, PreparedKey};
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{
    Algorithm, Form, KeyFormat, Part, Scheme, SignatureSource, TimeUnit, TimestampSource, Wire,
};
use crate::webhook::verify::Signed;

/// What is about to be sent. `id` and the time go wherever the scheme puts them.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub id: &'a str,
    pub timestamp_unix_s: i64,
    pub method: &'a str,
    pub url: &'a str,
    pub body: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the secret must be {expected}")]
    UnusableSecret { expected: &'static str },
    #[error("signing with {algorithm:?} is not supported, only verifying")]
    VerifyOnly { algorithm: Algorithm },
    #[error("the time must be after 1970, got {unix_s} s")]
    UnusableTime { unix_s: i64 },
}

/// The headers of the scheme's preferred family, in the vendor's spelling. For an Ed25519 scheme the
/// secret is the private key: `whsk_` and base64, or hex, of the seed with or without the public key.
pub fn sign(
    scheme: &Scheme,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Vec<(String, String)>, SignError> {
    sign_wire(scheme.key_format, &scheme.wire, secret, outgoing)
}

pub(crate) fn sign_wire(
    key_format: KeyFormat,
    wire: &Wire,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Vec<(String, String)>, SignError> {
    let timestamp = timestamp_text(wire, outgoing)?;
    let request = RawRequest {
        method: outgoing.method,
        url: outgoing.url,
        headers: Headers::Pairs(&[]),
        body: outgoing.body,
    };
    let signed = Signed {
        id: outgoing.id,
        timestamp: &timestamp,
        request: &request,
    };
    let signature = signature(key_format, wire, secret, &signed)?;

    let mut headers = companions(wire, &signed);
    if let Some(name) = &wire.id_header {
        headers.push((name.to_string(), outgoing.id.to_owned()));
    }
    let mut signature_entry = entry(&wire.form, &signature);
    match wire.timestamp.as_ref().map(|rule| &rule.source) {
        Some(TimestampSource::Header { name }) => headers.push((name.to_string(), timestamp)),
        Some(TimestampSource::SignatureKey { key }) => {
            let separator = separator(&wire.form);
            signature_entry = format!("{key}={timestamp}{separator}{signature_entry}");
        }
        Some(TimestampSource::Body { .. }) | None => {}
    }
    headers.push((signature_header(&wire.signature), signature_entry));
    Ok(headers)
}

fn timestamp_text(wire: &Wire, outgoing: &Outgoing<'_>) -> Result<String, SignError> {
    let unix_s = outgoing.timestamp_unix_s;
    let unusable = SignError::UnusableTime { unix_s };
    if unix_s <= 0 {
        return Err(unusable);
    }
    match wire.timestamp.as_ref().map(|rule| rule.unit) {
        Some(TimeUnit::Seconds) => Ok(unix_s.to_string()),
        Some(TimeUnit::Milliseconds) => match unix_s.checked_mul(1_000) {
            Some(unix_ms) => Ok(unix_ms.to_string()),
            None => Err(unusable),
        },
        Some(TimeUnit::Rfc3339) => match jiff::Timestamp::from_second(unix_s) {
            Ok(instant) => Ok(instant.to_string()),
            Err(_) => Err(unusable),
        },
        None => Ok(String::new()),
    }
}

fn signature(
    key_format: KeyFormat,
    wire: &Wire,
    secret: &[u8],
    signed: &Signed<'_>,
) -> Result<String, SignError> {
    let bytes = match wire.algorithm {
        Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::Sha256 => {
            match mac_key(key_format, wire, secret)? {
                PreparedKey::Hmac(key) => signed.mac(wire, &key).as_ref().to_vec(),
                PreparedKey::Digest(secret) => signed.digest(wire, &secret).as_ref().to_vec(),
                PreparedKey::Public(_) => {
                    return Err(SignError::VerifyOnly {
                        algorithm: wire.algorithm,
                    });
                }
            }
        }
        Algorithm::Ed25519 => {
            let key = private_key(key_format, secret)?;
            key.sign(&signed.message(wire)).as_ref().to_vec()
        }
        // Signing with ECDSA needs randomness, which this module has none of.
        Algorithm::EcdsaP256Sha256 => {
            return Err(SignError::VerifyOnly {
                algorithm: wire.algorithm,
            });
        }
    };
    Ok(encode(wire.encoding, &bytes))
}

fn mac_key(key_format: KeyFormat, wire: &Wire, secret: &[u8]) -> Result<PreparedKey, SignError> {
    keys::decode(key_format, secret)
        .and_then(|bytes| PreparedKey::new(wire, &bytes))
        .ok_or(SignError::UnusableSecret {
            expected: key_format.expected(),
        })
}

fn private_key(key_format: KeyFormat, secret: &[u8]) -> Result<Ed25519KeyPair, SignError> {
    let text = std::str::from_utf8(secret).unwrap_or_default();
    let (bytes, expected) = match key_format {
        KeyFormat::Ed25519Hex => (
            hex_key(text),
            "hexadecimal of a 32-byte Ed25519 seed, or of seed and public key",
        ),
        KeyFormat::Whpk
        | KeyFormat::Utf8
        | KeyFormat::Base64
        | KeyFormat::Hex
        | KeyFormat::Whsec
        | KeyFormat::WhsecOrUtf8
        | KeyFormat::SpkiBase64 => (
            text.strip_prefix("whsk_").and_then(base64_key),
            "whsk_ followed by base64 of a 32-byte Ed25519 seed, or of seed and public key",
        ),
    };
    let key = match bytes
        .as_deref()
        .and_then(|bytes| bytes.split_at_checked(32))
    {
        Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed).ok(),
        Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public).ok(),
        None => None,
    };
    key.ok_or(SignError::UnusableSecret { expected })
}

/// The headers beside the signature: those the vendor always sends and those a verifier demands.
fn companions(wire: &Wire, signed: &Signed<'_>) -> Vec<(String, String)> {
    let text = |parts: &[Part]| -> String {
        let bytes: Vec<u8> = parts
            .iter()
            .flat_map(|part| signed.part(part, &[]).iter().copied())
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut headers: Vec<(String, String)> = wire
        .companions
        .iter()
        .map(|companion| (companion.name.to_string(), text(&companion.value)))
        .chain(
            wire.fixed_headers
                .iter()
                .map(|fixed| (fixed.name.to_string(), fixed.value.to_string())),
        )
        .collect();
    for name in wire.required_headers.iter() {
        if !headers
            .iter()
            .any(|(sent, _)| sent.eq_ignore_ascii_case(name))
        {
            headers.push((name.to_string(), "example".to_owned()));
        }
    }
    headers
}

fn entry(form: &Form, signature: &str) -> String {
    match form {
        Form::Plain { prefix } => format!("{prefix}{signature}"),
        Form::KeyValues { signature_key, .. } => format!("{signature_key}={signature}"),
        Form::Versioned { version, .. } => format!("{version}{signature}"),
    }
}

fn separator(form: &Form) -> &str {
    match form {
        Form::Plain { .. } => "",
        Form::KeyValues { separator, .. } | Form::Versioned { separator, .. } => separator,
    }
}

fn signature_header(source: &SignatureSource) -> String {
    source.first_header().into_owned()
}

#[cfg(test)]
mod tests;
