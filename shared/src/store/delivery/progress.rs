//! A delivery's way from attempt to attempt: claimed, settled, and the next message's step.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};

use crate::{
    queue::DeliveryJob,
    store::{
        Delivery, DeliveryAttempt, DeliveryState, StoreError, TenantStore,
        change::{number, read, text},
        db::{Item, Table},
        destination::changed,
        key::{Key, Sort},
    },
};

/// How long an attempt may take; its worker is dead after that, because its function's time is over.
const CLAIM: SignedDuration = SignedDuration::from_secs(60);

/// It is this message's turn, and no other run is at it.
const FREE: &str = "step <= :step AND due_ms <= :now AND \
     (attribute_not_exists(claimed_until_ms) OR claimed_until_ms <= :now)";

/// Attempts that are kept.
const MOST_KEPT: usize = 30;

pub(crate) enum Claim {
    Taken(Box<Delivery>),
    Refused(NotYet),
}

/// Why a message may not make an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotYet {
    /// The delivery has ended, or is further than this message.
    Over,
    Early(Timestamp),
    /// Another run is at it, for so long at most.
    Busy(Duration),
}

/// What a message that puts a delivery off has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    None,
    /// It has claimed it, and lets go of it.
    Claim,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Ended(DeliveryState),
    Due(Timestamp),
}

impl TenantStore {
    /// One conditional update: the right to make one attempt.
    pub(crate) async fn claim_delivery(&self, job: &DeliveryJob) -> Result<Claim, StoreError> {
        let until = self.now.saturating_add(CLAIM).unwrap_or(Timestamp::MAX);
        let values = [
            (":until", number(until.as_millisecond())),
            (":now", number(self.now.as_millisecond())),
        ];
        let answer = self
            .delivery_step(
                job,
                "SET claimed_until_ms = :until, step = :step",
                FREE,
                values.into(),
            )
            .await?;
        match answer {
            Ok(row) => Ok(Claim::Taken(Box::new(read(row)?))),
            Err(row) => Ok(Claim::Refused(refusal(row, job, self.now)?)),
        }
    }

    /// Puts a delivery off without an attempt; or why the message may not do so.
    pub(crate) async fn postpone_delivery(
        &self,
        job: &DeliveryJob,
        due: Timestamp,
        hold: Hold,
    ) -> Result<Option<NotYet>, StoreError> {
        let mut values = vec![(":due", number(due.as_millisecond()))];
        let condition = match hold {
            Hold::None => {
                values.push((":now", number(self.now.as_millisecond())));
                FREE
            }
            Hold::Claim => "step = :step",
        };
        let answer = self
            .delivery_step(
                job,
                "SET due_ms = :due REMOVE claimed_until_ms",
                condition,
                values,
            )
            .await?;
        answer.map_or_else(|row| Ok(Some(refusal(row, job, self.now)?)), |_| Ok(None))
    }

    /// Commits an attempt. `false` if the delivery has moved on meanwhile.
    pub(crate) async fn settle_delivery(
        &self,
        job: &DeliveryJob,
        claimed: &Delivery,
        attempt: DeliveryAttempt,
        next: Next,
    ) -> Result<bool, StoreError> {
        let mut attempts = claimed.attempts.clone();
        // Each further write pays for the row's size.
        for before in &mut attempts {
            before.shorten();
        }
        attempts.push(attempt);
        let attempts = attempts.split_off(attempts.len().saturating_sub(MOST_KEPT));
        let (state, due_ms) = match next {
            Next::Ended(state) => (state, claimed.due_ms),
            Next::Due(due) => (DeliveryState::Retrying, due.as_millisecond()),
        };
        let values = [
            (":to", text(state.name())),
            (":attempts", serde_dynamo::to_attribute_value(attempts)?),
            (":count", number(claimed.attempt_count + 1)),
            (":tries", number(claimed.tries + 1)),
            (":due", number(due_ms)),
        ];
        let answer = self
            .delivery_step(
                job,
                "SET #state = :to, attempts = :attempts, attempt_count = :count, tries = :tries, \
                 due_ms = :due REMOVE claimed_until_ms",
                "step = :step",
                values.into(),
            )
            .await?;
        Ok(answer.is_ok())
    }

    /// Gives a delivery up without an attempt.
    pub(crate) async fn abandon_delivery(
        &self,
        job: &DeliveryJob,
        reason: &str,
    ) -> Result<(), StoreError> {
        let values = [
            (":to", text(DeliveryState::Failed.name())),
            (":reason", text(reason)),
        ];
        self.delivery_step(
            job,
            "SET #state = :to, reason = :reason REMOVE claimed_until_ms",
            "step <= :step",
            values.into(),
        )
        .await
        .map(drop)
    }

    /// The next message is on the queue: what this one does is over.
    pub(crate) async fn advance_delivery(&self, job: &DeliveryJob) -> Result<(), StoreError> {
        let DeliveryJob::Attempt { step, .. } = job;
        let values = [(":next", number(step + 1))];
        self.delivery_step(job, "SET step = :next", "step <= :step", values.into())
            .await
            .map(drop)
    }

    /// The row after the update, or the one that did not fulfil the condition. Holds only for the job's
    /// round, and only while that has not ended.
    async fn delivery_step(
        &self,
        job: &DeliveryJob,
        expression: &str,
        condition: &str,
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<Result<Item, Item>, StoreError> {
        let DeliveryJob::Attempt {
            delivery,
            ticket,
            step,
            ..
        } = job;
        let key = Key::new(self.tenant, &Sort::Delivery(*delivery));
        let mut request = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Events)?)
            .set_key(Some(key.attributes()))
            .update_expression(expression)
            .condition_expression(format!(
                "ticket = :ticket AND #state IN (:pending, :retrying) AND {condition}"
            ))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":ticket", text(ticket))
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":pending", text(DeliveryState::Pending.name()))
            .expression_attribute_values(":retrying", text(DeliveryState::Retrying.name()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        changed(request).await
    }
}

fn refusal(row: Item, job: &DeliveryJob, now: Timestamp) -> Result<NotYet, StoreError> {
    let DeliveryJob::Attempt { ticket, step, .. } = job;
    if row.is_empty() {
        return Ok(NotYet::Over);
    }
    let row: Delivery = read(row)?;
    if row.ticket != *ticket || row.state.has_ended() || row.step > *step {
        return Ok(NotYet::Over);
    }
    let now_ms = now.as_millisecond();
    if row.due_ms > now_ms {
        return Ok(Timestamp::from_millisecond(row.due_ms).map_or(NotYet::Over, NotYet::Early));
    }
    let left_ms = u64::try_from(row.claimed_until_ms - now_ms).unwrap_or(0);
    let left = Duration::from_secs(left_ms.div_ceil(1_000).max(1));
    Ok(NotYet::Busy(left))
}
