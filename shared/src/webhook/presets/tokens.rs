//! Vendors that vouch for a request with a token. What the token does not bind can be exchanged by whoever
//! holds a token that is still good.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{SCHEME, WIRE, companion, in_header, pointer};
use crate::webhook::scheme::{
    Binding, Challenge, Companion, Docs, Encoding, EventField, Expiry, Issuer, KeyFormat, List,
    Part, Proof, Scheme, Text, Token, TokenAlgorithm, TokenKey, Window, Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    PLAID,
    PLAID_SANDBOX,
    NETLIFY,
    MONDAY,
    ATLASSIAN_CONNECT_JWT,
    ATLASSIAN_CONNECT_INSTALL,
    JIRA_OAUTH,
    FUSIONAUTH,
    GOOGLE_PUBSUB,
];

const TOKEN: Token = Token {
    header: Borrowed("Authorization"),
    prefix: Borrowed(""),
    algorithm: TokenAlgorithm::Hs256,
    key: TokenKey::Secret,
    bindings: Borrowed(&[]),
    expiry: Expiry::Required,
    issued_within: None,
};

const KEEP_BOTH: Text = Borrowed("keep the old secret here until the new one is in use there");
const BODY_NOT_COVERED: Text = Borrowed(
    "the token does not cover the body: whoever sees a request can send another body with its token until that expires",
);
const KEYS_FETCHED: Text = Borrowed(
    "the vendor's keys are fetched from its own host and kept for an hour, and up to a day while it does not answer",
);

const fn plaid(issuer: Issuer) -> Wire {
    Wire {
        proof: Proof::Token(Token {
            header: Borrowed("Plaid-Verification"),
            algorithm: TokenAlgorithm::Es256,
            key: TokenKey::Fetched(issuer),
            bindings: Borrowed(&[Binding::BodySha256 {
                name: Borrowed("request_body_sha256"),
                encoding: Encoding::Hex,
            }]),
            expiry: Expiry::IfPresent,
            issued_within: Some(Window {
                past_s: 300,
                future_s: 300,
            }),
            ..TOKEN
        }),
        event_type: EventField::All(Borrowed(&[
            EventField::Pointer(Borrowed("/webhook_type")),
            EventField::Pointer(Borrowed("/webhook_code")),
        ])),
        // Two notifications of one kind about one item are the same bytes.
        single_use: in_header("Plaid-Verification"),
        ..WIRE
    }
}

const PLAID_CAVEATS: &[Text] = &[
    KEYS_FETCHED,
    Borrowed("there is no event id: equal bodies are distinct events, told apart by their tokens"),
    Borrowed("a key that the vendor has marked as expired is refused"),
];

const PLAID: Scheme = Scheme {
    name: Borrowed("plaid"),
    title: Borrowed("Plaid"),
    key_format: KeyFormat::ClientCredentials,
    wire: plaid(Issuer::Plaid),
    docs: Docs {
        secret: Borrowed(
            "`client_id:secret` of your production account, used only to ask Plaid for its verification keys",
        ),
        rotation: Borrowed("Plaid rotates its keys by itself; put new credentials in front"),
        caveats: Borrowed(PLAID_CAVEATS),
    },
    ..SCHEME
};

const PLAID_SANDBOX: Scheme = Scheme {
    name: Borrowed("plaid_sandbox"),
    title: Borrowed("Plaid (sandbox)"),
    key_format: KeyFormat::ClientCredentials,
    wire: plaid(Issuer::PlaidSandbox),
    docs: Docs {
        secret: Borrowed(
            "`client_id:secret` of your sandbox, used only to ask Plaid for its verification keys",
        ),
        rotation: Borrowed("Plaid rotates its keys by itself; put new credentials in front"),
        caveats: Borrowed(PLAID_CAVEATS),
    },
    ..SCHEME
};

const NETLIFY: Scheme = Scheme {
    name: Borrowed("netlify"),
    title: Borrowed("Netlify"),
    wire: Wire {
        proof: Proof::Token(Token {
            header: Borrowed("X-Webhook-Signature"),
            bindings: Borrowed(&[
                Binding::Claim {
                    name: Borrowed("iss"),
                    values: Borrowed(&[Borrowed("netlify")]),
                },
                Binding::BodySha256 {
                    name: Borrowed("sha256"),
                    encoding: Encoding::Hex,
                },
            ]),
            expiry: Expiry::IfPresent,
            ..TOKEN
        }),
        event_id: pointer("/id"),
        event_type: in_header("X-Netlify-Event"),
        companions: Borrowed(&[companion(
            "X-Netlify-Event",
            &[Part::Literal(Borrowed("deploy_created"))],
        )]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the JWS secret token of the notification, any text"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            Borrowed("the token never expires: a captured request can be replayed"),
            Borrowed("the event's name is an unsigned header"),
        ]),
    },
    ..SCHEME
};

const MONDAY: Scheme = Scheme {
    name: Borrowed("monday"),
    title: Borrowed("monday.com"),
    wire: Wire {
        proof: Proof::Token(Token {
            bindings: Borrowed(&[Binding::Url {
                name: Borrowed("aud"),
            }]),
            ..TOKEN
        }),
        event_id: pointer("/event/triggerUuid"),
        event_type: pointer("/event/type"),
        ..WIRE
    },
    challenge: Challenge::JsonChallenge,
    docs: Docs {
        secret: Borrowed(
            "the app's signing secret for boards and integrations, its client secret for the app's life cycle: both can be set",
        ),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            BODY_NOT_COVERED,
            Borrowed("webhooks that were made on a board, without an app, are not signed at all"),
        ]),
    },
    ..SCHEME
};

const QUERY_HASH: Binding = Binding::QueryHash {
    name: Borrowed("qsh"),
};

const fn atlassian(token: Token, event_type: EventField) -> Wire {
    Wire {
        proof: Proof::Token(token),
        event_id: in_header("X-Atlassian-Webhook-Identifier"),
        event_type,
        companions: IDENTIFIER,
        ..WIRE
    }
}

const IDENTIFIER: List<Companion> =
    Borrowed(&[companion("X-Atlassian-Webhook-Identifier", &[Part::Id])]);

const ATLASSIAN_CONNECT_JWT: Scheme = Scheme {
    name: Borrowed("atlassian_connect_jwt"),
    title: Borrowed("Atlassian Connect"),
    wire: atlassian(
        Token {
            prefix: Borrowed("JWT "),
            bindings: Borrowed(&[QUERY_HASH]),
            ..TOKEN
        },
        pointer("/webhookEvent"),
    ),
    docs: Docs {
        secret: Borrowed("the `sharedSecret` of the tenant's `installed` callback"),
        rotation: Borrowed("a new installation brings a new secret: put it in front"),
        caveats: Borrowed(&[
            BODY_NOT_COVERED,
            Borrowed("`context-qsh` is not accepted: it ties a token to no request"),
            Borrowed("Connect gives way to Forge"),
        ]),
    },
    ..SCHEME
};

const ATLASSIAN_CONNECT_INSTALL: Scheme = Scheme {
    name: Borrowed("atlassian_connect_install"),
    title: Borrowed("Atlassian Connect (installed and uninstalled callbacks)"),
    wire: atlassian(
        Token {
            prefix: Borrowed("JWT "),
            algorithm: TokenAlgorithm::Rs256,
            key: TokenKey::Fetched(Issuer::AtlassianInstall),
            bindings: Borrowed(&[
                QUERY_HASH,
                Binding::Secret {
                    name: Borrowed("aud"),
                },
            ]),
            ..TOKEN
        },
        pointer("/eventType"),
    ),
    docs: Docs {
        secret: Borrowed(
            "the app's `baseUrl`, as its descriptor has it: the token must be for this app, and it is no secret",
        ),
        rotation: Borrowed("the vendor rotates its keys by itself"),
        caveats: Borrowed(&[BODY_NOT_COVERED, KEYS_FETCHED]),
    },
    ..SCHEME
};

const JIRA_OAUTH: Scheme = Scheme {
    name: Borrowed("jira_oauth"),
    title: Borrowed("Jira (dynamic webhooks of OAuth 2.0 apps)"),
    wire: atlassian(
        Token {
            prefix: Borrowed("Bearer "),
            bindings: Borrowed(&[QUERY_HASH]),
            ..TOKEN
        },
        pointer("/webhookEvent"),
    ),
    docs: Docs {
        secret: Borrowed("the app's client secret"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            Borrowed(
                "sources disagree on what Atlassian signs here: try it with one of your webhooks first",
            ),
            BODY_NOT_COVERED,
            Borrowed("a webhook ends after 30 days unless it is refreshed"),
        ]),
    },
    ..SCHEME
};

const FUSIONAUTH: Scheme = Scheme {
    name: Borrowed("fusionauth"),
    title: Borrowed("FusionAuth"),
    wire: Wire {
        proof: Proof::Token(Token {
            header: Borrowed("X-FusionAuth-Signature-JWT"),
            bindings: Borrowed(&[Binding::BodySha256 {
                name: Borrowed("request_body_sha256"),
                encoding: Encoding::Base64,
            }]),
            expiry: Expiry::IfPresent,
            ..TOKEN
        }),
        event_id: pointer("/event/id"),
        event_type: pointer("/event/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the HMAC key that signs the webhook (HS256), from the key master"),
        rotation: KEEP_BOTH,
        caveats: Borrowed(&[
            Borrowed("no time need be signed: a captured request can be replayed"),
            Borrowed(
                "with an RSA or EC key, declare a custom scheme: the same claims under the pinned public key",
            ),
        ]),
    },
    ..SCHEME
};

const GOOGLE_PUBSUB: Scheme = Scheme {
    name: Borrowed("google_pubsub"),
    title: Borrowed("Google Cloud Pub/Sub (push with authentication)"),
    wire: Wire {
        proof: Proof::Token(Token {
            prefix: Borrowed("Bearer "),
            algorithm: TokenAlgorithm::Rs256,
            key: TokenKey::Fetched(Issuer::Google),
            bindings: Borrowed(&[
                Binding::Claim {
                    name: Borrowed("iss"),
                    values: Borrowed(&[
                        Borrowed("https://accounts.google.com"),
                        Borrowed("accounts.google.com"),
                    ]),
                },
                Binding::Url {
                    name: Borrowed("aud"),
                },
                Binding::Affirmed {
                    name: Borrowed("email_verified"),
                },
                Binding::Secret {
                    name: Borrowed("email"),
                },
            ]),
            ..TOKEN
        }),
        event_id: pointer("/message/messageId"),
        event_type: EventField::Any(Borrowed(&[
            EventField::Pointer(Borrowed("/message/attributes/eventType")),
            EventField::Pointer(Borrowed("/message/attributes/type")),
        ])),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed(
            "the e-mail address of the subscription's service account: any account can have a token made for this URL, and the address is no secret",
        ),
        rotation: Borrowed("add the new account's address in front before the switch"),
        caveats: Borrowed(&[
            BODY_NOT_COVERED,
            KEYS_FETCHED,
            Borrowed("leave the subscription's audience empty: it is this endpoint's URL then"),
        ]),
    },
    // A subscription keeps what is not taken for up to 31 days.
    dedupe_days: 32,
    ..SCHEME
};
