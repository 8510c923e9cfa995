//! Applying events: what the queue's worker does with one job. Exactly once, however often it runs.

mod forward;
mod wait;
mod work;

use std::{collections::HashMap, fmt, time::Duration};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::{
    app::App,
    id::{EventId, TenantId},
    outbound,
    queue::{Job, JobError, JobResult, Received},
    seal,
    store::{Applied, Attempt, EventState, Outcome, StoreError, TenantStore},
    webhook::{
        confirmation, greeting,
        retry::{self, RetryPolicy},
    },
};

pub(super) use work::is_object;

use work::{Content, Failure, Fate, Load, Work};

/// One job from the events queue.
pub async fn apply(app: &App, received: Received) -> JobResult {
    let started = app.clock.now();
    let job = match Job::parse(&received.body) {
        Ok(job) => job,
        Err(error) => return bury(app, None, &received, &error.to_string()).await,
    };
    if let Job::Arrival {
        endpoint,
        brought,
        sealed,
        ..
    } = &job
    {
        return greeting::keep(&job.open(app, started), *endpoint, *brought, sealed).await;
    }
    if let Job::Confirmation {
        tenant,
        endpoint,
        url,
    } = &job
    {
        return match confirmation::visit(app, *endpoint, url, &received).await {
            Ok(done) => done,
            Err(reason) => bury(app, Some(*tenant), &received, &reason).await,
        };
    }
    let run = Run {
        app,
        store: job.open(app, started),
        received: &received,
        started,
        policy: OnceCell::new(),
    };
    match Load::of(&job) {
        Ok(load) => run.turn(&load).await,
        Err(failure) => bury(app, Some(job.tenant()), &received, &failure.to_string()).await,
    }
}

/// Events of one job that are under way at the same time.
const SIDE_BY_SIDE: usize = 16;

/// How an attempt left an event.
enum Ended {
    Settled,
    /// Given up, for this reason.
    Dead(String),
    Again(Duration),
}

/// One attempt of one job.
struct Run<'a> {
    app: &'a App,
    store: TenantStore,
    received: &'a Received,
    started: Timestamp,
    /// Of the endpoint, once an event has failed.
    policy: OnceCell<RetryPolicy>,
}

impl Run<'_> {
    /// Once the job's time has come, every event of it; a long wait for the next time is sent on its way.
    async fn turn(&self, load: &Load<'_>) -> JobResult {
        let Some(first) = load.first() else {
            return Ok(());
        };
        if self.received.is_ordered {
            return self.in_order(load).await;
        }
        if let Some(done) = self.not_yet(first).await {
            return done;
        }
        match self.all(load).await {
            Err(JobError::Retry { after }) if after > wait::LONGEST_HIDDEN => {
                self.later(first, after, self.received.attempt).await
            }
            done => done,
        }
    }

    /// Its place in the FIFO queue is kept until it is done: every wait is hidden, as none of the same
    /// entity may be handed out before.
    async fn in_order(&self, load: &Load<'_>) -> JobResult {
        if let Load::Delivery(parcel) = load
            && let Some(order_by) = parcel.order_by()
        {
            return self.forward(parcel, order_by).await;
        }
        self.all(load).await
    }

    /// Every event of the job on its own: one that fails undoes none of the others. The message stays
    /// until none is left to be tried again, and is then buried if any was given up.
    async fn all(&self, load: &Load<'_>) -> JobResult {
        let events = load.events();
        let before = match self.ended_before(&events).await {
            Ok(before) => before,
            Err(failure) => {
                tracing::warn!(reason = %failure, "could not read what became of a batch");
                let after = RetryPolicy::default().delay(self.received.attempt, random());
                return Err(JobError::Retry { after });
            }
        };
        let runs = events
            .into_iter()
            .enumerate()
            .map(|(place, event)| self.one(load, place, before.get(&event).copied()));
        let ended: Vec<Ended> = stream::iter(runs)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let mut again: Option<Duration> = None;
        let mut dead = None;
        for ended in ended {
            match ended {
                Ended::Settled => {}
                Ended::Dead(reason) => dead = Some(reason),
                Ended::Again(after) => again = Some(again.map_or(after, |wait| wait.min(after))),
            }
        }
        match (again, dead) {
            (Some(after), _) => Err(JobError::Retry { after }),
            (None, Some(reason)) => {
                let tenant = Some(self.store.tenant_id());
                bury(self.app, tenant, self.received, &reason).await
            }
            (None, None) => Ok(()),
        }
    }

    async fn one(&self, load: &Load<'_>, place: usize, before: Option<EventState>) -> Ended {
        match (before, load.work(place)) {
            (Some(EventState::Dead), _) => Ended::Dead("given up before".to_owned()),
            (Some(_), _) | (None, None) => Ended::Settled,
            (None, Some(Ok(work))) => self.attempt(&work).await,
            (None, Some(Err(failure))) => Ended::Dead(failure.to_string()),
        }
    }

    /// What earlier attempts of this message have brought to an end; for a single event its row's
    /// condition says so. A redriven message is on its first attempt again, and tries all that is not done.
    /// What was applied and not announced is announced now.
    async fn ended_before(
        &self,
        events: &[EventId],
    ) -> Result<HashMap<EventId, EventState>, Failure> {
        if self.received.attempt <= 1 || events.len() <= 1 {
            return Ok(HashMap::new());
        }
        let rows = self.store.events_by_id(events).await?;
        let applied = rows.values().flatten();
        let applied = applied.map(|event| (event.id, event.destinations.as_slice()));
        outbound::repair(self.app, &self.store, applied).await?;
        let states = rows
            .into_iter()
            .filter_map(|(id, row)| Some((id, row?.state)));
        Ok(states
            .filter(|(_, state)| match state {
                EventState::Processed | EventState::Ignored | EventState::Dead => true,
                EventState::Queued | EventState::Retrying => false,
            })
            .collect())
    }

    async fn attempt(&self, work: &Work) -> Ended {
        let failure = if self.received.attempt > retry::MOST_ATTEMPTS {
            Failure::Permanent("the worker was stopped in the middle of every attempt".to_owned())
        } else {
            match self.apply(work).await {
                Ok(()) => return Ended::Settled,
                Err(failure) => failure,
            }
        };
        match failure {
            Failure::Permanent(reason) => self.give_up(work, &reason).await,
            Failure::Transient(reason) => match self.next_wait(work).await {
                Some(after) => self.retry(work, &reason, after).await,
                None => self.give_up(work, &reason).await,
            },
        }
    }

    /// The wait that the endpoint's policy asks for; `None` when this attempt was the last. Read at
    /// the failure, so that a changed policy holds for events that already wait.
    async fn next_wait(&self, work: &Work) -> Option<Duration> {
        let attempt = self.received.attempt;
        let read = || async {
            match self.store.endpoint(work.event.endpoint).await {
                Ok(endpoint) => Ok(endpoint.value.retry.unwrap_or_default()),
                Err(StoreError::NotFound) => Ok(RetryPolicy::default()),
                Err(error) => Err(error),
            }
        };
        let policy = match self.policy.get_or_try_init(read).await {
            Ok(policy) => *policy,
            Err(error) => {
                // Nothing is given up for want of the policy.
                tracing::warn!(endpoint.id = %work.event.endpoint, error = chain(error), "could not read a retry policy");
                return Some(RetryPolicy::default().delay(attempt, random()));
            }
        };
        // A replay is a life of its own: its attempts count, its age does not.
        let began = work
            .content
            .as_ref()
            .map_or(self.started, |content| content.received_at);
        policy.next(attempt, self.started.duration_since(began), random())
    }

    async fn apply(&self, work: &Work) -> Result<(), Failure> {
        match &work.fate {
            Fate::Apply => {}
            Fate::Ignore(reason) => return self.ignore(work, None, reason).await,
            Fate::GiveUp(reason) => return Err(Failure::Permanent(reason.clone())),
        }
        let kind = match &work.content {
            Some(content) => {
                check(content.content_type.as_deref(), &content.body)?;
                content.kind().map(str::to_owned)
            }
            None => match self.store.event(work.event.event).await {
                Ok((event, payload)) => {
                    check(event.content_type.as_deref(), &payload.unwrap_or_default())?;
                    event.kind
                }
                Err(StoreError::NotFound) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        };
        let (app, store) = (self.app, &self.store);
        let deliveries = outbound::plan(app, store, &work.event, kind.as_deref()).await?;
        let attempt = self.note(Outcome::Processed, "applied");
        let content = work.content.as_ref().map(Content::as_stored);
        let until = work.dedupe_until(self.started);
        let applied = self
            .store
            .apply_event(&work.event, content.as_ref(), until, &attempt, &deliveries)
            .await?;
        match applied {
            Applied::Now => {
                tracing::info!(event.id = %work.event.event, "applied an event");
                outbound::announce(app, store, &deliveries).await?;
            }
            Applied::Before(destinations) => {
                tracing::info!(event.id = %work.event.event, "the event was applied before");
                outbound::repair(app, store, [(work.event.event, destinations.as_slice())]).await?;
            }
            Applied::DuplicateOf(of) => {
                tracing::info!(event.id = %work.event.event, duplicate.of = %of, "dropped a duplicate");
                let detail = format!("a duplicate of {of}");
                self.ignore(work, Some(of), &detail).await?;
            }
        }
        Ok(())
    }

    /// Keeps the event as one that is not applied on purpose.
    async fn ignore(&self, work: &Work, of: Option<EventId>, detail: &str) -> Result<(), Failure> {
        let attempt = self.note(Outcome::Ignored, detail);
        let content = work.content.as_ref().map(Content::as_stored);
        let kept = self
            .store
            .ignore_event(&work.event, content.as_ref(), of, &attempt);
        Ok(kept.await?)
    }

    /// Keeps the attempt and comes back later. The wait is the queue's, not this function's. The body
    /// stays on the queue, so a failure that could not be kept loses nothing.
    async fn retry(&self, work: &Work, reason: &str, after: Duration) -> Ended {
        let attempt = Attempt {
            next_at: self.started.checked_add(after).ok(),
            ..self.note(Outcome::Retry, reason)
        };
        let content = work.content.as_ref().map(Content::as_stored);
        let kept = self
            .store
            .record_failure(
                &work.event,
                content.as_ref(),
                EventState::Retrying,
                &attempt,
            )
            .await;
        if let Err(error) = kept {
            tracing::warn!(event.id = %work.event.event, error = chain(error), "could not keep a failed attempt");
        }
        Ended::Again(after)
    }

    /// State first, message second: if the send is lost, the job comes back and gives up again.
    async fn give_up(&self, work: &Work, reason: &str) -> Ended {
        let attempt = self.note(Outcome::Dead, reason);
        let content = work.content.as_ref().map(Content::as_stored);
        let kept = self
            .store
            .record_failure(&work.event, content.as_ref(), EventState::Dead, &attempt)
            .await;
        match kept {
            Ok(true) => Ended::Dead(reason.to_owned()),
            Ok(false) => {
                tracing::info!(event.id = %work.event.event, "there is nothing left to do");
                // It was applied, and its deliveries' messages may be what failed. The queue's own limit
                // ends this if they cannot be sent.
                self.repair_by_id(work.event.event).await
            }
            Err(error) => {
                tracing::warn!(event.id = %work.event.event, error = chain(error), "could not mark an event dead");
                Ended::Again(RetryPolicy::default().delay(self.received.attempt, random()))
            }
        }
    }

    /// Sends what deliveries of an applied event were not announced.
    async fn repair_by_id(&self, event: EventId) -> Ended {
        let repaired = async {
            let rows = self.store.events_by_id(&[event]).await?;
            let row = rows.get(&event).and_then(Option::as_ref);
            let applied = row.map(|row| (event, row.destinations.as_slice()));
            outbound::repair(self.app, &self.store, applied).await
        };
        match repaired.await {
            Ok(()) => Ended::Settled,
            Err(error) => {
                tracing::warn!(event.id = %event, error = format!("{error:#}"), "could not announce deliveries");
                Ended::Again(RetryPolicy::default().delay(self.received.attempt, random()))
            }
        }
    }

    fn note(&self, outcome: Outcome, detail: &str) -> Attempt {
        let took = self
            .app
            .clock
            .now()
            .duration_since(self.started)
            .as_millis();
        Attempt {
            at: self.started,
            outcome,
            detail: detail.to_owned(),
            duration_ms: u64::try_from(took).unwrap_or(0),
            next_at: None,
        }
    }
}

/// The message moves to the dead-letter queue as it is, with its reason, so that a redrive from
/// there runs the same job again.
async fn bury(app: &App, tenant: Option<TenantId>, received: &Received, reason: &str) -> JobResult {
    let of_tenant = || tenant.map_or_else(|| "unknown".to_owned(), |tenant| tenant.to_string());
    let group = match received.is_ordered {
        true => received.group.clone().unwrap_or_else(of_tenant),
        false => of_tenant(),
    };
    let url = match received.is_ordered {
        true => app.config.ordered_events_dead_letter_queue_url(),
        false => app.config.events_dead_letter_queue_url(),
    };
    let sent = match url {
        Ok(url) => app.queue.send_dead(url, &group, received, reason).await,
        Err(error) => Err(error.into()),
    };
    match sent {
        Ok(()) => {
            tracing::warn!(reason, "gave up on a job");
            Ok(())
        }
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "could not send to the dead-letter queue"
            );
            Err(JobError::Retry {
                after: Duration::from_secs(60),
            })
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Transient(chain(error)),
            StoreError::Conflict { .. } => Self::Transient(error.to_string()),
            StoreError::NotFound | StoreError::Internal(_) => Self::Transient(chain(error)),
        }
    }
}

/// Messages that could not be sent: the state is committed, and another attempt sends them.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Transient(format!("{error:#}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(reason) | Self::Permanent(reason) => f.write_str(reason),
        }
    }
}

fn chain(error: StoreError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

/// A body that says it is JSON and is not will not become so by waiting.
fn check(content_type: Option<&str>, body: &[u8]) -> Result<(), Failure> {
    if !content_type.is_some_and(is_json) {
        return Ok(());
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(body)
        .map(drop)
        .map_err(|error| {
            Failure::Permanent(format!("the body is declared as JSON and is not: {error}"))
        })
}

/// `application/json`, and types that end in `+json` (RFC 6839 section 3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

fn random() -> u32 {
    u32::from_be_bytes(seal::random())
}
