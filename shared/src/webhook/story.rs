//! The story of one event, in order: a pure function of what is kept of it. Each step has a sentence for a
//! person and the same as facts for programs.

mod opening;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    store::{Attempt, Delivery, Endpoint, Event, EventState, Outcome},
    webhook::RetryPolicy,
};

/// One thing that happened to an event, or will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    pub step: StepKind,
    /// `null` where no time is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// For a person.
    pub detail: String,
    /// The same for programs.
    #[schema(value_type = Object)]
    pub facts: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    Received,
    Verified,
    /// Which vendor event it stands for, and what was dropped in its favour.
    Deduplicated,
    Attempted,
    Replayed,
    /// What became of it at a destination.
    Delivered,
    /// Where it is and why.
    Standing,
    /// What happens next.
    Next,
}

/// What is known beside the event itself.
pub struct Beside<'a> {
    /// `None` when it was deleted.
    pub endpoint: Option<&'a Endpoint>,
    /// What became of the event at each destination, in order.
    pub deliveries: Vec<Step>,
}

/// Everything that is known of the event, oldest first, then where it stands and what is to come.
pub fn story(event: &Event, beside: Beside<'_>) -> Vec<Step> {
    let mut steps = vec![
        opening::received(event, beside.endpoint),
        opening::verified(event, beside.endpoint),
        opening::deduplicated(event),
    ];
    let mut happened: Vec<Step> = event.replays.iter().map(|at| replayed(*at)).collect();
    happened.extend((1_usize..).zip(&event.attempts).map(attempted));
    happened.extend(dropped(event));
    // Stable: a replay comes before the attempt of the same moment.
    happened.sort_by_key(|step| step.at);
    steps.extend(happened);
    steps.extend(beside.deliveries);
    steps.push(standing(event));
    steps.push(next(event, beside.endpoint));
    steps
}

/// What became of the event at one destination.
pub fn delivered(delivery: &Delivery) -> Step {
    let last = delivery.attempts.last();
    let to = delivery.destination_id;
    let said = match (last, &delivery.reason) {
        (_, Some(reason)) => format!(": {reason}"),
        (Some(attempt), None) => match (attempt.status, &attempt.error) {
            (Some(status), _) => format!(": it answered {status}"),
            (None, error) => format!(": {}", error.as_deref().unwrap_or("no answer")),
        },
        (None, None) => String::new(),
    };
    let attempt = match delivery.attempt_count {
        0 => String::new(),
        count => format!(", attempt {count}"),
    };
    Step {
        step: StepKind::Delivered,
        at: last.map(|attempt| attempt.at),
        detail: format!("to {to}: {}{attempt}{said}", delivery.state.name()),
        facts: json!({
            "delivery_id": delivery.id,
            "destination_id": to,
            "state": delivery.state,
            "attempts": delivery.attempt_count,
            "status": last.and_then(|attempt| attempt.status),
            "next_attempt_at": delivery.next_attempt_at(),
        }),
    }
}

fn dropped(event: &Event) -> Option<Step> {
    let times = match event.duplicates {
        0 => return None,
        1 => "one more delivery".to_owned(),
        count => format!("{count} more deliveries"),
    };
    Some(Step {
        step: StepKind::Deduplicated,
        at: event.last_duplicate_at,
        detail: format!("dropped {times} of the same vendor event; this was the last"),
        facts: json!({ "duplicates": event.duplicates }),
    })
}

fn replayed(at: Timestamp) -> Step {
    Step {
        step: StepKind::Replayed,
        at: Some(at),
        detail: "sent through the worker again; the audit trail says who asked for it".to_owned(),
        facts: json!({}),
    }
}

fn attempted((number, attempt): (usize, &Attempt)) -> Step {
    let outcome = match attempt.outcome {
        Outcome::Processed => "processed",
        Outcome::Retry => "failed",
        Outcome::Dead => "given up",
        Outcome::Ignored => "ignored",
    };
    let Attempt {
        detail,
        duration_ms,
        ..
    } = attempt;
    Step {
        step: StepKind::Attempted,
        at: Some(attempt.at),
        detail: format!("attempt {number}: {outcome} after {duration_ms} ms: {detail}"),
        facts: json!({
            "number": number,
            "outcome": attempt.outcome,
            "reason": detail,
            "duration_ms": duration_ms,
            "next_at": attempt.next_at,
        }),
    }
}

fn standing(event: &Event) -> Step {
    let last = event.attempts.last();
    let reason = last.map_or("no attempt was made", |attempt| &attempt.detail);
    let detail = match event.state {
        EventState::Queued => "queued: a replay was asked for".to_owned(),
        EventState::Processed => "processed".to_owned(),
        EventState::Retrying => format!("retrying: {reason}"),
        EventState::Dead => format!("dead: {reason}"),
        EventState::Ignored => format!("ignored: {reason}"),
    };
    Step {
        step: StepKind::Standing,
        at: last.map(|attempt| attempt.at),
        detail,
        facts: json!({ "state": event.state, "attempts": event.attempt_count }),
    }
}

fn next(event: &Event, endpoint: Option<&Endpoint>) -> Step {
    let policy = endpoint.and_then(|endpoint| endpoint.retry);
    let policy: RetryPolicy = policy.unwrap_or_default();
    let (at, detail, action) = match event.state {
        EventState::Queued => (
            None,
            "a worker takes it up; if none does, replay it again".to_owned(),
            "apply",
        ),
        EventState::Processed | EventState::Ignored => (None, "nothing".to_owned(), "none"),
        EventState::Retrying => (
            event.attempts.last().and_then(|attempt| attempt.next_at),
            format!(
                "another attempt at this time or soon after; the endpoint allows {} in all, for {} hours",
                policy.max_attempts, policy.horizon_hours
            ),
            "retry",
        ),
        EventState::Dead => (
            None,
            "nothing, unless it is replayed; its message is in the dead-letter queue".to_owned(),
            "replay",
        ),
    };
    Step {
        step: StepKind::Next,
        at,
        detail,
        facts: json!({ "action": action }),
    }
}
