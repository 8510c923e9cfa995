//! What makes a request authentic, in each shape that vendors use. A proof pins algorithm, place and
//! encoding; a request never chooses them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::webhook::scheme::{Certified, EventField, List, Text, Token};

/// Why a request may be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A MAC or a public-key signature over a template.
    Signature(Signature),
    /// Content that is put into a form of its own, by code, before it is signed.
    Canonical(Canonical),
    /// A token that is bound to the request.
    Token(Token),
    /// A signature under a certificate that the request names.
    Certificate(Certified),
    /// The secret itself, in clear. It proves the sender and covers nothing of the request.
    Credential(Credential),
    /// Nothing. Such a request is taken only where an endpoint says so in as many words.
    Unsigned,
}

/// A signature over a template, and how it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub source: SignatureSource,
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
}

/// Where a static credential is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// `<prefix><secret>` in exactly one line of this header.
    Header {
        name: Text,
        #[serde(default)]
        prefix: Text,
    },
    /// `Authorization: Basic …` of `user:password`, which together are the secret.
    Basic,
    /// Exactly one field of this name in the URL's query.
    Query { name: Text },
    /// A text at this pointer in a JSON body.
    Json { pointer: Text },
    /// The same text in every element of this name in a SOAP body, at least one.
    Xml { element: Text },
}

/// The vendors whose signed content no template can express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canonical {
    /// URL and sorted form fields under HMAC-SHA1.
    Twilio,
    /// The same under HMAC-SHA256.
    TwilioSharedKey,
    /// Eight fields of each item of the body; the signature is one more field of it.
    AdyenStandard,
    /// Method, path, the headers that the request lists, and body.
    Contentful,
    /// Time and token of the body, and nothing of the event.
    Mailgun,
}

/// How far a signed time may lie from ours, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub past_s: u32,
    pub future_s: u32,
}

/// What kind of proof a scheme asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    Mac,
    PublicKey,
    Canonical,
    Token,
    Certificate,
    Credential,
    Unsigned,
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
    /// The same, signature as two numbers of 32 bytes: in tokens only.
    EcdsaP256Sha256Fixed,
    /// RSA with PKCS #1 v1.5 padding, in tokens and under certificates only.
    RsaSha256,
    /// The same with SHA-1: for old messages of Amazon SNS.
    RsaSha1,
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

impl Proof {
    pub fn shape(&self) -> Shape {
        match self {
            Self::Signature(signature) => match signature.algorithm {
                Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::Sha256 => Shape::Mac,
                Algorithm::Ed25519
                | Algorithm::EcdsaP256Sha256
                | Algorithm::EcdsaP256Sha256Fixed
                | Algorithm::RsaSha256
                | Algorithm::RsaSha1 => Shape::PublicKey,
            },
            Self::Token(_) => Shape::Token,
            Self::Certificate(_) => Shape::Certificate,
            Self::Canonical(_) => Shape::Canonical,
            Self::Credential(_) => Shape::Credential,
            Self::Unsigned => Shape::Unsigned,
        }
    }

    /// The proof's name, for messages.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Signature(signature) => signature.algorithm.title(),
            Self::Canonical(canonical) => canonical.algorithm().title(),
            Self::Token(token) => token.algorithm.title(),
            Self::Certificate(certified) => certified.title(),
            Self::Credential(_) => "a static credential",
            Self::Unsigned => "an unsigned request",
        }
    }

    /// Whether nobody but the sender can have chosen this value of an authentic request.
    pub fn covers(&self, field: &EventField) -> bool {
        match field {
            EventField::None => false,
            EventField::Header(_) | EventField::Pointer(_) if self.is_certified() => {
                matches!(self, Self::Certificate(certified) if certified.covers(field))
            }
            EventField::Pointer(pointer) => self.covers_pointer(pointer),
            EventField::Form(_) | EventField::Xml(_) => self.covers_body(),
            EventField::Header(name) => self.covers_header(name),
            EventField::All(fields) | EventField::Any(fields) => {
                fields.iter().all(|field| self.covers(field))
            }
        }
    }

    /// Every header that proves something, in the order in which a person would look for them.
    pub fn headers(&self) -> Vec<Text> {
        match self {
            Self::Signature(signature) => signature.headers(),
            Self::Canonical(canonical) => canonical.headers(),
            Self::Token(token) => vec![token.header.clone()],
            Self::Certificate(certified) => certified.headers(),
            Self::Credential(credential) => credential.header().into_iter().collect(),
            Self::Unsigned => Vec::new(),
        }
    }

    /// How far the signed time may be from ours; `None` where the vendor signs none.
    pub fn window(&self) -> Option<Window> {
        match self {
            Self::Signature(signature) => signature.timestamp.as_ref().map(|rule| Window {
                past_s: rule.past_s,
                future_s: rule.future_s,
            }),
            Self::Canonical(canonical) => canonical.window(),
            Self::Token(token) => token.issued_within,
            Self::Certificate(certified) => Some(certified.window()),
            Self::Credential(_) | Self::Unsigned => None,
        }
    }

    fn covers_pointer(&self, pointer: &str) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.covers_pointer(pointer),
            Self::Signature(_)
            | Self::Token(_)
            | Self::Certificate(_)
            | Self::Credential(_)
            | Self::Unsigned => self.covers_body(),
        }
    }

    /// Whether every byte of the body that carries meaning is covered.
    pub fn covers_body(&self) -> bool {
        match self {
            Self::Signature(signature) => signature.template.contains(&Part::Body),
            Self::Canonical(canonical) => canonical.covers_body(),
            Self::Token(token) => token.covers_body(),
            Self::Certificate(certified) => certified.covers_body(),
            // Whoever holds the credential may say anything; nobody else may say a word.
            Self::Credential(_) => true,
            Self::Unsigned => false,
        }
    }

    fn covers_header(&self, name: &str) -> bool {
        match self {
            Self::Signature(signature) => {
                signature.template.contains(&Part::Id)
                    && signature
                        .id_header
                        .as_ref()
                        .is_some_and(|id| id.eq_ignore_ascii_case(name))
            }
            Self::Token(token) => name.eq_ignore_ascii_case(&token.header),
            Self::Canonical(_) | Self::Certificate(_) => false,
            Self::Credential(_) => true,
            Self::Unsigned => false,
        }
    }

    fn is_certified(&self) -> bool {
        self.shape() == Shape::Certificate
    }
}

impl Signature {
    fn headers(&self) -> Vec<Text> {
        let mut names = match &self.source {
            SignatureSource::Header { .. } | SignatureSource::Numbered { .. } => {
                vec![self.source.first_header()]
            }
            SignatureSource::Slots { names } => names.to_vec(),
        };
        if let Some(TimestampSource::Header { name }) =
            self.timestamp.as_ref().map(|rule| &rule.source)
        {
            names.push(name.clone());
        }
        names.extend(self.id_header.clone());
        names
    }
}

impl Credential {
    /// `None` where the credential is not in a header.
    pub fn header(&self) -> Option<Text> {
        match self {
            Self::Header { name, .. } => Some(name.clone()),
            Self::Basic => Some(Cow::Borrowed("Authorization")),
            Self::Query { .. } | Self::Json { .. } | Self::Xml { .. } => None,
        }
    }
}

impl Algorithm {
    pub fn title(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha1 => "HMAC-SHA1",
            Self::Sha256 => "SHA-256 over secret and content",
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256Sha256 | Self::EcdsaP256Sha256Fixed => "ECDSA P-256 with SHA-256",
            Self::RsaSha256 => "RSA with SHA-256",
            Self::RsaSha1 => "RSA with SHA-1",
        }
    }
}
