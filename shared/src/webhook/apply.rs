//! Applying events: what the queue's worker does with one job. Exactly once, however often it runs.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    id::TenantId,
    queue::{Body, Delivery, EventRef, Job, JobError, JobResult, Received},
    seal,
    store::{Applied, Attempt, EventContent, EventState, Outcome, StoreError, TenantStore},
    webhook::{
        greeting,
        identity::{EventIdentity, dedupe_key, event_identity},
        presets,
        request::Headers,
        retry::{self, RetryPolicy},
    },
};

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
    let run = Run {
        app,
        store: job.open(app, started),
        received: &received,
        started,
    };
    let work = match Work::of(&job) {
        Ok(work) => work,
        Err(failure) => {
            return bury(app, Some(job.tenant()), &received, &failure.to_string()).await;
        }
    };
    run.attempt(&work).await
}

/// Why an attempt did not apply the event.
enum Failure {
    /// Another attempt may succeed.
    Transient(String),
    /// No attempt will, unless something is changed first.
    Permanent(String),
}

/// An event on its way into the store: of a delivery with its content, of a replay without.
struct Work {
    event: EventRef,
    content: Option<Content>,
}

struct Content {
    scheme: String,
    identity: EventIdentity,
    content_type: Option<String>,
    received_at: Timestamp,
    dedupe_days: u16,
    body: Vec<u8>,
    payload: Vec<u8>,
}

/// How long a marker is kept when the scheme is not at hand: the longest that a scheme may declare, so
/// that a replay never shortens it.
const REPLAY_DEDUPE_DAYS: u16 = 90;

impl Work {
    fn of(job: &Job) -> Result<Self, Failure> {
        match job {
            Job::Replay { event, .. } => Ok(Self {
                event: event.clone(),
                content: None,
            }),
            Job::Delivery { delivery, .. } => Self::of_delivery(delivery),
            Job::Arrival { .. } => Err(Failure::Permanent("it carries no event".to_owned())),
        }
    }

    fn of_delivery(delivery: &Delivery) -> Result<Self, Failure> {
        let permanent = |error: anyhow::Error| Failure::Permanent(format!("{error:#}"));
        let declared = delivery.custom_scheme.as_deref();
        let scheme = declared
            .or_else(|| presets::find(&delivery.scheme))
            .ok_or_else(|| {
                Failure::Permanent(format!("the scheme {} is not known", delivery.scheme))
            })?;
        let body = delivery.body.bytes().map_err(permanent)?;
        let pairs: Vec<(&str, &[u8])> = delivery
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let headers = Headers::Pairs(&pairs);
        // A scheme with no horizon repeats itself on purpose: each delivery is its own event.
        let key = match scheme.dedupe_days {
            0 => delivery.event.to_string(),
            _ => dedupe_key(scheme, headers, &body),
        };
        Ok(Self {
            event: EventRef {
                event: delivery.event,
                endpoint: delivery.endpoint,
                generation: 0,
                dedupe_key: seal::sha256_hex(key.as_bytes()),
            },
            content: Some(Content {
                scheme: delivery.scheme.clone(),
                identity: event_identity(scheme, headers, &body),
                content_type: headers.text("content-type").map(str::to_owned),
                received_at: delivery.received_at,
                dedupe_days: scheme.dedupe_days,
                payload: Body::deflate(&body).map_err(permanent)?,
                body,
            }),
        })
    }

    fn dedupe_until(&self, now: Timestamp) -> Timestamp {
        let days = self
            .content
            .as_ref()
            .map_or(REPLAY_DEDUPE_DAYS, |content| content.dedupe_days);
        now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX)
    }
}

/// One attempt of one job.
struct Run<'a> {
    app: &'a App,
    store: TenantStore,
    received: &'a Received,
    started: Timestamp,
}

impl Run<'_> {
    async fn attempt(&self, work: &Work) -> JobResult {
        let failure = if self.received.attempt > retry::MOST_ATTEMPTS {
            Failure::Permanent("the worker was stopped in the middle of every attempt".to_owned())
        } else {
            match self.apply(work).await {
                Ok(()) => return Ok(()),
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
        let policy = match self.store.endpoint(work.event.endpoint).await {
            Ok(endpoint) => endpoint.value.retry.unwrap_or_default(),
            Err(StoreError::NotFound) => RetryPolicy::default(),
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
        match &work.content {
            Some(content) => check(content.content_type.as_deref(), &content.body)?,
            None => match self.store.event(work.event.event).await {
                Ok((event, payload)) => {
                    check(event.content_type.as_deref(), &payload.unwrap_or_default())?;
                }
                Err(StoreError::NotFound) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        }
        let attempt = self.note(Outcome::Processed, "applied");
        let content = work.content.as_ref().map(Content::as_stored);
        let until = work.dedupe_until(self.started);
        let applied = self
            .store
            .apply_event(&work.event, content.as_ref(), until, &attempt)
            .await?;
        match applied {
            Applied::Now => tracing::info!(event.id = %work.event.event, "applied an event"),
            Applied::Before => {
                tracing::info!(event.id = %work.event.event, "the event was applied before")
            }
            Applied::DuplicateOf(of) => {
                tracing::info!(event.id = %work.event.event, duplicate.of = %of, "dropped a duplicate");
                self.store.record_duplicate(&work.event, of).await?;
            }
        }
        Ok(())
    }

    /// Keeps the attempt and comes back later. The wait is the queue's, not this function's.
    async fn retry(&self, work: &Work, reason: &str, after: Duration) -> JobResult {
        let attempt = self.note(Outcome::Retry, reason);
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
        Err(JobError::Retry { after })
    }

    /// State first, message second: if the send is lost, the job comes back and gives up again.
    async fn give_up(&self, work: &Work, reason: &str) -> JobResult {
        let attempt = self.note(Outcome::Dead, reason);
        let content = work.content.as_ref().map(Content::as_stored);
        let kept = self
            .store
            .record_failure(&work.event, content.as_ref(), EventState::Dead, &attempt)
            .await;
        match kept {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(event.id = %work.event.event, "there is nothing left to do");
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(event.id = %work.event.event, error = chain(error), "could not mark an event dead");
                let after = RetryPolicy::default().delay(self.received.attempt, random());
                return Err(JobError::Retry { after });
            }
        }
        bury(
            self.app,
            Some(self.store.tenant_id()),
            self.received,
            reason,
        )
        .await
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
        }
    }
}

impl Content {
    fn as_stored(&self) -> EventContent<'_> {
        EventContent {
            scheme: &self.scheme,
            kind: self.identity.event_type.as_deref(),
            vendor_event_id: self.identity.vendor_event_id.as_deref(),
            content_type: self.content_type.as_deref(),
            received_at: self.received_at,
            payload: &self.payload,
        }
    }
}

/// The message moves to the dead-letter queue as it is, with its reason, so that a redrive from
/// there runs the same job again.
async fn bury(app: &App, tenant: Option<TenantId>, received: &Received, reason: &str) -> JobResult {
    let group = tenant.map_or_else(|| "unknown".to_owned(), |tenant| tenant.to_string());
    let sent = match app.config.events_dead_letter_queue_url() {
        Ok(url) => {
            app.queue
                .send_dead(url, &group, received.body.clone(), reason)
                .await
        }
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
