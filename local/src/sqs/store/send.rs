//! Accepting messages. On a FIFO queue, a deduplication id seen in the last five minutes stores nothing again.

use rusqlite::OptionalExtension as _;

use super::queue::Queue;
use super::{State, Tx};
use crate::sqs::error::SqsError;
use crate::sqs::message::MessageAttributes;
use crate::sqs::name::QueueKind;
use crate::sqs::settings::DeduplicationScope;

const DEDUPLICATION_MS: i64 = 300_000;

/// A checked message on its way into a queue.
#[derive(Debug)]
pub(in crate::sqs) struct Outgoing {
    pub(in crate::sqs) body: String,
    pub(in crate::sqs) attributes: MessageAttributes,
    pub(in crate::sqs) trace_header: Option<String>,
    pub(in crate::sqs) group: Option<String>,
    pub(in crate::sqs) deduplication_id: Option<String>,
    pub(in crate::sqs) delay_seconds: i64,
}

#[derive(Debug)]
pub(in crate::sqs) struct SentMessage {
    pub(in crate::sqs) message_id: String,
    /// Present on FIFO queues.
    pub(in crate::sqs) sequence: Option<i64>,
}

impl Tx<'_> {
    pub(in crate::sqs) fn send(
        &self,
        queue: &Queue,
        message: &Outgoing,
    ) -> Result<SentMessage, SqsError> {
        if let Some(earlier) = self.find_duplicate(queue, message)? {
            return Ok(earlier);
        }
        let message_id = uuid::Uuid::new_v4().to_string();
        let state = if message.delay_seconds > 0 {
            State::Delayed
        } else {
            State::Visible
        };
        let attributes = serde_json::to_string(&message.attributes).map_err(SqsError::internal)?;
        self.db
            .prepare_cached(
                "INSERT INTO messages (queue_id, state, visible_at, group_id, sent_at, enqueued_at, message_id, \
                 deduplication_id, trace_header, attributes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                queue.id,
                state as i64,
                self.now + message.delay_seconds * 1_000,
                message.group.as_deref().unwrap_or_default(),
                self.now,
                &message_id,
                &message.deduplication_id,
                &message.trace_header,
                attributes,
                &message.body,
            ))?;
        let sequence = self.db.last_insert_rowid();
        self.mark_changed(queue.id);
        match queue.settings.kind {
            QueueKind::Standard => Ok(SentMessage {
                message_id,
                sequence: None,
            }),
            QueueKind::Fifo => {
                self.remember(queue, message, &message_id, sequence)?;
                Ok(SentMessage {
                    message_id,
                    sequence: Some(sequence),
                })
            }
        }
    }

    fn find_duplicate(
        &self,
        queue: &Queue,
        message: &Outgoing,
    ) -> Result<Option<SentMessage>, SqsError> {
        let (QueueKind::Fifo, Some(id)) = (queue.settings.kind, &message.deduplication_id) else {
            return Ok(None);
        };
        self.db
            .prepare_cached("DELETE FROM deduplication WHERE queue_id = ?1 AND expires_at <= ?2")?
            .execute((queue.id, self.now))?;
        let earlier = self
            .db
            .prepare_cached(
                "SELECT message_id, sequence FROM deduplication \
                 WHERE queue_id = ?1 AND scope = ?2 AND deduplication_id = ?3",
            )?
            .query_row((queue.id, scope(queue, message), id), |row| {
                Ok(SentMessage {
                    message_id: row.get(0)?,
                    sequence: row.get(1)?,
                })
            })
            .optional()?;
        Ok(earlier)
    }

    fn remember(
        &self,
        queue: &Queue,
        message: &Outgoing,
        message_id: &str,
        sequence: i64,
    ) -> Result<(), SqsError> {
        self.db
            .prepare_cached(
                "INSERT INTO deduplication (queue_id, scope, deduplication_id, message_id, sequence, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                queue.id,
                scope(queue, message),
                &message.deduplication_id,
                message_id,
                sequence,
                self.now + DEDUPLICATION_MS,
            ))?;
        Ok(())
    }
}

/// Within what a deduplication id is unique: the group, or the whole queue (no group has an empty name).
fn scope<'a>(queue: &Queue, message: &'a Outgoing) -> &'a str {
    match queue.settings.deduplication_scope {
        DeduplicationScope::Queue => "",
        DeduplicationScope::MessageGroup => message.group.as_deref().unwrap_or_default(),
    }
}
