//! Unsigned requests that a vendor sends before it can sign: answered only while the endpoint waits for
//! them, and never an event.

use crate::seal::Secret;
use crate::webhook::form_body;
use crate::webhook::handshake::{Answer, is_safe_to_echo};
use crate::webhook::keys;
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{Challenge, Scheme};

/// What an endpoint may be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// It has no secret: nothing can be signed yet, and nothing is accepted.
    pub without_secret: bool,
    /// It was made or changed a short while ago.
    pub just_changed: bool,
}

/// What an unsigned request means to an endpoint that waits for it.
#[derive(Debug)]
pub enum Handshake {
    /// Becomes the secret of this endpoint, unless it has one by then.
    PlantSecret {
        secret: Secret<String>,
        answer: Answer,
    },
    /// Is shown to the tenant, who alone can make it the secret.
    ShowToken {
        token: Secret<String>,
        answer: Answer,
    },
    /// Is answered and means nothing.
    Ping(Answer),
}

/// What a request without a good proof is, or `None` when it must be refused.
pub fn handshake_pending(
    scheme: &Scheme,
    arrival: Arrival,
    request: &RawRequest<'_>,
) -> Option<Handshake> {
    match scheme.challenge {
        Challenge::AsanaHookSecret if arrival.without_secret => asana(scheme, request.headers),
        Challenge::NotionToken if arrival.without_secret => notion(scheme, request.body),
        Challenge::WooCommercePing if arrival.just_changed => woocommerce(request),
        Challenge::AsanaHookSecret | Challenge::NotionToken | Challenge::WooCommercePing => None,
        Challenge::GraphValidation => graph(request.url),
        Challenge::None
        | Challenge::SnsSubscription
        | Challenge::SlackUrlVerification
        | Challenge::ZoomUrlValidation
        | Challenge::DiscordPing
        | Challenge::JsonChallenge
        | Challenge::MetaVerifyToken
        | Challenge::DropboxChallenge
        | Challenge::OktaVerification => None,
    }
}

fn asana(scheme: &Scheme, headers: Headers<'_>) -> Option<Handshake> {
    let secret = headers
        .text("X-Hook-Secret")
        .filter(|secret| is_safe_to_echo(secret))?;
    keys::decode(scheme.key_format, secret.as_bytes())?;
    let answer = Answer::text(String::new()).with("x-hook-secret", secret.to_owned());
    Some(Handshake::PlantSecret {
        secret: Secret::new(secret.to_owned()),
        answer,
    })
}

fn notion(scheme: &Scheme, body: &[u8]) -> Option<Handshake> {
    let token = match pointer::find(body, "/verification_token")? {
        Scalar::Text(token) if is_safe_to_echo(&token) => token,
        Scalar::Text(_) | Scalar::Integer(_) => return None,
    };
    keys::decode(scheme.key_format, token.as_bytes())?;
    Some(Handshake::ShowToken {
        token: Secret::new(token),
        answer: Answer::text(String::new()),
    })
}

/// Comes with every subscription that is made or renewed. Plain text that no browser runs: letters, digits
/// and what Microsoft's own tokens have between them.
fn graph(url: &str) -> Option<Handshake> {
    let query = url.split_once('?')?.1;
    let token = form_body::find(query.as_bytes(), "validationToken")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.:;,/=+".contains(&byte);
    let is_safe = (1..=LONGEST_VALIDATION).contains(&token.len()) && token.bytes().all(is_plain);
    is_safe.then(|| Handshake::Ping(Answer::text(token)))
}

/// Microsoft's tokens are sentences with an id.
const LONGEST_VALIDATION: usize = 512;

fn woocommerce(request: &RawRequest<'_>) -> Option<Handshake> {
    let digits = request.body.strip_prefix(b"webhook_id=")?;
    let is_ping = (1..=20).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && !request.headers.contains("X-WC-Webhook-Signature");
    is_ping.then(|| Handshake::Ping(Answer::text(String::new())))
}

#[cfg(test)]
mod tests;
