//! Vendors that sign under a certificate. Anybody may be its customer: what an endpoint pins is which of the
//! vendor's senders it means.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{SCHEME, WIRE, in_header, pointer};
use crate::webhook::scheme::{Certified, Challenge, Docs, KeyFormat, Proof, Scheme, Wire};

pub(super) static SCHEMES: &[Scheme] = &[AWS_SNS, PAYPAL];

const AWS_SNS: Scheme = Scheme {
    name: Borrowed("aws_sns"),
    title: Borrowed("Amazon SNS"),
    key_format: KeyFormat::TopicArn,
    wire: Wire {
        proof: Proof::Certificate(Certified::AwsSns),
        event_id: pointer("/MessageId"),
        event_type: pointer("/Type"),
        ..WIRE
    },
    // The longest delivery policy keeps trying for 23 days.
    dedupe_days: 24,
    challenge: Challenge::SnsSubscription,
    docs: Docs {
        secret: Borrowed(
            "the topic's ARN, or those of up to five topics: it names the sender and is no secret",
        ),
        rotation: Borrowed("the vendor rotates its certificates by itself"),
        caveats: Borrowed(&[
            Borrowed(
                "any customer of AWS can have messages signed: only those of the pinned topics are taken",
            ),
            Borrowed("raw message delivery is not signed: leave it off"),
            Borrowed(
                "a message counts for an hour after it was published: SNS repeats it later with the same time, and then it is refused",
            ),
            Borrowed(
                "certificates are fetched from sns.<region>.amazonaws.com only, and kept for an hour",
            ),
        ]),
    },
    ..SCHEME
};

const PAYPAL: Scheme = Scheme {
    name: Borrowed("paypal"),
    title: Borrowed("PayPal"),
    wire: Wire {
        proof: Proof::Certificate(Certified::PayPal),
        event_id: pointer("/id"),
        event_type: pointer("/event_type"),
        single_use: in_header("PAYPAL-TRANSMISSION-ID"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "the webhook's id, from the app's webhook settings: it is signed and not sent",
        ),
        rotation: Borrowed("the vendor rotates its certificates by itself"),
        caveats: Borrowed(&[
            Borrowed(
                "only a CRC-32 of the body is signed: whoever sees a request can write another body with the same one. A transmission id counts once; ask PayPal's API before acting on money",
            ),
            Borrowed(
                "certificates are fetched from api.paypal.com and api.sandbox.paypal.com only; their chain must end at a public root, their name below paypal.com",
            ),
            Borrowed("the vendor states no tolerance; four days are allowed, for its retries"),
        ]),
    },
    ..SCHEME
};
