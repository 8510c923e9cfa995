//! Handing out messages. A message is out with at most one consumer at a time, and on a FIFO queue so is its group.

use std::collections::HashMap;

use rusqlite::Row;

use super::queue::Queue;
use super::{State, Tx};
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::fair::{Tenant, fair_order};
use crate::sqs::message::MessageAttributes;
use crate::sqs::name::{QueueKind, QueueName, ReceiptHandle};
use crate::sqs::settings::RedrivePolicy;

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_IN_FLIGHT: usize = 120_000;

#[derive(Debug)]
pub(in crate::sqs) struct ReceivedMessage {
    pub(in crate::sqs) handle: ReceiptHandle,
    pub(in crate::sqs) message_id: String,
    pub(in crate::sqs) body: String,
    pub(in crate::sqs) attributes: MessageAttributes,
    pub(in crate::sqs) trace_header: Option<String>,
    pub(in crate::sqs) group: Option<String>,
    pub(in crate::sqs) deduplication_id: Option<String>,
    pub(in crate::sqs) source_arn: Option<String>,
    pub(in crate::sqs) sent_at: i64,
    pub(in crate::sqs) first_received_at: i64,
}

/// How many messages each group has in flight; messages without a group are under ''.
type InFlight = HashMap<String, usize>;

impl Tx<'_> {
    pub(in crate::sqs) fn receive(
        &self,
        queue: &Queue,
        max: usize,
        visibility_seconds: i64,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        self.settle(queue)?;
        let dead_letters = self.dead_letter_target(queue)?;
        let mut received = Vec::new();
        while received.len() < max {
            let candidates = self.candidates(queue, max - received.len())?;
            if candidates.is_empty() {
                break;
            }
            for id in candidates {
                match &dead_letters {
                    Some((target, policy)) if self.is_exhausted(id, policy)? => {
                        self.move_to_dead_letters(id, queue, target)?;
                    }
                    Some(_) | None => received.push(self.hand_out(id, visibility_seconds)?),
                }
            }
        }
        Ok(received)
    }

    fn candidates(&self, queue: &Queue, max: usize) -> Result<Vec<i64>, SqsError> {
        let in_flight = self.in_flight(queue.id)?;
        if in_flight.values().sum::<usize>() >= MAX_IN_FLIGHT {
            return Err(SqsError::new(
                ErrorKind::OverLimit,
                format!("a queue may have up to {MAX_IN_FLIGHT} messages in flight"),
            ));
        }
        let heads = self.waiting_groups(queue.id)?;
        match queue.settings.kind {
            QueueKind::Standard => self.fair_candidates(queue.id, heads, &in_flight, max),
            QueueKind::Fifo => self.fifo_candidates(queue.id, heads, &in_flight, max),
        }
    }

    fn fair_candidates(
        &self,
        queue: i64,
        mut heads: Vec<(String, i64)>,
        in_flight: &InFlight,
        max: usize,
    ) -> Result<Vec<i64>, SqsError> {
        let load = |group: &str| match group {
            "" => 0,
            group => in_flight.get(group).copied().unwrap_or_default(),
        };
        // A round of `max` reaches at most the `max` least loaded groups: the others need not be read.
        heads.sort_by_key(|(group, head)| (load(group), *head));
        heads.truncate(max);
        let mut tenants = Vec::new();
        for (group, _) in heads {
            let waiting = self.waiting_in_group(queue, &group, max)?;
            if group.is_empty() {
                tenants.extend(waiting.into_iter().map(|id| Tenant {
                    in_flight: 0,
                    waiting: vec![id],
                }));
            } else {
                tenants.push(Tenant {
                    in_flight: load(&group),
                    waiting,
                });
            }
        }
        Ok(fair_order(tenants, max))
    }

    /// As many messages as possible of the group whose turn it is, in order, then of the next.
    fn fifo_candidates(
        &self,
        queue: i64,
        mut heads: Vec<(String, i64)>,
        in_flight: &InFlight,
        max: usize,
    ) -> Result<Vec<i64>, SqsError> {
        heads.retain(|(group, _)| !in_flight.contains_key(group));
        heads.sort_by_key(|(_, head)| *head);
        let mut candidates = Vec::new();
        for (group, _) in heads {
            if candidates.len() >= max {
                break;
            }
            candidates.extend(self.waiting_in_group(queue, &group, max - candidates.len())?);
        }
        Ok(candidates)
    }

    fn in_flight(&self, queue: i64) -> Result<InFlight, SqsError> {
        let counts = self
            .db
            .prepare_cached(
                "SELECT group_id, COUNT(*) FROM messages WHERE queue_id = ?1 AND state = 2 GROUP BY group_id",
            )?
            .query_map([queue], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(counts)
    }

    /// Each group with a visible message, with the oldest of them: one index look-up per group.
    fn waiting_groups(&self, queue: i64) -> Result<Vec<(String, i64)>, SqsError> {
        let groups = self
            .db
            .prepare_cached(
                "WITH RECURSIVE waiting (name) AS ( \
                   SELECT MIN(group_id) FROM messages WHERE queue_id = ?1 AND state = 0 \
                   UNION ALL \
                   SELECT (SELECT MIN(group_id) FROM messages \
                           WHERE queue_id = ?1 AND state = 0 AND group_id > waiting.name) \
                   FROM waiting WHERE waiting.name IS NOT NULL) \
                 SELECT name, (SELECT MIN(id) FROM messages \
                               WHERE queue_id = ?1 AND state = 0 AND group_id = waiting.name) \
                 FROM waiting WHERE name IS NOT NULL",
            )?
            .query_map([queue], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(groups)
    }

    fn waiting_in_group(&self, queue: i64, group: &str, max: usize) -> Result<Vec<i64>, SqsError> {
        let ids = self
            .db
            .prepare_cached(
                "SELECT id FROM messages WHERE queue_id = ?1 AND state = 0 AND group_id = ?2 ORDER BY id LIMIT ?3",
            )?
            .query_map((queue, group, i64::try_from(max).unwrap_or(i64::MAX)), |row| {
                row.get(0)
            })?
            .collect::<Result<_, _>>()?;
        Ok(ids)
    }

    /// The dead-letter queue, while it exists; without it messages stay where they are.
    fn dead_letter_target<'q>(
        &self,
        queue: &'q Queue,
    ) -> Result<Option<(Queue, &'q RedrivePolicy)>, SqsError> {
        let Some(policy) = &queue.settings.redrive else {
            return Ok(None);
        };
        let target = self.find_queue(&QueueName::from_arn(&policy.dead_letter_target_arn)?)?;
        Ok(target.map(|target| (target, policy)))
    }

    fn is_exhausted(&self, id: i64, policy: &RedrivePolicy) -> Result<bool, SqsError> {
        let receives: i64 = self
            .db
            .prepare_cached("SELECT queue_receive_count FROM messages WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        Ok(receives >= policy.max_receive_count)
    }

    /// The message keeps its id and, on standard queues, its age; on FIFO queues its age starts again:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html>
    fn move_to_dead_letters(
        &self,
        id: i64,
        source: &Queue,
        target: &Queue,
    ) -> Result<(), SqsError> {
        let enqueued_at = match source.settings.kind {
            QueueKind::Standard => None,
            QueueKind::Fifo => Some(self.now),
        };
        self.db
            .prepare_cached(
                "UPDATE messages SET queue_id = ?2, state = 0, visible_at = ?3, source_arn = ?4, \
                 queue_receive_count = 0, enqueued_at = COALESCE(?5, enqueued_at) WHERE id = ?1",
            )?
            .execute((id, target.id, self.now, source.name.arn(), enqueued_at))?;
        self.mark_changed(target.id);
        Ok(())
    }

    fn hand_out(&self, id: i64, visibility_seconds: i64) -> Result<ReceivedMessage, SqsError> {
        let (message, attributes) = self
            .db
            .prepare_cached(
                "UPDATE messages SET state = ?2, visible_at = ?3, received_at = ?4, \
                 first_received_at = COALESCE(first_received_at, ?4), receive_count = receive_count + 1, \
                 queue_receive_count = queue_receive_count + 1 WHERE id = ?1 \
                 RETURNING id, queue_id, receive_count, message_id, body, attributes, trace_header, group_id, \
                 deduplication_id, source_arn, sent_at, first_received_at",
            )?
            .query_row(
                (
                    id,
                    State::InFlight as i64,
                    self.now + visibility_seconds * 1_000,
                    self.now,
                ),
                read_row,
            )?;
        Ok(ReceivedMessage {
            attributes: serde_json::from_str(&attributes).map_err(SqsError::internal)?,
            ..message
        })
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<(ReceivedMessage, String)> {
    let group: String = row.get("group_id")?;
    let message = ReceivedMessage {
        handle: ReceiptHandle {
            queue: row.get("queue_id")?,
            message: row.get("id")?,
            receive_count: row.get("receive_count")?,
        },
        message_id: row.get("message_id")?,
        body: row.get("body")?,
        attributes: MessageAttributes::new(),
        trace_header: row.get("trace_header")?,
        group: Some(group).filter(|group| !group.is_empty()),
        deduplication_id: row.get("deduplication_id")?,
        source_arn: row.get("source_arn")?,
        sent_at: row.get("sent_at")?,
        first_received_at: row.get("first_received_at")?,
    };
    Ok((message, row.get("attributes")?))
}
