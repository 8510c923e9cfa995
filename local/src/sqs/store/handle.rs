//! What a consumer may do with a receipt handle. Only the handle of the latest receive has any effect.

use rusqlite::OptionalExtension as _;

use super::queue::Queue;
use super::{State, Tx};
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::name::{QueueKind, ReceiptHandle};
use crate::sqs::settings::MAX_VISIBILITY_SECONDS;

/// The message behind a handle, as it stands now.
struct Held {
    state: i64,
    receive_count: i64,
    received_at: i64,
}

impl Tx<'_> {
    /// Deleting what is gone succeeds. A stale handle deletes nothing: without an error on a standard
    /// queue, with one on a FIFO queue, where the handle also ends with its visibility timeout:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
    pub(in crate::sqs) fn delete_message(
        &self,
        queue: &Queue,
        handle: &str,
    ) -> Result<(), SqsError> {
        self.settle(queue)?;
        let handle = ReceiptHandle::parse(handle, queue.id)?;
        let Some(held) = self.held(handle)? else {
            return Ok(());
        };
        let is_current = held.receive_count == handle.receive_count;
        match queue.settings.kind {
            QueueKind::Standard if !is_current => return Ok(()),
            QueueKind::Fifo if !is_current || held.state != State::InFlight as i64 => {
                return Err(SqsError::invalid_parameter(
                    "the receipt handle has expired",
                ));
            }
            QueueKind::Standard | QueueKind::Fifo => {}
        }
        self.db
            .prepare_cached("DELETE FROM messages WHERE id = ?1")?
            .execute([handle.message])?;
        if queue.settings.kind == QueueKind::Fifo {
            // The group's next message is free now.
            self.mark_changed(queue.id);
        }
        Ok(())
    }

    pub(in crate::sqs) fn change_visibility(
        &self,
        queue: &Queue,
        handle: &str,
        seconds: i64,
    ) -> Result<(), SqsError> {
        self.settle(queue)?;
        let handle = ReceiptHandle::parse(handle, queue.id)?;
        let held = self
            .held(handle)?
            .filter(|held| held.receive_count == handle.receive_count)
            .ok_or_else(|| {
                SqsError::invalid_parameter(
                    "the receipt handle is of a message that is deleted or was received again",
                )
            })?;
        if held.state != State::InFlight as i64 {
            return Err(SqsError::new(
                ErrorKind::MessageNotInflight,
                "the visibility timeout of the message has already ended",
            ));
        }
        let visible_at = self.now + seconds * 1_000;
        if visible_at > held.received_at + MAX_VISIBILITY_SECONDS * 1_000 {
            return Err(SqsError::invalid_parameter(format!(
                "a message may stay invisible up to {MAX_VISIBILITY_SECONDS} seconds after it was received"
            )));
        }
        let state = if seconds == 0 {
            State::Visible
        } else {
            State::InFlight
        };
        self.db
            .prepare_cached("UPDATE messages SET state = ?2, visible_at = ?3 WHERE id = ?1")?
            .execute((handle.message, state as i64, visible_at))?;
        // A shorter timeout brings the time forward at which a waiting poll must look.
        self.mark_changed(queue.id);
        Ok(())
    }

    fn held(&self, handle: ReceiptHandle) -> Result<Option<Held>, SqsError> {
        let held = self
            .db
            .prepare_cached(
                "SELECT state, receive_count, COALESCE(received_at, 0) FROM messages WHERE id = ?1 AND queue_id = ?2",
            )?
            .query_row((handle.message, handle.queue), |row| {
                Ok(Held {
                    state: row.get(0)?,
                    receive_count: row.get(1)?,
                    received_at: row.get(2)?,
                })
            })
            .optional()?;
        Ok(held)
    }
}
