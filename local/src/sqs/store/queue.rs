//! The queue table: a name means one queue at a time, and is free again a minute after its queue is deleted.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row};

use super::Tx;
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::name::{QueueKind, QueueName};
use crate::sqs::settings::Settings;

/// How long a deleted queue's name stays taken, and how long a purge keeps another one out.
const QUIET_PERIOD_MS: i64 = 60_000;

#[derive(Debug, Clone)]
pub(in crate::sqs) struct Queue {
    pub(in crate::sqs) id: i64,
    pub(in crate::sqs) name: QueueName,
    pub(in crate::sqs) settings: Settings,
    pub(in crate::sqs) created_at: i64,
    pub(in crate::sqs) modified_at: i64,
    purged_at: Option<i64>,
}

pub(in crate::sqs) type Tags = BTreeMap<String, String>;

const COLUMNS: &str = "id, name, settings, created_at, modified_at, purged_at";

impl Tx<'_> {
    pub(in crate::sqs) fn queue(&self, name: &QueueName) -> Result<Queue, SqsError> {
        self.find_queue(name)?
            .ok_or_else(|| SqsError::no_such_queue(name.as_str()))
    }

    pub(in crate::sqs) fn find_queue(&self, name: &QueueName) -> Result<Option<Queue>, SqsError> {
        self.db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM queues WHERE name = ?1"))?
            .query_row([name.as_str()], read_row)
            .optional()?
            .map(parse)
            .transpose()
    }

    /// Names after `after` that start with `prefix`, in order.
    pub(in crate::sqs) fn queue_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<QueueName>, SqsError> {
        let mut statement = self.db.prepare_cached(
            "SELECT name FROM queues WHERE name > ?2 AND substr(name, 1, length(?1)) = ?1 ORDER BY name LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let names = statement
            .query_map((prefix, after, limit), |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        names.iter().map(|name| QueueName::parse(name)).collect()
    }

    /// The queues whose redrive policy names `dead_letter` as its target.
    pub(in crate::sqs) fn source_queues(
        &self,
        dead_letter: &QueueName,
        after: &str,
        limit: usize,
    ) -> Result<Vec<QueueName>, SqsError> {
        let mut statement = self.db.prepare_cached(
            "SELECT name FROM queues WHERE name > ?2 \
             AND json_extract(settings, '$.redrive.deadLetterTargetArn') = ?1 ORDER BY name LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let names = statement
            .query_map((dead_letter.arn(), after, limit), |row| {
                row.get::<_, String>(0)
            })?
            .collect::<Result<Vec<_>, _>>()?;
        names.iter().map(|name| QueueName::parse(name)).collect()
    }

    pub(in crate::sqs) fn create_queue(
        &self,
        name: &QueueName,
        settings: &Settings,
        tags: &Tags,
    ) -> Result<(), SqsError> {
        let deleted_at: Option<i64> = self
            .db
            .query_row(
                "SELECT deleted_at FROM deleted_queues WHERE name = ?1",
                [name.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        if deleted_at.is_some_and(|at| self.now < at + QUIET_PERIOD_MS) {
            return Err(SqsError::new(
                ErrorKind::QueueDeletedRecently,
                format!(
                    "the queue `{}` was deleted less than 60 seconds ago",
                    name.as_str()
                ),
            ));
        }
        self.check_redrive(name, settings)?;
        self.db.execute(
            "INSERT INTO queues (name, settings, tags, created_at, modified_at) VALUES (?1, ?2, ?3, ?4, ?4)",
            (name.as_str(), to_json(settings)?, to_json(tags)?, self.now),
        )?;
        Ok(())
    }

    pub(in crate::sqs) fn update_settings(
        &self,
        queue: &Queue,
        settings: &Settings,
    ) -> Result<(), SqsError> {
        self.settle(queue)?;
        self.check_redrive(&queue.name, settings)?;
        self.db.execute(
            "UPDATE queues SET settings = ?2, modified_at = ?3 WHERE id = ?1",
            (queue.id, to_json(settings)?, self.now),
        )?;
        // On FIFO queues, and only there, a new delay also counts for the messages already waiting:
        // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
        if queue.settings.kind == QueueKind::Fifo
            && queue.settings.delay_seconds != settings.delay_seconds
        {
            self.db.execute(
                "UPDATE messages SET state = 1, visible_at = enqueued_at + ?2 \
                 WHERE queue_id = ?1 AND state IN (0, 1) AND receive_count = 0",
                (queue.id, settings.delay_seconds * 1_000),
            )?;
        }
        self.mark_changed(queue.id);
        Ok(())
    }

    pub(in crate::sqs) fn delete_queue(&self, queue: &Queue) -> Result<(), SqsError> {
        self.db
            .execute("DELETE FROM queues WHERE id = ?1", [queue.id])?;
        self.db.execute(
            "INSERT OR REPLACE INTO deleted_queues (name, deleted_at) VALUES (?1, ?2)",
            (queue.name.as_str(), self.now),
        )?;
        self.mark_changed(queue.id);
        Ok(())
    }

    pub(in crate::sqs) fn purge_queue(&self, queue: &Queue) -> Result<(), SqsError> {
        if queue
            .purged_at
            .is_some_and(|at| self.now < at + QUIET_PERIOD_MS)
        {
            return Err(SqsError::new(
                ErrorKind::PurgeQueueInProgress,
                format!(
                    "the queue `{}` was purged less than 60 seconds ago",
                    queue.name.as_str()
                ),
            ));
        }
        self.db
            .execute("DELETE FROM messages WHERE queue_id = ?1", [queue.id])?;
        self.db.execute(
            "UPDATE queues SET purged_at = ?2 WHERE id = ?1",
            (queue.id, self.now),
        )?;
        self.mark_changed(queue.id);
        Ok(())
    }

    pub(in crate::sqs) fn tags(&self, queue: &Queue) -> Result<Tags, SqsError> {
        let text: String =
            self.db
                .query_row("SELECT tags FROM queues WHERE id = ?1", [queue.id], |row| {
                    row.get(0)
                })?;
        serde_json::from_str(&text).map_err(SqsError::internal)
    }

    pub(in crate::sqs) fn set_tags(&self, queue: &Queue, tags: &Tags) -> Result<(), SqsError> {
        self.db.execute(
            "UPDATE queues SET tags = ?2 WHERE id = ?1",
            (queue.id, to_json(tags)?),
        )?;
        Ok(())
    }

    /// A redrive policy may only name an existing queue of the same kind that admits this source.
    fn check_redrive(&self, source: &QueueName, settings: &Settings) -> Result<(), SqsError> {
        let Some(redrive) = &settings.redrive else {
            return Ok(());
        };
        let target = QueueName::from_arn(&redrive.dead_letter_target_arn)?;
        let refused = |reason: &str| {
            Err(SqsError::invalid_parameter(format!(
                "the deadLetterTargetArn {} of RedrivePolicy {reason}",
                target.arn()
            )))
        };
        if target.kind() != source.kind() {
            return refused("must be a queue of the same kind, standard or FIFO");
        }
        let Some(dead_letter) = self.find_queue(&target)? else {
            return refused("must be an existing queue");
        };
        match &dead_letter.settings.redrive_allow {
            Some(allow) if !allow.allows(source) => {
                refused("does not admit this source queue by its RedriveAllowPolicy")
            }
            Some(_) | None => Ok(()),
        }
    }
}

type QueueRow = (i64, String, String, i64, i64, Option<i64>);

fn read_row(row: &Row<'_>) -> rusqlite::Result<QueueRow> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

fn parse(row: QueueRow) -> Result<Queue, SqsError> {
    let (id, name, settings, created_at, modified_at, purged_at) = row;
    Ok(Queue {
        id,
        name: QueueName::parse(&name)?,
        settings: serde_json::from_str(&settings).map_err(SqsError::internal)?,
        created_at,
        modified_at,
        purged_at,
    })
}

fn to_json(value: &impl serde::Serialize) -> Result<String, SqsError> {
    serde_json::to_string(value).map_err(SqsError::internal)
}
