//! Answers to a vendor's handshake. An answer that is computed for a stranger would sign content of the
//! stranger's choosing, and a stranger's secret would make forgeries genuine: each has its condition.

mod answer;
mod get;
mod pending;

use aws_lc_rs::hmac;
use serde::Serialize;

use crate::webhook::encoding::hex;
use crate::webhook::keys::{Keys, PreparedKey};
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::scheme::{Challenge, Scheme};
use crate::webhook::verify::{Authentic, sns};

pub use answer::{Answer, reply};
pub use get::{handshake_get, verify_token};
pub use pending::{Arrival, Handshake, handshake_pending};

const LONGEST_TOKEN: usize = 256;

/// The answer that an authentic request asks for, or `None` when it is an ordinary event.
pub fn handshake(
    scheme: &Scheme,
    keys: &Keys,
    authentic: Authentic,
    body: &[u8],
) -> Option<Answer> {
    match scheme.challenge {
        Challenge::SlackUrlVerification => slack(body),
        Challenge::ZoomUrlValidation => zoom(keys, authentic, body),
        Challenge::DiscordPing => discord(body),
        Challenge::JsonChallenge => json_challenge(body),
        Challenge::None
        | Challenge::SnsSubscription
        | Challenge::GraphValidation
        | Challenge::MetaVerifyToken
        | Challenge::DropboxChallenge
        | Challenge::OktaVerification
        | Challenge::AsanaHookSecret
        | Challenge::NotionToken
        | Challenge::WooCommercePing => None,
    }
}

/// The URL that an authentic request asks to be visited, on the vendor's own host.
pub(crate) fn subscription(scheme: &Scheme, body: &[u8]) -> Option<String> {
    (scheme.challenge == Challenge::SnsSubscription).then(|| sns::confirmation(body))?
}

fn slack(body: &[u8]) -> Option<Answer> {
    is_text(body, "/type", "url_verification").then_some(())?;
    token(body, "/challenge").map(Answer::text)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoomAnswer {
    plain_token: String,
    encrypted_token: String,
}

fn zoom(keys: &Keys, authentic: Authentic, body: &[u8]) -> Option<Answer> {
    is_text(body, "/event", "endpoint.url_validation").then_some(())?;
    // Signed requests are HMACs of `v0:<time>:<body>` under the same key: a token with a colon could be one.
    let plain_token = token(body, "/payload/plainToken").filter(|token| !token.contains(':'))?;
    let encrypted_token = match keys.of_wire(0).get(authentic.matched_secret()?)? {
        PreparedKey::Hmac(key) => hex(hmac::sign(key, plain_token.as_bytes()).as_ref()),
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => return None,
    };
    let answer = ZoomAnswer {
        plain_token,
        encrypted_token,
    };
    serde_json::to_string(&answer).ok().map(Answer::json)
}

fn discord(body: &[u8]) -> Option<Answer> {
    let is_ping = pointer::find(body, "/type") == Some(Scalar::Integer(1));
    is_ping.then(|| Answer::json(r#"{"type":1}"#.to_owned()))
}

fn json_challenge(body: &[u8]) -> Option<Answer> {
    let challenge = token(body, "/challenge")?;
    let answer = serde_json::json!({ "challenge": challenge });
    Some(Answer::json(answer.to_string()))
}

fn is_text(body: &[u8], pointer: &str, wanted: &str) -> bool {
    matches!(pointer::find(body, pointer), Some(Scalar::Text(text)) if text == wanted)
}

/// A token that is safe to echo: short and visible ASCII without markup.
fn token(body: &[u8], pointer: &str) -> Option<String> {
    match pointer::find(body, pointer)? {
        Scalar::Text(token) => Some(token),
        Scalar::Integer(_) => None,
    }
    .filter(|token| is_safe_to_echo(token))
}

/// Short, visible ASCII and no markup.
fn is_safe_to_echo(token: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"<>&\"'".contains(&byte))
}

#[cfg(test)]
mod tests;
