//! Standard Webhooks and the vendors that adopted it. The id is signed, so deduplication may rely on it.

use std::borrow::Cow::Borrowed;

use crate::webhook::presets::{
    HMAC_OF_BODY, SCHEME, WIRE, companion, header, in_header, pointer, timestamp_header,
};
use crate::webhook::scheme::{
    Algorithm, Docs, Encoding, Form, KeyFormat, List, Part, Proof, Scheme, Signature, TimeUnit,
    Wire,
};

pub(super) static SCHEMES: &[Scheme] = &[
    STANDARD_WEBHOOKS,
    STANDARD_WEBHOOKS_V1A,
    SVIX,
    CLERK,
    RESEND,
    OPENAI,
    GITLAB,
];

const ID_TIMESTAMP_BODY: List<Part> = Borrowed(&[
    Part::Id,
    Part::Literal(Borrowed(".")),
    Part::Timestamp,
    Part::Literal(Borrowed(".")),
    Part::Body,
]);

/// The signed headers under a vendor's own names.
const fn versioned(signature: &'static str, id: &'static str, timestamp: &'static str) -> Wire {
    Wire {
        proof: Proof::Signature(Signature {
            source: header(signature),
            form: Form::Versioned {
                separator: Borrowed(" "),
                version: Borrowed("v1,"),
            },
            encoding: Encoding::Base64,
            template: ID_TIMESTAMP_BODY,
            id_header: Some(Borrowed(id)),
            timestamp: timestamp_header(timestamp, TimeUnit::Seconds, 300),
            ..HMAC_OF_BODY
        }),
        event_id: in_header(id),
        event_type: pointer("/type"),
        ..WIRE
    }
}

const UNBRANDED: Wire = versioned("webhook-signature", "webhook-id", "webhook-timestamp");

const SVIX_HEADERS: Wire = versioned("svix-signature", "svix-id", "svix-timestamp");

const WHSEC: &str = "`whsec_` and base64 of 24 to 64 random bytes; the base64 is decoded";
const OVERLAP: &str =
    "during a rotation the sender signs with the old and the new secret; one match is enough";

const WHSEC_AND_OVERLAP: Docs = Docs {
    secret: Borrowed(WHSEC),
    rotation: Borrowed(OVERLAP),
    caveats: Borrowed(&[]),
};

const STANDARD_WEBHOOKS: Scheme = Scheme {
    name: Borrowed("standardwebhooks"),
    title: Borrowed("Standard Webhooks"),
    key_format: KeyFormat::Whsec,
    wire: UNBRANDED,
    docs: WHSEC_AND_OVERLAP,
    ..SCHEME
};

const STANDARD_WEBHOOKS_V1A: Scheme = Scheme {
    name: Borrowed("standardwebhooks_v1a"),
    title: Borrowed("Standard Webhooks, public key"),
    key_format: KeyFormat::Whpk,
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("webhook-signature"),
            form: Form::Versioned {
                separator: Borrowed(" "),
                version: Borrowed("v1a,"),
            },
            algorithm: Algorithm::Ed25519,
            encoding: Encoding::Base64,
            template: ID_TIMESTAMP_BODY,
            id_header: Some(Borrowed("webhook-id")),
            timestamp: timestamp_header("webhook-timestamp", TimeUnit::Seconds, 300),
        }),
        event_id: in_header("webhook-id"),
        event_type: pointer("/type"),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the sender's public key: `whpk_` and base64 of 32 bytes"),
        rotation: Borrowed("pin the new key beside the old one until the sender has switched"),
        caveats: Borrowed(&[]),
    },
    ..SCHEME
};

const SVIX: Scheme = Scheme {
    name: Borrowed("svix"),
    title: Borrowed("Svix"),
    key_format: KeyFormat::Whsec,
    wire: SVIX_HEADERS,
    alternatives: Borrowed(&[UNBRANDED]),
    docs: WHSEC_AND_OVERLAP,
    ..SCHEME
};

const CLERK: Scheme = Scheme {
    name: Borrowed("clerk"),
    title: Borrowed("Clerk"),
    key_format: KeyFormat::Whsec,
    wire: SVIX_HEADERS,
    docs: WHSEC_AND_OVERLAP,
    ..SCHEME
};

const RESEND: Scheme = Scheme {
    name: Borrowed("resend"),
    title: Borrowed("Resend"),
    key_format: KeyFormat::Whsec,
    wire: SVIX_HEADERS,
    docs: WHSEC_AND_OVERLAP,
    ..SCHEME
};

const OPENAI: Scheme = Scheme {
    name: Borrowed("openai"),
    title: Borrowed("OpenAI"),
    key_format: KeyFormat::WhsecOrUtf8,
    wire: UNBRANDED,
    docs: Docs {
        secret: Borrowed("`whsec_` and base64; a secret without the prefix is used as text"),
        rotation: Borrowed(OVERLAP),
        caveats: Borrowed(&[]),
    },
    ..SCHEME
};

const GITLAB: Scheme = Scheme {
    name: Borrowed("gitlab_signing_token"),
    title: Borrowed("GitLab (signing token)"),
    key_format: KeyFormat::Whsec,
    wire: Wire {
        proof: Proof::Signature(Signature {
            source: header("webhook-signature"),
            form: Form::Versioned {
                separator: Borrowed(" "),
                version: Borrowed("v1,"),
            },
            encoding: Encoding::Base64,
            template: ID_TIMESTAMP_BODY,
            id_header: Some(Borrowed("webhook-id")),
            timestamp: timestamp_header("webhook-timestamp", TimeUnit::Seconds, 300),
            ..HMAC_OF_BODY
        }),
        event_id: in_header("webhook-id"),
        event_type: in_header("X-Gitlab-Event"),
        companions: Borrowed(&[
            companion("X-Gitlab-Event", &[Part::Literal(Borrowed("Push Hook"))]),
            companion("Idempotency-Key", &[Part::Id]),
        ]),
        ..WIRE
    },
    docs: Docs {
        secret: Borrowed("the webhook's signing token: `whsec_` and base64 of 32 bytes"),
        rotation: Borrowed(OVERLAP),
        caveats: Borrowed(&[
            Borrowed(
                "the older secret token in `X-Gitlab-Token` signs nothing and is not accepted",
            ),
            Borrowed("the event name in `X-Gitlab-Event` is not signed"),
        ]),
    },
    ..SCHEME
};
