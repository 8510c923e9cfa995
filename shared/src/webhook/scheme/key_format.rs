//! How the text of a secret becomes key bytes. A format that fits nothing but keys refuses the rest.

use serde::{Deserialize, Serialize};

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
    /// Exactly 64 characters, used as text.
    Text64,
    /// `user:password`
    UserPassword,
    /// Public key as base64 of a DER `SubjectPublicKeyInfo`.
    SpkiBase64,
    /// The ARN of a topic of Amazon SNS, which names a sender and is no secret.
    TopicArn,
    /// `client_id:secret`, with which the vendor is asked for its keys.
    ClientCredentials,
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
            Self::Text64 => "a text of exactly 64 characters",
            Self::UserPassword => "user:password, neither of them empty",
            Self::SpkiBase64 => "standard base64 of a DER public key (SubjectPublicKeyInfo)",
            Self::TopicArn => "the topic's ARN, such as arn:aws:sns:us-east-1:123456789012:MyTopic",
            Self::ClientCredentials => "client_id:secret, neither of them empty",
        }
    }
}
