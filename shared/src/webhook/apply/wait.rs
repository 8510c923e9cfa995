//! Long waits. A hidden message counts as in flight, of which a queue has 120,000, and a tenant that has
//! many is served last; so a long wait is a message that is sent again with a delay, hop by hop.
//!
//! **Invariant:** the next message is on the queue before this one's end is noted, and this one's end is
//! noted before it is deleted. Whatever dies in between repeats a step; a step that has a successor does
//! nothing, so repetitions never multiply. See `docs/decisions/0012-long-waits.md`.

use std::time::Duration;

use jiff::SignedDuration;

use crate::{
    queue::{EventRef, JobError, JobResult, Turn, send_later},
    webhook::apply::{Run, chain},
};

/// Up to this long a retry waits hidden: one call, where a hop costs three.
pub(super) const LONGEST_HIDDEN: Duration = Duration::from_secs(30);

impl Run<'_> {
    /// Whether the message must not be worked on now: it has a successor, or its time has not come.
    /// `None` if its turn has come.
    pub(super) async fn not_yet(&self, first: &EventRef) -> Option<JobResult> {
        let turn = self.received.turn?;
        let wait = turn.due.duration_since(self.started);
        if let Ok(wait) = Duration::try_from(wait)
            && wait > Duration::ZERO
        {
            return Some(self.later(first, wait, turn.attempts).await);
        }
        match self.store.wait_step(first).await {
            Ok(step) => (step > turn.step).then_some(Ok(())),
            // At worst an attempt is made twice.
            Err(_) => None,
        }
    }

    /// Waits, with so many attempts behind it.
    pub(super) async fn later(&self, first: &EventRef, wait: Duration, attempts: u32) -> JobResult {
        let hidden = Err(JobError::Retry { after: wait });
        let step = self.received.turn.map_or(0, |turn| turn.step);
        match self.store.wait_step(first).await {
            Ok(latest) if latest > step => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = chain(error), "a long wait stays hidden");
                return hidden;
            }
        }
        let Ok(due) = self
            .started
            .checked_add(SignedDuration::try_from(wait).unwrap_or_default())
        else {
            return hidden;
        };
        let turn = Turn {
            attempts,
            step: step + 1,
            due,
        };
        let (app, tenant) = (self.app, self.store.tenant_id());
        let body = self.received.body.clone();
        if let Err(error) = send_later(app, tenant, body, turn, wait).await {
            tracing::warn!(error = format!("{error:#}"), "a long wait stays hidden");
            return hidden;
        }
        if let Err(error) = self.store.advance_wait(first, turn.step).await {
            // It matters only if this message comes back.
            tracing::warn!(error = chain(error), "could not note a step of a wait");
        }
        Ok(())
    }
}
