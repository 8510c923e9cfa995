//! Tokens (JWT, RFC 7519) that vouch for a request. A scheme pins the algorithm and says what ties a token
//! to the one request that it came with: a token alone proves only that somebody once held it.

use serde::{Deserialize, Serialize};

use crate::webhook::scheme::{Algorithm, Encoding, Issuer, List, Text, Window};

/// Where a token is, who signs it, and what it must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub header: Text,
    /// What stands before the token, `Bearer ` for instance.
    #[serde(default)]
    pub prefix: Text,
    pub algorithm: TokenAlgorithm,
    #[serde(default)]
    pub key: TokenKey,
    /// All of them must hold.
    pub bindings: List<Binding>,
    #[serde(default)]
    pub expiry: Expiry,
    /// How far `iat` may be from our time; without it, `iat` is not asked for.
    #[serde(default)]
    pub issued_within: Option<Window>,
}

/// The only algorithm that a scheme takes: the token's own header is compared with it, and never obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAlgorithm {
    Hs256,
    Rs256,
    Es256,
}

/// What a token is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKey {
    /// The endpoint's secret: a shared key, or a public key that was pinned.
    #[default]
    Secret,
    /// The vendor's key of the token's `kid`. Built-in schemes only: nobody else says whom to ask.
    Fetched(Issuer),
}

/// What ties a token to its request or to its sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Binding {
    /// The claim has one of these values.
    Claim { name: Text, values: List<Text> },
    /// The claim is true.
    Affirmed { name: Text },
    /// The claim is, or contains, the URL that the request came to.
    Url { name: Text },
    /// The claim is, or contains, the endpoint's secret, which names somebody.
    Secret { name: Text },
    /// The claim is the SHA-256 of the body.
    BodySha256 { name: Text, encoding: Encoding },
    /// The claim is the hash of method, path and query as Atlassian Connect writes them.
    QueryHash { name: Text },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// The vendor gives none; one that is there still counts.
    IfPresent,
    #[default]
    Required,
}

impl Token {
    pub(crate) fn covers_body(&self) -> bool {
        let is_hash = |binding: &Binding| matches!(binding, Binding::BodySha256 { .. });
        self.bindings.iter().any(is_hash)
    }

    /// The binding to the endpoint's secret, where that is a name and not a key.
    pub(crate) fn names_secret(&self) -> bool {
        let is_name = |binding: &Binding| matches!(binding, Binding::Secret { .. });
        self.bindings.iter().any(is_name)
    }

    /// What is bound, for a person.
    pub(crate) fn content(&self) -> String {
        let parts: Vec<String> = self.bindings.iter().map(Binding::content).collect();
        format!("claims of the token: {}", parts.join(", "))
    }
}

impl Binding {
    /// The claim that is compared.
    pub(crate) fn name(&self) -> &Text {
        match self {
            Self::Claim { name, .. }
            | Self::Affirmed { name }
            | Self::Url { name }
            | Self::Secret { name }
            | Self::BodySha256 { name, .. }
            | Self::QueryHash { name } => name,
        }
    }

    /// Whether it tells a token that is meant for this endpoint from any other of its issuer.
    pub(crate) fn is_tie(&self) -> bool {
        match self {
            Self::Claim { .. }
            | Self::Url { .. }
            | Self::BodySha256 { .. }
            | Self::QueryHash { .. } => true,
            Self::Affirmed { .. } | Self::Secret { .. } => false,
        }
    }

    pub(crate) fn content(&self) -> String {
        match self {
            Self::Claim { name, values } => format!("{name} = {}", values.join(" or ")),
            Self::Affirmed { name } => format!("{name} = true"),
            Self::Url { name } => format!("{name} = the endpoint's URL"),
            Self::Secret { name } => format!("{name} = what the endpoint has as its secret"),
            Self::BodySha256 { name, .. } => format!("{name} = SHA-256 of the body"),
            Self::QueryHash { name } => format!("{name} = SHA-256 of method, path and query"),
        }
    }
}

impl TokenAlgorithm {
    /// As RFC 7518 section 3.1 spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Hs256 => "JWT with HS256",
            Self::Rs256 => "JWT with RS256",
            Self::Es256 => "JWT with ES256",
        }
    }

    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HmacSha256,
            Self::Rs256 => Algorithm::RsaSha256,
            Self::Es256 => Algorithm::EcdsaP256Sha256Fixed,
        }
    }
}
