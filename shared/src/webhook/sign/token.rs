//! The inverse of the token verifier: a token with every claim that a scheme binds.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::webhook::encoding::encode;
use crate::webhook::keys::PreparedKey;
use crate::webhook::scheme::{Binding, Expiry, KeyFormat, Token, TokenKey};
use crate::webhook::sign::{Outgoing, SignError, credential_text, mac_key, stand_in};
use crate::webhook::verify::query_hash;

/// How long a token is good for, as the vendors have it.
const LIFETIME_S: i64 = 180;

pub(super) fn header(
    rule: &Token,
    key_format: KeyFormat,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<(String, String), SignError> {
    let header = match rule.key {
        TokenKey::Secret => json!({ "alg": rule.algorithm.name(), "typ": "JWT" }),
        TokenKey::Fetched(_) => {
            json!({ "alg": rule.algorithm.name(), "typ": "JWT", "kid": stand_in::NAME })
        }
    };
    let claims = Value::Object(claims(rule, key_format, secret, outgoing)?);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let algorithm = rule.algorithm.algorithm();
    let signature = match rule.key {
        TokenKey::Secret => match mac_key(key_format, algorithm, secret)? {
            PreparedKey::Hmac(key) => Some(hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()),
            PreparedKey::Public(_) | PreparedKey::Text(_) | PreparedKey::Unsigned => None,
        },
        TokenKey::Fetched(_) => stand_in::sign(rule.algorithm, signed.as_bytes()),
    };
    let signature = signature.ok_or(SignError::VerifyOnly { algorithm })?;
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    Ok((rule.header.to_string(), format!("{}{token}", rule.prefix)))
}

fn claims(
    rule: &Token,
    key_format: KeyFormat,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Map<String, Value>, SignError> {
    let now = outgoing.timestamp_unix_s;
    let mut claims = Map::new();
    claims.insert("iat".to_owned(), json!(now));
    if rule.expiry == Expiry::Required {
        claims.insert("exp".to_owned(), json!(now.saturating_add(LIFETIME_S)));
    }
    claims.insert("jti".to_owned(), json!(outgoing.id));
    if rule.key != TokenKey::Secret {
        credential_text(key_format, secret)?;
    }
    for binding in rule.bindings.iter() {
        let value = match binding {
            Binding::Claim { values, .. } => json!(values.first()),
            Binding::Affirmed { .. } => json!(true),
            Binding::Url { .. } => json!(outgoing.url),
            Binding::Secret { .. } => json!(credential_text(key_format, secret)?),
            Binding::BodySha256 { encoding, .. } => {
                let hash = digest::digest(&digest::SHA256, outgoing.body);
                json!(encode(*encoding, hash.as_ref()))
            }
            Binding::QueryHash { .. } => json!(query_hash::of(outgoing.method, outgoing.url)),
        };
        claims.insert(binding.name().clone().into_owned(), value);
    }
    Ok(claims)
}
