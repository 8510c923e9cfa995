//! PayPal: an RSA signature over id, time, webhook id and a checksum of the body. The webhook id is signed
//! and not sent: it is what an endpoint has in place of a secret.
//!
//! A CRC-32 is no hash. Somebody who has seen one request can write another body with the same checksum, so
//! only the transmission id, used once, tells a request from its forgery.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Crc;

use crate::webhook::keys::PreparedKey;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{Algorithm, Issuer, Text, TimeUnit, Timestamp, TimestampSource};
use crate::webhook::timestamp;
use crate::webhook::vendor_key::{KeyRef, VendorKeys};
use crate::webhook::verify::{Authentic, VerifyError, one_text};

pub(crate) const ID: Text = Text::Borrowed("PAYPAL-TRANSMISSION-ID");
pub(crate) const TIME_HEADER: Text = Text::Borrowed("PAYPAL-TRANSMISSION-TIME");
pub(crate) const SIGNATURE: Text = Text::Borrowed("PAYPAL-TRANSMISSION-SIG");
pub(crate) const CERTIFICATE: Text = Text::Borrowed("PAYPAL-CERT-URL");
pub(crate) const ALGORITHM: Text = Text::Borrowed("PAYPAL-AUTH-ALGO");
/// The only one that is accepted, as the vendor spells it.
pub(crate) const SHA256_WITH_RSA: &str = "SHA256withRSA";

/// Three days of retries, and one more: shorter than a transmission id is remembered.
pub(crate) const TIME: Timestamp = Timestamp {
    source: TimestampSource::Header { name: TIME_HEADER },
    unit: TimeUnit::Rfc3339,
    digits: None,
    past_s: 4 * 86_400,
    future_s: 300,
};

const LONGEST_ID: usize = 128;

pub(super) fn verify(
    request: &RawRequest<'_>,
    keys: &[PreparedKey],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let malformed = |name: Text, expected| VerifyError::MalformedHeader { name, expected };
    let id = one_text(request.headers, &ID)?;
    // A separator inside would move the border to the time.
    if !(1..=LONGEST_ID).contains(&id.len()) || id.contains('|') {
        return Err(malformed(ID, "an id of 1 to 128 characters without `|`"));
    }
    let time = one_text(request.headers, &TIME_HEADER)?;
    let signed_ms =
        timestamp::parse(&TIME, time).ok_or(malformed(TIME_HEADER, timestamp::expected(&TIME)))?;
    let signature = one_text(request.headers, &SIGNATURE)?;
    let algorithm = one_text(request.headers, &ALGORITHM)?;
    let wanted = wanted(request.headers)?;
    if algorithm != SHA256_WITH_RSA {
        return Err(VerifyError::WrongAlgorithm {
            expected: SHA256_WITH_RSA,
        });
    }
    let key = vendor_keys.get(&wanted)?;
    let signature = STANDARD
        .decode(signature)
        .map_err(|_| VerifyError::SignatureMismatch)?;
    let matched = keys.iter().position(|webhook| match webhook {
        PreparedKey::Text(webhook) => {
            let signed = content(id, time, webhook, request.body);
            key.verifies(Algorithm::RsaSha256, &signed, &signature)
        }
        PreparedKey::Hmac(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
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

pub(crate) fn wanted(headers: Headers<'_>) -> Result<KeyRef, VerifyError> {
    let url = one_text(headers, &CERTIFICATE)?;
    KeyRef::new(Issuer::PayPal, url).ok_or(VerifyError::MalformedHeader {
        name: CERTIFICATE,
        expected: "a certificate's URL on https://api.paypal.com or https://api.sandbox.paypal.com",
    })
}

/// `<id>|<time>|<webhook id>|<CRC-32 of the body in decimal>`
pub(crate) fn content(id: &str, time: &str, webhook: &[u8], body: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(body);
    let sum = crc.sum().to_string();
    [
        id.as_bytes(),
        b"|",
        time.as_bytes(),
        b"|",
        webhook,
        b"|",
        sum.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
