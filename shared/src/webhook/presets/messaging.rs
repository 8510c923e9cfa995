//! Messaging and collaboration. Some demand the answer to a challenge before they send an event.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, V0_TIMESTAMP_BODY, header, plain, pointer, timestamp_header,
};
use crate::webhook::scheme::{
    Algorithm, BodyRule, Challenge, Docs, EventField, KeyFormat, Part, Scheme, TimeUnit, Timestamp,
    TimestampSource, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[SLACK, ZOOM, DISCORD, INTERCOM, META];

const SLACK: Scheme = Scheme {
    name: Borrowed("slack"),
    title: Borrowed("Slack"),
    wire: Wire {
        signature: header("X-Slack-Signature"),
        form: plain("v0="),
        template: V0_TIMESTAMP_BODY,
        timestamp: timestamp_header("X-Slack-Request-Timestamp", TimeUnit::Seconds, 300),
        event_id: pointer("/event_id"),
        event_type: EventField::Any(Borrowed(&[
            EventField::Pointer(Borrowed("/event/type")),
            EventField::Pointer(Borrowed("/type")),
        ])),
        ..HMAC_OF_BODY
    },
    dedupe_days: 3,
    challenge: Challenge::SlackUrlVerification,
    docs: Docs {
        secret: Borrowed("the app's signing secret: 32 hexadecimal digits, used as text"),
        rotation: Borrowed(
            "regenerating replaces the secret at once: enter the new one here first",
        ),
        caveats: Borrowed(&[
            Borrowed("slash commands and interactions are form bodies without an event id"),
            Borrowed("retries carry the unsigned header `X-Slack-Retry-Num`"),
        ]),
    },
    ..SCHEME
};

const ZOOM: Scheme = Scheme {
    name: Borrowed("zoom"),
    title: Borrowed("Zoom"),
    wire: Wire {
        signature: header("x-zm-signature"),
        form: plain("v0="),
        template: V0_TIMESTAMP_BODY,
        timestamp: timestamp_header("x-zm-request-timestamp", TimeUnit::Seconds, 300),
        event_type: pointer("/event"),
        ..HMAC_OF_BODY
    },
    challenge: Challenge::ZoomUrlValidation,
    docs: Docs {
        secret: Borrowed("the app's secret token"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "the vendor states no tolerance; 300 s are allowed",
        )]),
    },
    ..SCHEME
};

const DISCORD: Scheme = Scheme {
    name: Borrowed("discord"),
    title: Borrowed("Discord"),
    key_format: KeyFormat::Ed25519Hex,
    wire: Wire {
        signature: header("X-Signature-Ed25519"),
        algorithm: Algorithm::Ed25519,
        template: Borrowed(&[Part::Timestamp, Part::Body]),
        timestamp: Some(Timestamp {
            source: TimestampSource::Header {
                name: Borrowed("X-Signature-Timestamp"),
            },
            unit: TimeUnit::Seconds,
            digits: Some(10),
            past_s: 300,
            future_s: 300,
        }),
        body: BodyRule::JsonObject,
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..HMAC_OF_BODY
    },
    challenge: Challenge::DiscordPing,
    docs: Docs {
        secret: Borrowed("the application's public key: 64 hexadecimal digits"),
        rotation: Borrowed("pin a new key beside the old one until the switch"),
        caveats: Borrowed(&[
            Borrowed("the vendor probes with bad signatures and expects 401"),
            Borrowed(
                "nothing separates time and body: the time must have 10 digits and the body be an object",
            ),
        ]),
    },
    ..SCHEME
};

const INTERCOM: Scheme = Scheme {
    name: Borrowed("intercom"),
    title: Borrowed("Intercom"),
    wire: Wire {
        signature: header("X-Hub-Signature"),
        form: plain("sha1="),
        algorithm: Algorithm::HmacSha1,
        event_id: pointer("/id"),
        event_type: pointer("/topic"),
        ..HMAC_OF_BODY
    },
    docs: Docs {
        secret: Borrowed("the app's client secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("the vendor signs with HMAC-SHA1 only"),
        ]),
    },
    ..SCHEME
};

const META: Scheme = Scheme {
    name: Borrowed("meta"),
    title: Borrowed("Meta (Facebook, Instagram, WhatsApp)"),
    wire: Wire {
        signature: header("X-Hub-Signature-256"),
        form: plain("sha256="),
        event_type: pointer("/object"),
        ..HMAC_OF_BODY
    },
    docs: Docs {
        secret: Borrowed("the app's secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("the bytes as sent are signed, with escaped Unicode: never re-serialise"),
        ]),
    },
    ..SCHEME
};
