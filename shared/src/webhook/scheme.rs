//! How a vendor signs its webhooks, as plain data. A scheme pins algorithm, headers and encoding;
//! a request never chooses them.

mod check;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use check::SchemeError;

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
    #[serde(default)]
    pub docs: Docs,
}

/// What one header family looks like and what its signature covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    pub signature: SignatureSource,
    #[serde(default)]
    pub form: Form,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// What is signed, in order, joined without separators of its own.
    pub template: List<Part>,
    #[serde(default)]
    pub id_header: Option<Text>,
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
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
    /// Headers that the vendor sends besides: used when signing a sample, ignored when verifying.
    #[serde(default)]
    pub companions: List<Companion>,
}

/// Which header lines carry signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignatureSource {
    /// Exactly one line of this header.
    Header { name: Text },
    /// `<prefix>1`, `<prefix>2`, … without gaps, at most `count`; any may match any secret.
    Numbered { prefix: Text, count: u8 },
    /// The n-th header answers to the n-th secret only; one that matches is enough.
    Slots { names: List<Text> },
}

/// How signatures are written inside the header value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Form {
    /// `<prefix><signature>`
    Plain {
        #[serde(default)]
        prefix: Text,
    },
    /// `t=1,v1=<signature>,v1=<signature>`: other keys are skipped.
    KeyValues {
        separator: Text,
        signature_key: Text,
    },
    /// `v1,<signature> v1,<signature>`: other versions are skipped.
    Versioned { separator: Text, version: Text },
}

impl Default for Form {
    fn default() -> Self {
        Self::Plain {
            prefix: Cow::Borrowed(""),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    HmacSha256,
    HmacSha1,
    /// A bare digest over a template that contains the secret. Weaker than a MAC: legacy vendors only.
    Sha256,
    Ed25519,
    /// ECDSA over P-256 with SHA-256, signature in DER.
    EcdsaP256Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal, lower case only.
    Hex,
    /// Hexadecimal in either case, for vendors whose own libraries fold it.
    HexAnyCase,
    /// Standard alphabet, padded, no stray bits.
    Base64,
}

/// How the text of a secret becomes key bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFormat {
    /// The text itself, prefix included.
    Utf8,
    Base64,
    Hex,
    /// Base64 behind an optional `whsec_`.
    Whsec,
    /// Base64 behind `whsec_`; without the prefix the text itself.
    WhsecOrUtf8,
    /// Ed25519 public key: `whpk_` and base64 of 32 bytes.
    Whpk,
    /// Ed25519 public key: hex of 32 bytes.
    Ed25519Hex,
    /// Public key as base64 of a DER `SubjectPublicKeyInfo`.
    SpkiBase64,
}

/// One piece of the signed content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Literal(Text),
    /// The value of `id_header`.
    Id,
    /// The timestamp exactly as it was sent.
    Timestamp,
    Method,
    /// The public URL that the vendor was given, byte for byte.
    Url,
    Body,
    /// The secret itself, for `Algorithm::Sha256` only.
    Secret,
}

/// Where the vendor's time of signing is and how far it may be from ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    pub source: TimestampSource,
    pub unit: TimeUnit,
    /// Exact number of digits, where a bare join would let one move into the body.
    #[serde(default)]
    pub digits: Option<u8>,
    pub past_s: u32,
    pub future_s: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case", deny_unknown_fields)]
pub enum TimestampSource {
    Header {
        name: Text,
    },
    /// A key of the signature header's key=value list.
    SignatureKey {
        key: Text,
    },
    /// A member of the signed JSON body, read only after the signature has passed.
    Body {
        pointer: Text,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    Seconds,
    Milliseconds,
    Rfc3339,
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
    /// Every one of them, joined with a colon; absent when one is.
    All(List<EventField>),
    /// The first that is present.
    Any(List<EventField>),
}

/// A request of the vendor that must be answered with a proof before events flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Challenge {
    #[default]
    None,
    /// `{"type":"url_verification","challenge":…}` is answered with the challenge.
    SlackUrlVerification,
    /// `{"event":"endpoint.url_validation",…}` is answered with an HMAC of its token.
    ZoomUrlValidation,
    /// `{"type":1}` is answered with itself.
    DiscordPing,
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

/// Whether verifying needs the sender's own secret or only its public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    Mac,
    PublicKey,
}

impl Scheme {
    /// Every header family, the preferred one first.
    pub fn wires(&self) -> impl Iterator<Item = &Wire> {
        std::iter::once(&self.wire).chain(self.alternatives.iter())
    }

    pub fn shape(&self) -> Shape {
        match self.wire.algorithm {
            Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::Sha256 => Shape::Mac,
            Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256 => Shape::PublicKey,
        }
    }
}

impl Wire {
    /// Whether the event id lies under the signature, so that deduplication may rely on it.
    pub fn signs_event_id(&self) -> bool {
        self.signs(&self.event_id)
    }

    fn signs(&self, field: &EventField) -> bool {
        match field {
            EventField::None => false,
            EventField::Pointer(_) => self.template.contains(&Part::Body),
            EventField::Header(name) => {
                self.template.contains(&Part::Id)
                    && self
                        .id_header
                        .as_ref()
                        .is_some_and(|id| id.eq_ignore_ascii_case(name))
            }
            EventField::All(fields) | EventField::Any(fields) => {
                fields.iter().all(|field| self.signs(field))
            }
        }
    }
}

impl SignatureSource {
    /// The header to name when no signature was found.
    pub fn first_header(&self) -> Text {
        match self {
            Self::Header { name } => name.clone(),
            Self::Numbered { prefix, .. } => Cow::Owned(format!("{prefix}1")),
            Self::Slots { names } => names.first().cloned().unwrap_or_default(),
        }
    }
}

impl KeyFormat {
    /// What a usable secret looks like, for messages.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Utf8 => "a non-empty text",
            Self::Base64 => "standard base64 of at least one byte",
            Self::Hex => "hexadecimal of at least one byte",
            Self::Whsec => "whsec_ followed by standard base64 of at least one byte",
            Self::WhsecOrUtf8 => "whsec_ followed by standard base64, or a non-empty text",
            Self::Whpk => "whpk_ followed by standard base64 of a 32-byte Ed25519 public key",
            Self::Ed25519Hex => "hexadecimal of a 32-byte Ed25519 public key",
            Self::SpkiBase64 => "standard base64 of a DER public key (SubjectPublicKeyInfo)",
        }
    }
}

fn default_dedupe_days() -> u16 {
    7
}

#[cfg(test)]
mod tests;
