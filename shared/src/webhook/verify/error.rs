//! Why a request was refused: precise enough for the tenant's log, and never with a secret in it.

use crate::webhook::scheme::Text;
use crate::webhook::vendor_key::KeyError;

/// Why a request is not authentic. The sender is told none of this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("header `{name}` is missing")]
    MissingHeader { name: Text },
    #[error("header `{name}` must be one line, got several")]
    DuplicateHeader { name: Text },
    #[error("header `{name}` must be {expected}")]
    MalformedHeader { name: Text, expected: &'static str },
    #[error("header `{name}` must be `{value}`")]
    WrongHeader { name: Text, value: Text },
    #[error("`{name}` must be in {place}, once")]
    MissingField { name: Text, place: &'static str },
    #[error("the body must be {expected}")]
    MalformedBody { expected: &'static str },
    #[error("secret {number} must be {expected}")]
    UnusableSecret {
        /// Counted from one, in the order given.
        number: usize,
        expected: &'static str,
    },
    #[error("an endpoint needs at least one secret")]
    NoSecret,
    #[error("unsigned requests are taken only by an endpoint with an explicit option for them")]
    Unsigned,
    #[error("no signature matches the body and a secret of this endpoint")]
    SignatureMismatch,
    #[error("the proof must be made with {expected}")]
    WrongAlgorithm { expected: &'static str },
    #[error("the token's claim `{claim}` does not hold: {expected}")]
    NotBound { claim: Text, expected: String },
    #[error("`{name}` is none of those that this endpoint takes messages from")]
    OtherSender { name: &'static str },
    #[error("the vendor's key cannot be used: {reason}")]
    NoVendorKey { reason: KeyError },
    #[error("the token expired {by_s} s ago")]
    Expired { by_s: u64 },
    #[error("signed {by_s} s ago, the tolerance is {tolerance_s} s")]
    Stale { by_s: u64, tolerance_s: u32 },
    #[error("signed {by_s} s in the future, the tolerance is {tolerance_s} s")]
    Future { by_s: u64, tolerance_s: u32 },
}

/// The three ways to refuse, in the words of the test vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Malformed,
    BadSignature,
    Stale,
}

impl VerifyError {
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::MissingHeader { .. }
            | Self::DuplicateHeader { .. }
            | Self::MalformedHeader { .. }
            | Self::WrongHeader { .. }
            | Self::MissingField { .. }
            | Self::MalformedBody { .. }
            | Self::UnusableSecret { .. }
            | Self::NoSecret
            | Self::Unsigned => Verdict::Malformed,
            Self::SignatureMismatch
            | Self::WrongAlgorithm { .. }
            | Self::NotBound { .. }
            | Self::OtherSender { .. }
            | Self::NoVendorKey { .. } => Verdict::BadSignature,
            Self::Expired { .. } | Self::Stale { .. } | Self::Future { .. } => Verdict::Stale,
        }
    }
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
        }
    }
}
