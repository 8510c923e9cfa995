//! Mailgun: the body carries a time, a token and a MAC over just these two. The event is not covered:
//! only the token, used once, tells a request from its forgery.

use aws_lc_rs::hmac;
use serde::Deserialize;

use crate::webhook::encoding::spells;
use crate::webhook::keys::PreparedKey;
use crate::webhook::scheme::{Encoding, Text, TimeUnit, Timestamp, TimestampSource};
use crate::webhook::timestamp;
use crate::webhook::verify::{Authentic, VerifyError};

const LONGEST_TOKEN: usize = 256;

pub(crate) const TIME: Timestamp = Timestamp {
    source: TimestampSource::Body {
        pointer: Text::Borrowed("/signature/timestamp"),
    },
    unit: TimeUnit::Seconds,
    // Nothing stands between time and token: a digit must not move from one into the other.
    digits: Some(10),
    past_s: 300,
    future_s: 300,
};

// The derived readers refuse a member that appears twice: a later reader might take the other one.

#[derive(Deserialize)]
struct Signed {
    signature: Signature,
}

#[derive(Deserialize)]
struct Signature {
    timestamp: Time,
    token: String,
    signature: String,
    /// Under the key of the account that the sending account belongs to.
    #[serde(rename = "parent-signature")]
    parent_signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Text(String),
    Number(u64),
}

pub(super) fn verify(
    body: &[u8],
    keys: &[PreparedKey],
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let malformed = |expected| VerifyError::MalformedBody { expected };
    let signed: Signed = serde_json::from_slice(body)
        .map_err(|_| malformed("JSON with signature.timestamp, .token and .signature"))?;
    let signature = signed.signature;
    let time = match signature.timestamp {
        Time::Text(text) => text,
        Time::Number(number) => number.to_string(),
    };
    let signed_ms = timestamp::parse(&TIME, &time)
        .ok_or(malformed("JSON with signature.timestamp in ten digits"))?;
    if !(1..=LONGEST_TOKEN).contains(&signature.token.len()) || signature.signature.is_empty() {
        return Err(malformed(
            "JSON with signature.token and signature.signature",
        ));
    }
    let sent = [Some(signature.signature), signature.parent_signature];
    let matched = keys.iter().position(|key| match key {
        PreparedKey::Hmac(key) => {
            let tag = mac(key, &time, &signature.token);
            sent.iter()
                .flatten()
                .any(|sent| spells(Encoding::Hex, sent, tag.as_ref()))
        }
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    });
    let Some(index) = matched else {
        return Err(VerifyError::SignatureMismatch);
    };
    timestamp::check_fresh(&TIME, signed_ms, now_unix_s)?;
    Ok(Authentic {
        matched_secret: Some(index),
        signed_at_unix_s: Some(signed_ms.div_euclid(1_000)),
    })
}

pub(crate) fn mac(key: &hmac::Key, time: &str, token: &str) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(time.as_bytes());
    context.update(token.as_bytes());
    context.sign()
}

#[cfg(test)]
mod tests;
