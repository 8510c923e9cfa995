//! A sync run as a value: which page is next, what was done so far, and what may happen to it.
//!
//! **Invariant:** a message of a page that was done, or of a run that is over or paused, changes nothing:
//! every step names the page that it is of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sync::{DeleteRule, Verdict};

/// What a run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    pub pages: u64,
    pub seen: u64,
    pub to_local: u64,
    pub to_remote: u64,
    pub conflicts: u64,
    /// Deletes that wait for the end of the run, where they are judged together.
    pub deletes: u64,
}

/// Which side is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The vendor's list, by its cursor.
    Remote,
    /// The collection's changes.
    Local,
    /// The deletes of both, once all of them are known.
    Deletes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Paused,
    Completed,
    /// Completed, but for deletes that were too many to believe.
    Quarantined,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub state: RunState,
    pub phase: Phase,
    /// Of the present phase: where it goes on.
    pub cursor: Option<String>,
    /// The number of the next page, over all phases: the fence of messages.
    pub page: u64,
    pub statistics: Statistics,
    /// Records that both sides had when the run began.
    pub synced: u64,
    pub rule: DeleteRule,
}

/// What a page has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Where the phase goes on; `None` at its end.
    pub next: Option<String>,
    pub seen: u64,
    pub to_local: u64,
    pub to_remote: u64,
    pub conflicts: u64,
    pub deletes: u64,
}

/// Why a run did not take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the page was done before")]
    Done,
    #[error("the page's turn has not come")]
    Early,
    #[error("the run is paused")]
    Paused,
    #[error("the run is over")]
    Over,
}

/// What ends a run from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Cancelled,
    Failed,
}

impl Run {
    pub fn new(cursor: Option<String>, synced: u64, rule: DeleteRule) -> Self {
        Self {
            state: RunState::Running,
            phase: Phase::Remote,
            cursor,
            page: 0,
            statistics: Statistics::default(),
            synced,
            rule,
        }
    }

    /// Whether a message of page `page` is to be worked on now.
    ///
    /// # Errors
    /// Why not. Only [`Refused::Early`] can come right by waiting.
    pub fn admit(&self, page: u64) -> Result<(), Refused> {
        match self.state {
            RunState::Running if page == self.page => Ok(()),
            RunState::Running if page < self.page => Err(Refused::Done),
            RunState::Running => Err(Refused::Early),
            RunState::Paused => Err(Refused::Paused),
            RunState::Completed
            | RunState::Quarantined
            | RunState::Failed
            | RunState::Cancelled => Err(Refused::Over),
        }
    }

    /// The run after page `page`, which is committed together with the page's effects.
    ///
    /// # Errors
    /// As [`Run::admit`].
    pub fn after(&self, page: u64, step: Step) -> Result<Self, Refused> {
        self.admit(page)?;
        let mut next = self.clone();
        next.page += 1;
        let statistics = &mut next.statistics;
        statistics.pages += 1;
        statistics.seen += step.seen;
        statistics.to_local += step.to_local;
        statistics.to_remote += step.to_remote;
        statistics.conflicts += step.conflicts;
        statistics.deletes += step.deletes;
        let is_end = step.next.is_none();
        next.cursor = step.next;
        if is_end {
            next.turn();
        }
        Ok(next)
    }

    /// # Errors
    /// The run is over.
    pub fn pause(&self) -> Result<Self, Refused> {
        self.to(RunState::Paused)
    }

    /// Goes on where it was.
    ///
    /// # Errors
    /// The run is over.
    pub fn resume(&self) -> Result<Self, Refused> {
        self.to(RunState::Running)
    }

    /// What was done stays done.
    ///
    /// # Errors
    /// The run is over.
    pub fn end(&self, how: Ended) -> Result<Self, Refused> {
        self.to(match how {
            Ended::Cancelled => RunState::Cancelled,
            Ended::Failed => RunState::Failed,
        })
    }

    pub fn is_over(&self) -> bool {
        match self.state {
            RunState::Running | RunState::Paused => false,
            RunState::Completed
            | RunState::Quarantined
            | RunState::Failed
            | RunState::Cancelled => true,
        }
    }

    /// The present phase has ended.
    fn turn(&mut self) {
        match self.phase {
            Phase::Remote => self.phase = Phase::Local,
            Phase::Local => match self.rule.judge(self.statistics.deletes, self.synced) {
                _ if self.statistics.deletes == 0 => self.state = RunState::Completed,
                Verdict::Apply => self.phase = Phase::Deletes,
                Verdict::Quarantine => self.state = RunState::Quarantined,
            },
            Phase::Deletes => self.state = RunState::Completed,
        }
    }

    fn to(&self, state: RunState) -> Result<Self, Refused> {
        if self.is_over() {
            return Err(Refused::Over);
        }
        Ok(Self {
            state,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests;
