//! Deletes that are too many to believe: a vendor that answers half a list, or an import gone wrong, must not
//! empty the other side.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From how many deletes on a run holds all of its deletes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteRule {
    /// A run may delete as many, however few records there are.
    #[garde(range(max = 1_000_000))]
    #[schema(maximum = 1_000_000)]
    pub at_least: u32,
    /// Percent of the synced records that a run may delete.
    #[garde(range(max = 100))]
    #[schema(maximum = 100)]
    pub percent: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Apply,
    /// None of them is applied: a person looks at them first.
    Quarantine,
}

impl Default for DeleteRule {
    fn default() -> Self {
        Self {
            at_least: 10,
            percent: 10,
        }
    }
}

impl DeleteRule {
    /// `deletes` of one run, of `synced` records that both sides had before it.
    pub fn judge(self, deletes: u64, synced: u64) -> Verdict {
        // Compared without a division, so that nothing is rounded in the deletes' favour.
        let is_share =
            deletes.saturating_mul(100) <= synced.saturating_mul(u64::from(self.percent));
        if deletes <= u64::from(self.at_least) || is_share {
            Verdict::Apply
        } else {
            Verdict::Quarantine
        }
    }
}

#[cfg(test)]
mod tests;
