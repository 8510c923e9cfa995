//! Jobs: what functions tell each other through SQS. A job names its tenant and its version.
//!
//! **Invariant:** state is committed before a message is sent, and every job may run twice.

mod batch;
mod direct;
mod job;
mod ordered;
mod page;
mod reception;
mod turn;

pub use batch::{JobError, JobResult, Received, SqsAnswer, SqsEvent, run_batch};
pub use job::{Body, Brought, Delivery, DeliveryJob, EventRef, Job};

pub use page::{send_deliveries, send_page};
pub use reception::Reception;

pub(crate) use job::{Carries, Item, MAX_MESSAGE_LEN, PageJob};
pub(crate) use ordered::{Ordered, send_all_in_order, send_in_order};
pub(crate) use page::{send_page_later, send_replays};
pub(crate) use reception::Number;
pub(crate) use turn::Turn;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use anyhow::Context;
use aws_config::SdkConfig;
use aws_sdk_sqs::{Client, config::Builder, types::MessageAttributeValue};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;

use crate::{
    app::App,
    config::Config,
    id::TenantId,
    problem::ApiError,
    queue::direct::Direct,
    store::{Message, keep},
    telemetry::Calls,
};

/// The longest visibility timeout that SQS takes: 12 hours.
const MAX_VISIBILITY_S: u64 = 43_200;

/// The longest that SQS delays a sent message: 15 minutes.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Puts a stored event back on the queue, after its change of state was committed.
pub async fn send_replay(app: &App, tenant: TenantId, event: EventRef) -> Result<(), ApiError> {
    let message = Job::Replay { tenant, event }
        .text()
        .map_err(ApiError::Internal)?;
    app.queue
        .send(app.config.events_queue_url()?, tenant, message)
        .await
        .map_err(ApiError::Unavailable)
}

/// Sends an event's job again, to wait: for at most 15 minutes, then it comes to its next hop.
pub(crate) async fn send_later(
    app: &App,
    tenant: TenantId,
    body: String,
    turn: Turn,
    wait: Duration,
) -> anyhow::Result<()> {
    // Rounded up, so that a hop is not followed by another of less than a second.
    let delay_s = wait.min(LONGEST_DELAY).as_millis().div_ceil(1_000);
    app.queue
        .client
        .send_message()
        .queue_url(app.config.events_queue_url()?)
        .message_group_id(tenant.to_string())
        .message_attributes(turn::TURN, string_attribute(turn.text()?)?)
        .message_body(body)
        .delay_seconds(i32::try_from(delay_s)?)
        .send()
        .await
        .context("send a message to wait")?;
    Ok(())
}

/// Sends the messages that a request with an Idempotency-Key has kept back.
pub(crate) async fn send_kept(app: &App, messages: Vec<Message>) -> anyhow::Result<()> {
    for message in &messages {
        app.queue.send_now(message).await?;
    }
    Ok(())
}

/// Made on first use: a receiver in good health never needs it.
type LazyClient = Arc<LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>>;

/// Sends to and steers the queues. Holds no lock across a send.
#[derive(Clone)]
pub(crate) struct Queue {
    client: LazyClient,
    direct: Option<Arc<Direct>>,
    calls: Calls,
}

impl Queue {
    pub(crate) fn new(
        sdk: SdkConfig,
        config: &Config,
        connector: Option<SharedHttpConnector>,
        calls: Calls,
    ) -> Self {
        let counted = calls.clone();
        Self {
            client: Arc::new(LazyLock::new(Box::new(move || {
                Client::from_conf(Builder::from(&sdk).interceptor(counted).build())
            }))),
            direct: Direct::new(config, connector).map(Arc::new),
            calls,
        }
    }

    /// One network call. The message group is the tenant: SQS serves groups fairly, so that one
    /// tenant's burst does not delay the others.
    pub(crate) async fn send(
        &self,
        queue_url: &str,
        tenant: TenantId,
        body: String,
    ) -> anyhow::Result<()> {
        self.send_in(queue_url, tenant.to_string(), body).await
    }

    /// As [`Queue::send`], in a group of another name.
    pub(crate) async fn send_in(
        &self,
        queue_url: &str,
        group: String,
        body: String,
    ) -> anyhow::Result<()> {
        let message = Message {
            queue_url: queue_url.to_owned(),
            group,
            body,
            delay_s: 0,
        };
        let Some(messages) = keep(vec![message]) else {
            return Ok(());
        };
        for message in messages {
            self.send_now(&message).await?;
        }
        Ok(())
    }

    async fn send_now(&self, message: &Message) -> anyhow::Result<()> {
        self.send_once(message, None).await
    }

    async fn send_once(
        &self,
        message: &Message,
        deduplication_id: Option<&str>,
    ) -> anyhow::Result<()> {
        if let Some(direct) = &self.direct {
            self.calls.count("SQS.SendMessage".to_owned());
            match direct.send(message, deduplication_id).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::debug!(error = format!("{error:#}"), "sent again by the SDK")
                }
            }
        }
        let delay = (message.delay_s > 0).then(|| i32::try_from(message.delay_s));
        self.client
            .send_message()
            .queue_url(&message.queue_url)
            .message_group_id(&message.group)
            .message_body(&message.body)
            .set_delay_seconds(delay.transpose()?)
            .set_message_deduplication_id(deduplication_id.map(str::to_owned))
            .send()
            .await
            .context("send a message")?;
        Ok(())
    }

    /// Puts a message that is given up where operators find it, with the reason beside it.
    pub(crate) async fn send_dead(
        &self,
        queue_url: &str,
        group: &str,
        received: &Received,
        reason: &str,
    ) -> anyhow::Result<()> {
        let mut request = self
            .client
            .send_message()
            .queue_url(queue_url)
            .message_group_id(group)
            .message_attributes("reason", string_attribute(reason.to_owned())?)
            .message_body(&received.body);
        // A redriven job has all its attempts before it, and the steps of its waits behind it.
        if let Some(turn) = received.turn {
            let turn = Turn {
                attempts: 0,
                ..turn
            };
            request = request.message_attributes(turn::TURN, string_attribute(turn.text()?)?);
        }
        if received.is_ordered {
            // The same message given up twice is one dead letter.
            request = request.message_deduplication_id(&received.message_id);
        }
        request
            .send()
            .await
            .context("send to the dead-letter queue")?;
        Ok(())
    }

    /// Hides a received message for `after`: how a retry waits without anyone sleeping.
    pub(crate) async fn retry_after(
        &self,
        queue_url: &str,
        receipt: &str,
        after: Duration,
    ) -> anyhow::Result<()> {
        let seconds = i32::try_from(after.as_secs().clamp(1, MAX_VISIBILITY_S))?;
        self.client
            .change_message_visibility()
            .queue_url(queue_url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds)
            .send()
            .await
            .context("change a message's visibility")?;
        Ok(())
    }
}

fn string_attribute(value: String) -> anyhow::Result<MessageAttributeValue> {
    Ok(MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()?)
}
