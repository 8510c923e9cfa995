//! Moving dead letters back. A task's progress follows from its start, its rate and the clock; nothing runs between requests.

use rusqlite::{OptionalExtension as _, Row};

use super::queue::Queue;
use super::{State, Tx};
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::name::{QueueKind, QueueName};

#[derive(Debug)]
pub(in crate::sqs) struct NewMoveTask {
    /// `None`: every message goes back to the queue it came from.
    pub(in crate::sqs) destination: Option<QueueName>,
    /// Messages per second; `None`: all at once.
    pub(in crate::sqs) rate: Option<i64>,
}

#[derive(Debug)]
pub(in crate::sqs) struct MoveTask {
    id: i64,
    source: i64,
    pub(in crate::sqs) handle: String,
    pub(in crate::sqs) destination: Option<String>,
    pub(in crate::sqs) rate: Option<i64>,
    pub(in crate::sqs) started_at: i64,
    pub(in crate::sqs) to_move: i64,
    pub(in crate::sqs) moved: i64,
    pub(in crate::sqs) status: MoveTaskStatus,
    pub(in crate::sqs) failure: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqs) enum MoveTaskStatus {
    Running,
    Completed,
    Cancelled,
    Failed,
}

/// A message on its way back, or the reason why it has none.
enum Step {
    Moved,
    NothingLeft,
    Failed(&'static str),
}

const COLUMNS: &str =
    "id, source_id, handle, destination, rate, started_at, to_move, moved, status, failure";

impl Tx<'_> {
    pub(in crate::sqs) fn start_move(
        &self,
        source: &Queue,
        task: &NewMoveTask,
    ) -> Result<String, SqsError> {
        self.settle(source)?;
        if self.source_queues(&source.name, "", 1)?.is_empty() {
            return Err(SqsError::invalid_parameter(format!(
                "SourceArn must be the dead-letter queue of another queue, got {}",
                source.name.arn()
            )));
        }
        if self
            .running_moves()?
            .iter()
            .any(|task| task.source == source.id)
        {
            return Err(SqsError::invalid_parameter(format!(
                "a message move task is already running for {}",
                source.name.arn()
            )));
        }
        let handle = uuid::Uuid::new_v4().to_string();
        let to_move = self.count(source.id, State::Visible)?;
        self.db.execute(
            "INSERT INTO move_tasks (handle, source_id, destination, rate, started_at, to_move, moved, status) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 'RUNNING')",
            (
                &handle,
                source.id,
                task.destination.as_ref().map(QueueName::arn),
                task.rate,
                self.now,
                to_move,
            ),
        )?;
        self.advance_move_tasks()?;
        Ok(handle)
    }

    /// The most recent tasks of a queue, newest first.
    pub(in crate::sqs) fn move_tasks(
        &self,
        source: &Queue,
        limit: i64,
    ) -> Result<Vec<MoveTask>, SqsError> {
        self.settle(source)?;
        let tasks = self
            .db
            .prepare(&format!(
                "SELECT {COLUMNS} FROM move_tasks WHERE source_id = ?1 ORDER BY id DESC LIMIT ?2"
            ))?
            .query_map((source.id, limit), read_row)?
            .collect::<Result<_, _>>()?;
        Ok(tasks)
    }

    /// Stops a running task and returns how many messages it has moved; those stay moved.
    pub(in crate::sqs) fn cancel_move(&self, handle: &str) -> Result<i64, SqsError> {
        self.advance_move_tasks()?;
        let task = self
            .running_moves()?
            .into_iter()
            .find(|task| task.handle == handle)
            .ok_or_else(|| {
                SqsError::new(
                    ErrorKind::ResourceNotFound,
                    format!("no message move task `{handle}` is running"),
                )
            })?;
        self.finish_move(&task, task.moved, MoveTaskStatus::Cancelled, None)?;
        Ok(task.moved)
    }

    pub(super) fn advance_move_tasks(&self) -> Result<(), SqsError> {
        for task in self.running_moves()? {
            self.advance_move(&task)?;
        }
        Ok(())
    }

    /// When a running task will move its next message.
    pub(super) fn next_move(&self) -> Result<Option<i64>, SqsError> {
        let tasks = self.running_moves()?;
        Ok(tasks.iter().filter_map(MoveTask::next_at).min())
    }

    fn advance_move(&self, task: &MoveTask) -> Result<(), SqsError> {
        let mut moved = task.moved;
        let mut end = None;
        while end.is_none() && moved < task.due_by(self.now) {
            match self.move_one(task)? {
                Step::Moved => moved += 1,
                Step::NothingLeft => end = Some((MoveTaskStatus::Completed, None)),
                Step::Failed(reason) => end = Some((MoveTaskStatus::Failed, Some(reason))),
            }
        }
        if end.is_none() && moved >= task.to_move {
            end = Some((MoveTaskStatus::Completed, None));
        }
        match end {
            Some((status, failure)) => self.finish_move(task, moved, status, failure),
            None if moved > task.moved => {
                self.finish_move(task, moved, MoveTaskStatus::Running, None)
            }
            None => Ok(()),
        }
    }

    /// The message arrives as a new one: new id, age and counts.
    fn move_one(&self, task: &MoveTask) -> Result<Step, SqsError> {
        let oldest: Option<(i64, Option<String>, Option<String>)> = self
            .db
            .prepare_cached(
                "SELECT id, source_arn, NULLIF(group_id, '') FROM messages \
                 WHERE queue_id = ?1 AND state = 0 ORDER BY id LIMIT 1",
            )?
            .query_row([task.source], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((id, source_arn, group)) = oldest else {
            return Ok(Step::NothingLeft);
        };
        let Some(arn) = task.destination.as_ref().or(source_arn.as_ref()) else {
            return Ok(Step::Failed("CouldNotDetermineMessageSource"));
        };
        let Some(destination) = self.find_queue(&QueueName::from_arn(arn)?)? else {
            return Ok(Step::Failed("AWS.SimpleQueueService.NonExistentQueue"));
        };
        if destination.settings.kind == QueueKind::Fifo && group.is_none() {
            return Ok(Step::Failed("AWS.SimpleQueueService.UnsupportedOperation"));
        }
        self.db
            .prepare_cached(
                "INSERT INTO messages (queue_id, state, visible_at, group_id, sent_at, enqueued_at, message_id, \
                 deduplication_id, trace_header, attributes, body) \
                 SELECT ?2, 0, ?3, group_id, ?3, ?3, ?4, deduplication_id, trace_header, attributes, body \
                 FROM messages WHERE id = ?1",
            )?
            .execute((id, destination.id, self.now, uuid::Uuid::new_v4().to_string()))?;
        self.db
            .prepare_cached("DELETE FROM messages WHERE id = ?1")?
            .execute([id])?;
        self.mark_changed(destination.id);
        Ok(Step::Moved)
    }

    fn finish_move(
        &self,
        task: &MoveTask,
        moved: i64,
        status: MoveTaskStatus,
        failure: Option<&str>,
    ) -> Result<(), SqsError> {
        self.db.execute(
            "UPDATE move_tasks SET moved = ?2, status = ?3, failure = ?4 WHERE id = ?1",
            (task.id, moved, status.as_str(), failure),
        )?;
        Ok(())
    }

    fn running_moves(&self) -> Result<Vec<MoveTask>, SqsError> {
        let tasks = self
            .db
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM move_tasks WHERE status = 'RUNNING'"
            ))?
            .query_map([], read_row)?
            .collect::<Result<_, _>>()?;
        Ok(tasks)
    }
}

impl MoveTask {
    /// How many messages should have been moved by `now`.
    fn due_by(&self, now: i64) -> i64 {
        match self.rate {
            None => self.to_move,
            Some(rate) => {
                ((now - self.started_at).saturating_mul(rate) / 1_000).clamp(0, self.to_move)
            }
        }
    }

    fn next_at(&self) -> Option<i64> {
        let rate = self.rate?;
        // Rounded up: at that millisecond `due_by` counts one more.
        Some(self.started_at + ((self.moved + 1) * 1_000 + rate - 1) / rate)
    }
}

impl MoveTaskStatus {
    pub(in crate::sqs) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "RUNNING" => Self::Running,
            "COMPLETED" => Self::Completed,
            "CANCELLED" => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<MoveTask> {
    Ok(MoveTask {
        id: row.get("id")?,
        source: row.get("source_id")?,
        handle: row.get("handle")?,
        destination: row.get("destination")?,
        rate: row.get("rate")?,
        started_at: row.get("started_at")?,
        to_move: row.get("to_move")?,
        moved: row.get("moved")?,
        status: MoveTaskStatus::parse(&row.get::<_, String>("status")?),
        failure: row.get("failure")?,
    })
}
