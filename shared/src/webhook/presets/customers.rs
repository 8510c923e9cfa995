//! Customer records, support and campaigns. Many send batches: one request, several events.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, TIMESTAMP_DOT_BODY, V0_TIMESTAMP_BODY, WIRE, batch, companion, fixed,
    header, in_header, key_values, plain, pointer, timestamp_header, timestamp_key,
};
use crate::webhook::scheme::{
    Algorithm, Canonical, Docs, Encoding, EventField, KeyFormat, Part, Proof, Scheme, Signature,
    TimeUnit, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    HUBSPOT, HUBSPOT_V3, ZENDESK, CUSTOMERIO, SENDGRID, SEGMENT, CALENDLY, TYPEFORM, MAILGUN,
];

const HUBSPOT: Scheme = Scheme {
    name: Borrowed("hubspot"),
    title: Borrowed("HubSpot (v3, or v2 and v1)"),
    wire: HUBSPOT_V3_HEADERS,
    alternatives: Borrowed(&[HUBSPOT_V2_HEADERS, HUBSPOT_V1_HEADERS]),
    docs: Docs {
        secret: Borrowed("the app's client secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "v1 and v2 are plain hashes without a time: whoever removes the v3 header can replay a request. Prefer `hubspot_v3`",
            ),
            Borrowed("a request is a batch: `eventId` belongs to its items"),
        ]),
    },
    ..SCHEME
};

const HUBSPOT_V3: Scheme = Scheme {
    name: Borrowed("hubspot_v3"),
    title: Borrowed("HubSpot (v3 only)"),
    wire: HUBSPOT_V3_HEADERS,
    docs: Docs {
        secret: Borrowed("the app's client secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "the URL is signed byte for byte: register this endpoint's URL exactly as shown",
            ),
            Borrowed("a request is a batch: `eventId` belongs to its items"),
        ]),
    },
    ..SCHEME
};

/// `eventId` alone is not unique, by HubSpot's own word; `attemptNumber` is another in each delivery.
const HUBSPOT_EVENT: EventField = EventField::All(Borrowed(&[
    EventField::Pointer(Borrowed("/0/portalId")),
    EventField::Pointer(Borrowed("/0/subscriptionId")),
    EventField::Pointer(Borrowed("/0/eventId")),
    EventField::Pointer(Borrowed("/0/occurredAt")),
]));

const HUBSPOT_V3_HEADERS: Wire = Wire {
    proof: Proof::Signature(Signature {
        source: header("X-HubSpot-Signature-v3"),
        encoding: Encoding::Base64,
        template: Borrowed(&[Part::Method, Part::Url, Part::Body, Part::Timestamp]),
        timestamp: timestamp_header("X-HubSpot-Request-Timestamp", TimeUnit::Milliseconds, 300),
        ..HMAC_OF_BODY
    }),
    event_id: HUBSPOT_EVENT,
    event_type: pointer("/0/subscriptionType"),
    batch: batch(&[Borrowed("")]),
    ..WIRE
};

const HUBSPOT_V2_HEADERS: Wire = Wire {
    proof: Proof::Signature(Signature {
        source: header("X-HubSpot-Signature"),
        algorithm: Algorithm::Sha256,
        template: Borrowed(&[Part::Secret, Part::Method, Part::Url, Part::Body]),
        ..HMAC_OF_BODY
    }),
    fixed_headers: Borrowed(&[fixed("X-HubSpot-Signature-Version", "v2")]),
    event_id: HUBSPOT_EVENT,
    event_type: pointer("/0/subscriptionType"),
    batch: batch(&[Borrowed("")]),
    ..WIRE
};

const HUBSPOT_V1_HEADERS: Wire = Wire {
    proof: Proof::Signature(Signature {
        source: header("X-HubSpot-Signature"),
        algorithm: Algorithm::Sha256,
        template: Borrowed(&[Part::Secret, Part::Body]),
        ..HMAC_OF_BODY
    }),
    fixed_headers: Borrowed(&[fixed("X-HubSpot-Signature-Version", "v1")]),
    event_id: HUBSPOT_EVENT,
    event_type: pointer("/0/subscriptionType"),
    batch: batch(&[Borrowed("")]),
    ..WIRE
};

const ZENDESK: Scheme = Scheme {
    name: Borrowed("zendesk"),
    title: Borrowed("Zendesk"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Zendesk-Webhook-Signature"),
            encoding: Encoding::Base64,
            template: Borrowed(&[Part::Timestamp, Part::Body]),
            timestamp: timestamp_header(
                "X-Zendesk-Webhook-Signature-Timestamp",
                TimeUnit::Rfc3339,
                300,
            ),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("X-Zendesk-Webhook-Invocation-Id"),
        event_type: pointer("/type"),
        companions: Borrowed(&[companion("X-Zendesk-Webhook-Invocation-Id", &[Part::Id])]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the webhook's signing secret: it looks like base64 and is used as text"),
        rotation: Borrowed("a reset takes effect at once: enter the new secret here first"),
        caveats: Borrowed(&[
            Borrowed("the invocation id is an unsigned header"),
            Borrowed("the vendor states no tolerance; 300 s are allowed"),
        ]),
    },
    ..SCHEME
};

const CUSTOMERIO: Scheme = Scheme {
    name: Borrowed("customerio"),
    title: Borrowed("Customer.io"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-CIO-Signature"),
            template: V0_TIMESTAMP_BODY,
            timestamp: timestamp_header("X-CIO-Timestamp", TimeUnit::Seconds, 300),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/event_id"),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/object_type")),
            EventField::Pointer(Borrowed("/metric")),
        ])),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the reporting webhook's signing key"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "the vendor states no tolerance; 300 s are allowed",
        )]),
    },
    ..SCHEME
};

const SENDGRID: Scheme = Scheme {
    name: Borrowed("sendgrid"),
    title: Borrowed("Twilio SendGrid"),
    key_format: KeyFormat::SpkiBase64,
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Twilio-Email-Event-Webhook-Signature"),
            algorithm: Algorithm::EcdsaP256Sha256,
            encoding: Encoding::Base64,
            template: Borrowed(&[Part::Timestamp, Part::Body]),
            timestamp: timestamp_header(
                "X-Twilio-Email-Event-Webhook-Timestamp",
                TimeUnit::Seconds,
                300,
            ),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/0/sg_event_id"),
        event_type: pointer("/0/event"),
        batch: batch(&[Borrowed("")]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the verification key: base64 of an ECDSA public key"),
        rotation: Borrowed("pin the new key beside the old one until the switch"),
        caveats: Borrowed(&[
            Borrowed("the line break at the body's end is signed"),
            Borrowed("a request is a batch: each item has its own `sg_event_id`"),
        ]),
    },
    ..SCHEME
};

const SEGMENT: Scheme = Scheme {
    name: Borrowed("segment"),
    title: Borrowed("Segment (webhook destination)"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Signature"),
            algorithm: Algorithm::HmacSha1,
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/messageId"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the destination's shared secret; without one nothing is signed"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("the vendor signs with HMAC-SHA1 only"),
        ]),
    },
    ..SCHEME
};

const CALENDLY: Scheme = Scheme {
    name: Borrowed("calendly"),
    title: Borrowed("Calendly"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Calendly-Webhook-Signature"),
            form: key_values(",", "v1"),
            template: TIMESTAMP_DOT_BODY,
            timestamp: timestamp_key("t", TimeUnit::Seconds, 180),
            ..HMAC_OF_BODY
        }),
        event_type: pointer("/event"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the signing key given when the subscription was created"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "events carry no id: equal bodies count as one event",
        )]),
    },
    ..SCHEME
};

const TYPEFORM: Scheme = Scheme {
    name: Borrowed("typeform"),
    title: Borrowed("Typeform"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Typeform-Signature"),
            form: plain("sha256="),
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/event_id"),
        event_type: pointer("/event_type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "no time is signed: a captured request can be replayed",
        )]),
    },
    ..SCHEME
};

const MAILGUN: Scheme = Scheme {
    name: Borrowed("mailgun"),
    title: Borrowed("Mailgun"),
    wire: Wire {
        proof: Proof::Canonical(Canonical::Mailgun),
        event_id: pointer("/event-data/id"),
        event_type: pointer("/event-data/event"),
        single_use: pointer("/signature/token"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the webhook signing key of the account, or of the account above it"),
        rotation: Borrowed("keep the old key here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "only time and token are signed, never the event: whoever sees a request can put another event under its signature",
            ),
            Borrowed("each token counts once, which is what stops such a forgery and a replay"),
            Borrowed("the vendor states no tolerance; 300 s are allowed"),
        ]),
    },
    ..SCHEME
};
