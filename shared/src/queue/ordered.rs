//! The FIFO queue: messages of one group are handed out one after another, each when the one before is
//! done. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html>

use std::collections::HashSet;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::{app::App, queue::page::MAX_BATCH, store::Message};

/// A message of a group.
pub(crate) struct Ordered {
    pub(crate) group: String,
    /// The same text within five minutes is the same message.
    pub(crate) id: String,
    pub(crate) body: String,
}

/// Bytes of one call; SQS takes 1 MiB.
const MOST_BYTES: usize = 1_000_000;

/// One network call.
pub(crate) async fn send_in_order(app: &App, message: Ordered) -> anyhow::Result<()> {
    let id = message.id;
    let message = Message {
        queue_url: app.config.ordered_events_queue_url()?.to_owned(),
        group: message.group,
        body: message.body,
        delay_s: 0,
    };
    app.queue.send_once(&message, Some(&id)).await
}

/// Sends in this order; at the first call that fails it stops. No call has two messages of one group, so
/// that one which is not taken is never overtaken by the next of its group.
pub(crate) async fn send_all_in_order(app: &App, messages: Vec<Ordered>) -> anyhow::Result<()> {
    let mut rest = messages.into_iter().peekable();
    while rest.peek().is_some() {
        let mut groups = HashSet::new();
        let mut bytes = 0;
        let mut entries = Vec::new();
        while let Some(message) = rest.next_if(|message| {
            let is_fit = entries.len() < MAX_BATCH && bytes + message.body.len() <= MOST_BYTES;
            entries.is_empty() || (is_fit && !groups.contains(&message.group))
        }) {
            bytes += message.body.len();
            let entry = SendMessageBatchRequestEntry::builder()
                .id(entries.len().to_string())
                .message_group_id(&message.group)
                .message_deduplication_id(message.id)
                .message_body(message.body);
            entries.push(entry.build()?);
            groups.insert(message.group);
        }
        let queue_url = app.config.ordered_events_queue_url()?;
        app.queue.send_batch(queue_url, entries).await?;
    }
    Ok(())
}
