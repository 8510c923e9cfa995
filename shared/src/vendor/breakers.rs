//! Breakers over all instances: a row each of the ephemeral table, changed under a condition on its
//! version. An instance looks at the row once in ten seconds and reports when a call has gone wrong, so
//! that a healthy vendor costs no call.
//!
//! If the table does not answer, calls pass: a breaker protects vendors, and must not be an outage itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    id::{ConnectionId, TenantId},
    seal,
    store::{BreakerRow, Key, Sort, StoreError, WrittenBreaker},
    vendor::breaker::{Admission, Breaker, Idle, Mark, Phase, Report, Rules},
};

/// How old what an instance knows of a closed breaker may be.
const REFRESH: SignedDuration = SignedDuration::from_secs(10);
/// The same while something is wrong, and how often an instance reports.
const REFRESH_UNEASY: SignedDuration = SignedDuration::from_secs(1);
/// Reported at once when so many calls wait.
const REPORT_LEN: usize = 10;
/// How long calls pass after the table did not answer, before it is asked again.
const BLIND: SignedDuration = SignedDuration::from_secs(1);
/// Writes that are tried for one report: each failure brings the row that was there.
const ATTEMPTS: usize = 4;
/// Breakers that one instance keeps in mind.
const CAPACITY: usize = 10_000;

/// Whose breaker, and by which rules it decides.
#[derive(Debug, Clone)]
pub struct Scope {
    key: Key,
    rules: Rules,
    source: u16,
}

impl Scope {
    /// The breaker of one connection, which is its tenant's alone.
    pub fn of_connection(tenant: TenantId, connection: ConnectionId, rules: Rules) -> Self {
        Self {
            key: Key::new(tenant, &Sort::Breaker(connection)),
            rules,
            source: 0,
        }
    }

    /// The breaker that all tenants share for a host. The row holds sixteen bits of a hash of `source`,
    /// which name nobody.
    pub fn of_host(host: &str, source: TenantId, rules: Rules) -> Self {
        let hash = seal::sha256_hex(format!("{host} {source}").as_bytes());
        let short = hash
            .get(..4)
            .and_then(|hex| u16::from_str_radix(hex, 16).ok());
        Self {
            key: Key::host_breaker(&seal::sha256_hex(host.as_bytes())),
            rules,
            source: short.unwrap_or(1).max(1),
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// Leave to make one call; its outcome is owed to [`settle`].
#[derive(Debug)]
#[must_use]
pub struct Permit {
    scope: Scope,
    era: u64,
    kind: PermitKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PermitKind {
    Call,
    Probe,
    /// The table did not answer: there is nothing to report to.
    Blind,
}

/// The breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("calls are suspended until {until}")]
pub struct Refused {
    pub until: Timestamp,
    /// Whole seconds until then, at least one.
    pub wait_s: u64,
}

impl Refused {
    fn at(until: Timestamp, now: Timestamp) -> Self {
        let wait = until.duration_since(now).as_secs() + 1;
        Self {
            until,
            wait_s: u64::try_from(wait).unwrap_or(1),
        }
    }
}

/// What one instance knows of the breakers that it has used lately.
#[derive(Default)]
pub(crate) struct BreakerCache {
    entries: Mutex<HashMap<Key, Arc<Entry>>>,
}

#[derive(Default)]
struct Entry {
    known: Mutex<Known>,
    /// One conversation with the table at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    row: BreakerRow,
    read_at: Option<Timestamp>,
    passed_at: Option<Timestamp>,
    reported_at: Option<Timestamp>,
    blind_until: Option<Timestamp>,
    waiting: Vec<Mark>,
    waiting_era: u64,
}

/// Leave for one call, or when to ask again. No call of the table while what is known is fresh.
///
/// # Errors
/// The breaker is open, or lets only some calls pass and not this one.
pub async fn admit(app: &App, scope: &Scope, now: Timestamp) -> Result<Permit, Refused> {
    let entry = app.breakers.entry(&scope.key, now);
    let permit = |era, kind| Permit {
        scope: scope.clone(),
        era,
        kind,
    };
    if entry.with(|known| known.is_stale(now)) {
        let _turn = entry.turn.lock().await;
        if entry.with(|known| known.is_stale(now)) {
            let read = app.platform().breaker(&scope.key).await;
            entry.learn(read, now);
        }
    }
    for _ in 0..ATTEMPTS {
        let (row, is_blind, idle) =
            entry.with(|known| (known.row.clone(), known.is_blind(now), known.idle(now)));
        if is_blind {
            return Ok(permit(0, PermitKind::Blind));
        }
        let draw = u32::from_be_bytes(seal::random());
        match row.breaker.admit(&scope.rules, now, draw, idle) {
            Admission::Pass => {
                entry.with(|known| known.passed_at = Some(now));
                return Ok(permit(row.breaker.era, PermitKind::Call));
            }
            Admission::Refuse { until } => return Err(Refused::at(until, now)),
            Admission::Probe { next } => {
                let era = next.era;
                match write(app, &entry, &scope.key, row, next, now).await {
                    Write::Done => return Ok(permit(era, PermitKind::Probe)),
                    Write::Blind => return Ok(permit(0, PermitKind::Blind)),
                    // Another instance was first, and what it wrote is known now.
                    Write::Moved => {}
                }
            }
        }
    }
    let until = now.saturating_add(BLIND).unwrap_or(now);
    Err(Refused::at(until, now))
}

/// Tells the breaker how a call went. A failure of the table is logged and forgotten.
pub async fn settle(app: &App, permit: Permit, has_failed: bool, took: Duration, now: Timestamp) {
    let Permit { scope, era, kind } = permit;
    let mark = scope.rules.mark(has_failed, took);
    let entry = app.breakers.entry(&scope.key, now);
    match kind {
        PermitKind::Blind => {}
        PermitKind::Call => {
            if entry.with(|known| known.add(mark, era, now)) {
                report(app, &entry, &scope, now).await;
            }
        }
        PermitKind::Probe => {
            for _ in 0..ATTEMPTS {
                let row = entry.with(|known| known.row.clone());
                let Some(next) = row.breaker.probed(&scope.rules, now, era, mark) else {
                    return;
                };
                if write(app, &entry, &scope.key, row, next, now).await != Write::Moved {
                    return;
                }
            }
        }
    }
}

/// Closes a breaker by hand.
///
/// # Errors
/// The table did not answer.
pub async fn reset(app: &App, scope: &Scope, now: Timestamp) -> Result<Breaker, StoreError> {
    let entry = app.breakers.entry(&scope.key, now);
    let mut row = app.platform().breaker(&scope.key).await?;
    loop {
        let next = row.breaker.reset();
        let written = app
            .platform()
            .write_breaker(&scope.key, &row, &next, now)
            .await?;
        match written {
            WrittenBreaker::Done => {
                let version = row.version + 1;
                let row = BreakerRow {
                    version,
                    breaker: next.clone(),
                };
                entry.learn(Ok(row), now);
                return Ok(next);
            }
            WrittenBreaker::Moved(present) => row = present,
        }
    }
}

/// The breaker as the table holds it.
///
/// # Errors
/// The table did not answer.
pub async fn state(app: &App, scope: &Scope) -> Result<Breaker, StoreError> {
    Ok(app.platform().breaker(&scope.key).await?.breaker)
}

async fn report(app: &App, entry: &Entry, scope: &Scope, now: Timestamp) {
    let _turn = entry.turn.lock().await;
    for _ in 0..ATTEMPTS {
        let (row, marks, era) =
            entry.with(|known| (known.row.clone(), known.waiting.clone(), known.waiting_era));
        let report = Report {
            era,
            source: scope.source,
            marks: &marks,
        };
        let Some(next) = row.breaker.report(&scope.rules, now, report) else {
            entry.with(|known| known.reported(marks.len(), now));
            return;
        };
        let has_opened = matches!(next.phase, Phase::Open { .. });
        match write(app, entry, &scope.key, row, next, now).await {
            Write::Done => {
                if has_opened {
                    tracing::warn!(breaker = scope.key.pk, "a circuit breaker opened");
                }
                entry.with(|known| known.reported(marks.len(), now));
                return;
            }
            Write::Blind => return,
            Write::Moved => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Done,
    Moved,
    Blind,
}

async fn write(
    app: &App,
    entry: &Entry,
    key: &Key,
    row: BreakerRow,
    next: Breaker,
    now: Timestamp,
) -> Write {
    match app.platform().write_breaker(key, &row, &next, now).await {
        Ok(WrittenBreaker::Done) => {
            let version = row.version + 1;
            let row = BreakerRow {
                version,
                breaker: next,
            };
            entry.learn(Ok(row), now);
            Write::Done
        }
        Ok(WrittenBreaker::Moved(present)) => {
            entry.learn(Ok(present), now);
            Write::Moved
        }
        Err(error) => {
            entry.learn(Err(error), now);
            Write::Blind
        }
    }
}

impl Entry {
    fn with<T>(&self, use_known: impl FnOnce(&mut Known) -> T) -> T {
        use_known(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, read: Result<BreakerRow, StoreError>, now: Timestamp) {
        self.with(|known| match read {
            Ok(row) => {
                // Answers may overtake each other: a lower version is older news.
                if row.version >= known.row.version || row.version == 0 {
                    known.row = row;
                }
                known.read_at = Some(now);
                known.blind_until = None;
            }
            Err(error) => {
                tracing::warn!(%error, "a breaker's row does not answer: calls pass");
                known.blind_until = now.saturating_add(BLIND).ok();
            }
        });
    }
}

impl Known {
    fn is_stale(&self, now: Timestamp) -> bool {
        let refresh = if self.row.breaker.is_uneasy() {
            REFRESH_UNEASY
        } else {
            REFRESH
        };
        let is_old = |at: Timestamp| now.duration_since(at) >= refresh;
        !self.is_blind(now) && self.read_at.is_none_or(is_old)
    }

    fn is_blind(&self, now: Timestamp) -> bool {
        self.blind_until.is_some_and(|until| now < until)
    }

    fn idle(&self, now: Timestamp) -> Idle {
        let is_long = |at: Timestamp| now.duration_since(at) >= SignedDuration::from_secs(1);
        match self.passed_at.is_none_or(is_long) {
            true => Idle::Yes,
            false => Idle::No,
        }
    }

    /// Keeps a mark; whether it is time to report.
    fn add(&mut self, mark: Mark, era: u64, now: Timestamp) -> bool {
        if era != self.waiting_era {
            self.waiting.clear();
            self.waiting_era = era;
        }
        self.waiting.push(mark);
        if self.waiting.len() > Rules::HOST.window_calls {
            self.waiting.remove(0);
        }
        let is_news = self.row.breaker.is_uneasy() || self.waiting.iter().any(|mark| mark.is_bad());
        let is_time = |at: Timestamp| now.duration_since(at) >= REFRESH_UNEASY;
        is_news && (self.waiting.len() >= REPORT_LEN || self.reported_at.is_none_or(is_time))
    }

    fn reported(&mut self, len: usize, now: Timestamp) {
        self.waiting.drain(..len.min(self.waiting.len()));
        self.reported_at = Some(now);
    }
}

impl BreakerCache {
    fn entry(&self, key: &Key, now: Timestamp) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(key) {
            return Arc::clone(entry);
        }
        if entries.len() >= CAPACITY {
            entries.retain(|_, entry| !entry.with(|known| known.is_stale(now)));
        }
        let entry = Arc::new(Entry::default());
        if entries.len() < CAPACITY {
            entries.insert(key.clone(), Arc::clone(&entry));
        }
        entry
    }
}
