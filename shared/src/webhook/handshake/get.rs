//! Handshakes that come as a GET. What is echoed is short and of letters that mean nothing to a browser.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::webhook::encoding::hex;
use crate::webhook::form_body;
use crate::webhook::handshake::{Answer, LONGEST_TOKEN, is_safe_to_echo};
use crate::webhook::keys::{Keys, PreparedKey};
use crate::webhook::request::Headers;
use crate::webhook::scheme::{Challenge, Scheme};

/// No event is this text, so that no verify token is any event's signature.
const VERIFY_TOKEN: &[u8] = b"hub.verify_token of this endpoint";

/// The answer to a GET of the vendor, or `None` when it asks for nothing that may be answered.
pub fn handshake_get(
    scheme: &Scheme,
    keys: &Keys,
    query: &str,
    headers: Headers<'_>,
) -> Option<Answer> {
    match scheme.challenge {
        Challenge::MetaVerifyToken => meta(keys, query),
        Challenge::DropboxChallenge => echo(query, "challenge"),
        Challenge::OktaVerification => okta(headers),
        Challenge::None
        | Challenge::SnsSubscription
        | Challenge::GraphValidation
        | Challenge::SlackUrlVerification
        | Challenge::ZoomUrlValidation
        | Challenge::DiscordPing
        | Challenge::JsonChallenge
        | Challenge::AsanaHookSecret
        | Challenge::NotionToken
        | Challenge::WooCommercePing => None,
    }
}

/// What the tenant enters as the verify token, one for each secret. It follows from the secret, and
/// the secret does not follow from it: it travels in URLs, which end up in logs.
pub fn verify_token(scheme: &Scheme, keys: &Keys) -> Option<String> {
    match scheme.challenge {
        Challenge::MetaVerifyToken => keys.of_wire(0).iter().find_map(token_of),
        Challenge::None
        | Challenge::SnsSubscription
        | Challenge::GraphValidation
        | Challenge::SlackUrlVerification
        | Challenge::ZoomUrlValidation
        | Challenge::DiscordPing
        | Challenge::JsonChallenge
        | Challenge::DropboxChallenge
        | Challenge::OktaVerification
        | Challenge::AsanaHookSecret
        | Challenge::NotionToken
        | Challenge::WooCommercePing => None,
    }
}

fn meta(keys: &Keys, query: &str) -> Option<Answer> {
    (once(query, "hub.mode")? == "subscribe").then_some(())?;
    let sent = once(query, "hub.verify_token")?;
    let is_ours = keys
        .of_wire(0)
        .iter()
        .filter_map(token_of)
        .any(|token| verify_slices_are_equal(token.as_bytes(), sent.as_bytes()).is_ok());
    is_ours.then(|| echo(query, "hub.challenge")).flatten()
}

fn token_of(key: &PreparedKey) -> Option<String> {
    match key {
        PreparedKey::Hmac(key) => Some(hex(hmac::sign(key, VERIFY_TOKEN).as_ref())),
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => None,
    }
}

fn echo(query: &str, name: &str) -> Option<Answer> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    once(query, name)
        .filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(plain))
        .map(Answer::text)
}

fn okta(headers: Headers<'_>) -> Option<Answer> {
    let challenge = headers
        .text("X-Okta-Verification-Challenge")
        .filter(|challenge| is_safe_to_echo(challenge))?;
    let answer = serde_json::json!({ "verification": challenge });
    Some(Answer::json(answer.to_string()))
}

/// The value of a field that the query has exactly once.
fn once(query: &str, name: &str) -> Option<String> {
    let mut values = form_body::fields(query.as_bytes())
        .filter(|(field, _)| field == name.as_bytes())
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => String::from_utf8(value).ok(),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests;
