//! The duty that seals audit logs. Each minute's entries are found by an index, a tenant at a time, once
//! they are old enough that none of that minute can be on its way; and once more later, for those that
//! were. What failed for one tenant is tried again at each tick and holds up no other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    id::TenantId,
    schedule::{self, Rest, Turn},
};

/// An entry is sealed no sooner than this after its time: no request or job lives as long, and clocks
/// do not differ by more.
pub(crate) const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// A minute is looked at once more, this long after it was sealed.
const SECOND_LOOK: SignedDuration = SignedDuration::from_mins(15);

const MINUTE_MS: i64 = 60_000;
/// Minutes of one turn, so that a scheduler that was away catches up in bounded steps.
const MOST_MINUTES: i64 = 20;
const AT_ONCE: usize = 8;
/// Tenants that are remembered for another try.
const MOST_LEFT: usize = 200;

/// Where the duty stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// The next minute since 1970 to be sealed.
    minute: i64,
    /// Tenants whose sealing failed, and the time from which to look.
    left: Vec<(TenantId, Timestamp)>,
}

/// One turn.
pub async fn seal_logs(app: &App, turn: Turn) -> anyhow::Result<Rest> {
    let end = minute_of(turn.now - MARGIN);
    let start = Place {
        minute: end - minutes(SECOND_LOOK),
        left: Vec::new(),
    };
    let place = turn.place.as_deref().map(serde_json::from_str::<Place>);
    let mut place = place
        .transpose()
        .context("read the place")?
        .unwrap_or(start);
    let stop = end.min(place.minute + MOST_MINUTES);
    let mut due: BTreeSet<(TenantId, i64)> = place
        .left
        .drain(..)
        .map(|(tenant, since)| (tenant, minute_of(since)))
        .collect();
    for minute in place.minute..stop {
        for look in [minute, minute - minutes(SECOND_LOOK)] {
            let tenants = app.platform().tenants_of_minute(look).await?;
            due.extend(tenants.into_iter().map(|tenant| (tenant, look)));
        }
    }
    // The earliest minute of each tenant covers the later ones.
    let mut first = BTreeMap::new();
    for (tenant, minute) in due {
        let since: &mut i64 = first.entry(tenant).or_insert(minute);
        *since = minute.min(*since);
    }
    let logs: Vec<(TenantId, Timestamp)> = first
        .into_iter()
        .map(|(tenant, minute)| (tenant, start_of(minute)))
        .collect();
    for logs in logs.chunks(AT_ONCE) {
        let seals = logs
            .iter()
            .map(|(tenant, since)| seal_log(app, *tenant, *since, turn.now));
        for (log, sealed) in logs.iter().zip(join_all(seals).await) {
            let Err(error) = sealed else { continue };
            let error = format!("{error:#}");
            tracing::error!(tenant.id = %log.0, error, "a tenant's audit log could not be sealed");
            if place.left.len() < MOST_LEFT {
                place.left.push(*log);
            }
        }
    }
    place.minute = stop;
    let text = serde_json::to_string(&place)?;
    Ok(if stop < end || !place.left.is_empty() {
        Rest::More(text)
    } else {
        Rest::DoneAt(text)
    })
}

/// Seals until nothing old enough is left.
async fn seal_log(
    app: &App,
    tenant: TenantId,
    since: Timestamp,
    now: Timestamp,
) -> anyhow::Result<()> {
    let keyring = app.keyring(now).await?;
    let store = schedule::open(app, tenant, now);
    while store.seal_audit(keyring.audit_key(), since).await? {}
    Ok(())
}

pub(crate) fn minute_of(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(MINUTE_MS)
}

fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_millisecond(minute * MINUTE_MS).unwrap_or_default()
}

fn minutes(duration: SignedDuration) -> i64 {
    duration.as_mins()
}
