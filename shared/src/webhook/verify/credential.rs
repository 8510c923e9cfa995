//! A static credential against the secrets. Both sides are hashed first, so that neither content nor
//! length of a secret shows in the time that a comparison takes.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::webhook::form_body;
use crate::webhook::keys::PreparedKey;
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::request::RawRequest;
use crate::webhook::scheme::{Credential, Text};
use crate::webhook::verify::{Authentic, VerifyError, one_text};
use crate::webhook::xml;

const AUTHORIZATION: Text = Text::Borrowed("Authorization");

pub(super) fn verify(
    rule: &Credential,
    request: &RawRequest<'_>,
    keys: &[PreparedKey],
) -> Result<Authentic, VerifyError> {
    let sent = match rule {
        Credential::Header { name, prefix } => {
            let value = one_text(request.headers, name)?;
            match value
                .strip_prefix(&**prefix)
                .filter(|secret| !secret.is_empty())
            {
                Some(secret) => secret.as_bytes().to_vec(),
                None => return Err(malformed(name, "the scheme's prefix and a credential")),
            }
        }
        Credential::Basic => {
            let value = one_text(request.headers, &AUTHORIZATION)?;
            let expected = "`Basic` and base64 of user:password";
            basic(value).ok_or_else(|| malformed(&AUTHORIZATION, expected))?
        }
        Credential::Query { name } => {
            query(request.url, name).ok_or(VerifyError::MissingField {
                name: name.clone(),
                place: "the url",
            })?
        }
        Credential::Json { pointer } => match pointer::find(request.body, pointer) {
            Some(Scalar::Text(text)) if !text.is_empty() => text.into_bytes(),
            Some(Scalar::Text(_) | Scalar::Integer(_)) | None => {
                return Err(missing_in_body(pointer));
            }
        },
        Credential::Xml { element } => match xml::texts(request.body, element).as_deref() {
            Some([first, rest @ ..])
                if !first.is_empty() && rest.iter().all(|text| text == first) =>
            {
                first.as_bytes().to_vec()
            }
            Some(_) | None => return Err(missing_in_body(element)),
        },
    };
    match first_match(&sent, keys) {
        Some(index) => Ok(Authentic {
            matched_secret: Some(index),
            signed_at_unix_s: None,
        }),
        None => Err(VerifyError::SignatureMismatch),
    }
}

fn malformed(name: &Text, expected: &'static str) -> VerifyError {
    VerifyError::MalformedHeader {
        name: name.clone(),
        expected,
    }
}

fn missing_in_body(name: &Text) -> VerifyError {
    VerifyError::MissingField {
        name: name.clone(),
        place: "the body",
    }
}

/// The value of a field that the query has once.
fn query(url: &str, name: &str) -> Option<Vec<u8>> {
    let query = url.split_once('?')?.1;
    let mut values = form_body::fields(query.as_bytes())
        .filter(|(field, _)| field == name.as_bytes())
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        (_, _) => None,
    }
}

/// The scheme's name in any case, as RFC 9110 has it; the rest in its one spelling.
fn basic(value: &str) -> Option<Vec<u8>> {
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = STANDARD.decode(credentials).ok()?;
    (scheme.eq_ignore_ascii_case("basic") && credentials.contains(&b':')).then_some(credentials)
}

fn first_match(sent: &[u8], keys: &[PreparedKey]) -> Option<usize> {
    let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
    let sent = hash(sent);
    keys.iter().position(|key| match key {
        PreparedKey::Text(secret) => {
            verify_slices_are_equal(hash(secret).as_ref(), sent.as_ref()).is_ok()
        }
        PreparedKey::Hmac(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    })
}
