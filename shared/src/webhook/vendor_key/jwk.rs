//! A public key as JSON (RFC 7517). Its own `alg` and `use` may only narrow what the scheme has pinned.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::webhook::scheme::Algorithm;
use crate::webhook::vendor_key::{KeyError, VendorKey};

/// 2,048 bits.
const SHORTEST_MODULUS: usize = 256;

/// The key of this name among those of a set.
pub(super) fn of_set(set: &Value, kid: &str, algorithm: Algorithm) -> Result<VendorKey, KeyError> {
    let keys = set.get("keys").and_then(Value::as_array);
    let mut named = keys
        .into_iter()
        .flatten()
        .filter(|key| key.get("kid").and_then(Value::as_str) == Some(kid));
    match (named.next(), named.next()) {
        (Some(key), None) => one(key, kid, algorithm),
        (Some(_), Some(_)) => Err(KeyError::Unusable),
        (None, _) => Err(KeyError::Unknown),
    }
}

/// One key, which must be for signatures and must not have expired.
pub(super) fn one(key: &Value, kid: &str, algorithm: Algorithm) -> Result<VendorKey, KeyError> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if key
        .get("expired_at")
        .is_some_and(|expired| !expired.is_null())
    {
        return Err(KeyError::Expired);
    }
    let (kind, alg) = match algorithm {
        Algorithm::RsaSha256 => ("RSA", "RS256"),
        Algorithm::EcdsaP256Sha256Fixed => ("EC", "ES256"),
        Algorithm::HmacSha256
        | Algorithm::HmacSha1
        | Algorithm::Sha256
        | Algorithm::Ed25519
        | Algorithm::EcdsaP256Sha256
        | Algorithm::RsaSha1 => return Err(KeyError::Unusable),
    };
    let agrees = |name: &str, wanted: &str| text(name).is_none_or(|value| value == wanted);
    if text("kty") != Some(kind)
        || !agrees("alg", alg)
        || !agrees("use", "sig")
        || !agrees("kid", kid)
    {
        return Err(KeyError::Unusable);
    }
    let number = |name: &str| {
        let text = text(name).ok_or(KeyError::Unusable)?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Unusable)
    };
    let bytes = match kind {
        "RSA" => {
            let modulus = number("n")?;
            if modulus.len() < SHORTEST_MODULUS {
                return Err(KeyError::Unusable);
            }
            rsa(&modulus, &number("e")?)
        }
        _ if text("crv") == Some("P-256") => point(&number("x")?, &number("y")?)?,
        _ => return Err(KeyError::Unusable),
    };
    VendorKey::checked(bytes, algorithm)
}

/// An uncompressed point (SEC 1 section 2.3.3).
fn point(x: &[u8], y: &[u8]) -> Result<Vec<u8>, KeyError> {
    if x.len() != 32 || y.len() != 32 {
        return Err(KeyError::Unusable);
    }
    Ok([&[4], x, y].concat())
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    element(0x30, &[integer(modulus), integer(exponent)].concat())
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).unwrap_or_default();
    // The leading bit would be a sign.
    match bytes.first() {
        Some(first) if *first < 0x80 => element(2, bytes),
        Some(_) | None => element(2, &[&[0], bytes].concat()),
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let significant: Vec<u8> = len.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match (significant.as_slice(), content.len()) {
        ([], _) => out.push(0),
        ([short], 0..0x80) => out.push(*short),
        (long, _) => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(0x7f));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}
