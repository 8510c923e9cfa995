//! New signing keys: every thirty days, or when an operator orders one.
//!
//! A new key is published an hour before it signs, so that each copy of the key set has it by then. One that has
//! been followed by another is kept until the last token that it signed is dead, wherever it was signed.

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};

use crate::{
    access::{
        ACCESS_TOKEN_LIFETIME_S,
        keyring::{COPY_AGE, KeyringRow, SigningKeyRow},
    },
    app::App,
    id::IdGen,
    schedule::{Rest, Turn},
    seal::SealingKey,
    store::{Conflict, StoreError},
};

/// How old the newest key gets.
const ROTATED_EVERY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// From publication to first use: longer than a copy of ours and a client's copy of the key set last.
const PUBLISHED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// From a key's successor to its end: a stale copy signs for so long, and its token lives for so long.
const KEPT_FOR: SignedDuration =
    SignedDuration::from_secs(2 * (ACCESS_TOKEN_LIFETIME_S + COPY_AGE.as_secs()));

/// What is to become of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// A new key if the newest is old.
    Routine,
    /// A new key, whatever the age of the newest.
    Rotate,
    /// A new key at once, and no other: every access token is refused once the copies are renewed.
    Replace,
}

/// The duty. An operator orders `rotate` or, when a key may be known to others, `replace`.
pub async fn rotate_keys(app: &App, turn: Turn) -> anyhow::Result<Rest> {
    let plan = match turn.order.as_deref() {
        None => Plan::Routine,
        Some("rotate") => Plan::Rotate,
        Some("replace") => Plan::Replace,
        Some(other) => bail!("the order must be rotate or replace, got `{other}`"),
    };
    // A new deployment has none: whichever function signs or verifies first makes it.
    let Some(row) = app.platform().keyring().await? else {
        return Ok(Rest::Done);
    };
    let keyring = app.keyring(turn.now).await.context("read the keyring")?;
    let Some(next) = planned(row.value, plan, keyring.root(), app.ids, turn.now)? else {
        return Ok(Rest::Done);
    };
    match app.platform().replace_keyring(row.version, &next).await {
        // Another tick was first: what this one wanted is for the next turn to look at.
        Ok(())
        | Err(StoreError::Conflict {
            conflict: Conflict::Version,
            ..
        }) => {}
        Err(error) => return Err(error.into()),
    }
    tracing::info!(
        ?plan,
        keys = next.signing_keys.len(),
        "changed the signing keys"
    );
    Ok(Rest::Done)
}

/// The row as it should be; `None` if it is.
fn planned(
    row: KeyringRow,
    plan: Plan,
    root: &SealingKey,
    ids: IdGen,
    now: Timestamp,
) -> anyhow::Result<Option<KeyringRow>> {
    let mut keys = row.signing_keys;
    let count = keys.len();
    if plan == Plan::Replace {
        keys.clear();
    }
    // A key is over when its successor has signed for long enough.
    let mut at = 0;
    while let Some(next) = keys.get(at + 1) {
        let over = next.signs_from.unwrap_or(next.created_at) + KEPT_FOR <= now;
        if over {
            keys.remove(at);
        } else {
            at += 1;
        }
    }
    let is_old = keys
        .last()
        .is_none_or(|newest| newest.created_at + ROTATED_EVERY <= now);
    let waits = keys
        .last()
        .is_some_and(|newest| newest.signs_from.is_some_and(|from| from > now));
    let signs_from = match plan {
        Plan::Routine if !is_old => None,
        // One that was published and does not sign yet is new enough.
        Plan::Routine | Plan::Rotate if waits => None,
        Plan::Routine | Plan::Rotate => Some(now + PUBLISHED_FOR),
        Plan::Replace => Some(now),
    };
    let changed = signs_from.is_some() || keys.len() != count;
    if let Some(from) = signs_from {
        keys.push(SigningKeyRow::generate(root, ids, now, Some(from))?);
    }
    Ok(changed.then_some(KeyringRow {
        root_key: row.root_key,
        signing_keys: keys,
    }))
}

#[cfg(test)]
mod tests;
