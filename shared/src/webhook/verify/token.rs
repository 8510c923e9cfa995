//! Tokens bound to their request. The signature is checked first, under the pinned algorithm; then what the
//! token must say; then its times.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::webhook::encoding::spells;
use crate::webhook::keys::PreparedKey;
use crate::webhook::request::RawRequest;
use crate::webhook::scheme::{Binding, Expiry, Issuer, Text, Token, TokenKey};
use crate::webhook::timestamp;
use crate::webhook::vendor_key::{KeyRef, VendorKeys};
use crate::webhook::verify::{Authentic, VerifyError, one_text, query_hash};

/// Longer tokens are no vendor's.
const LONGEST_TOKEN: usize = 8 * 1_024;

/// How far `nbf` may lie ahead of our clock.
const SKEW_S: i64 = 60;

/// A token taken apart, nothing of it checked.
struct Parts<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

pub(super) fn verify(
    rule: &Token,
    request: &RawRequest<'_>,
    keys: &[PreparedKey],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let parts = Parts::read(rule, request)?;
    if parts.header.get("alg").and_then(Value::as_str) != Some(rule.algorithm.name()) {
        return Err(VerifyError::WrongAlgorithm {
            expected: rule.algorithm.name(),
        });
    }
    let signed_by = match rule.key {
        TokenKey::Secret => parts
            .first_match(keys)
            .ok_or(VerifyError::SignatureMismatch)?,
        TokenKey::Fetched(issuer) => {
            let key = vendor_keys.get(&parts.wanted(rule, issuer)?)?;
            let algorithm = rule.algorithm.algorithm();
            if !key.verifies(algorithm, parts.signed, &parts.signature) {
                return Err(VerifyError::SignatureMismatch);
            }
            0
        }
    };
    let mut matched_secret = signed_by;
    for binding in rule.bindings.iter() {
        let claim = parts.claims.get(&**binding.name());
        let holds = match binding {
            Binding::Claim { values, .. } => {
                let text = claim.and_then(Value::as_str);
                text.is_some_and(|text| values.iter().any(|value| value == text))
            }
            Binding::Affirmed { .. } => claim == Some(&Value::Bool(true)),
            Binding::Url { .. } => any_text(claim, |text| text == request.url),
            Binding::BodySha256 { encoding, .. } => {
                let hash = digest::digest(&digest::SHA256, request.body);
                any_text(claim, |text| spells(*encoding, text, hash.as_ref()))
            }
            Binding::QueryHash { .. } => {
                let hash = query_hash::of(request.method, request.url);
                any_text(claim, |text| text == hash)
            }
            Binding::Secret { .. } => {
                let named = keys
                    .iter()
                    .position(|key| any_text(claim, |text| is_secret(key, text)));
                matched_secret = named.unwrap_or(matched_secret);
                named.is_some()
            }
        };
        if !holds {
            return Err(VerifyError::NotBound {
                claim: binding.name().clone(),
                expected: binding.content(),
            });
        }
    }
    let signed_at_unix_s = parts.check_times(rule, now_unix_s)?;
    Ok(Authentic {
        matched_secret: Some(matched_secret),
        signed_at_unix_s,
    })
}

/// The vendor's key that a token asks for.
pub(crate) fn wanted(
    rule: &Token,
    issuer: Issuer,
    request: &RawRequest<'_>,
) -> Result<KeyRef, VerifyError> {
    Parts::read(rule, request)?.wanted(rule, issuer)
}

impl<'a> Parts<'a> {
    fn read(rule: &Token, request: &RawRequest<'a>) -> Result<Self, VerifyError> {
        let malformed = |expected| malformed(&rule.header, expected);
        let line = one_text(request.headers, &rule.header)?;
        let token = line
            .strip_prefix(&*rule.prefix)
            .filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
            .ok_or(malformed("the scheme's prefix and a token"))?;
        let three = malformed("a token of three parts in base64url");
        let (signed, signature) = token.rsplit_once('.').ok_or(three.clone())?;
        let (header, claims) = signed.split_once('.').ok_or(three.clone())?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| three.clone());
        let object = |text: &str| -> Result<Map<String, Value>, VerifyError> {
            serde_json::from_slice(&decode(text)?)
                .map_err(|_| malformed("a token of two JSON objects and a signature"))
        };
        let header = object(header)?;
        // RFC 7515 section 4.1.11: what is critical and not understood makes the token invalid.
        if header.contains_key("crit") {
            return Err(malformed("a token without critical extensions"));
        }
        Ok(Self {
            header,
            claims: object(claims)?,
            signed: signed.as_bytes(),
            signature: decode(signature)?,
        })
    }

    fn wanted(&self, rule: &Token, issuer: Issuer) -> Result<KeyRef, VerifyError> {
        if self.header.get("alg").and_then(Value::as_str) != Some(rule.algorithm.name()) {
            return Err(VerifyError::WrongAlgorithm {
                expected: rule.algorithm.name(),
            });
        }
        let kid = self.header.get("kid").and_then(Value::as_str);
        kid.and_then(|kid| KeyRef::new(issuer, kid))
            .ok_or(malformed(
                &rule.header,
                "a token that names its key (`kid`)",
            ))
    }

    fn first_match(&self, keys: &[PreparedKey]) -> Option<usize> {
        keys.iter().position(|key| match key {
            PreparedKey::Hmac(key) => hmac::verify(key, self.signed, &self.signature).is_ok(),
            PreparedKey::Public(key) => key.verify_sig(self.signed, &self.signature).is_ok(),
            PreparedKey::Text(_) | PreparedKey::Unsigned => false,
        })
    }

    /// The time of issue, if the token has one.
    fn check_times(&self, rule: &Token, now_unix_s: i64) -> Result<Option<i64>, VerifyError> {
        let time = |name: &str| match self.claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64().filter(|time| *time > 0) {
                Some(time) => Ok(Some(time)),
                None => Err(malformed(
                    &rule.header,
                    "a token with times in whole seconds",
                )),
            },
        };
        let (issued_at, expires_at, not_before) = (time("iat")?, time("exp")?, time("nbf")?);
        match (expires_at, rule.expiry) {
            // RFC 7519 section 4.1.4: not on or after this time.
            (Some(expires_at), _) if now_unix_s >= expires_at => {
                return Err(VerifyError::Expired {
                    by_s: expires_at.abs_diff(now_unix_s),
                });
            }
            (None, Expiry::Required) => {
                return Err(malformed(&rule.header, "a token that expires (`exp`)"));
            }
            (Some(_), Expiry::Required | Expiry::IfPresent) | (None, Expiry::IfPresent) => {}
        }
        if let Some(by_s) = not_before
            .map(|time| time.saturating_sub(now_unix_s))
            .filter(|by_s| *by_s > SKEW_S)
        {
            return Err(VerifyError::Future {
                by_s: by_s.unsigned_abs(),
                tolerance_s: 60,
            });
        }
        match (rule.issued_within, issued_at) {
            (Some(window), Some(issued_at)) => {
                timestamp::check_window(window, issued_at.saturating_mul(1_000), now_unix_s)?;
            }
            (Some(_), None) => {
                return Err(malformed(
                    &rule.header,
                    "a token with its time of issue (`iat`)",
                ));
            }
            (None, _) => {}
        }
        Ok(issued_at)
    }
}

fn malformed(header: &Text, expected: &'static str) -> VerifyError {
    VerifyError::MalformedHeader {
        name: header.clone(),
        expected,
    }
}

fn any_text(claim: Option<&Value>, mut is_good: impl FnMut(&str) -> bool) -> bool {
    match claim {
        Some(Value::String(text)) => is_good(text),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).any(is_good),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}

fn is_secret(key: &PreparedKey, text: &str) -> bool {
    match key {
        PreparedKey::Text(secret) => verify_slices_are_equal(secret, text.as_bytes()).is_ok(),
        PreparedKey::Hmac(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    }
}

#[cfg(test)]
mod tests;
