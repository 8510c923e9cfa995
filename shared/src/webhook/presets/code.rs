//! Code hosting, delivery and monitoring. Most sign the body alone: a captured request stays good for
//! ever, and deduplication is what stops its replay.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, WIRE, companion, header, in_header, key_values, plain, pointer,
};
use crate::webhook::scheme::{
    Algorithm, Docs, EventField, Part, Proof, Scheme, Signature, TimeUnit, Timestamp,
    TimestampSource, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    GITHUB,
    BITBUCKET,
    JIRA_ADMIN,
    CIRCLECI,
    VERCEL,
    LAUNCHDARKLY,
    LINEAR,
    SENTRY,
    PAGERDUTY,
];

const GITHUB: Scheme = Scheme {
    name: Borrowed("github"),
    title: Borrowed("GitHub"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Hub-Signature-256"),
            form: plain("sha256="),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("X-GitHub-Delivery"),
        event_type: in_header("X-GitHub-Event"),
        companions: Borrowed(&[
            companion("X-GitHub-Event", &[Part::Literal(Borrowed("push"))]),
            companion("X-GitHub-Delivery", &[Part::Id]),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is saved there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("event name and delivery id are unsigned headers; a redelivery reuses its id"),
            Borrowed("the SHA-1 header `X-Hub-Signature` is not accepted"),
        ]),
    },
    ..SCHEME
};

const BITBUCKET: Scheme = Scheme {
    name: Borrowed("bitbucket"),
    title: Borrowed("Bitbucket"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Hub-Signature"),
            form: plain("sha256="),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("X-Request-UUID"),
        event_type: in_header("X-Event-Key"),
        companions: Borrowed(&[
            companion("X-Event-Key", &[Part::Literal(Borrowed("repo:push"))]),
            companion("X-Request-UUID", &[Part::Id]),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("event name and request id are unsigned headers"),
        ]),
    },
    ..SCHEME
};

const JIRA_ADMIN: Scheme = Scheme {
    name: Borrowed("jira_admin"),
    title: Borrowed("Jira (admin webhook)"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-Hub-Signature"),
            form: plain("sha256="),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("X-Atlassian-Webhook-Identifier"),
        event_type: pointer("/webhookEvent"),
        companions: Borrowed(&[companion("X-Atlassian-Webhook-Identifier", &[Part::Id])]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("the identifier stays the same over retries, but is an unsigned header"),
        ]),
    },
    ..SCHEME
};

const CIRCLECI: Scheme = Scheme {
    name: Borrowed("circleci"),
    title: Borrowed("CircleCI"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("circleci-signature"),
            form: key_values(",", "v1"),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, as entered in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("signatures of other versions than v1 are ignored"),
        ]),
    },
    ..SCHEME
};

const VERCEL: Scheme = Scheme {
    name: Borrowed("vercel"),
    title: Borrowed("Vercel"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("x-vercel-signature"),
            algorithm: Algorithm::HmacSha1,
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "the webhook's secret, or the client secret for the webhook of an integration",
        ),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed("no time is signed: a captured request can be replayed"),
            Borrowed("the vendor signs with HMAC-SHA1 only"),
        ]),
    },
    ..SCHEME
};

const LAUNCHDARKLY: Scheme = Scheme {
    name: Borrowed("launchdarkly"),
    title: Borrowed("LaunchDarkly"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-LD-Signature"),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/_id"),
        event_type: pointer("/kind"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text; signing must be switched on in the webhook's settings"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[Borrowed(
            "no time is signed: a captured request can be replayed",
        )]),
    },
    ..SCHEME
};

const LINEAR: Scheme = Scheme {
    name: Borrowed("linear"),
    title: Borrowed("Linear"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Linear-Signature"),
            timestamp: Some(Timestamp {
                source: TimestampSource::Body {
                    pointer: Borrowed("/webhookTimestamp"),
                },
                unit: TimeUnit::Milliseconds,
                digits: None,
                past_s: 60,
                future_s: 60,
            }),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("Linear-Delivery"),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/type")),
            EventField::Pointer(Borrowed("/action")),
        ])),
        companions: Borrowed(&[
            companion("Linear-Delivery", &[Part::Id]),
            companion("Linear-Event", &[Part::Literal(Borrowed("Issue"))]),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the webhook's signing secret, `lin_wh_` included"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "the time is a member of the signed body, read after the signature has passed",
            ),
            Borrowed("delivery id and event name are unsigned headers"),
        ]),
    },
    ..SCHEME
};

const SENTRY: Scheme = Scheme {
    name: Borrowed("sentry"),
    title: Borrowed("Sentry"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("Sentry-Hook-Signature"),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("Request-ID"),
        event_type: EventField::All(Borrowed(&[
            EventField::Header(Borrowed("Sentry-Hook-Resource")),
            EventField::Pointer(Borrowed("/action")),
        ])),
        companions: Borrowed(&[
            companion("Sentry-Hook-Resource", &[Part::Literal(Borrowed("issue"))]),
            companion("Request-ID", &[Part::Id]),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the integration's client secret"),
        rotation: Borrowed("keep the old secret here until the new one is in use there"),
        caveats: Borrowed(&[
            Borrowed(
                "the time in `Sentry-Hook-Timestamp` is not signed: a captured request can be replayed",
            ),
            Borrowed("resource and request id are unsigned headers"),
        ]),
    },
    ..SCHEME
};

const PAGERDUTY: Scheme = Scheme {
    name: Borrowed("pagerduty"),
    title: Borrowed("PagerDuty"),
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("X-PagerDuty-Signature"),
            form: key_values(",", "v1"),
            ..HMAC_OF_BODY
        }),
        event_id: pointer("/event/id"),
        event_type: pointer("/event/event_type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the subscription's secret, shown once when it is created"),
        rotation: Borrowed("during a rotation a request carries a signature per secret"),
        caveats: Borrowed(&[Borrowed(
            "no time is signed: a captured request can be replayed",
        )]),
    },
    ..SCHEME
};
