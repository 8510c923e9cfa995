//! The secrets of one endpoint, newest first. One that has expired verifies nothing any more; the
//! last two are kept, so that a refusal can be explained.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seal::Sealed;

/// Secrets that may be good at the same time.
pub const MOST_SECRETS: usize = 5;

/// Expired secrets that are kept.
const MOST_EXPIRED: usize = 2;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndpointSecret {
    pub(crate) sealed: Sealed<Vec<u8>>,
    pub created_at: Timestamp,
    /// From this time on it verifies nothing; without one it is good until it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// There would be more secrets than an endpoint can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an endpoint has at most {MOST_SECRETS} secrets at a time, and {good} are good now: 0 ends them at once"
)]
pub(super) struct TooManySecrets {
    pub(super) good: usize,
}

impl EndpointSecret {
    pub(crate) fn new(sealed: Sealed<Vec<u8>>, now: Timestamp) -> Self {
        Self {
            sealed,
            created_at: now,
            expires_at: None,
        }
    }

    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    fn ended(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(self.expires_at.map_or(at, |present| present.min(at)));
        self
    }
}

/// `new` in front; what is good now stays so until `ends` at the latest.
///
/// # Errors
/// More would be good at the same time than [`MOST_SECRETS`].
pub(super) fn rotated(
    present: Vec<EndpointSecret>,
    new: EndpointSecret,
    ends: Timestamp,
    now: Timestamp,
) -> Result<Vec<EndpointSecret>, TooManySecrets> {
    let good = present.iter().filter(|secret| secret.is_good(now)).count();
    if ends > now && good >= MOST_SECRETS {
        return Err(TooManySecrets { good });
    }
    Ok(followed(vec![new], present, ends, now))
}

/// `new` alone are good from now on.
pub(super) fn replaced(
    present: Vec<EndpointSecret>,
    new: Vec<EndpointSecret>,
    now: Timestamp,
) -> Vec<EndpointSecret> {
    followed(new, present, now, now)
}

fn followed(
    mut all: Vec<EndpointSecret>,
    present: Vec<EndpointSecret>,
    ends: Timestamp,
    now: Timestamp,
) -> Vec<EndpointSecret> {
    let ended = present.into_iter().map(|secret| secret.ended(ends));
    let (good, mut expired): (Vec<_>, Vec<_>) = ended.partition(|secret| secret.is_good(now));
    expired.sort_by_key(|secret| std::cmp::Reverse(secret.expires_at));
    expired.truncate(MOST_EXPIRED);
    all.extend(good);
    all.extend(expired);
    all
}

#[cfg(test)]
mod tests;
