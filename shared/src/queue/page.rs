//! Messages that are sent in numbers or with a delay: of bulk jobs, of the events that they replay, and of
//! deliveries. Sent after the rows that they speak of were committed.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::{
    app::App,
    id::{JobId, TenantId},
    problem::ApiError,
    queue::{DeliveryJob, EventRef, Job, LONGEST_DELAY, PageJob, Queue},
    store::{Message, keep},
};

/// The most messages that SQS takes in one call.
pub(super) const MAX_BATCH: usize = 10;

/// Asks for one page of a bulk job, at once.
pub async fn send_page(
    app: &App,
    tenant: TenantId,
    bulk: JobId,
    page: u64,
) -> Result<(), ApiError> {
    send_page_later(app, tenant, bulk, page, Duration::ZERO)
        .await
        .map_err(ApiError::Unavailable)
}

/// Asks for one page of a bulk job, after a delay of up to 15 minutes.
pub(crate) async fn send_page_later(
    app: &App,
    tenant: TenantId,
    bulk: JobId,
    page: u64,
    delay: Duration,
) -> anyhow::Result<()> {
    let message = PageJob::Page { tenant, bulk, page }.text()?;
    app.queue
        .send_delayed(
            app.config.jobs_queue_url()?,
            vec![(tenant.to_string(), message, delay)],
        )
        .await
}

/// Puts stored events back on the queue, each after its delay, ten in a call.
pub(crate) async fn send_replays(
    app: &App,
    tenant: TenantId,
    events: Vec<(EventRef, Duration)>,
) -> anyhow::Result<()> {
    let mut messages = Vec::with_capacity(events.len());
    for (event, delay) in events {
        let message = Job::Replay { tenant, event }.text()?;
        messages.push((tenant.to_string(), message, delay));
    }
    app.queue
        .send_delayed(app.config.events_queue_url()?, messages)
        .await
}

/// Sends messages of deliveries, each after its delay of up to 15 minutes, ten in a call.
pub async fn send_deliveries(
    app: &App,
    deliveries: Vec<(DeliveryJob, Duration)>,
) -> anyhow::Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let mut messages = Vec::with_capacity(deliveries.len());
    for (delivery, delay) in deliveries {
        messages.push((delivery.group(), delivery.text()?, delay));
    }
    app.queue
        .send_delayed(app.config.deliveries_queue_url()?, messages)
        .await
}

impl Queue {
    /// Ten messages in a call, each with its group, its text and its delay in whole seconds. An error says
    /// that one at least was not taken; the others stay sent.
    async fn send_delayed(
        &self,
        queue_url: &str,
        messages: Vec<(String, String, Duration)>,
    ) -> anyhow::Result<()> {
        let messages = messages.into_iter().map(|(group, body, delay)| Message {
            queue_url: queue_url.to_owned(),
            group,
            body,
            delay_s: delay.min(LONGEST_DELAY).as_secs(),
        });
        let Some(messages) = keep(messages.collect()) else {
            return Ok(());
        };
        for messages in messages.chunks(MAX_BATCH) {
            let mut entries = Vec::with_capacity(messages.len());
            for (at, message) in messages.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(at.to_string())
                    .message_group_id(&message.group)
                    .delay_seconds(i32::try_from(message.delay_s)?)
                    .message_body(&message.body);
                entries.push(entry.build()?);
            }
            self.send_batch(queue_url, entries).await?;
        }
        Ok(())
    }

    /// One call. An error says that one message at least was not taken.
    pub(super) async fn send_batch(
        &self,
        queue_url: &str,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> anyhow::Result<()> {
        let answer = self
            .client
            .send_message_batch()
            .queue_url(queue_url)
            .set_entries(Some(entries))
            .send()
            .await
            .context("send messages")?;
        match answer.failed.first() {
            Some(failed) => bail!("the queue did not take a message: {}", failed.code()),
            None => Ok(()),
        }
    }
}
