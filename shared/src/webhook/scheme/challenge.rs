//! What a vendor asks for before events flow, and what it wants to read when they do.

use serde::{Deserialize, Serialize};

/// A request of the vendor that is answered in place of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Challenge {
    #[default]
    None,
    /// `{"type":"url_verification","challenge":…}` is answered with the challenge.
    SlackUrlVerification,
    /// `{"event":"endpoint.url_validation",…}` is answered with an HMAC of its token.
    ZoomUrlValidation,
    /// `{"type":1}` is answered with itself.
    DiscordPing,
    /// `{"challenge":…}` is answered with itself.
    JsonChallenge,
    /// GET with `hub.challenge` is answered with it when `hub.verify_token` is the endpoint's.
    MetaVerifyToken,
    /// GET with `challenge` is answered with it.
    DropboxChallenge,
    /// GET with `X-Okta-Verification-Challenge` is answered with its value as JSON.
    OktaVerification,
    /// `X-Hook-Secret` brings the secret to an endpoint without one, and is answered with itself.
    AsanaHookSecret,
    /// `{"verification_token":…}` brings what may become the secret, when the tenant says so.
    NotionToken,
    /// The unsigned `webhook_id=1` of a webhook's creation is answered and is no event.
    WooCommercePing,
    /// A verified `SubscriptionConfirmation` has its URL visited, by the worker.
    SnsSubscription,
    /// POST with `validationToken` in the URL is answered with it, and is no event.
    GraphValidation,
}

/// What an accepted event is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// 202 and the ids of what was queued.
    #[default]
    Accepted,
    /// 200 and nothing.
    Empty,
    /// 200 and `[accepted]`.
    AdyenAccepted,
    /// 200 and an empty TwiML document: Twilio would read anything else as instructions.
    EmptyTwiml,
    /// 200 and a SOAP envelope with `<Ack>true</Ack>`.
    SalesforceAck,
}

impl Challenge {
    /// What is answered, for a person; `None` where nothing is.
    pub fn description(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::SlackUrlVerification => {
                Some("a signed `url_verification` is answered with its challenge")
            }
            Self::ZoomUrlValidation => {
                Some("a signed `endpoint.url_validation` is answered with the HMAC of its token")
            }
            Self::DiscordPing => Some("a signed PING is answered with a PONG"),
            Self::JsonChallenge => Some("a signed `challenge` is answered with itself"),
            Self::MetaVerifyToken => Some(
                "GET with `hub.challenge` is answered when `hub.verify_token` is the endpoint's verify token",
            ),
            Self::DropboxChallenge => Some("GET with `challenge` is answered with it"),
            Self::OktaVerification => {
                Some("GET with `X-Okta-Verification-Challenge` is answered with its value")
            }
            Self::AsanaHookSecret => Some(
                "an endpoint made without a secret takes the one in the first `X-Hook-Secret` and answers with it",
            ),
            Self::NotionToken => Some(
                "an endpoint made without a secret shows the `verification_token` that arrives; it becomes the secret when you say so",
            ),
            Self::SnsSubscription => Some(
                "the URL of a verified `SubscriptionConfirmation` for a topic of this endpoint is visited",
            ),
            Self::GraphValidation => {
                Some("POST with `validationToken` in the URL is answered with it, and is no event")
            }
            Self::WooCommercePing => Some(
                "the unsigned ping of a new webhook is answered for a day after the endpoint was changed, and is no event",
            ),
        }
    }

    /// Whether the vendor makes the secret and sends it, so that an endpoint starts without one.
    pub fn brings_secret(self) -> bool {
        match self {
            Self::AsanaHookSecret | Self::NotionToken => true,
            Self::None
            | Self::SlackUrlVerification
            | Self::ZoomUrlValidation
            | Self::DiscordPing
            | Self::JsonChallenge
            | Self::MetaVerifyToken
            | Self::DropboxChallenge
            | Self::OktaVerification
            | Self::WooCommercePing
            | Self::SnsSubscription
            | Self::GraphValidation => false,
        }
    }
}
