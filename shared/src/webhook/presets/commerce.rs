//! Shops and books. None of them signs a time: deduplication is what stops a replay.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{HMAC_OF_BODY, SCHEME, WIRE, batch, companion, header, in_header};
use crate::webhook::scheme::{
    BodyRule, Challenge, Docs, Encoding, EventField, Part, Proof, Reply, Scheme, Signature, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[SHOPIFY, WOOCOMMERCE, QUICKBOOKS, XERO];

const SHOPIFY: Scheme = Scheme {
    name: Borrowed("shopify"),
    title: Borrowed("Shopify"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Shopify-Hmac-Sha256"),
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        required_headers: Borrowed(&[
            Borrowed("X-Shopify-Topic"),
            Borrowed("X-Shopify-Shop-Domain"),
            Borrowed("X-Shopify-API-Version"),
            Borrowed("X-Shopify-Webhook-Id"),
        ]),
        body: BodyRule::NonEmpty,
        event_id: in_header("X-Shopify-Event-Id"),
        event_type: in_header("X-Shopify-Topic"),
        companions: Borrowed(&[
            companion(
                "X-Shopify-Topic",
                &[Part::Literal(Borrowed("orders/create"))],
            ),
            companion(
                "X-Shopify-Shop-Domain",
                &[Part::Literal(Borrowed("example.myshopify.com"))],
            ),
            companion(
                "X-Shopify-API-Version",
                &[Part::Literal(Borrowed("2025-07"))],
            ),
            companion("X-Shopify-Webhook-Id", &[Part::Id]),
            companion("X-Shopify-Event-Id", &[Part::Id]),
        ]),
        ..WIRE
    },
    alternatives: Borrowed(&[SHOPIFY_EVENTS]),
    docs: Docs {
        secret: Borrowed("the app's client secret"),
        rotation: Borrowed(
            "the old client secret keeps signing until it is revoked: keep both here meanwhile",
        ),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("topic, shop domain and event id are unsigned headers"),
        ]),
    },
    ..SCHEME
};

/// The header names of the newer Events product, without `X-`.
const SHOPIFY_EVENTS: Wire = Wire {
    proof: Proof::Signature(Signature {
        source: header("shopify-hmac-sha256"),
        encoding: Encoding::Base64,
        ..HMAC_OF_BODY
    }),
    required_headers: Borrowed(&[
        Borrowed("shopify-topic"),
        Borrowed("shopify-shop-domain"),
        Borrowed("shopify-api-version"),
        Borrowed("shopify-webhook-id"),
        Borrowed("shopify-event-id"),
    ]),
    body: BodyRule::NonEmpty,
    event_id: in_header("shopify-event-id"),
    event_type: in_header("shopify-topic"),
    companions: Borrowed(&[
        companion(
            "shopify-topic",
            &[Part::Literal(Borrowed("product/update"))],
        ),
        companion(
            "shopify-shop-domain",
            &[Part::Literal(Borrowed("example.myshopify.com"))],
        ),
        companion("shopify-api-version", &[Part::Literal(Borrowed("2026-01"))]),
        companion("shopify-webhook-id", &[Part::Id]),
        companion("shopify-event-id", &[Part::Id]),
    ]),
    ..WIRE
};

const WOOCOMMERCE: Scheme = Scheme {
    name: Borrowed("woocommerce"),
    title: Borrowed("WooCommerce"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-WC-Webhook-Signature"),
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        event_id: in_header("X-WC-Webhook-Delivery-ID"),
        event_type: in_header("X-WC-Webhook-Topic"),
        companions: Borrowed(&[
            companion(
                "X-WC-Webhook-Topic",
                &[Part::Literal(Borrowed("order.updated"))],
            ),
            companion("X-WC-Webhook-Delivery-ID", &[Part::Id]),
        ]),
        ..WIRE
    },
    challenge: Challenge::WooCommercePing,
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("topic and delivery id are unsigned headers"),
            Borrowed("the ping sent when a webhook is created is unsigned and is no event"),
        ]),
    },
    ..SCHEME
};

const QUICKBOOKS: Scheme = Scheme {
    name: Borrowed("quickbooks"),
    title: Borrowed("QuickBooks Online"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("intuit-signature"),
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed(
                "/eventNotifications/0/dataChangeEvent/entities/0/name",
            )),
            EventField::Pointer(Borrowed(
                "/eventNotifications/0/dataChangeEvent/entities/0/operation",
            )),
        ])),
        batch: batch(&[
            Borrowed("/eventNotifications"),
            Borrowed("/dataChangeEvent/entities"),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the app's verifier token"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("one request may carry changes of several companies"),
        ]),
    },
    ..SCHEME
};

const XERO: Scheme = Scheme {
    name: Borrowed("xero"),
    title: Borrowed("Xero"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("x-xero-signature"),
            encoding: Encoding::Base64,
            ..HMAC_OF_BODY
        }),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/events/0/eventCategory")),
            EventField::Pointer(Borrowed("/events/0/eventType")),
        ])),
        batch: batch(&[Borrowed("/events")]),
        ..WIRE
    },
    reply: Reply::Empty,
    docs: Docs {
        secret: Borrowed("the webhook key: it looks like base64 and is used as text"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed(
                "before events flow, requests with bad signatures must have been answered with 401",
            ),
        ]),
    },
    ..SCHEME
};
