//! Decides whether a request is authentic. The signature is checked over the raw bytes first, freshness
//! after it, and nothing of the body is parsed before.

mod error;
mod form;
mod signed;

use std::borrow::Cow;

use crate::webhook::keys::Keys;
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::request::{Headers, Lines, RawRequest};
use crate::webhook::scheme::{
    BodyRule, Scheme, SignatureSource, Text, TimeUnit, Timestamp, TimestampSource, Wire,
};
use crate::webhook::timestamp;

pub use error::{Verdict, VerifyError};

pub(crate) use form::value_of;
use signed::Signatures;
pub(crate) use signed::Signed;

const LONGEST_ID: usize = 256;

/// Proof that a request carries a good and fresh signature. Only `verify` makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentic {
    matched_secret: usize,
    signed_at_unix_s: Option<i64>,
}

impl Authentic {
    /// The index of the secret that matched, first match first.
    pub fn matched_secret(self) -> usize {
        self.matched_secret
    }

    /// The signed time; `None` where the vendor signs none.
    pub fn signed_at_unix_s(self) -> Option<i64> {
        self.signed_at_unix_s
    }
}

/// Verifies a request under one scheme. `keys` must have been prepared for the same scheme.
pub fn verify(
    scheme: &Scheme,
    request: &RawRequest<'_>,
    keys: &Keys,
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let (index, wire) = select_wire(scheme, request.headers);
    check_envelope(wire, request)?;

    let id = read_id(wire, request.headers)?;
    let signatures = read_signatures(wire, request.headers)?;
    let sent = sent_timestamp(wire, request.headers, &signatures)?;
    let signed = Signed {
        id,
        timestamp: sent.map_or("", |(_, text, _)| text),
        request,
    };
    let matched_secret = signed
        .first_match(wire, &signatures, keys.of_wire(index))
        .ok_or(VerifyError::SignatureMismatch)?;

    let signed_ms = match (sent, &wire.timestamp) {
        (Some((rule, _, signed_ms)), _) => Some((rule, signed_ms)),
        (None, Some(rule)) => Some((rule, body_timestamp(rule, request.body)?)),
        (None, None) => None,
    };
    if let Some((rule, signed_ms)) = signed_ms {
        timestamp::check_fresh(rule, signed_ms, now_unix_s)?;
    }
    Ok(Authentic {
        matched_secret,
        signed_at_unix_s: signed_ms.map(|(_, signed_ms)| signed_ms.div_euclid(1_000)),
    })
}

/// The header family to hold the request to: the first whose signature is there and whose fixed
/// headers agree. Where a vendor has a weaker family, a preset without it stands beside the full one.
pub(crate) fn select_wire<'s>(scheme: &'s Scheme, headers: Headers<'_>) -> (usize, &'s Wire) {
    if scheme.alternatives.is_empty() {
        return (0, &scheme.wire);
    }
    let signed = |wire: &Wire| carries_signature(wire, headers);
    let agrees = |wire: &Wire| check_fixed(wire, headers).is_ok();
    let first = |matches: &dyn Fn(&Wire) -> bool| {
        scheme.wires().enumerate().find(|(_, wire)| matches(wire))
    };
    first(&|wire| signed(wire) && agrees(wire))
        .or_else(|| first(&signed))
        .unwrap_or((0, &scheme.wire))
}

/// Whether any signature header of this family is present.
pub(crate) fn carries_signature(wire: &Wire, headers: Headers<'_>) -> bool {
    match &wire.signature {
        SignatureSource::Header { name } => headers.contains(name),
        SignatureSource::Numbered { .. } => headers.contains(&wire.signature.first_header()),
        SignatureSource::Slots { names } => names.iter().any(|name| headers.contains(name)),
    }
}

fn check_envelope(wire: &Wire, request: &RawRequest<'_>) -> Result<(), VerifyError> {
    check_fixed(wire, request.headers)?;
    for name in wire.required_headers.iter() {
        if !request.headers.contains(name) {
            return Err(VerifyError::MissingHeader { name: name.clone() });
        }
    }
    let (ok, expected) = match wire.body {
        BodyRule::Any => return Ok(()),
        BodyRule::NonEmpty => (!request.body.is_empty(), "non-empty"),
        BodyRule::JsonObject => (request.body.starts_with(b"{"), "a JSON object"),
    };
    if ok {
        Ok(())
    } else {
        Err(VerifyError::MalformedBody { expected })
    }
}

fn check_fixed(wire: &Wire, headers: Headers<'_>) -> Result<(), VerifyError> {
    for fixed in wire.fixed_headers.iter() {
        if one_line(headers, &fixed.name)? != fixed.value.as_bytes() {
            return Err(VerifyError::WrongHeader {
                name: fixed.name.clone(),
                value: fixed.value.clone(),
            });
        }
    }
    Ok(())
}

fn read_id<'a>(wire: &Wire, headers: Headers<'a>) -> Result<&'a str, VerifyError> {
    let Some(name) = &wire.id_header else {
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

fn read_signatures<'a>(wire: &Wire, headers: Headers<'a>) -> Result<Signatures<'a>, VerifyError> {
    let line = |name: &Text| -> Result<&'a str, VerifyError> {
        let value = one_text(headers, name)?;
        match form::check(wire, value) {
            Ok(()) => Ok(value),
            Err(expected) => Err(VerifyError::MalformedHeader {
                name: name.clone(),
                expected,
            }),
        }
    };
    match &wire.signature {
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
                    name: wire.signature.first_header(),
                });
            }
            Ok(Signatures::Several(lines))
        }
    }
}

/// The timestamp outside the body: its rule, its text as sent and its value in milliseconds.
fn sent_timestamp<'a, 'w>(
    wire: &'w Wire,
    headers: Headers<'a>,
    signatures: &Signatures<'a>,
) -> Result<Option<(&'w Timestamp, &'a str, i64)>, VerifyError> {
    let Some(rule) = &wire.timestamp else {
        return Ok(None);
    };
    let (name, text) = match &rule.source {
        TimestampSource::Header { name } => (name.clone(), one_text(headers, name)?),
        TimestampSource::SignatureKey { key } => (
            wire.signature.first_header(),
            signatures.value_of(&wire.form, key).unwrap_or_default(),
        ),
        TimestampSource::Body { .. } => return Ok(None),
    };
    let Some(signed_ms) = timestamp::parse(rule, text) else {
        return Err(VerifyError::MalformedHeader {
            name,
            expected: timestamp::expected(rule),
        });
    };
    Ok(Some((rule, text, signed_ms)))
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

fn one_line<'a>(headers: Headers<'a>, name: &Text) -> Result<&'a [u8], VerifyError> {
    match headers.lines(name) {
        Lines::One(value) => Ok(value),
        Lines::None => Err(VerifyError::MissingHeader { name: name.clone() }),
        Lines::Several => Err(VerifyError::DuplicateHeader { name: name.clone() }),
    }
}

fn one_text<'a>(headers: Headers<'a>, name: &Text) -> Result<&'a str, VerifyError> {
    let value = one_line(headers, name)?;
    match std::str::from_utf8(value) {
        Ok(text) if value.iter().all(|byte| (b' '..=b'~').contains(byte)) => Ok(text),
        Ok(_) | Err(_) => Err(VerifyError::MalformedHeader {
            name: name.clone(),
            expected: "visible ASCII",
        }),
    }
}

#[cfg(test)]
mod tests;
