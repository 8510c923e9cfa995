//! One SQS batch through a worker: each record on its own, failures reported by record, a panic
//! caught and counted as that record's failure only.

use std::{collections::HashMap, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::join_all};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    lambda::Worker,
    queue::turn::{TURN, Turn},
};

/// What Lambda passes to a function that reads a queue.
#[derive(Debug, Deserialize)]
pub struct SqsEvent {
    #[serde(rename = "Records", default)]
    records: Vec<SqsRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: SqsAttributes,
    #[serde(default)]
    message_attributes: HashMap<String, MessageAttribute>,
    #[serde(default, rename = "eventSourceARN")]
    source_arn: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SqsAttributes {
    approximate_receive_count: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageAttribute {
    string_value: Option<String>,
}

/// One message as a worker gets it.
#[derive(Debug)]
pub struct Received {
    pub body: String,
    /// How often the job was handed out, this time included; 1 the first time.
    pub attempt: u32,
    pub(crate) message_id: String,
    pub(crate) group: Option<String>,
    /// Whether it keeps its place in a FIFO queue until it is done.
    pub(crate) is_ordered: bool,
    /// Where a job stands that was sent again to wait.
    pub(crate) turn: Option<Turn>,
}

/// What a worker could not do now.
#[derive(Debug)]
pub enum JobError {
    /// Try again after this long.
    Retry { after: Duration },
}

pub type JobResult = Result<(), JobError>;

/// The answer that SQS's event source mapping reads (`ReportBatchItemFailures`).
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsAnswer {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// Runs the records of a batch side by side. A failed record stays on the queue and comes back
/// after the time its worker asked for.
pub async fn run_batch(app: &App, event: SqsEvent, worker: Worker) -> SqsAnswer {
    let runs = event
        .records
        .into_iter()
        .map(|record| run_record(app, record, worker));
    let failed = join_all(runs).await.into_iter().flatten();
    SqsAnswer {
        batch_item_failures: failed
            .map(|item_identifier| ItemFailure { item_identifier })
            .collect(),
    }
}

/// The message's id if it failed.
async fn run_record(app: &App, record: SqsRecord, worker: Worker) -> Option<String> {
    let received_times = record
        .attributes
        .approximate_receive_count
        .and_then(|count| count.parse().ok());
    let turn = record
        .message_attributes
        .get(TURN)
        .and_then(|attribute| Turn::parse(attribute.string_value.as_deref()?));
    let before = turn.map_or(0, |turn| turn.attempts);
    let received = Received {
        body: record.body,
        attempt: before.saturating_add(received_times.unwrap_or(1)),
        message_id: record.message_id.clone(),
        group: record.attributes.message_group_id,
        is_ordered: record.source_arn.ends_with(".fifo"),
        turn,
    };
    let outcome = AssertUnwindSafe(worker(app, received)).catch_unwind().await;
    match outcome {
        Ok(Ok(())) => None,
        Ok(Err(JobError::Retry { after })) => {
            hide(app, &record.source_arn, &record.receipt_handle, after).await;
            Some(record.message_id)
        }
        Err(_) => {
            tracing::error!(message.id = record.message_id, "a worker panicked");
            Some(record.message_id)
        }
    }
}

/// Best effort: if it fails, the queue's own visibility timeout brings the message back.
async fn hide(app: &App, source_arn: &str, receipt: &str, after: Duration) {
    let hidden = match app.config.queue_url(source_arn) {
        Some(url) => app.queue.retry_after(url, receipt, after).await,
        None => Err(anyhow::anyhow!("no variable names the queue {source_arn}")),
    };
    if let Err(error) = hidden {
        tracing::warn!(
            error = format!("{error:#}"),
            "could not set the delay of a retry"
        );
    }
}
