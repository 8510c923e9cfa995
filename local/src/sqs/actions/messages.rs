//! Sending, deleting and hiding messages. A message is checked whole before anything of it is stored.

use super::batch;
use super::in_range;
use super::queues::on_queue;
use crate::sqs::SqsServer;
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::message::{
    attributes_md5, check_attributes, check_body, check_fifo_id, md5_hex, message_bytes,
    sha256_hex, trace_header,
};
use crate::sqs::name::QueueKind;
use crate::sqs::settings::{
    MAX_DELAY_SECONDS, MAX_MESSAGE_BYTES, MAX_VISIBILITY_SECONDS, Settings,
};
use crate::sqs::store::{Outgoing, Queue, Tx};
use crate::sqs::wire::{
    BatchIn, BatchOut, ChangeVisibilityIn, DeleteMessageIn, Empty, MessageIn, ReceiptIn,
    SendMessageIn, SentMessageOut, VisibilityIn, required,
};

pub(super) fn send_message(
    server: &SqsServer,
    input: SendMessageIn,
) -> Result<SentMessageOut, SqsError> {
    on_queue(server, input.queue_url, |tx, queue| {
        send(tx, queue, input.message)
    })
}

pub(super) fn send_message_batch(
    server: &SqsServer,
    input: BatchIn<MessageIn>,
) -> Result<BatchOut<SentMessageOut>, SqsError> {
    let entries = batch::entries(input.entries)?;
    let bytes: usize = entries.iter().map(|(_, message)| size(message)).sum();
    if bytes > usize::try_from(MAX_MESSAGE_BYTES).unwrap_or(usize::MAX) {
        return Err(SqsError::new(
            ErrorKind::BatchRequestTooLong,
            format!(
                "the messages of a batch may have up to {MAX_MESSAGE_BYTES} bytes together, got {bytes}"
            ),
        ));
    }
    on_queue(server, input.queue_url, |tx, queue| {
        batch::each(entries, |message| send(tx, queue, message))
    })
}

pub(super) fn delete_message(
    server: &SqsServer,
    input: DeleteMessageIn,
) -> Result<Empty, SqsError> {
    on_queue(server, input.queue_url, |tx, queue| {
        delete(tx, queue, input.receipt)
    })
}

pub(super) fn delete_message_batch(
    server: &SqsServer,
    input: BatchIn<ReceiptIn>,
) -> Result<BatchOut<Empty>, SqsError> {
    let entries = batch::entries(input.entries)?;
    on_queue(server, input.queue_url, |tx, queue| {
        batch::each(entries, |receipt| delete(tx, queue, receipt))
    })
}

pub(super) fn change_message_visibility(
    server: &SqsServer,
    input: ChangeVisibilityIn,
) -> Result<Empty, SqsError> {
    on_queue(server, input.queue_url, |tx, queue| {
        change(tx, queue, input.change)
    })
}

pub(super) fn change_message_visibility_batch(
    server: &SqsServer,
    input: BatchIn<VisibilityIn>,
) -> Result<BatchOut<Empty>, SqsError> {
    let entries = batch::entries(input.entries)?;
    on_queue(server, input.queue_url, |tx, queue| {
        batch::each(entries, |visibility| change(tx, queue, visibility))
    })
}

fn send(tx: &Tx<'_>, queue: &Queue, message: MessageIn) -> Result<SentMessageOut, SqsError> {
    let system_attributes_md5 = attributes_md5(
        message
            .message_system_attributes
            .as_ref()
            .unwrap_or(&Default::default()),
    );
    let outgoing = check(&queue.settings, message)?;
    let sent = tx.send(queue, &outgoing)?;
    Ok(SentMessageOut {
        message_id: sent.message_id,
        body_md5: md5_hex(outgoing.body.as_bytes()),
        attributes_md5: attributes_md5(&outgoing.attributes),
        system_attributes_md5,
        sequence_number: sent.sequence.map(sequence_number),
    })
}

fn delete(tx: &Tx<'_>, queue: &Queue, receipt: ReceiptIn) -> Result<Empty, SqsError> {
    let handle = required(receipt.receipt_handle, "ReceiptHandle")?;
    tx.delete_message(queue, &handle)?;
    Ok(Empty {})
}

fn change(tx: &Tx<'_>, queue: &Queue, visibility: VisibilityIn) -> Result<Empty, SqsError> {
    let handle = required(visibility.receipt_handle, "ReceiptHandle")?;
    let seconds = visibility
        .visibility_timeout
        .ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
    let seconds = in_range("VisibilityTimeout", seconds, 0..=MAX_VISIBILITY_SECONDS)?;
    tx.change_visibility(queue, &handle, seconds)?;
    Ok(Empty {})
}

/// Twenty digits, so that sequence numbers also compare as text.
pub(super) fn sequence_number(sequence: i64) -> String {
    format!("{sequence:020}")
}

fn size(message: &MessageIn) -> usize {
    message_bytes(
        message.message_body.as_deref().unwrap_or_default(),
        message
            .message_attributes
            .as_ref()
            .unwrap_or(&Default::default()),
    )
}

fn check(settings: &Settings, message: MessageIn) -> Result<Outgoing, SqsError> {
    let bytes = size(&message);
    let limit = settings.max_message_bytes;
    if bytes > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(SqsError::invalid_parameter(format!(
            "a message on this queue may have up to {limit} bytes with its attributes, got {bytes}"
        )));
    }
    let body = message.message_body.unwrap_or_default();
    check_body(&body)?;
    let attributes = message.message_attributes.unwrap_or_default();
    check_attributes(&attributes)?;
    let trace_header = trace_header(&message.message_system_attributes.unwrap_or_default())?;
    if let Some(group) = &message.message_group_id {
        check_fifo_id("MessageGroupId", group)?;
    }
    if let Some(id) = &message.message_deduplication_id {
        check_fifo_id("MessageDeduplicationId", id)?;
    }
    let (deduplication_id, delay_seconds) = match settings.kind {
        QueueKind::Standard => {
            if message.message_deduplication_id.is_some() {
                return Err(SqsError::invalid_parameter(
                    "MessageDeduplicationId is only for FIFO queues",
                ));
            }
            let delay = message.delay_seconds.unwrap_or(settings.delay_seconds);
            let delay = in_range("DelaySeconds", delay, 0..=MAX_DELAY_SECONDS)?;
            (None, delay)
        }
        QueueKind::Fifo => {
            if message.message_group_id.is_none() {
                return Err(SqsError::missing("MessageGroupId"));
            }
            if message.delay_seconds.is_some_and(|delay| delay != 0) {
                return Err(SqsError::invalid_parameter(
                    "DelaySeconds of a single message is only for standard queues",
                ));
            }
            let id = match message.message_deduplication_id {
                Some(id) => id,
                None if settings.content_based_deduplication => sha256_hex(body.as_bytes()),
                None => {
                    return Err(SqsError::invalid_parameter(
                        "a FIFO queue without ContentBasedDeduplication needs a MessageDeduplicationId",
                    ));
                }
            };
            (Some(id), settings.delay_seconds)
        }
    };
    Ok(Outgoing {
        body,
        attributes,
        trace_header,
        group: message.message_group_id,
        deduplication_id,
        delay_seconds,
    })
}
