//! Messaging and collaboration. Some demand the answer to a challenge before they send an event.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, V0_TIMESTAMP_BODY, WIRE, batch, companion, header, in_header, plain,
    pointer, timestamp_header,
};
use crate::webhook::scheme::{
    Algorithm, BodyRule, Canonical, Challenge, Docs, EventField, KeyFormat, Part, Proof, Reply,
    Scheme, Signature, Text, TimeUnit, Timestamp, TimestampSource, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    SLACK,
    ZOOM,
    DISCORD,
    INTERCOM,
    META,
    TWILIO,
    TWILIO_SHAREDKEY,
];

const SLACK: Scheme = Scheme {
    name: Borrowed("slack"),
    title: Borrowed("Slack"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Slack-Signature"),
            form: plain("v0="),
            template: V0_TIMESTAMP_BODY,
            timestamp: timestamp_header("X-Slack-Request-Timestamp", TimeUnit::Seconds, 300),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/event_id"),
        event_type: EventField::Any(Borrowed(&[
            EventField::Pointer(Borrowed("/event/type")),
            EventField::Pointer(Borrowed("/type")),
        ])),
        ..WIRE
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
        proof: Proof::Signature(Signature {
            source: header("x-zm-signature"),
            form: plain("v0="),
            template: V0_TIMESTAMP_BODY,
            timestamp: timestamp_header("x-zm-request-timestamp", TimeUnit::Seconds, 300),
            ..HMAC_OF_BODY
        }),
        event_type: pointer("/event"),
        ..WIRE
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
        proof: Proof::Signature(Signature {
            source: header("X-Signature-Ed25519"),
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
            ..HMAC_OF_BODY
        }),
        body: BodyRule::JsonObject,
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
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
        proof: Proof::Signature(Signature {
            source: header("X-Hub-Signature"),
            form: plain("sha1="),
            algorithm: Algorithm::HmacSha1,
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/id"),
        event_type: pointer("/topic"),
        ..WIRE
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
        proof: Proof::Signature(Signature {
            source: header("X-Hub-Signature-256"),
            form: plain("sha256="),
            ..HMAC_OF_BODY
        }),
        event_type: pointer("/object"),
        batch: batch(&[Borrowed("/entry")]),
        ..WIRE
    },
    challenge: Challenge::MetaVerifyToken,
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

const TWILIO_EVENT: EventField = EventField::Any(Borrowed(&[
    EventField::Form(Borrowed("EventType")),
    EventField::Form(Borrowed("MessageStatus")),
    EventField::Form(Borrowed("CallStatus")),
    EventField::Form(Borrowed("SmsStatus")),
    EventField::Pointer(Borrowed("/type")),
    EventField::Pointer(Borrowed("/0/type")),
]));

const BARE_JOIN: Text =
    Borrowed("names and values of form fields are joined bare, and no time is signed");

const TWILIO: Scheme = Scheme {
    name: Borrowed("twilio"),
    title: Borrowed("Twilio"),
    wire: Wire {
        proof: Proof::Canonical(Canonical::Twilio),
        event_id: in_header("I-Twilio-Idempotency-Token"),
        event_type: TWILIO_EVENT,
        companions: Borrowed(&[companion("I-Twilio-Idempotency-Token", &[Part::Id])]),
        ..WIRE
    },
    reply: Reply::EmptyTwiml,
    docs: Docs {
        secret: Borrowed("the account's auth token"),
        rotation: Borrowed("put the secondary auth token here before it is promoted"),
        caveats: Borrowed(&[
            BARE_JOIN,
            Borrowed(
                "the URL is signed byte for byte, with or without the default port: register this endpoint's URL exactly as shown",
            ),
            Borrowed("a body that is no form is accepted only with its hash in the URL"),
            Borrowed(
                "the vendor signs with HMAC-SHA1; webhooks with a shared key are `twilio_sharedkey`",
            ),
        ]),
    },
    ..SCHEME
};

const TWILIO_SHAREDKEY: Scheme = Scheme {
    name: Borrowed("twilio_sharedkey"),
    title: Borrowed("Twilio (shared key)"),
    wire: Wire {
        proof: Proof::Canonical(Canonical::TwilioSharedKey),
        event_id: in_header("I-Twilio-Idempotency-Token"),
        event_type: TWILIO_EVENT,
        companions: Borrowed(&[
            companion("I-Twilio-Idempotency-Token", &[Part::Id]),
            companion(
                "X-Twilio-Webhooks-Signature-Settings",
                &[Part::Literal(Borrowed(
                    "key=webhooks_sharedkey_example,algorithm=HMAC_SHA256",
                ))],
            ),
        ]),
        ..WIRE
    },
    reply: Reply::EmptyTwiml,
    docs: Docs {
        secret: Borrowed("the shared key's secret"),
        rotation: Borrowed("keep the old key's secret here until the new one is in use there"),
        caveats: Borrowed(&[
            BARE_JOIN,
            Borrowed(
                "the algorithm is pinned: the header that names one is not asked, and HMAC-SHA1 is never accepted",
            ),
        ]),
    },
    ..SCHEME
};
