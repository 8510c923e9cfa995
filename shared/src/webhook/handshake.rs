//! Answers to a vendor's challenge. Nothing is answered without a verified request: an answer computed
//! for a stranger would sign content of the stranger's choosing.

use aws_lc_rs::hmac;
use serde::Serialize;

use crate::webhook::encoding::hex;
use crate::webhook::keys::{Keys, PreparedKey};
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::scheme::{Challenge, Scheme};
use crate::webhook::verify::Authentic;

const LONGEST_TOKEN: usize = 256;

/// The answer to send with status 200, instead of delivering an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    pub content_type: &'static str,
    pub body: String,
}

/// The answer that an authentic request asks for, or `None` when it is an ordinary event.
pub fn handshake(
    scheme: &Scheme,
    keys: &Keys,
    authentic: Authentic,
    body: &[u8],
) -> Option<Handshake> {
    match scheme.challenge {
        Challenge::None => None,
        Challenge::SlackUrlVerification => slack(body),
        Challenge::ZoomUrlValidation => zoom(keys, authentic, body),
        Challenge::DiscordPing => discord(body),
    }
}

fn slack(body: &[u8]) -> Option<Handshake> {
    is_text(body, "/type", "url_verification").then_some(())?;
    Some(Handshake {
        content_type: "text/plain",
        body: token(body, "/challenge")?,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoomAnswer {
    plain_token: String,
    encrypted_token: String,
}

fn zoom(keys: &Keys, authentic: Authentic, body: &[u8]) -> Option<Handshake> {
    is_text(body, "/event", "endpoint.url_validation").then_some(())?;
    // Signed requests are HMACs of `v0:<time>:<body>` under the same key: a token with a colon could be one.
    let plain_token = token(body, "/payload/plainToken").filter(|token| !token.contains(':'))?;
    let encrypted_token = match keys.of_wire(0).get(authentic.matched_secret())? {
        PreparedKey::Hmac(key) => hex(hmac::sign(key, plain_token.as_bytes()).as_ref()),
        PreparedKey::Digest(_) | PreparedKey::Public(_) => return None,
    };
    let answer = ZoomAnswer {
        plain_token,
        encrypted_token,
    };
    Some(Handshake {
        content_type: "application/json",
        body: serde_json::to_string(&answer).ok()?,
    })
}

fn discord(body: &[u8]) -> Option<Handshake> {
    (pointer::find(body, "/type") == Some(Scalar::Integer(1))).then(|| Handshake {
        content_type: "application/json",
        body: r#"{"type":1}"#.to_owned(),
    })
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
    .filter(|token| {
        (1..=LONGEST_TOKEN).contains(&token.len())
            && token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"<>&\"'".contains(&byte))
    })
}

#[cfg(test)]
mod tests;
