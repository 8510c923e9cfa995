//! Signatures over a template: MACs and public keys. Nothing of the body is parsed before its signature
//! has passed.

use std::borrow::Cow;

use crate::webhook::keys::PreparedKey;
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{
    Signature, SignatureSource, Text, TimeUnit, Timestamp, TimestampSource,
};
use crate::webhook::timestamp;
use crate::webhook::verify::signed::{Signatures, Signed};
use crate::webhook::verify::{Authentic, VerifyError, form, one_text};

const LONGEST_ID: usize = 256;

pub(super) fn verify(
    rule: &Signature,
    request: &RawRequest<'_>,
    keys: &[PreparedKey],
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let id = read_id(rule, request.headers)?;
    let signatures = read_signatures(rule, request.headers)?;
    let sent = sent_timestamp(rule, request.headers, &signatures)?;
    let signed = Signed {
        id,
        timestamp: sent.map_or("", |(_, text, _)| text),
        request,
    };
    let matched_secret = signed
        .first_match(rule, &signatures, keys)
        .ok_or(VerifyError::SignatureMismatch)?;

    let signed_ms = match (sent, &rule.timestamp) {
        (Some((time, _, signed_ms)), _) => Some((time, signed_ms)),
        (None, Some(time)) => Some((time, body_timestamp(time, request.body)?)),
        (None, None) => None,
    };
    if let Some((time, signed_ms)) = signed_ms {
        timestamp::check_fresh(time, signed_ms, now_unix_s)?;
    }
    Ok(Authentic {
        matched_secret: Some(matched_secret),
        signed_at_unix_s: signed_ms.map(|(_, signed_ms)| signed_ms.div_euclid(1_000)),
    })
}

/// Whether any of the signature's headers is present.
pub(super) fn is_carried(source: &SignatureSource, headers: Headers<'_>) -> bool {
    match source {
        SignatureSource::Header { name } => headers.contains(name),
        SignatureSource::Numbered { .. } => headers.contains(&source.first_header()),
        SignatureSource::Slots { names } => names.iter().any(|name| headers.contains(name)),
    }
}

fn read_id<'a>(rule: &Signature, headers: Headers<'a>) -> Result<&'a str, VerifyError> {
    let Some(name) = &rule.id_header else {
        return Ok("");
    };
    let id = one_text(headers, name)?;
    if (1..=LONGEST_ID).contains(&id.len()) {
        return Ok(id);
    }
    Err(VerifyError::MalformedHeader {
        name: name.clone(),
        expected: "an id of 1 to 256 characters",
    })
}

fn read_signatures<'a>(
    rule: &Signature,
    headers: Headers<'a>,
) -> Result<Signatures<'a>, VerifyError> {
    let line = |name: &Text| -> Result<&'a str, VerifyError> {
        let value = one_text(headers, name)?;
        match form::check(rule, value) {
            Ok(()) => Ok(value),
            Err(expected) => Err(VerifyError::MalformedHeader {
                name: name.clone(),
                expected,
            }),
        }
    };
    match &rule.source {
        SignatureSource::Header { name } => line(name).map(Signatures::One),
        SignatureSource::Numbered { prefix, count } => {
            let mut lines = Vec::new();
            for number in 1..=*count {
                let name = Cow::Owned(format!("{prefix}{number}"));
                if number > 1 && !headers.contains(&name) {
                    break;
                }
                lines.push((None, line(&name)?));
            }
            Ok(Signatures::Several(lines))
        }
        SignatureSource::Slots { names } => {
            let mut lines = Vec::new();
            for (slot, name) in names.iter().enumerate() {
                if headers.contains(name) {
                    lines.push((Some(slot), line(name)?));
                }
            }
            if lines.is_empty() {
                return Err(VerifyError::MissingHeader {
                    name: rule.source.first_header(),
                });
            }
            Ok(Signatures::Several(lines))
        }
    }
}

/// The timestamp outside the body: its rule, its text as sent and its value in milliseconds.
fn sent_timestamp<'a, 'w>(
    rule: &'w Signature,
    headers: Headers<'a>,
    signatures: &Signatures<'a>,
) -> Result<Option<(&'w Timestamp, &'a str, i64)>, VerifyError> {
    let Some(time) = &rule.timestamp else {
        return Ok(None);
    };
    let (name, text) = match &time.source {
        TimestampSource::Header { name } => (name.clone(), one_text(headers, name)?),
        TimestampSource::SignatureKey { key } => (
            rule.source.first_header(),
            signatures.value_of(&rule.form, key).unwrap_or_default(),
        ),
        TimestampSource::Body { .. } => return Ok(None),
    };
    let Some(signed_ms) = timestamp::parse(time, text) else {
        return Err(VerifyError::MalformedHeader {
            name,
            expected: timestamp::expected(time),
        });
    };
    Ok(Some((time, text, signed_ms)))
}

fn body_timestamp(rule: &Timestamp, body: &[u8]) -> Result<i64, VerifyError> {
    let found = match &rule.source {
        TimestampSource::Body { pointer } => pointer::find(body, pointer),
        TimestampSource::Header { .. } | TimestampSource::SignatureKey { .. } => None,
    };
    let milliseconds = match (found, rule.unit) {
        (Some(Scalar::Integer(value)), TimeUnit::Seconds) => value.checked_mul(1_000),
        (Some(Scalar::Integer(value)), TimeUnit::Milliseconds) => Some(value),
        (Some(Scalar::Integer(_)), TimeUnit::Rfc3339) | (Some(Scalar::Text(_)) | None, _) => None,
    };
    milliseconds.ok_or(VerifyError::MalformedBody {
        expected: "JSON with the time of signing as a whole number",
    })
}
