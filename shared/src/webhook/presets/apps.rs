//! Files, tasks, documents and accounts. Some only announce that something changed.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, TIMESTAMP_COLON_BODY, TIMESTAMP_DOT_BODY, WIRE, batch, companion, fixed,
    header, in_header, key_values, plain, pointer, timestamp_header, timestamp_key,
};
use crate::webhook::scheme::{
    Canonical, Challenge, Docs, Encoding, EventField, KeyFormat, Part, Proof, Scheme, Signature,
    SignatureSource, TimeUnit, Timestamp, TimestampSource, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    WORKOS, WEBFLOW, NOTION, AIRTABLE, ASANA, DROPBOX, DOCUSIGN, BOX, CONTENTFUL,
];

const WORKOS: Scheme = Scheme {
    name: Borrowed("workos"),
    title: Borrowed("WorkOS"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("WorkOS-Signature"),
            form: key_values(", ", "v1"),
            template: TIMESTAMP_DOT_BODY,
            timestamp: timestamp_key("t", TimeUnit::Milliseconds, 180),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/id"),
        event_type: pointer("/event"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the endpoint's signing secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[]),
    },
    ..SCHEME
};

const WEBFLOW: Scheme = Scheme {
    name: Borrowed("webflow"),
    title: Borrowed("Webflow"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("x-webflow-signature"),
            template: TIMESTAMP_COLON_BODY,
            timestamp: timestamp_header("x-webflow-timestamp", TimeUnit::Milliseconds, 300),
            ..HMAC_OF_BODY
        }),
        event_type: pointer("/triggerType"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the webhook's secret, or the client secret for the webhook of an app"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "events carry no id of their own: equal bodies count as one event",
        )]),
    },
    ..SCHEME
};

const NOTION: Scheme = Scheme {
    name: Borrowed("notion"),
    title: Borrowed("Notion"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Notion-Signature"),
            form: plain("sha256="),
            encoding: Encoding::HexAnyCase,
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    challenge: Challenge::NotionToken,
    docs: Docs {
        secret: Borrowed(
            "the verification token, `secret_` included, which the first request of a subscription carries",
        ),
        rotation: Borrowed("each subscription has its own token"),
        caveats: Borrowed(&[Borrowed(
            "no time is signed: a captured request can be replayed",
        )]),
    },
    ..SCHEME
};

const AIRTABLE: Scheme = Scheme {
    name: Borrowed("airtable"),
    title: Borrowed("Airtable"),
    key_format: KeyFormat::Base64,
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Airtable-Content-MAC"),
            form: plain("hmac-sha256="),
            ..HMAC_OF_BODY
        }),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "`macSecretBase64` as returned when the webhook was created: base64, which is decoded",
        ),
        rotation: Borrowed("each webhook has its own secret"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("requests only announce changes: fetch the payloads"),
        ]),
    },
    ..SCHEME
};

const ASANA: Scheme = Scheme {
    name: Borrowed("asana"),
    title: Borrowed("Asana"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Hook-Signature"),
            ..HMAC_OF_BODY
        }),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/events/0/resource/resource_type")),
            EventField::Pointer(Borrowed("/events/0/action")),
        ])),
        batch: batch(&[Borrowed("/events")]),
        ..WIRE
    },
    challenge: Challenge::AsanaHookSecret,
    docs: Docs {
        secret: Borrowed("the value of `X-Hook-Secret` from the handshake"),
        rotation: Borrowed("a new webhook is a new secret"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("heartbeats are requests without events, all alike"),
        ]),
    },
    ..SCHEME
};

const DROPBOX: Scheme = Scheme {
    name: Borrowed("dropbox"),
    title: Borrowed("Dropbox"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Dropbox-Signature"),
            ..HMAC_OF_BODY
        }),
        ..WIRE
    },
    dedupe_days: 0,
    challenge: Challenge::DropboxChallenge,
    docs: Docs {
        secret: Borrowed("the app's secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("requests only name accounts with changes: equal bodies are not duplicates"),
        ]),
    },
    ..SCHEME
};

const DOCUSIGN: Scheme = Scheme {
    name: Borrowed("docusign"),
    title: Borrowed("DocuSign Connect"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: SignatureSource::Numbered {
                prefix: Borrowed("X-DocuSign-Signature-"),
                count: 100,
            },
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        event_id: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/data/envelopeId")),
            EventField::Pointer(Borrowed("/event")),
            EventField::Pointer(Borrowed("/generatedDateTime")),
        ])),
        event_type: pointer("/event"),
        ..WIRE
    },
    dedupe_days: 16,
    docs: Docs {
        secret: Borrowed("a Connect key, used as text"),
        rotation: Borrowed("each active key signs in a header of its own; one match is enough"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed(
                "a retry changes the body: envelope, event and time of generation tell events apart",
            ),
        ]),
    },
    ..SCHEME
};

const BOX: Scheme = Scheme {
    name: Borrowed("box"),
    title: Borrowed("Box"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: SignatureSource::Slots {
                names: Borrowed(&[
                    Borrowed("BOX-SIGNATURE-PRIMARY"),
                    Borrowed("BOX-SIGNATURE-SECONDARY"),
                ]),
            },
            encoding: Encoding::Base64,
            template: Borrowed(&[Part::Body, Part::Timestamp]),
            timestamp: Some(Timestamp {
                source: TimestampSource::Header {
                    name: Borrowed("BOX-DELIVERY-TIMESTAMP"),
                },
                unit: TimeUnit::Rfc3339,
                digits: None,
                past_s: 600,
                future_s: 0,
            }),
            ..HMAC_OF_BODY
        }),
        fixed_headers: Borrowed(&[
            fixed("BOX-SIGNATURE-VERSION", "1"),
            fixed("BOX-SIGNATURE-ALGORITHM", "HmacSHA256"),
        ]),
        event_id: pointer("/id"),
        event_type: pointer("/trigger"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the app's primary key, then its secondary key: the order matters"),
        rotation: Borrowed("replace one key while the other keeps signing"),
        caveats: Borrowed(&[
            Borrowed(
                "a time in the future is refused, as in the vendor's own libraries: keep clocks right",
            ),
            Borrowed("the delivery id in `BOX-DELIVERY-ID` is not signed"),
        ]),
    },
    ..SCHEME
};

const CONTENTFUL: Scheme = Scheme {
    name: Borrowed("contentful"),
    title: Borrowed("Contentful (request verification)"),
    key_format: KeyFormat::Text64,
    wire: Wire {
        proof: Proof::Canonical(Canonical::Contentful),
        event_type: in_header("X-Contentful-Topic"),
        companions: Borrowed(&[companion(
            "X-Contentful-Topic",
            &[Part::Literal(Borrowed("ContentManagement.Entry.publish"))],
        )]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the space's signing secret: exactly 64 characters, used as text"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("events carry no id: equal bodies count as one event"),
            Borrowed(
                "only the headers that a request lists are signed; the topic is one of them where the vendor lists it",
            ),
            Borrowed(
                "the vendor allows less than 30 s: a slow path to this endpoint refuses genuine events",
            ),
        ]),
    },
    ..SCHEME
};
