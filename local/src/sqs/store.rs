//! The queues in SQLite. Every request is one transaction: it is stored whole before it is answered, or not at all.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::sqs::error::SqsError;

mod handle;
mod moves;
mod queue;
mod receive;
mod send;

pub(super) use moves::{MoveTask, MoveTaskStatus, NewMoveTask};
pub(super) use queue::Queue;
pub(super) use receive::ReceivedMessage;
pub(super) use send::Outgoing;

/// Where the queues live.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Gone with the process.
    Memory,
    /// A SQLite file, created when it is absent. What was acknowledged survives a killed process.
    File(PathBuf),
}

/// How many messages of a queue are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ready to be received.
    pub visible: i64,
    /// Received and not yet deleted, within their visibility timeout.
    pub in_flight: i64,
    /// Sent with a delay that has not passed.
    pub delayed: i64,
}

pub(super) struct Store {
    connection: Connection,
}

/// One transaction at one moment.
pub(super) struct Tx<'a> {
    db: Transaction<'a>,
    now: i64,
    changed: RefCell<BTreeSet<i64>>,
}

/// Where a message is in its life, as stored in `messages.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
enum State {
    Visible = 0,
    Delayed = 1,
    InFlight = 2,
}

// `messages.id` is the order of arrival and the source of sequence numbers; AUTOINCREMENT never reuses
// one, so that a receipt handle can never come to mean another message. A missing group is ''.
// `receive_count` counts over all queues, `queue_receive_count` since the message came to this one.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    purged_at INTEGER
);
CREATE TABLE IF NOT EXISTS deleted_queues (
    name TEXT PRIMARY KEY,
    deleted_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
    state INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    group_id TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    received_at INTEGER,
    first_received_at INTEGER,
    receive_count INTEGER NOT NULL DEFAULT 0,
    queue_receive_count INTEGER NOT NULL DEFAULT 0,
    source_arn TEXT,
    message_id TEXT NOT NULL,
    deduplication_id TEXT,
    trace_header TEXT,
    attributes TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_group ON messages (queue_id, state, group_id, id);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (queue_id, state, visible_at);
CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue_id, enqueued_at);
CREATE TABLE IF NOT EXISTS deduplication (
    queue_id INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    deduplication_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (queue_id, scope, deduplication_id)
);
CREATE TABLE IF NOT EXISTS move_tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL UNIQUE,
    source_id INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
    destination TEXT,
    rate INTEGER,
    started_at INTEGER NOT NULL,
    to_move INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    status TEXT NOT NULL,
    failure TEXT
);
CREATE INDEX IF NOT EXISTS move_tasks_running ON move_tasks (source_id) WHERE status = 'RUNNING';
";

impl Store {
    pub(super) fn open(storage: &Storage) -> rusqlite::Result<Self> {
        let connection = match storage {
            Storage::Memory => Connection::open_in_memory()?,
            Storage::File(path) => Connection::open(path)?,
        };
        // In WAL mode a commit is in the kernel's hands before it is acknowledged, so a killed process
        // loses nothing; NORMAL only gives up the last moments before a power cut, for ten times the speed.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
        )?;
        connection.execute_batch(SCHEMA)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection })
    }

    /// Runs `work` in a transaction and returns its result with the queues whose messages it changed.
    pub(super) fn transaction<T>(
        &mut self,
        now: i64,
        work: impl FnOnce(&Tx<'_>) -> Result<T, SqsError>,
    ) -> Result<(T, BTreeSet<i64>), SqsError> {
        let tx = Tx {
            db: self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?,
            now,
            changed: RefCell::default(),
        };
        let result = work(&tx)?;
        tx.db.commit()?;
        Ok((result, tx.changed.into_inner()))
    }
}

impl Tx<'_> {
    /// Brings a queue up to the present: messages whose time has come are visible, expired ones are gone.
    fn settle(&self, queue: &Queue) -> Result<(), SqsError> {
        self.advance_move_tasks()?;
        self.db
            .prepare_cached(
                "UPDATE messages SET state = 0 WHERE queue_id = ?1 AND state IN (1, 2) AND visible_at <= ?2",
            )?
            .execute((queue.id, self.now))?;
        self.db
            .prepare_cached("DELETE FROM messages WHERE queue_id = ?1 AND enqueued_at <= ?2")?
            .execute((
                queue.id,
                self.now - queue.settings.retention_seconds * 1_000,
            ))?;
        Ok(())
    }

    pub(super) fn counts(&self, queue: &Queue) -> Result<Counts, SqsError> {
        self.settle(queue)?;
        Ok(Counts {
            visible: self.count(queue.id, State::Visible)?,
            in_flight: self.count(queue.id, State::InFlight)?,
            delayed: self.count(queue.id, State::Delayed)?,
        })
    }

    /// When the queue will next have something new to offer without anybody sending.
    pub(super) fn next_change(&self, queue: &Queue) -> Result<Option<i64>, SqsError> {
        let visible_at: Option<i64> = self
            .db
            .prepare_cached(
                "SELECT MIN(at) FROM (SELECT MIN(visible_at) AS at FROM messages WHERE queue_id = ?1 AND state = 1 \
                 UNION ALL SELECT MIN(visible_at) FROM messages WHERE queue_id = ?1 AND state = 2)",
            )?
            .query_row([queue.id], |row| row.get(0))?;
        let moved_at = self.next_move()?;
        Ok([visible_at, moved_at].into_iter().flatten().min())
    }

    fn count(&self, queue: i64, state: State) -> Result<i64, SqsError> {
        Ok(self
            .db
            .prepare_cached("SELECT COUNT(*) FROM messages WHERE queue_id = ?1 AND state = ?2")?
            .query_row((queue, state as i64), |row| row.get(0))?)
    }

    /// Notes that long polls on the queue should look again once this transaction is stored.
    fn mark_changed(&self, queue: i64) {
        self.changed.borrow_mut().insert(queue);
    }
}
