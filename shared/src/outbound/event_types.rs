//! Which events a destination takes: exact types, `prefix.*`, or `*`.

use serde::{Deserialize, Serialize};

/// Patterns of one destination at most.
pub const MOST_EVENT_TYPES: usize = 50;

const LONGEST: usize = 200;

/// What Portico itself has to say. No vendor's event is of this family, whatever it calls itself.
const OPERATIONAL: &str = "portico.";

/// Any of these; an empty list takes every vendor's event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventTypes(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
enum Pattern {
    All,
    Exact(String),
    /// With its last dot.
    Prefix(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an event type such as invoice.paid, a family such as invoice.*, or *; up to {LONGEST} visible ASCII characters"
)]
struct PatternError;

impl EventTypes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether an event that a vendor sent is taken. One without a type is taken by `*` alone.
    pub fn takes(&self, kind: Option<&str>) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .filter(|pattern| !pattern.is_operational())
                .any(|pattern| pattern.matches(kind))
    }

    /// Whether an event of Portico's own is taken: only where it is asked for by name.
    pub fn takes_operational(&self, kind: &str) -> bool {
        self.0
            .iter()
            .filter(|pattern| pattern.is_operational())
            .any(|pattern| pattern.matches(Some(kind)))
    }
}

impl Pattern {
    fn is_operational(&self) -> bool {
        match self {
            Self::All => false,
            Self::Exact(text) | Self::Prefix(text) => text.starts_with(OPERATIONAL),
        }
    }

    fn matches(&self, kind: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Exact(text) => kind == Some(text),
            Self::Prefix(prefix) => kind.is_some_and(|kind| kind.starts_with(prefix)),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::All);
        }
        let is_family = text.ends_with(".*");
        let stem = text
            .strip_suffix('*')
            .filter(|_| is_family)
            .unwrap_or(&text);
        let is_plain = stem
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'*');
        if stem.is_empty() || stem == "." || stem.len() > LONGEST || !is_plain {
            return Err(PatternError);
        }
        Ok(if is_family {
            Self::Prefix(stem.to_owned())
        } else {
            Self::Exact(text)
        })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        match pattern {
            Pattern::All => "*".to_owned(),
            Pattern::Exact(text) => text,
            Pattern::Prefix(prefix) => format!("{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests;
