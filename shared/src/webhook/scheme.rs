//! How a vendor authenticates its webhooks, as plain data. A scheme pins the shape of the proof,
//! algorithm, headers and encoding; a request never chooses them.

mod canonical;
mod certified;
mod challenge;
mod check;
pub mod describe;
mod issuer;
mod key_format;
mod place;
mod proof;
mod token;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use certified::Certified;
pub use challenge::{Challenge, Reply};
pub use check::SchemeError;
pub use issuer::Issuer;
pub use key_format::KeyFormat;
pub use proof::{
    Algorithm, Canonical, Credential, Encoding, Form, Part, Proof, Shape, Signature,
    SignatureSource, TimeUnit, Timestamp, TimestampSource, Window,
};
pub use token::{Binding, Expiry, Token, TokenAlgorithm, TokenKey};

pub(crate) use issuer::{Ask, sns_region};

/// Text of a built-in scheme (`'static`) or of one that a tenant declared (owned).
pub type Text = Cow<'static, str>;
/// A list of a built-in scheme (`'static`) or of one that a tenant declared (owned).
pub type List<T> = Cow<'static, [T]>;

/// One vendor's way of authenticating webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    pub name: Text,
    pub title: Text,
    pub key_format: KeyFormat,
    pub wire: Wire,
    /// Further header families of the same vendor. The first whose signature header is present is
    /// used as a whole; headers of two families never mix.
    #[serde(default)]
    pub alternatives: List<Wire>,
    /// How long a dedupe key is kept: at least the vendor's own retry window. Zero says that equal
    /// bodies are distinct notifications, which must not be deduplicated.
    #[serde(default = "default_dedupe_days")]
    pub dedupe_days: u16,
    #[serde(default)]
    pub challenge: Challenge,
    /// What the vendor wants to read when its event was accepted.
    #[serde(default)]
    pub reply: Reply,
    #[serde(default)]
    pub docs: Docs,
}

/// What one header family looks like: its proof, what else must be there, and where the event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    pub proof: Proof,
    /// Headers that must be present, with any value.
    #[serde(default)]
    pub required_headers: List<Text>,
    /// Headers that must be present with exactly this value.
    #[serde(default)]
    pub fixed_headers: List<FixedHeader>,
    #[serde(default)]
    pub body: BodyRule,
    #[serde(default)]
    pub event_id: EventField,
    #[serde(default)]
    pub event_type: EventField,
    /// What tells a delivery from its repetition where the event id is not covered by the proof.
    #[serde(default)]
    pub single_use: EventField,
    /// Headers that the vendor sends besides: used when signing a sample, ignored when verifying.
    #[serde(default)]
    pub companions: List<Companion>,
    /// Where one request carries several events. Their ids and types are then read from the body as if
    /// each had come alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
}

/// The array whose items are events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// JSON pointers (RFC 6901) through objects: the first leads from the body to the array, a second one
    /// from an item to an array within it. An empty one is the whole.
    pub items: List<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyRule {
    #[default]
    Any,
    NonEmpty,
    /// First byte `{`: closes the border between a bare timestamp and the body.
    JsonObject,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedHeader {
    pub name: Text,
    pub value: Text,
}

/// A header that accompanies a sample, its value built from the same parts as a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Companion {
    pub name: Text,
    pub value: List<Part>,
}

/// Where a value of the event is found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventField {
    #[default]
    None,
    Header(Text),
    /// A JSON pointer (RFC 6901) into the body.
    Pointer(Text),
    /// A field of a form body.
    Form(Text),
    /// Every element of this name in an XML body, joined with commas.
    Xml(Text),
    /// Every one of them, joined with a colon; absent when one is.
    All(List<EventField>),
    /// The first that is present.
    Any(List<EventField>),
}

/// What a tenant reads beside the scheme's name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docs {
    /// Where the secret is found and what it looks like.
    #[serde(default)]
    pub secret: Text,
    #[serde(default)]
    pub rotation: Text,
    /// What the vendor does not sign, and what follows from that.
    #[serde(default)]
    pub caveats: List<Text>,
}

impl Scheme {
    /// Every header family, the preferred one first.
    pub fn wires(&self) -> impl Iterator<Item = &Wire> {
        std::iter::once(&self.wire).chain(self.alternatives.iter())
    }

    /// The shape of the preferred family's proof.
    pub fn shape(&self) -> Shape {
        self.wire.proof.shape()
    }

    /// Whether the secret is an identifier that the vendor gives, and not a secret to be chosen.
    pub fn is_named_by_vendor(&self) -> bool {
        match &self.wire.proof {
            Proof::Credential(Credential::Xml { .. }) | Proof::Certificate(_) => true,
            Proof::Token(token) => token.key != TokenKey::Secret,
            Proof::Signature(_) | Proof::Canonical(_) | Proof::Credential(_) | Proof::Unsigned => {
                false
            }
        }
    }
}

impl Wire {
    /// The value that decides what counts as a duplicate. Only one under the proof may; without any,
    /// the whole body does.
    pub fn dedupe_field(&self) -> Option<&EventField> {
        [&self.single_use, &self.event_id]
            .into_iter()
            .find(|field| self.proof.covers(field))
    }
}

fn default_dedupe_days() -> u16 {
    7
}

#[cfg(test)]
mod tests;
