//! The inverse of `verify`: the headers that a vendor sends with a body. What it signs, `verify` accepts.

mod canonical;
mod certified;
mod inline;
pub mod stand_in;
mod token;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};

use crate::seal;
use crate::webhook::encoding::{base64_key, encode, hex_key};
use crate::webhook::keys::{self, PreparedKey};
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{
    Algorithm, Credential, Encoding, Form, KeyFormat, Part, Proof, Scheme, Signature,
    SignatureSource, TimeUnit, TimestampSource, Wire,
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

impl<'a> Outgoing<'a> {
    fn request(&self) -> RawRequest<'a> {
        RawRequest {
            method: self.method,
            url: self.url,
            headers: Headers::Pairs(&[]),
            body: self.body,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the secret must be {expected}")]
    UnusableSecret { expected: &'static str },
    #[error("signing with {algorithm:?} is not supported, only verifying")]
    VerifyOnly { algorithm: Algorithm },
    #[error("the body must be {expected}")]
    UnusableBody { expected: &'static str },
    #[error("the proof does not lie in the headers alone")]
    BeyondHeaders,
    #[error("the time must be after 1970, got {unix_s} s")]
    UnusableTime { unix_s: i64 },
}

/// A request as the vendor would send it: a proof may lie in the URL or the body as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    pub headers: Vec<(String, String)>,
    pub url: String,
    pub body: Vec<u8>,
}

/// The headers of the scheme's preferred family, in the vendor's spelling. For an Ed25519 scheme the
/// secret is the private key: `whsk_` and base64, or hex, of the seed with or without the public key.
///
/// # Errors
/// The secret is unusable, or the proof does not lie in the headers alone: see [`dispatch`].
pub fn sign(
    scheme: &Scheme,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Vec<(String, String)>, SignError> {
    let mut headers = companions(&scheme.wire, outgoing);
    headers.extend(match &scheme.wire.proof {
        Proof::Signature(rule) => signature_headers(scheme.key_format, rule, secret, outgoing)?,
        Proof::Canonical(canonical) => {
            let proven = canonical::prove(*canonical, scheme.key_format, secret, outgoing)?;
            if proven.body != outgoing.body || proven.url != outgoing.url {
                return Err(SignError::BeyondHeaders);
            }
            proven.headers
        }
        Proof::Token(rule) => vec![token::header(rule, scheme.key_format, secret, outgoing)?],
        Proof::Certificate(certified) => {
            let proven = certified::prove(*certified, scheme.key_format, secret, outgoing)?;
            if proven.body != outgoing.body {
                return Err(SignError::BeyondHeaders);
            }
            proven.headers
        }
        Proof::Credential(credential) => {
            vec![credential_header(credential, scheme.key_format, secret)?]
        }
        Proof::Unsigned => Vec::new(),
    });
    Ok(headers)
}

/// The whole request, its proof wherever the scheme has it.
pub fn dispatch(
    scheme: &Scheme,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Dispatch, SignError> {
    let unchanged = |headers| Dispatch {
        headers,
        url: outgoing.url.to_owned(),
        body: outgoing.body.to_vec(),
    };
    let proven = match &scheme.wire.proof {
        Proof::Canonical(canonical) => {
            canonical::prove(*canonical, scheme.key_format, secret, outgoing)?
        }
        Proof::Certificate(certified) => {
            certified::prove(*certified, scheme.key_format, secret, outgoing)?
        }
        Proof::Credential(
            credential @ (Credential::Query { .. }
            | Credential::Json { .. }
            | Credential::Xml { .. }),
        ) => {
            let secret = credential_text(scheme.key_format, secret)?;
            inline::put(credential, secret, unchanged(Vec::new()))
        }
        Proof::Signature(_)
        | Proof::Token(_)
        | Proof::Credential(Credential::Header { .. } | Credential::Basic)
        | Proof::Unsigned => return sign(scheme, secret, outgoing).map(unchanged),
    };
    let mut headers = companions(&scheme.wire, outgoing);
    headers.extend(proven.headers);
    Ok(Dispatch { headers, ..proven })
}

fn signature_headers(
    key_format: KeyFormat,
    rule: &Signature,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Vec<(String, String)>, SignError> {
    let timestamp = timestamp_text(rule, outgoing)?;
    let signed = Signed {
        id: outgoing.id,
        timestamp: &timestamp,
        request: &outgoing.request(),
    };
    let signature = signature(key_format, rule, secret, &signed)?;

    let mut headers = Vec::new();
    if let Some(name) = &rule.id_header {
        headers.push((name.to_string(), outgoing.id.to_owned()));
    }
    let mut signature_entry = entry(&rule.form, &signature);
    match rule.timestamp.as_ref().map(|time| &time.source) {
        Some(TimestampSource::Header { name }) => headers.push((name.to_string(), timestamp)),
        Some(TimestampSource::SignatureKey { key }) => {
            let separator = separator(&rule.form);
            signature_entry = format!("{key}={timestamp}{separator}{signature_entry}");
        }
        Some(TimestampSource::Body { .. }) | None => {}
    }
    headers.push((signature_header(&rule.source), signature_entry));
    Ok(headers)
}

fn credential_header(
    credential: &Credential,
    key_format: KeyFormat,
    secret: &[u8],
) -> Result<(String, String), SignError> {
    let secret = credential_text(key_format, secret)?;
    match credential {
        Credential::Header { name, prefix } => Ok((name.to_string(), format!("{prefix}{secret}"))),
        Credential::Basic => {
            let value = encode(Encoding::Base64, secret.as_bytes());
            Ok(("Authorization".to_owned(), format!("Basic {value}")))
        }
        Credential::Query { .. } | Credential::Json { .. } | Credential::Xml { .. } => {
            Err(SignError::BeyondHeaders)
        }
    }
}

fn credential_text(key_format: KeyFormat, secret: &[u8]) -> Result<&str, SignError> {
    let usable = keys::decode(key_format, secret).and(std::str::from_utf8(secret).ok());
    usable.ok_or(SignError::UnusableSecret {
        expected: key_format.expected(),
    })
}

fn timestamp_text(rule: &Signature, outgoing: &Outgoing<'_>) -> Result<String, SignError> {
    let unix_s = outgoing.timestamp_unix_s;
    let unusable = SignError::UnusableTime { unix_s };
    if unix_s <= 0 {
        return Err(unusable);
    }
    match rule.timestamp.as_ref().map(|time| time.unit) {
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
    rule: &Signature,
    secret: &[u8],
    signed: &Signed<'_>,
) -> Result<String, SignError> {
    let bytes = match rule.algorithm {
        Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::Sha256 => {
            match mac_key(key_format, rule.algorithm, secret)? {
                PreparedKey::Hmac(key) => signed.mac(rule, &key).as_ref().to_vec(),
                PreparedKey::Text(secret) => signed.digest(rule, &secret).as_ref().to_vec(),
                PreparedKey::Public(_) | PreparedKey::Unsigned => {
                    return Err(SignError::VerifyOnly {
                        algorithm: rule.algorithm,
                    });
                }
            }
        }
        Algorithm::Ed25519 => {
            let key = private_key(key_format, secret)?;
            key.sign(&signed.message(rule)).as_ref().to_vec()
        }
        Algorithm::EcdsaP256Sha256 => ecdsa(&signed.message(rule), secret)?,
        Algorithm::EcdsaP256Sha256Fixed | Algorithm::RsaSha256 | Algorithm::RsaSha1 => {
            return Err(SignError::VerifyOnly {
                algorithm: rule.algorithm,
            });
        }
    };
    Ok(encode(rule.encoding, &bytes))
}

fn ecdsa(message: &[u8], secret: &[u8]) -> Result<Vec<u8>, SignError> {
    let pkcs8 = std::str::from_utf8(secret).ok().and_then(base64_key);
    let key = pkcs8
        .and_then(|pkcs8| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).ok());
    let signature = key.and_then(|key| key.sign(&seal::source(), message).ok());
    let signature = signature.ok_or(SignError::UnusableSecret {
        expected: "base64 of the PKCS #8 private key of a P-256 pair",
    })?;
    Ok(signature.as_ref().to_vec())
}

fn mac_key(
    key_format: KeyFormat,
    algorithm: Algorithm,
    secret: &[u8],
) -> Result<PreparedKey, SignError> {
    keys::decode(key_format, secret)
        .and_then(|bytes| PreparedKey::of_algorithm(algorithm, &bytes))
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
        | KeyFormat::Text64
        | KeyFormat::UserPassword
        | KeyFormat::SpkiBase64
        | KeyFormat::TopicArn
        | KeyFormat::ClientCredentials => (
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
fn companions(wire: &Wire, outgoing: &Outgoing<'_>) -> Vec<(String, String)> {
    let signed = Signed {
        id: outgoing.id,
        timestamp: "",
        request: &outgoing.request(),
    };
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
