//! Payments. These events move money, so every caveat of a vendor is spelled out.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, TIMESTAMP_COLON_BODY, TIMESTAMP_DOT_BODY, WIRE, batch, companion, header,
    in_header, key_values, pointer, timestamp_key,
};
use crate::webhook::scheme::{
    BodyRule, Canonical, Docs, Encoding, EventField, KeyFormat, Part, Proof, Reply, Scheme,
    Signature, TimeUnit, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    STRIPE,
    PADDLE,
    SQUARE,
    RAZORPAY,
    GOCARDLESS,
    ADYEN_PLATFORM,
    ADYEN_STANDARD,
];

const STRIPE: Scheme = Scheme {
    name: Borrowed("stripe"),
    title: Borrowed("Stripe"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Stripe-Signature"),
            form: key_values(",", "v1"),
            template: TIMESTAMP_DOT_BODY,
            timestamp: timestamp_key("t", TimeUnit::Seconds, 300),
            ..HMAC_OF_BODY
        }),
        body: BodyRule::NonEmpty,
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "the endpoint's signing secret, `whsec_` included: the whole text is the key",
        ),
        rotation: Borrowed(
            "for up to 24 hours after a roll each event carries a signature per secret",
        ),
        caveats: Borrowed(&[
            Borrowed("signatures of other versions than v1 are ignored"),
            Borrowed("a signed time up to 300 s in the future is accepted, and none beyond"),
        ]),
    },
    ..SCHEME
};

const PADDLE: Scheme = Scheme {
    name: Borrowed("paddle"),
    title: Borrowed("Paddle Billing"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Paddle-Signature"),
            form: key_values(";", "h1"),
            template: TIMESTAMP_COLON_BODY,
            timestamp: timestamp_key("ts", TimeUnit::Seconds, 5),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/event_id"),
        event_type: pointer("/event_type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the notification destination's secret key, `pdl_ntfset_` included"),
        rotation: Borrowed("during a rotation a request carries a signature per secret"),
        caveats: Borrowed(&[Borrowed(
            "the tolerance is the vendor's own 5 s: a slow path to this endpoint refuses genuine events",
        )]),
    },
    ..SCHEME
};

const SQUARE: Scheme = Scheme {
    name: Borrowed("square"),
    title: Borrowed("Square"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("x-square-hmacsha256-signature"),
            encoding: Encoding::Base64,
            template: Borrowed(&[Part::Url, Part::Body]),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/event_id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the subscription's signature key"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "the URL is signed byte for byte: register this endpoint's URL exactly as shown",
            ),
            Borrowed("no time is signed: a captured request can be replayed"),
        ]),
    },
    ..SCHEME
};

const RAZORPAY: Scheme = Scheme {
    name: Borrowed("razorpay"),
    title: Borrowed("Razorpay"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Razorpay-Signature"),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("x-razorpay-event-id"),
        event_type: pointer("/event"),
        companions: Borrowed(&[companion("x-razorpay-event-id", &[Part::Id])]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("the header `x-razorpay-event-id` is not signed"),
        ]),
    },
    ..SCHEME
};

const GOCARDLESS: Scheme = Scheme {
    name: Borrowed("gocardless"),
    title: Borrowed("GoCardless"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Webhook-Signature"),
            encoding: Encoding::HexAnyCase,
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/events/0/id"),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/events/0/resource_type")),
            EventField::Pointer(Borrowed("/events/0/action")),
        ])),
        batch: batch(&[Borrowed("/events")]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the endpoint's secret, used as text"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "no time is signed: a captured request can be replayed",
        )]),
    },
    ..SCHEME
};

const ADYEN_PLATFORM: Scheme = Scheme {
    name: Borrowed("adyen_platform"),
    title: Borrowed("Adyen for Platforms"),
    key_format: KeyFormat::Hex,
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("HmacSignature"),
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        event_type: pointer("/type"),
        companions: Borrowed(&[companion(
            "Protocol",
            &[Part::Literal(Borrowed("HmacSHA256"))],
        )]),
        ..WIRE
    },
    dedupe_days: 31,
    docs: Docs {
        secret: Borrowed("the HMAC key: hexadecimal, which is decoded"),
        rotation: Borrowed("keep the old key here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "no time is signed: a captured request can be replayed",
        )]),
    },
    ..SCHEME
};

const ADYEN_STANDARD: Scheme = Scheme {
    name: Borrowed("adyen_standard"),
    title: Borrowed("Adyen (standard webhooks)"),
    key_format: KeyFormat::Hex,
    wire: Wire {
        proof: Proof::Canonical(Canonical::AdyenStandard),
        event_id: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed(
                "/notificationItems/0/NotificationRequestItem/pspReference",
            )),
            EventField::Pointer(Borrowed(
                "/notificationItems/0/NotificationRequestItem/eventCode",
            )),
        ])),
        event_type: pointer("/notificationItems/0/NotificationRequestItem/eventCode"),
        batch: batch(&[Borrowed("/notificationItems")]),
        ..WIRE
    },
    dedupe_days: 8,
    reply: Reply::AdyenAccepted,
    docs: Docs {
        secret: Borrowed("the HMAC key: hexadecimal, which is decoded"),
        rotation: Borrowed("keep the old key here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "eight fields of each item are signed and nothing else: fetch what you act on besides",
            ),
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("one item that does not verify refuses the whole request"),
        ]),
    },
    ..SCHEME
};
