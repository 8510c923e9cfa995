//! The vendors that are understood without configuration. A preset is data; where a vendor needs code,
//! it names the code.

mod apps;
mod certificates;
mod code;
mod commerce;
mod credentials;
mod customers;
mod messaging;
mod payments;
mod retries;
mod standard;
mod tokens;

use std::borrow::Cow::Borrowed;

use crate::webhook::scheme::{
    Algorithm, Batch, BodyRule, Challenge, Companion, Docs, Encoding, EventField, FixedHeader,
    Form, KeyFormat, List, Part, Proof, Reply, Scheme, Signature, SignatureSource, Text, TimeUnit,
    Timestamp, TimestampSource, Wire,
};

/// Every preset, in the order in which a person would look for one.
pub fn all() -> impl Iterator<Item = &'static Scheme> {
    [
        standard::SCHEMES,
        payments::SCHEMES,
        commerce::SCHEMES,
        code::SCHEMES,
        messaging::SCHEMES,
        customers::SCHEMES,
        apps::SCHEMES,
        tokens::SCHEMES,
        certificates::SCHEMES,
        credentials::SCHEMES,
    ]
    .into_iter()
    .flatten()
}

pub fn find(name: &str) -> Option<&'static Scheme> {
    all().find(|scheme| scheme.name == name)
}

/// What the vendor does when its event is not taken; `None` where it has published nothing.
pub fn retries(scheme: &Scheme) -> Option<&'static str> {
    retries::of(&scheme.name)
}

/// Whether the verifier was held against values that the vendor itself has published.
pub fn matches_published_values(scheme: &Scheme) -> bool {
    [
        "adyen_standard",
        "github",
        "hubspot",
        "sendgrid",
        "slack",
        "square",
        "twilio",
    ]
    .contains(&&*scheme.name)
}

/// What most vendors share: one header with the hex HMAC-SHA256 of the body.
const HMAC_OF_BODY: Signature = Signature {
    source: SignatureSource::Header { name: Borrowed("") },
    form: Form::Plain {
        prefix: Borrowed(""),
    },
    algorithm: Algorithm::HmacSha256,
    encoding: Encoding::Hex,
    template: Borrowed(&[Part::Body]),
    id_header: None,
    timestamp: None,
};

const WIRE: Wire = Wire {
    proof: Proof::Signature(HMAC_OF_BODY),
    required_headers: Borrowed(&[]),
    fixed_headers: Borrowed(&[]),
    body: BodyRule::Any,
    event_id: EventField::None,
    event_type: EventField::None,
    single_use: EventField::None,
    companions: Borrowed(&[]),
    batch: None,
};

const SCHEME: Scheme = Scheme {
    name: Borrowed(""),
    title: Borrowed(""),
    key_format: KeyFormat::Utf8,
    wire: WIRE,
    alternatives: Borrowed(&[]),
    dedupe_days: 7,
    challenge: Challenge::None,
    reply: Reply::Accepted,
    docs: Docs {
        secret: Borrowed(""),
        rotation: Borrowed(""),
        caveats: Borrowed(&[]),
    },
};

// The bases above are written without helper functions: only so does the compiler see that the fields
// which a preset replaces have nothing to drop.

const fn header(name: &'static str) -> SignatureSource {
    SignatureSource::Header {
        name: Borrowed(name),
    }
}

const fn plain(prefix: &'static str) -> Form {
    Form::Plain {
        prefix: Borrowed(prefix),
    }
}

/// A list of key=value entries in one header.
const fn key_values(separator: &'static str, signature_key: &'static str) -> Form {
    Form::KeyValues {
        separator: Borrowed(separator),
        signature_key: Borrowed(signature_key),
    }
}

/// A timestamp in a header, held to the same tolerance in both directions.
const fn timestamp_header(
    name: &'static str,
    unit: TimeUnit,
    tolerance_s: u32,
) -> Option<Timestamp> {
    Some(Timestamp {
        source: TimestampSource::Header {
            name: Borrowed(name),
        },
        unit,
        digits: None,
        past_s: tolerance_s,
        future_s: tolerance_s,
    })
}

/// A timestamp inside the signature header's list.
const fn timestamp_key(key: &'static str, unit: TimeUnit, tolerance_s: u32) -> Option<Timestamp> {
    Some(Timestamp {
        source: TimestampSource::SignatureKey { key: Borrowed(key) },
        unit,
        digits: None,
        past_s: tolerance_s,
        future_s: tolerance_s,
    })
}

const fn pointer(pointer: &'static str) -> EventField {
    EventField::Pointer(Borrowed(pointer))
}

const fn in_header(name: &'static str) -> EventField {
    EventField::Header(Borrowed(name))
}

/// Pointers to the array of events, level by level.
const fn batch(items: &'static [Text]) -> Option<Batch> {
    Some(Batch {
        items: Borrowed(items),
    })
}

const fn companion(name: &'static str, value: &'static [Part]) -> Companion {
    Companion {
        name: Borrowed(name),
        value: Borrowed(value),
    }
}

const fn fixed(name: &'static str, value: &'static str) -> FixedHeader {
    FixedHeader {
        name: Borrowed(name),
        value: Borrowed(value),
    }
}

const TIMESTAMP_DOT_BODY: List<Part> =
    Borrowed(&[Part::Timestamp, Part::Literal(Borrowed(".")), Part::Body]);

const TIMESTAMP_COLON_BODY: List<Part> =
    Borrowed(&[Part::Timestamp, Part::Literal(Borrowed(":")), Part::Body]);

/// `v0:<timestamp>:<body>`
const V0_TIMESTAMP_BODY: List<Part> = Borrowed(&[
    Part::Literal(Borrowed("v0:")),
    Part::Timestamp,
    Part::Literal(Borrowed(":")),
    Part::Body,
]);
