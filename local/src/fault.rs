//! Faults that tests order: which calls fail, how, and how often. Without a rule no call is touched.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::crash::Crashes;

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
    /// How many matching calls pass before the first that may fail.
    #[serde(default)]
    pub after: u32,
    /// Which of the matching calls fail; all when absent.
    #[serde(default)]
    pub odds: Option<Odds>,
    pub answer: Answer,
}

/// One call in so many, chosen by a seeded source.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Odds {
    pub one_in: u32,
    pub seed: u64,
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
    /// The calling function dies; the service never hears of the call.
    CrashBefore,
    /// The service did what it was asked, and the calling function died before it read the answer.
    CrashAfter,
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
    crashes: Crashes,
}

#[derive(Debug, Default)]
struct Rules {
    last_id: u64,
    active: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    shown: ActiveFault,
    passed: u32,
    chance: Option<Chance>,
}

impl Fault {
    pub fn on(operation: impl Into<String>, answer: Answer) -> Self {
        Self {
            operation: Some(operation.into()),
            function: None,
            contains: None,
            times: None,
            after: 0,
            odds: None,
            answer,
        }
    }

    /// A fault of every operation.
    pub fn everywhere(answer: Answer) -> Self {
        Self {
            operation: None,
            ..Self::on("", answer)
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

    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.after = calls;
        self
    }

    /// Fails one matching call in `one_in`, by chance.
    #[must_use]
    pub fn one_in(mut self, one_in: u32, seed: u64) -> Self {
        self.odds = Some(Odds { one_in, seed });
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
        rules.active.push(Rule {
            chance: fault.odds.map(|odds| Chance::seeded(odds.seed)),
            passed: 0,
            shown: ActiveFault { id, hits: 0, fault },
        });
        id
    }

    /// Whether there was such a rule.
    pub fn remove(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let before = rules.active.len();
        rules.active.retain(|rule| rule.shown.id != id);
        rules.active.len() < before
    }

    pub fn clear(&self) {
        self.lock().active.clear();
    }

    /// Every rule that was not removed, spent ones included.
    pub fn list(&self) -> Vec<ActiveFault> {
        let rules = self.lock();
        rules.active.iter().map(|rule| rule.shown.clone()).collect()
    }

    /// Who dies of `CrashBefore` and `CrashAfter`.
    pub fn crashes(&self) -> &Crashes {
        &self.crashes
    }

    /// How many calls a rule has failed.
    pub fn hits(&self, id: u64) -> u32 {
        self.lock()
            .active
            .iter()
            .find(|rule| rule.shown.id == id)
            .map_or(0, |rule| rule.shown.hits)
    }

    pub(crate) fn strike(
        &self,
        function: Option<&str>,
        operation: &str,
        body: &[u8],
    ) -> Option<Answer> {
        let mut rules = self.lock();
        rules
            .active
            .iter_mut()
            .find_map(|rule| rule.strike(function, operation, body))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rules> {
        // A panic elsewhere leaves the rules whole: each change is one step.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn strike(&mut self, function: Option<&str>, operation: &str, body: &[u8]) -> Option<Answer> {
        let fault = &self.shown.fault;
        if fault.times.is_some_and(|times| self.shown.hits >= times)
            || !fault.matches(function, operation, body)
        {
            return None;
        }
        if self.passed < fault.after {
            self.passed += 1;
            return None;
        }
        let is_chosen = match (&mut self.chance, fault.odds) {
            (Some(chance), Some(odds)) => {
                chance.one_in(usize::try_from(odds.one_in).unwrap_or(usize::MAX))
            }
            (None, _) | (_, None) => true,
        };
        is_chosen.then(|| {
            self.shown.hits += 1;
            fault.answer
        })
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
                | Self::CrashBefore
                | Self::CrashAfter
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
            (Self::InternalError | Self::LostAnswer | Self::CrashBefore | Self::CrashAfter, _) => {
                error(
                    500,
                    &named("InternalServerError"),
                    "The request failed because of an internal error.",
                )
            }
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
