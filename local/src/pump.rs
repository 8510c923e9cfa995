//! A queue trigger, as Lambda's event source mapping works it: a message is deleted only after a function took
//! it without naming it a failure. Everything else comes back by its visibility time-out.

mod disorder;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::function::Functions;
use crate::progress::Progress;
use crate::pump::disorder::Disorder;
use crate::queues::{Message, Queues};
use crate::template::{QueueTrigger, REGION, queue_arn};

/// Whether a message that was taken well is delivered once more, as SQS may at any time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Redeliver {
    #[default]
    Never,
    Always,
    /// Some, by chance from this seed: at once, or after the visibility time-out because a deletion got
    /// lost. What a standard queue hands out is put out of order as well.
    Seeded(u64),
}

#[derive(Clone, Debug)]
pub struct Pump {
    pub queues: Queues,
    pub functions: Arc<Functions>,
    pub binary: String,
    pub trigger: QueueTrigger,
    redeliver: Redeliver,
    disorder: Option<Disorder>,
    pub progress: Progress,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stepped {
    pub received: usize,
    pub deleted: usize,
    pub failed: usize,
}

impl std::ops::AddAssign for Stepped {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.deleted += other.deleted;
        self.failed += other.failed;
    }
}

impl Pump {
    pub fn new(
        queues: Queues,
        functions: Arc<Functions>,
        binary: String,
        trigger: QueueTrigger,
        redeliver: Redeliver,
        progress: Progress,
    ) -> Self {
        let disorder = match redeliver {
            Redeliver::Never | Redeliver::Always => None,
            Redeliver::Seeded(seed) => Some(Disorder::seeded(seed)),
        };
        Self {
            queues,
            functions,
            binary,
            trigger,
            redeliver,
            disorder,
            progress,
        }
    }

    /// Receives one batch, waiting up to `wait_s` for its first message, and works it off.
    pub async fn step(&self, wait_s: u64) -> anyhow::Result<Stepped> {
        let Some(url) = self.queues.url(&self.trigger.queue) else {
            anyhow::bail!("the queue {} was not created", self.trigger.queue);
        };
        let messages = self.receive(url, wait_s).await?;
        if messages.is_empty() {
            return Ok(Stepped::default());
        }
        if let Some(disorder) = &self.disorder {
            return self.disordered(disorder, url, messages).await;
        }
        let mut succeeded = self.invoke(&messages.iter().collect::<Vec<_>>()).await;
        if self.redeliver == Redeliver::Always && !succeeded.is_empty() {
            let again: Vec<&Message> = messages
                .iter()
                .filter(|message| succeeded.contains(&message.message_id))
                .collect();
            succeeded = self.invoke(&again).await;
        }
        let handles: Vec<&str> = messages
            .iter()
            .filter(|message| succeeded.contains(&message.message_id))
            .map(|message| message.receipt_handle.as_str())
            .collect();
        self.queues.delete(url, &handles).await?;
        Ok(Stepped {
            received: messages.len(),
            deleted: handles.len(),
            failed: messages.len() - handles.len(),
        })
    }

    /// Works several batches off as if as many pollers had received them, in the order of chance.
    async fn disordered(
        &self,
        disorder: &Disorder,
        url: &str,
        first: Vec<Message>,
    ) -> anyhow::Result<Stepped> {
        let mut received = vec![first];
        for _ in 1..disorder.pollers() {
            let batch = self.receive(url, 0).await?;
            if batch.is_empty() {
                break;
            }
            received.push(batch);
        }
        let count = received.iter().map(Vec::len).sum();
        let batches = if is_fifo(url) {
            disorder.fifo(received)
        } else {
            disorder.standard(received, self.trigger.batch_size)
        };
        let mut succeeded = HashSet::new();
        for batch in &batches {
            succeeded.extend(self.invoke(&batch.iter().collect::<Vec<_>>()).await);
        }
        let taken = batches
            .iter()
            .flatten()
            .filter(|message| succeeded.contains(&message.message_id))
            .map(|message| message.receipt_handle.as_str());
        let taken: BTreeSet<&str> = taken.collect();
        let deleted: Vec<&str> = disorder.lose_some(taken.iter().copied());
        self.queues.delete(url, &deleted).await?;
        Ok(Stepped {
            received: count,
            deleted: deleted.len(),
            failed: count - taken.len(),
        })
    }

    /// A batch may be larger than one receive gives.
    async fn receive(&self, url: &str, wait_s: u64) -> anyhow::Result<Vec<Message>> {
        let size = self.trigger.batch_size;
        let mut messages = self.queues.receive(url, wait_s, size).await?;
        while !messages.is_empty() && messages.len() < size {
            let more = self.queues.receive(url, 0, size - messages.len()).await?;
            if more.is_empty() {
                break;
            }
            messages.extend(more);
        }
        Ok(messages)
    }

    /// The ids of the messages that the function took.
    async fn invoke(&self, messages: &[&Message]) -> HashSet<String> {
        let ids: HashSet<String> = messages
            .iter()
            .map(|message| message.message_id.clone())
            .collect();
        let arn = queue_arn(&self.trigger.queue);
        let records: Vec<Value> = messages
            .iter()
            .map(|message| record(message, &arn))
            .collect();
        let answer = match self
            .functions
            .invoke(&self.binary, json!({"Records": records}))
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                self.progress.line(format!("{error}"));
                return HashSet::new();
            }
        };
        if !self.trigger.report_batch_item_failures {
            return ids;
        }
        match failures(&answer, &ids) {
            Ok(failed) => ids
                .into_iter()
                .filter(|id| !failed.contains(id.as_str()))
                .collect(),
            Err(reason) => {
                self.progress.line(format!(
                    "{}: the whole batch failed, because {reason}",
                    self.binary
                ));
                HashSet::new()
            }
        }
    }
}

fn is_fifo(url: &str) -> bool {
    url.ends_with(".fifo")
}

/// The message ids that the answer names as failed; the error is why all of them count as failed.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
fn failures<'a>(answer: &'a Value, ids: &HashSet<String>) -> Result<HashSet<&'a str>, String> {
    let fields = match answer {
        Value::Null => return Ok(HashSet::new()),
        Value::Object(fields) => fields,
        other => return Err(format!("the answer must be an object, got {other}")),
    };
    let named = match fields.get("batchItemFailures") {
        None | Some(Value::Null) => return Ok(HashSet::new()),
        Some(Value::Array(named)) => named,
        Some(other) => return Err(format!("batchItemFailures must be a list, got {other}")),
    };
    let mut failed = HashSet::new();
    for item in named {
        let id = item.get("itemIdentifier").and_then(Value::as_str);
        match id.filter(|id| ids.contains(*id)) {
            Some(id) => failed.insert(id),
            None => {
                return Err(format!(
                    "batchItemFailures names {item}, which is no message of the batch"
                ));
            }
        };
    }
    Ok(failed)
}

/// One message as it stands in Lambda's event.
fn record(message: &Message, arn: &str) -> Value {
    let attributes = message.message_attributes.iter().map(|(name, attribute)| {
        let mut value = Map::new();
        let values = [
            ("stringValue", &attribute.string_value),
            ("binaryValue", &attribute.binary_value),
        ];
        for (key, text) in values {
            value.extend(
                text.clone()
                    .map(|text| (key.to_owned(), Value::String(text))),
            );
        }
        value.insert("stringListValues".to_owned(), json!([]));
        value.insert("binaryListValues".to_owned(), json!([]));
        value.insert(
            "dataType".to_owned(),
            Value::String(attribute.data_type.clone()),
        );
        (name.clone(), Value::Object(value))
    });
    json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.attributes,
        "messageAttributes": attributes.collect::<Map<_, _>>(),
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    })
}

#[cfg(test)]
mod tests;
