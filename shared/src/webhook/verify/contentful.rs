//! Contentful's request verification: method, path, the headers that the request itself lists, and the
//! body. The list must cover itself and the time.

use std::borrow::Cow;

use aws_lc_rs::hmac;

use crate::webhook::encoding::spells;
use crate::webhook::keys::PreparedKey;
use crate::webhook::request::RawRequest;
use crate::webhook::scheme::{Encoding, Text, TimeUnit, Timestamp, TimestampSource};
use crate::webhook::timestamp;
use crate::webhook::verify::{Authentic, VerifyError, one_text};

pub(crate) const SIGNATURE: Text = Cow::Borrowed("x-contentful-signature");
pub(crate) const SIGNED_HEADERS: Text = Cow::Borrowed("x-contentful-signed-headers");
pub(crate) const TIMESTAMP: Text = Cow::Borrowed("x-contentful-timestamp");
const MOST_HEADERS: usize = 64;

pub(crate) const TIME: Timestamp = Timestamp {
    source: TimestampSource::Header { name: TIMESTAMP },
    unit: TimeUnit::Milliseconds,
    digits: None,
    past_s: 30,
    future_s: 30,
};

pub(super) fn verify(
    request: &RawRequest<'_>,
    keys: &[PreparedKey],
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let malformed = |name, expected| Err(VerifyError::MalformedHeader { name, expected });
    let sent = one_text(request.headers, &SIGNATURE)?;
    if sent.len() != 64 {
        return malformed(SIGNATURE, "a signature of 64 characters");
    }
    let Some(signed_ms) = timestamp::parse(&TIME, one_text(request.headers, &TIMESTAMP)?) else {
        return malformed(TIMESTAMP, timestamp::expected(&TIME));
    };
    let list = one_text(request.headers, &SIGNED_HEADERS)?;
    let Some(names) = signed_names(list) else {
        return malformed(
            SIGNED_HEADERS,
            "a list of up to 64 headers with itself and the time among them",
        );
    };
    let mut headers = Vec::with_capacity(names.len());
    for name in names {
        let value = one_text(request.headers, &Cow::Owned(name.clone()))?;
        headers.push((name, value.trim()));
    }
    let matched = keys.iter().position(|key| match key {
        PreparedKey::Hmac(key) => {
            let tag = mac(key, request, &headers);
            spells(Encoding::Hex, sent, tag.as_ref())
        }
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    });
    let Some(index) = matched else {
        return Err(VerifyError::SignatureMismatch);
    };
    check_fresh(signed_ms, now_unix_s)?;
    Ok(Authentic {
        matched_secret: Some(index),
        signed_at_unix_s: Some(signed_ms.div_euclid(1_000)),
    })
}

/// `METHOD\npath\nname:value;name:value\nbody`
pub(crate) fn mac(
    key: &hmac::Key,
    request: &RawRequest<'_>,
    headers: &[(String, &str)],
) -> hmac::Tag {
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    let head = format!(
        "{}\n{}\n{}\n",
        request.method,
        signed_path(request.url),
        headers.join(";")
    );
    let mut context = hmac::Context::with_key(key);
    context.update(head.as_bytes());
    context.update(request.body);
    context.sign()
}

/// The listed names in lower case, sorted.
fn signed_names(list: &str) -> Option<Vec<String>> {
    let mut names: Vec<String> = list
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    let complete = names.len() == count
        && count <= MOST_HEADERS
        && [SIGNED_HEADERS, TIMESTAMP]
            .iter()
            .all(|wanted| names.iter().any(|name| name == wanted));
    complete.then_some(names)
}

/// Thirty seconds are one too many, in the vendor's own words: `age >= ttl`.
fn check_fresh(signed_ms: i64, now_unix_s: i64) -> Result<(), VerifyError> {
    let age_ms = now_unix_s.saturating_mul(1_000).saturating_sub(signed_ms);
    if age_ms == i64::from(TIME.past_s) * 1_000 {
        return Err(VerifyError::Stale {
            by_s: u64::from(TIME.past_s),
            tolerance_s: TIME.past_s - 1,
        });
    }
    timestamp::check_fresh(&TIME, signed_ms, now_unix_s)
}

/// The path of the URL as the vendor encodes it: what follows the question mark is escaped as one
/// value, and then the whole once more.
fn signed_path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest
        .find(['/', '?'])
        .and_then(|at| rest.get(at..))
        .unwrap_or("/");
    let mut halves = path.split('?');
    let path = halves.next().unwrap_or_default();
    match halves.next().filter(|query| !query.is_empty()) {
        Some(query) => {
            let query = encode(query, b"");
            encode(&format!("{path}?{query}"), b";,/?:@&=+$#")
        }
        None => encode(path, b";,/?:@&=+$#"),
    }
}

/// Percent-encodes every byte but letters, digits, the marks and `kept`.
fn encode(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
