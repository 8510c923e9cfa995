//! What the deliveries queue's worker does with one message: claim, one attempt, and the message of the
//! next. State first, message second; a message that runs twice finds the delivery moved on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    outbound::{
        disable::{disable, renotify},
        health::{Gate, Health},
        schedule,
        send::{Message, Sent, send},
    },
    queue::{DeliveryJob, JobError, JobResult, Received, send_deliveries},
    seal,
    store::{
        Claim, Delivery, DeliveryAttempt, DeliveryState, Destination, Hold, Next, NotYet,
        StoreError, TenantStore,
    },
};

/// The longest that SQS delays a message.
const LONGEST_HOP: Duration = Duration::from_secs(900);

/// RFC 9110 section 15.5.11: gone, and likely for ever.
const GONE: u16 = 410;

/// One message from the deliveries queue.
pub async fn deliver(app: &App, received: Received) -> JobResult {
    let job = match DeliveryJob::parse(&received.body) {
        Ok(job) => job,
        Err(error) => return bury(app, &received, &error.to_string()).await,
    };
    let now = app.clock.now();
    let run = Run {
        app,
        store: job.open(app, now),
        job: &job,
        now,
        received: &received,
    };
    match run.message().await {
        Ok(None) => Ok(()),
        Ok(Some(after)) => Err(JobError::Retry { after }),
        Err(error) => {
            tracing::warn!(job = ?job, error = format!("{error:#}"), "an attempt was not made");
            let after = Duration::from_secs(2_u64 << received.attempt.min(7));
            Err(JobError::Retry { after })
        }
    }
}

struct Run<'a> {
    app: &'a App,
    store: TenantStore,
    job: &'a DeliveryJob,
    now: Timestamp,
    received: &'a Received,
}

impl Run<'_> {
    /// How long the message is to wait, if it is not done.
    async fn message(&self) -> anyhow::Result<Option<Duration>> {
        let DeliveryJob::Attempt { destination, .. } = self.job;
        let outlets = self.app.outlets.get(&self.store, self.now).await?;
        let cached = outlets.find(*destination).filter(|found| found.enabled);
        let fresh;
        let destination = if let Some(destination) = cached {
            destination
        } else {
            // Nothing is given up on old knowledge: it may have been made or enabled a moment ago.
            match self.store.destination(*destination).await {
                Ok(found) if found.value.enabled => {
                    fresh = found.value;
                    &fresh
                }
                Ok(found) => {
                    // The run before this one may be what disabled it, and have died then.
                    if self.received.attempt > 1 {
                        renotify(self.app, &self.store, &found.value).await?;
                    }
                    return self.abandon("the destination is disabled").await;
                }
                Err(StoreError::NotFound) => return self.abandon("the destination is gone").await,
                Err(error) => return Err(error.into()),
            }
        };
        let health = outlets.health.get(&destination.id);
        let gate = health.map_or(Gate::Pass, |health| health.gate(self.now));
        if let Gate::Wait(until) = gate {
            return self.postpone(until, Hold::None).await;
        }
        let delivery = match self.store.claim_delivery(self.job).await? {
            Claim::Taken(delivery) => delivery,
            Claim::Refused(why) => return self.come_back(why).await,
        };
        // After the claim: who cannot make the attempt must not keep others from probing.
        if gate == Gate::Probe
            && let Gate::Wait(until) = self.store.take_probe(destination.id).await?
        {
            self.app.outlets.forget(self.store.tenant_id());
            return self.postpone(until, Hold::Claim).await;
        }
        let has_failed = health.is_some_and(Health::is_failing) || delivery.tries > 0;
        self.attempt(*delivery, destination, has_failed).await?;
        Ok(None)
    }

    async fn abandon(&self, reason: &str) -> anyhow::Result<Option<Duration>> {
        self.store.abandon_delivery(self.job, reason).await?;
        Ok(None)
    }

    async fn come_back(&self, why: NotYet) -> anyhow::Result<Option<Duration>> {
        match why {
            NotYet::Over => Ok(None),
            NotYet::Early(due) => {
                self.hop(due).await?;
                Ok(None)
            }
            // Whoever has it may have died: come back when its time is over.
            NotYet::Busy(after) => Ok(Some(after)),
        }
    }

    /// Calls of the destination are suspended: what waits for that comes back spread over half a minute.
    async fn postpone(&self, until: Timestamp, hold: Hold) -> anyhow::Result<Option<Duration>> {
        let due = after(until, schedule::spread(random()));
        match self.store.postpone_delivery(self.job, due, hold).await? {
            None => {
                self.hop(due).await?;
                Ok(None)
            }
            Some(why) => self.come_back(why).await,
        }
    }

    async fn attempt(
        &self,
        delivery: Delivery,
        destination: &Destination,
        has_failed: bool,
    ) -> anyhow::Result<()> {
        let Some(content) = self.content(&delivery).await? else {
            self.abandon("the event is not kept any more").await?;
            return Ok(());
        };
        let id = delivery.event_id.to_string();
        let message = Message {
            id: &id,
            kind: delivery.kind.as_deref(),
            content_type: content.content_type.as_deref(),
            body: content.body,
            attempt: delivery.attempt_count + 1,
        };
        let sent = send(self.app, &self.store, destination, message).await?;
        let wait = schedule::next(delivery.tries + 1, sent.retry_after, random());
        let next = match wait {
            _ if sent.is_success => Next::Ended(DeliveryState::Delivered),
            _ if sent.status == Some(GONE) => Next::Ended(DeliveryState::Failed),
            Some(wait) => Next::Due(after(self.now, wait)),
            None => Next::Ended(DeliveryState::Failed),
        };
        // Before the attempt is committed: if this run dies here, the next one comes by again.
        self.judge(destination, &sent, has_failed).await?;
        let attempt = note(self.now, &sent);
        let is_kept = self
            .store
            .settle_delivery(self.job, &delivery, attempt, next)
            .await?;
        tracing::info!(delivery.id = %delivery.id, status = sent.status, duration_ms = sent.duration_ms, "made an attempt");
        match next {
            Next::Due(due) if is_kept => self.hop(due).await,
            Next::Due(_) | Next::Ended(_) => Ok(()),
        }
    }

    async fn content(&self, delivery: &Delivery) -> Result<Option<Content>, StoreError> {
        if let Some(body) = &delivery.body {
            return Ok(Some(Content {
                content_type: Some("application/json".to_owned()),
                body: body.clone().into_bytes(),
            }));
        }
        match self.store.event(delivery.event_id).await {
            Ok((event, body)) => Ok(body.map(|body| Content {
                content_type: event.content_type,
                body,
            })),
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an attempt says of its destination.
    async fn judge(
        &self,
        destination: &Destination,
        sent: &Sent,
        has_failed: bool,
    ) -> anyhow::Result<()> {
        if sent.is_success {
            if has_failed {
                self.store.note_success(destination.id).await?;
                self.app.outlets.forget(self.store.tenant_id());
            }
            return Ok(());
        }
        let reason = if sent.status == Some(GONE) {
            "it answered 410 Gone".to_owned()
        } else {
            let health = self
                .store
                .note_failure(destination.id, sent.strike())
                .await?;
            let Some(since) = health.is_hopeless(self.now) else {
                let suspended = health.suspension(sent.pause_asked(), self.now);
                if let Some(until) = suspended {
                    self.store.suspend(destination.id, &health, until).await?;
                    tracing::warn!(destination.id = %destination.id, %until, "suspended the calls of a destination");
                }
                if suspended.is_some() || !has_failed {
                    self.app.outlets.forget(self.store.tenant_id());
                }
                return Ok(());
            };
            format!("no attempt has succeeded since {since}")
        };
        disable(self.app, &self.store, destination.id, &reason, self.now).await
    }

    /// Sends the next message and marks this one as done. Messages that wait by delay are not in flight, so
    /// a dead destination's do not count against SQS's limit of those, nor against its tenant.
    async fn hop(&self, due: Timestamp) -> anyhow::Result<()> {
        let wait = Duration::try_from(due.duration_since(self.now)).unwrap_or_default();
        // Rounded up: a message that comes too early would hop once more.
        let wait = Duration::from_secs(wait.as_millis().div_ceil(1_000).try_into()?);
        let next = self.job.next();
        send_deliveries(self.app, vec![(next, wait.min(LONGEST_HOP))]).await?;
        self.store.advance_delivery(self.job).await?;
        Ok(())
    }
}

/// What is sent.
struct Content {
    content_type: Option<String>,
    body: Vec<u8>,
}

fn after(at: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn random() -> u32 {
    u32::from_be_bytes(seal::random())
}

fn note(at: Timestamp, sent: &Sent) -> DeliveryAttempt {
    DeliveryAttempt {
        at,
        status: sent.status,
        error: sent.error.clone(),
        response: sent.response.clone(),
        duration_ms: sent.duration_ms,
    }
}

async fn bury(app: &App, received: &Received, reason: &str) -> JobResult {
    let sent = match app.config.deliveries_dead_letter_queue_url() {
        Ok(url) => app.queue.send_dead(url, "unknown", received, reason).await,
        Err(error) => Err(error.into()),
    };
    sent.map_err(|error| {
        tracing::error!(
            error = format!("{error:#}"),
            "could not send to the dead-letter queue"
        );
        JobError::Retry {
            after: Duration::from_secs(60),
        }
    })
}
