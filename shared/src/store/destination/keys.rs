//! The signing keys of one destination, newest first. All that have not expired sign.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{outbound::SigningKind, seal::Sealed};

/// Keys that may sign at the same time.
const MOST_KEYS: usize = 3;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DestinationKey {
    pub kind: SigningKind,
    pub(crate) sealed: Sealed<Vec<u8>>,
    /// `whpk_…`, for a receiver of Ed25519 signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    pub created_at: Timestamp,
    /// From this time on it signs nothing; without one it signs until it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {MOST_KEYS} keys sign at a time, and {good} do now: 0 ends them at once")]
pub(super) struct TooManyKeys {
    good: usize,
}

impl DestinationKey {
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

/// `new` in front; what signs now does so until `ends` at the latest, and what has expired is dropped.
pub(super) fn rotated(
    present: Vec<DestinationKey>,
    new: DestinationKey,
    ends: Timestamp,
    now: Timestamp,
) -> Result<Vec<DestinationKey>, TooManyKeys> {
    let ended = present
        .into_iter()
        .filter(|key| key.is_good(now))
        .map(|key| DestinationKey {
            expires_at: Some(key.expires_at.map_or(ends, |at| at.min(ends))),
            ..key
        })
        .filter(|key| key.is_good(now));
    let mut keys = vec![new];
    keys.extend(ended);
    if keys.len() > MOST_KEYS {
        return Err(TooManyKeys {
            good: keys.len() - 1,
        });
    }
    Ok(keys)
}
