//! Decides whether a request is authentic. The proof is checked over the raw bytes first, freshness
//! after it. A proof that lies in the body is read from it, and nothing else is.

pub(crate) mod adyen;
pub(crate) mod contentful;
mod credential;
mod error;
mod form;
pub(crate) mod mailgun;
pub(crate) mod paypal;
pub(crate) mod query_hash;
mod signature;
mod signed;
pub(crate) mod sns;
pub(crate) mod token;
pub(crate) mod twilio;

use crate::webhook::keys::{Keys, PreparedKey};
use crate::webhook::request::{Headers, Lines, RawRequest};
use crate::webhook::scheme::{BodyRule, Canonical, Certified, Proof, Scheme, Text, Wire};
use crate::webhook::vendor_key::VendorKeys;

pub use error::{Verdict, VerifyError};

pub(crate) use form::value_of;
pub(crate) use signed::Signed;

/// Evidence that a request carries a good and fresh proof. Only `verify` makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentic {
    matched_secret: Option<usize>,
    signed_at_unix_s: Option<i64>,
}

impl Authentic {
    /// The index of the secret that matched, first match first; `None` for an unsigned request.
    pub fn matched_secret(self) -> Option<usize> {
        self.matched_secret
    }

    /// The signed time; `None` where the vendor signs none.
    pub fn signed_at_unix_s(self) -> Option<i64> {
        self.signed_at_unix_s
    }
}

/// Verifies a request under one scheme. `keys` must have been prepared for the same scheme, and
/// `vendor_keys` hold what this request names, where the vendor's own key is needed.
pub fn verify(
    scheme: &Scheme,
    request: &RawRequest<'_>,
    keys: &Keys,
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let (index, wire) = select_wire(scheme, request.headers);
    check_envelope(wire, request)?;

    let keys = keys.of_wire(index);
    match &wire.proof {
        Proof::Signature(rule) => signature::verify(rule, request, keys, now_unix_s),
        Proof::Canonical(Canonical::Twilio | Canonical::TwilioSharedKey) => {
            twilio::verify(request, keys)
        }
        Proof::Canonical(Canonical::AdyenStandard) => adyen::verify(request.body, keys),
        Proof::Canonical(Canonical::Contentful) => contentful::verify(request, keys, now_unix_s),
        Proof::Canonical(Canonical::Mailgun) => mailgun::verify(request.body, keys, now_unix_s),
        Proof::Token(rule) => token::verify(rule, request, keys, vendor_keys, now_unix_s),
        Proof::Certificate(Certified::AwsSns) => {
            sns::verify(request.body, keys, vendor_keys, now_unix_s)
        }
        Proof::Certificate(Certified::PayPal) => {
            paypal::verify(request, keys, vendor_keys, now_unix_s)
        }
        Proof::Credential(rule) => credential::verify(rule, request, keys),
        // Such keys exist only where an endpoint says that it takes unsigned requests.
        Proof::Unsigned if keys.iter().any(PreparedKey::allows_unsigned) => Ok(Authentic {
            matched_secret: None,
            signed_at_unix_s: None,
        }),
        Proof::Unsigned => Err(VerifyError::Unsigned),
    }
}

/// The header family to hold the request to: the first whose signature is there and whose fixed
/// headers agree. Where a vendor has a weaker family, a preset without it stands beside the full one.
pub(crate) fn select_wire<'s>(scheme: &'s Scheme, headers: Headers<'_>) -> (usize, &'s Wire) {
    if scheme.alternatives.is_empty() {
        return (0, &scheme.wire);
    }
    let signed = |wire: &Wire| carries_proof(wire, headers);
    let agrees = |wire: &Wire| check_fixed(wire, headers).is_ok();
    let first = |matches: &dyn Fn(&Wire) -> bool| {
        scheme.wires().enumerate().find(|(_, wire)| matches(wire))
    };
    first(&|wire| signed(wire) && agrees(wire))
        .or_else(|| first(&signed))
        .unwrap_or((0, &scheme.wire))
}

/// Whether any header of this family's proof is present.
pub(crate) fn carries_proof(wire: &Wire, headers: Headers<'_>) -> bool {
    match &wire.proof {
        Proof::Signature(signature) => signature::is_carried(&signature.source, headers),
        Proof::Canonical(_)
        | Proof::Token(_)
        | Proof::Certificate(_)
        | Proof::Credential(_)
        | Proof::Unsigned => wire
            .proof
            .headers()
            .first()
            .is_some_and(|name| headers.contains(name)),
    }
}

pub(crate) fn check_envelope(wire: &Wire, request: &RawRequest<'_>) -> Result<(), VerifyError> {
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
