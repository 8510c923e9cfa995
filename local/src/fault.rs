//! Faults that tests order: which calls fail, how, and how often. Without a rule no call is touched.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One rule. Every given field must match; the oldest rule that does decides.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// For example `TransactWriteItems` or `SendMessage`; any when absent.
    #[serde(default)]
    pub operation: Option<String>,
    /// The binary of the calling function; any caller when absent.
    #[serde(default)]
    pub function: Option<String>,
    /// Text that the request body holds.
    #[serde(default)]
    pub contains: Option<String>,
    /// How many calls fail; until removed when absent.
    #[serde(default)]
    pub times: Option<u32>,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The caller is too fast.
    Throttling,
    /// The service failed and did nothing.
    InternalError,
    /// A condition did not hold.
    ConditionFailed,
    /// Another transaction touches the same item.
    TransactionConflict,
    /// The service did what it was asked, and its answer was an internal error all the same.
    LostAnswer,
}

#[derive(Clone, Debug, Serialize)]
pub struct ActiveFault {
    pub id: u64,
    pub hits: u32,
    #[serde(flatten)]
    pub fault: Fault,
}

/// The rules in force. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Arc<Mutex<Rules>>,
}

#[derive(Debug, Default)]
struct Rules {
    last_id: u64,
    active: Vec<ActiveFault>,
}

impl Fault {
    pub fn on(operation: impl Into<String>, answer: Answer) -> Self {
        Self {
            operation: Some(operation.into()),
            function: None,
            contains: None,
            times: None,
            answer,
        }
    }

    #[must_use]
    pub fn by(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }

    #[must_use]
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.contains = Some(text.into());
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, function: Option<&str>, operation: &str, body: &[u8]) -> bool {
        self.operation
            .as_deref()
            .is_none_or(|wanted| wanted == operation)
            && self
                .function
                .as_deref()
                .is_none_or(|wanted| Some(wanted) == function)
            && self
                .contains
                .as_deref()
                .is_none_or(|text| holds(body, text.as_bytes()))
    }
}

impl Faults {
    /// The rule's id, for `remove` and `hits`.
    pub fn add(&self, fault: Fault) -> u64 {
        let mut rules = self.lock();
        rules.last_id += 1;
        let id = rules.last_id;
        rules.active.push(ActiveFault { id, hits: 0, fault });
        id
    }

    /// Whether there was such a rule.
    pub fn remove(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let before = rules.active.len();
        rules.active.retain(|active| active.id != id);
        rules.active.len() < before
    }

    pub fn clear(&self) {
        self.lock().active.clear();
    }

    /// Every rule that was not removed, spent ones included.
    pub fn list(&self) -> Vec<ActiveFault> {
        self.lock().active.clone()
    }

    /// How many calls a rule has failed.
    pub fn hits(&self, id: u64) -> u32 {
        self.lock()
            .active
            .iter()
            .find(|active| active.id == id)
            .map_or(0, |active| active.hits)
    }

    pub(crate) fn strike(
        &self,
        function: Option<&str>,
        operation: &str,
        body: &[u8],
    ) -> Option<Answer> {
        let mut rules = self.lock();
        let struck = rules.active.iter_mut().find(|active| {
            active.fault.times.is_none_or(|times| active.hits < times)
                && active.fault.matches(function, operation, body)
        })?;
        struck.hits += 1;
        Some(struck.fault.answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rules> {
        // A panic elsewhere leaves the rules whole: each change is one step.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// The answer as the service itself would give it.
    pub(crate) fn error(self, target: &str, body: &[u8]) -> (StatusCode, Value) {
        let (service, operation) = target.split_once('.').unwrap_or_default();
        if service == "AmazonSQS" {
            return match self {
                Self::Throttling => error(
                    400,
                    "com.amazonaws.sqs#RequestThrottled",
                    "The request was denied due to request throttling.",
                ),
                Self::InternalError
                | Self::LostAnswer
                | Self::ConditionFailed
                | Self::TransactionConflict => error(
                    500,
                    "com.amazonaws.sqs#InternalFailure",
                    "The request failed because of an internal error.",
                ),
            };
        }
        let named = |name: &str| format!("com.amazonaws.dynamodb.v20120810#{name}");
        match (self, operation) {
            (Self::Throttling, _) => error(
                400,
                &named("ProvisionedThroughputExceededException"),
                "The level of configured provisioned throughput for the table was exceeded.",
            ),
            (Self::InternalError | Self::LostAnswer, _) => error(
                500,
                &named("InternalServerError"),
                "The request failed because of an internal error.",
            ),
            (Self::ConditionFailed, "TransactWriteItems") => {
                cancelled(body, "ConditionalCheckFailed")
            }
            (Self::TransactionConflict, "TransactWriteItems" | "TransactGetItems") => {
                cancelled(body, "TransactionConflict")
            }
            (Self::ConditionFailed, _) => error(
                400,
                &named("ConditionalCheckFailedException"),
                "The conditional request failed",
            ),
            (Self::TransactionConflict, _) => error(
                400,
                &named("TransactionConflictException"),
                "Transaction is ongoing for the item",
            ),
        }
    }
}

fn error(status: u16, kind: &str, message: &str) -> (StatusCode, Value) {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, json!({"__type": kind, "message": message}))
}

/// A cancelled transaction names a reason for every item; here the first item is the one to blame.
fn cancelled(body: &[u8], code: &str) -> (StatusCode, Value) {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let count = request
        .get("TransactItems")
        .and_then(Value::as_array)
        .map_or(1, Vec::len);
    let codes: Vec<&str> = std::iter::once(code)
        .chain(std::iter::repeat("None"))
        .take(count)
        .collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let reasons: Vec<Value> = codes
        .iter()
        .map(|code| match *code {
            "None" => json!({"Code": "None"}),
            code => json!({"Code": code, "Message": "ordered by a fault rule"}),
        })
        .collect();
    let (status, mut answer) = error(
        400,
        "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        &message,
    );
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("Message".to_owned(), Value::String(message));
        answer.insert("CancellationReasons".to_owned(), Value::Array(reasons));
    }
    (status, answer)
}

fn holds(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests;
