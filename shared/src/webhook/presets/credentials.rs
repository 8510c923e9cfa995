//! Senders that sign nothing. A credential in clear proves who sends, to whoever has seen one request;
//! where there is not even that, an endpoint must say so itself.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{SCHEME, WIRE, batch, companion, in_header, pointer};
use crate::webhook::scheme::{
    Challenge, Credential, Docs, EventField, KeyFormat, Part, Proof, Reply, Scheme, Text, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    GITLAB_TOKEN,
    OKTA,
    AUTH0,
    DATADOG,
    BRAZE,
    SALESFORCE,
    MICROSOFT_GRAPH,
    BEARER_TOKEN,
    STATIC_HEADER,
    BASIC_AUTH,
    QUERY_TOKEN,
    UNSIGNED,
];

const NOTHING_SIGNED: Text = Borrowed(
    "nothing is signed: whoever sees one request can send any other. Add the sender's addresses to the endpoint",
);
const KEEP_BOTH: Text = Borrowed("keep the old value here until the new one is in use there");

const AUTHORIZATION: Proof = Proof::Credential(Credential::Header {
    name: Borrowed("Authorization"),
    prefix: Borrowed(""),
});

const GITLAB_TOKEN: Scheme = Scheme {
    name: Borrowed("gitlab_token"),
    title: Borrowed("GitLab (secret token)"),
    wire: Wire {
        proof: Proof::Credential(Credential::Header {
            name: Borrowed("X-Gitlab-Token"),
            prefix: Borrowed(""),
        }),
        event_id: in_header("Idempotency-Key"),
        event_type: in_header("X-Gitlab-Event"),
        companions: Borrowed(&[
            companion("X-Gitlab-Event", &[Part::Literal(Borrowed("Push Hook"))]),
            companion("Idempotency-Key", &[Part::Id]),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the webhook's secret token, sent in clear"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed("newer instances have a signing token: prefer `gitlab_signing_token`"),
        ]),
    },
    ..SCHEME
};

const OKTA: Scheme = Scheme {
    name: Borrowed("okta"),
    title: Borrowed("Okta event hooks"),
    wire: Wire {
        proof: AUTHORIZATION,
        event_id: pointer("/data/events/0/uuid"),
        event_type: pointer("/data/events/0/eventType"),
        batch: batch(&[Borrowed("/data/events")]),
        ..WIRE
    },
    challenge: Challenge::OktaVerification,
    docs: Docs {
        secret: Borrowed(
            "the authentication secret of the hook, with `Authorization` as its field",
        ),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed("a request may carry several events, each with a `uuid` of its own"),
        ]),
    },
    ..SCHEME
};

const AUTH0: Scheme = Scheme {
    name: Borrowed("auth0"),
    title: Borrowed("Auth0 log and event streams"),
    wire: Wire {
        proof: AUTHORIZATION,
        event_id: EventField::Any(Borrowed(&[
            EventField::Pointer(Borrowed("/id")),
            EventField::Pointer(Borrowed("/0/log_id")),
            EventField::Pointer(Borrowed("/log_id")),
        ])),
        event_type: EventField::Any(Borrowed(&[
            EventField::Pointer(Borrowed("/type")),
            EventField::Pointer(Borrowed("/0/data/type")),
            EventField::Pointer(Borrowed("/data/type")),
        ])),
        batch: batch(&[Borrowed("")]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the stream's authorization value, `Bearer` and all, as it is sent"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed("a log stream sends arrays: each item has a `log_id` of its own"),
        ]),
    },
    ..SCHEME
};

const DATADOG: Scheme = Scheme {
    name: Borrowed("datadog"),
    title: Borrowed("Datadog"),
    wire: Wire {
        proof: Proof::Credential(Credential::Header {
            name: Borrowed("X-Webhook-Token"),
            prefix: Borrowed(""),
        }),
        event_id: pointer("/id"),
        event_type: pointer("/event_type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "any text, entered there as the custom header `{\"X-Webhook-Token\": \"…\"}`",
        ),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed(
                "the payload is your template: put `$ID` into `id` and `$EVENT_TYPE` into `event_type`",
            ),
        ]),
    },
    ..SCHEME
};

const BRAZE: Scheme = Scheme {
    name: Borrowed("braze"),
    title: Borrowed("Braze webhook campaigns"),
    wire: Wire {
        proof: AUTHORIZATION,
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, entered there as the value of the header `Authorization`"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed("the body is your template: give it an `id` per dispatch and a `type`"),
        ]),
    },
    ..SCHEME
};

const SALESFORCE: Scheme = Scheme {
    name: Borrowed("salesforce"),
    title: Borrowed("Salesforce outbound messages"),
    wire: Wire {
        proof: Proof::Credential(Credential::Xml {
            element: Borrowed("OrganizationId"),
        }),
        event_id: EventField::Xml(Borrowed("Id")),
        event_type: EventField::Xml(Borrowed("ActionId")),
        companions: Borrowed(&[companion(
            "Content-Type",
            &[Part::Literal(Borrowed("text/xml; charset=utf-8"))],
        )]),
        ..WIRE
    },
    reply: Reply::SalesforceAck,
    docs: Docs {
        secret: Borrowed(
            "the organization's id, 18 characters: it names the sender and is no secret",
        ),
        rotation: Borrowed("the id never changes"),
        caveats: Borrowed(&[
            Borrowed(
                "nothing is signed, and the id is known to many: allow the vendor's addresses only, and use mutual TLS where you can",
            ),
            Borrowed("the vendor's addresses do not tell its customers apart"),
            Borrowed("a message may carry up to 100 notifications, each with an id of its own"),
        ]),
    },
    ..SCHEME
};

const MICROSOFT_GRAPH: Scheme = Scheme {
    name: Borrowed("microsoft_graph"),
    title: Borrowed("Microsoft Graph change notifications"),
    wire: Wire {
        proof: Proof::Credential(Credential::Json {
            pointer: Borrowed("/value/0/clientState"),
        }),
        event_id: pointer("/value/0/id"),
        event_type: EventField::Any(Borrowed(&[
            EventField::Pointer(Borrowed("/value/0/changeType")),
            EventField::Pointer(Borrowed("/value/0/lifecycleEvent")),
        ])),
        ..WIRE
    },
    challenge: Challenge::GraphValidation,
    docs: Docs {
        secret: Borrowed("the `clientState` of the subscription, at most 128 characters"),
        rotation: Borrowed(
            "a subscription keeps its `clientState`: make a new one with the new value",
        ),
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed(
                "a request may carry several notifications; the first one's `clientState` is compared",
            ),
            Borrowed(
                "the `validationTokens` of notifications with resource data are not checked: take those without",
            ),
        ]),
    },
    ..SCHEME
};

const BEARER_TOKEN: Scheme = Scheme {
    name: Borrowed("bearer_token"),
    title: Borrowed("Bearer token"),
    wire: Wire {
        proof: Proof::Credential(Credential::Header {
            name: Borrowed("Authorization"),
            prefix: Borrowed("Bearer "),
        }),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, sent as `Authorization: Bearer <secret>`"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[NOTHING_SIGNED]),
    },
    ..SCHEME
};

const STATIC_HEADER: Scheme = Scheme {
    name: Borrowed("static_header"),
    title: Borrowed("Secret in a header"),
    wire: Wire {
        proof: Proof::Credential(Credential::Header {
            name: Borrowed("X-Webhook-Secret"),
            prefix: Borrowed(""),
        }),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "any text, sent as `X-Webhook-Secret`; a custom scheme can name another header",
        ),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[NOTHING_SIGNED]),
    },
    ..SCHEME
};

const BASIC_AUTH: Scheme = Scheme {
    name: Borrowed("basic_auth"),
    title: Borrowed("User and password"),
    key_format: KeyFormat::UserPassword,
    wire: Wire {
        proof: Proof::Credential(Credential::Basic),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("`user:password`, sent as `Authorization: Basic …`"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[NOTHING_SIGNED]),
    },
    ..SCHEME
};

const QUERY_TOKEN: Scheme = Scheme {
    name: Borrowed("query_token"),
    title: Borrowed("Secret in the URL"),
    wire: Wire {
        proof: Proof::Credential(Credential::Query {
            name: Borrowed("token"),
        }),
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("any text, sent as `?token=<secret>` behind the endpoint's URL"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            NOTHING_SIGNED,
            Borrowed("URLs end up in the logs of everything on the way: prefer a header"),
        ]),
    },
    ..SCHEME
};

const UNSIGNED: Scheme = Scheme {
    name: Borrowed("unsigned"),
    title: Borrowed("Unsigned"),
    wire: Wire {
        proof: Proof::Unsigned,
        event_id: pointer("/id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "none: the endpoint must say in as many words that it takes unsigned requests",
        ),
        rotation: Borrowed("none"),
        caveats: Borrowed(&[
            Borrowed("anybody who knows the URL can send anything"),
            Borrowed("equal bodies count as one event: no id in a request can be believed"),
        ]),
    },
    ..SCHEME
};
