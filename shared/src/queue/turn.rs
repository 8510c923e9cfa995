//! Where a job stands when it was sent again to wait. It travels beside the body, as a message attribute,
//! so that the body stays what it was.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The attribute's name.
pub(crate) const TURN: &str = "turn";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Attempts that were made before this message was sent.
    pub(crate) attempts: u32,
    /// Counts the messages of one wait after another: a message of an earlier step has a successor.
    pub(crate) step: u64,
    /// Nothing is tried before.
    pub(crate) due: Timestamp,
}

impl Turn {
    pub(crate) fn text(self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(&self)?)
    }

    /// What this version cannot read counts as none: the job is then on its first attempt again.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
