//! Receiving, with long polls. A poll takes messages only in the step that answers with them, so that a
//! caller who leaves while waiting takes nothing along.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::in_range;
use super::messages::sequence_number;
use crate::sqs::SqsServer;
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::message::{MessageAttributes, attributes_md5, md5_hex};
use crate::sqs::name::{ACCOUNT, QueueKind, QueueName};
use crate::sqs::settings::{MAX_VISIBILITY_SECONDS, MAX_WAIT_SECONDS};
use crate::sqs::store::ReceivedMessage;
use crate::sqs::wire::{MessageOut, ReceiveMessageIn, ReceiveMessageOut, required};

const SYSTEM_ATTRIBUTES: [&str; 10] = [
    "All",
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

/// A checked request.
struct Receive {
    name: QueueName,
    max: usize,
    visibility_seconds: Option<i64>,
    wait_seconds: Option<i64>,
    wanted: Wanted,
}

/// Which attributes the caller asked for.
struct Wanted {
    system: Vec<String>,
    message: Vec<String>,
}

/// What one look at the queue found.
struct Look {
    messages: Vec<MessageOut>,
    next_change: Option<i64>,
}

pub(super) async fn receive_message(
    server: &SqsServer,
    input: ReceiveMessageIn,
) -> Result<ReceiveMessageOut, SqsError> {
    let receive = Receive::parse(input)?;
    let queue = server.transaction(|tx| tx.queue(&receive.name))?;
    let wait_seconds = receive.wait_seconds.unwrap_or(queue.settings.wait_seconds);
    // The poll ends by whichever of the two comes first, so that it ends under a moved clock and a stopped one.
    let ends_at = server.now() + wait_seconds * 1_000;
    let ends = Instant::now() + millis(wait_seconds * 1_000);
    // Subscribed before the first look: what is sent in between wakes the poll.
    let mut changes = server.inner.waiters.subscribe(queue.id);
    loop {
        changes.mark_unchanged();
        let look = look(server, &receive)?;
        let now = server.now();
        let is_over = now >= ends_at || Instant::now() >= ends || server.is_closed();
        if !look.messages.is_empty() || is_over {
            return Ok(ReceiveMessageOut {
                messages: look.messages,
            });
        }
        let until = look.next_change.map_or(ends, |at| {
            // At least a millisecond: a clock that stands still must not make this loop spin.
            ends.min(Instant::now() + millis((at - now).max(1)))
        });
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Takes what is there. The queue is read again each time: it may have been changed or deleted meanwhile.
fn look(server: &SqsServer, receive: &Receive) -> Result<Look, SqsError> {
    server.transaction(|tx| {
        let queue = tx.queue(&receive.name)?;
        let visibility = receive
            .visibility_seconds
            .unwrap_or(queue.settings.visibility_seconds);
        let messages = tx.receive(&queue, receive.max, visibility)?;
        let next_change = if messages.is_empty() {
            tx.next_change(&queue)?
        } else {
            None
        };
        let messages = messages
            .into_iter()
            .map(|message| receive.wanted.render(message, queue.settings.kind))
            .collect();
        Ok(Look {
            messages,
            next_change,
        })
    })
}

impl Receive {
    fn parse(input: ReceiveMessageIn) -> Result<Self, SqsError> {
        let max = in_range(
            "MaxNumberOfMessages",
            input.max_number_of_messages.unwrap_or(1),
            1..=10,
        )?;
        let visibility_seconds = input
            .visibility_timeout
            .map(|seconds| in_range("VisibilityTimeout", seconds, 0..=MAX_VISIBILITY_SECONDS))
            .transpose()?;
        let wait_seconds = input
            .wait_time_seconds
            .map(|seconds| in_range("WaitTimeSeconds", seconds, 0..=MAX_WAIT_SECONDS))
            .transpose()?;
        Ok(Self {
            name: QueueName::from_url(&required(input.queue_url, "QueueUrl")?)?,
            max: usize::try_from(max).unwrap_or(1),
            visibility_seconds,
            wait_seconds,
            wanted: Wanted::parse(
                input.attribute_names.unwrap_or_default(),
                input.message_system_attribute_names.unwrap_or_default(),
                input.message_attribute_names.unwrap_or_default(),
            )?,
        })
    }
}

impl Wanted {
    /// `AttributeNames` is the older name of `MessageSystemAttributeNames`; either may be used.
    fn parse(
        mut system: Vec<String>,
        newer: Vec<String>,
        message: Vec<String>,
    ) -> Result<Self, SqsError> {
        system.extend(newer);
        match system
            .iter()
            .find(|name| !SYSTEM_ATTRIBUTES.contains(&name.as_str()))
        {
            None => Ok(Self { system, message }),
            Some(unknown) => Err(SqsError::new(
                ErrorKind::InvalidAttributeName,
                format!("`{unknown}` is not the name of a message system attribute"),
            )),
        }
    }

    fn render(&self, message: ReceivedMessage, kind: QueueKind) -> MessageOut {
        let attributes = self.system_attributes(&message, kind);
        let message_attributes: MessageAttributes = message
            .attributes
            .into_iter()
            .filter(|(name, _)| self.wants_message_attribute(name))
            .collect();
        MessageOut {
            message_id: message.message_id,
            receipt_handle: message.handle.encode(),
            body_md5: md5_hex(message.body.as_bytes()),
            body: message.body,
            attributes,
            attributes_md5: attributes_md5(&message_attributes),
            message_attributes,
        }
    }

    fn system_attributes(
        &self,
        message: &ReceivedMessage,
        kind: QueueKind,
    ) -> BTreeMap<&'static str, String> {
        let sequence = match kind {
            QueueKind::Standard => None,
            QueueKind::Fifo => Some(sequence_number(message.handle.message)),
        };
        [
            ("SenderId", Some(ACCOUNT.to_owned())),
            ("SentTimestamp", Some(message.sent_at.to_string())),
            (
                "ApproximateReceiveCount",
                Some(message.handle.receive_count.to_string()),
            ),
            (
                "ApproximateFirstReceiveTimestamp",
                Some(message.first_received_at.to_string()),
            ),
            ("AWSTraceHeader", message.trace_header.clone()),
            ("DeadLetterQueueSourceArn", message.source_arn.clone()),
            ("MessageGroupId", message.group.clone()),
            ("MessageDeduplicationId", message.deduplication_id.clone()),
            ("SequenceNumber", sequence),
        ]
        .into_iter()
        .filter(|(name, _)| {
            self.system
                .iter()
                .any(|wanted| wanted == name || wanted == "All")
        })
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// By full name, by prefix (`bar.*`), or all.
    fn wants_message_attribute(&self, name: &str) -> bool {
        self.message.iter().any(|wanted| {
            wanted == "All"
                || wanted == name
                || wanted
                    .strip_suffix(".*")
                    .is_some_and(|prefix| name.starts_with(prefix))
        })
    }
}

fn millis(value: i64) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or_default())
}
