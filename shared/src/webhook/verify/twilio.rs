//! Twilio: the URL and the sorted fields of a form, or the URL with a hash of the body in it. The scheme
//! says under which algorithm; the header that names one is not asked.

use aws_lc_rs::{digest, hmac};

use crate::webhook::encoding::spells;
use crate::webhook::form_body;
use crate::webhook::keys::PreparedKey;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{Encoding, Text};
use crate::webhook::verify::{Authentic, VerifyError, one_text};

pub(crate) const SIGNATURE: Text = Text::Borrowed("X-Twilio-Signature");
pub(crate) const SETTINGS: Text = Text::Borrowed("X-Twilio-Webhooks-Signature-Settings");
const CONTENT_TYPE: Text = Text::Borrowed("Content-Type");
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const BODY_HASH: &str = "bodySHA256";

pub(super) fn verify(
    request: &RawRequest<'_>,
    keys: &[PreparedKey],
) -> Result<Authentic, VerifyError> {
    let sent = one_text(request.headers, &SIGNATURE)?;
    if sent.is_empty() || sent.contains(',') {
        return Err(VerifyError::MalformedHeader {
            name: SIGNATURE,
            expected: "exactly one signature",
        });
    }
    if request.headers.contains(&SETTINGS) {
        one_text(request.headers, &SETTINGS)?;
    }
    let fields = signed_fields(request)?;
    let urls = spellings(request.url);
    let matched = keys.iter().position(|key| match key {
        PreparedKey::Hmac(key) => urls
            .iter()
            .any(|url| spells(Encoding::Base64, sent, mac(key, url, &fields).as_ref())),
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    });
    match matched {
        Some(index) => Ok(Authentic {
            matched_secret: Some(index),
            signed_at_unix_s: None,
        }),
        None => Err(VerifyError::SignatureMismatch),
    }
}

/// A field of a form, name and value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// Every field once, by name and then by value, byte for byte.
pub(crate) fn sorted_fields(form: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = form_body::fields(form).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// The URL, then each field's name and value, nothing between them.
pub(crate) fn mac(key: &hmac::Key, url: &str, fields: &[Field]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(url.as_bytes());
    for (name, value) in fields {
        context.update(name);
        context.update(value);
    }
    context.sign()
}

pub(crate) fn is_form(headers: Headers<'_>) -> Result<bool, VerifyError> {
    if !headers.contains(&CONTENT_TYPE) {
        return Ok(false);
    }
    let media_type = one_text(headers, &CONTENT_TYPE)?.split(';').next();
    Ok(media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(FORM)))
}

/// What is signed beside the URL. A body that is no form must be covered by the hash in the URL.
fn signed_fields(request: &RawRequest<'_>) -> Result<Vec<Field>, VerifyError> {
    if is_form(request.headers)? {
        return Ok(sorted_fields(request.body));
    }
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    match form_body::find(query.as_bytes(), BODY_HASH) {
        None => Err(VerifyError::MalformedBody {
            expected: "a form, or hashed in the URL as bodySHA256",
        }),
        Some(hash) => {
            let body_hash = digest::digest(&digest::SHA256, request.body);
            if spells(Encoding::Hex, &hash, body_hash.as_ref()) {
                Ok(Vec::new())
            } else {
                Err(VerifyError::SignatureMismatch)
            }
        }
    }
}

/// The vendor is not consistent about ports: the URL as it is, and with its port taken away or the
/// default one put in.
fn spellings(url: &str) -> [String; 2] {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let other = match authority.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, _)) => format!("{scheme}://{host}{path}"),
        None if scheme == "http" => format!("{scheme}://{authority}:80{path}"),
        None => format!("{scheme}://{authority}:443{path}"),
    };
    [url.to_owned(), other]
}

#[cfg(test)]
mod tests;
