//! Duties: what the platform does by itself. A timer ticks each minute; the duties that are due take a
//! turn, each under a lease in its own row, so that two ticks at a time do not run one duty twice.
//!
//! **Invariant:** a duty is idempotent and bounded. A turn that dies leaves its lease, which lapses; the
//! next turn starts from the place that was stored last.

use std::{panic::AssertUnwindSafe, pin::Pin};

use anyhow::{Context, anyhow};
use futures_util::{FutureExt, future::join_all};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    audit::{Actor, Origin},
    id::TenantId,
    store::{StoreError, TenantStore},
};

/// How long a turn may take: longer than the function's `Timeout`, after which no turn is alive.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// Ticks come a little early and a little late: a duty of each minute must not miss every second one.
const SLACK: SignedDuration = SignedDuration::from_secs(15);

/// One thing that is done again and again.
#[derive(Clone, Copy)]
pub struct Duty {
    /// Names its row: a duty that is renamed starts anew.
    pub name: &'static str,
    /// From the start of one turn to the next; a minute at least.
    pub every: SignedDuration,
    pub run: Run,
}

/// What a duty does with one turn.
pub type Run =
    for<'a> fn(&'a App, Turn) -> Pin<Box<dyn Future<Output = anyhow::Result<Rest>> + Send + 'a>>;

/// What a duty is given.
#[derive(Debug, Clone)]
pub struct Turn {
    pub now: Timestamp,
    /// Where the last turn ended; `None` at first and after [`Rest::Done`].
    pub place: Option<String>,
    /// What an operator wants of this turn, which is then not waited for.
    pub order: Option<String>,
}

/// An operator's event in place of the timer's: this duty, now.
#[derive(Debug, Default, Deserialize)]
pub struct Ordered {
    #[serde(default)]
    pub duty: Option<String>,
    #[serde(default)]
    pub order: Option<String>,
}

/// What is left after a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// Nothing, until the duty is due again.
    Done,
    /// Nothing, and the next turn is told this place.
    DoneAt(String),
    /// More: the duty goes on from here at the next tick.
    More(String),
}

/// A duty's row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct DutyRow {
    #[serde(default)]
    pub(crate) due_ms: i64,
    #[serde(default)]
    pub(crate) lease_ms: i64,
    /// Counts turns. A turn whose number was passed by another's may not store its end.
    #[serde(default)]
    pub(crate) turn: u64,
    #[serde(default)]
    pub(crate) place: Option<String>,
}

/// How a turn of a duty ended, as the row and the answer to the timer show it.
#[derive(Debug, Clone, Serialize)]
pub struct Ended {
    pub duty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub duration_ms: u64,
}

/// What is stored after a turn.
pub(crate) struct Stored<'a> {
    pub(crate) turn: u64,
    pub(crate) due: Timestamp,
    pub(crate) place: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
}

/// Opens a tenant for what a duty does there, as the platform itself.
pub(crate) fn open(app: &App, tenant: TenantId, now: Timestamp) -> TenantStore {
    TenantStore::open(app, tenant, Actor::System, Origin::default(), now)
}

/// Gives a turn to each duty that is due. One duty's failure or panic is its own.
///
/// # Errors
/// Some duty failed: all others had their turn. The message names the failures.
pub async fn tick(app: &App, duties: &[Duty]) -> anyhow::Result<Vec<Ended>> {
    tick_as(app, duties, Ordered::default()).await
}

/// As [`tick`]; with an operator's order, for its duty only, whether or not it is due.
pub(crate) async fn tick_as(
    app: &App,
    duties: &[Duty],
    ordered: Ordered,
) -> anyhow::Result<Vec<Ended>> {
    let now = app.clock.now();
    let rows = app.platform().duties().await.context("read the duties")?;
    let known = |name: &String| duties.iter().any(|duty| duty.name == name);
    if let Some(unknown) = ordered.duty.as_ref().filter(|name| !known(name)) {
        return Err(anyhow!("there is no duty {unknown}"));
    }
    let due = duties.iter().filter(|duty| match &ordered.duty {
        Some(wanted) => duty.name == wanted,
        None => {
            let row = rows.get(duty.name);
            row.is_none_or(|row| row.due_ms.max(row.lease_ms) <= now.as_millisecond())
        }
    });
    let turns = due.map(|duty| take_turn(app, duty, ordered.order.clone(), now));
    let turns = join_all(turns).await;
    let ended: Vec<Ended> = turns.into_iter().flatten().collect();
    let failed: Vec<String> = ended
        .iter()
        .filter_map(|end| Some(format!("{}: {}", end.duty, end.error.as_ref()?)))
        .collect();
    if failed.is_empty() {
        Ok(ended)
    } else {
        Err(anyhow!("{}", failed.join("; ")))
    }
}

/// `None` if another tick has the duty's turn.
async fn take_turn(app: &App, duty: &Duty, order: Option<String>, now: Timestamp) -> Option<Ended> {
    let row = match app.platform().lease_duty(duty.name, now, now + LEASE).await {
        Ok(row) => row,
        Err(StoreError::Conflict { .. }) => return None,
        Err(error) => return Some(ended(app, duty, now, Err(error.into()))),
    };
    let turn = Turn {
        now,
        place: row.place.clone(),
        order,
    };
    let outcome = AssertUnwindSafe((duty.run)(app, turn)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(anyhow!("panicked")));
    let error = outcome.as_ref().err().map(|error| format!("{error:#}"));
    let (after, place) = match &outcome {
        Ok(Rest::Done) => (duty.every, None),
        Ok(Rest::DoneAt(place)) => (duty.every, Some(place.as_str())),
        Ok(Rest::More(place)) => (SignedDuration::ZERO, Some(place.as_str())),
        // From the same place, at the next tick.
        Err(_) => (SignedDuration::ZERO, row.place.as_deref()),
    };
    let stored = Stored {
        turn: row.turn,
        due: now + after - SLACK.min(after),
        place,
        error: error.as_deref(),
    };
    let kept = app.platform().end_duty(duty.name, &stored).await;
    let outcome = outcome.and_then(|rest| match kept {
        // Another tick took the duty over when this turn's lease had lapsed: its place stands.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(rest),
        Err(error) => Err(error.into()),
    });
    Some(ended(app, duty, now, outcome))
}

fn ended(app: &App, duty: &Duty, began: Timestamp, outcome: anyhow::Result<Rest>) -> Ended {
    let took = app.clock.now().duration_since(began).as_millis();
    let duration_ms = u64::try_from(took).unwrap_or(0);
    let error = outcome.err().map(|error| format!("{error:#}"));
    match &error {
        None => tracing::info!(duty.name, duration_ms, "a duty had its turn"),
        Some(error) => tracing::error!(duty.name, duration_ms, error, "a duty failed"),
    }
    Ended {
        duty: duty.name,
        error,
        duration_ms,
    }
}
