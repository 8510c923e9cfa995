//! The queues of the template, spoken to over SQS's own protocol with the operator's rights. The endpoint may be
//! the embedded server or anybody's.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::template::QueueSpec;
use crate::upstream::Upstream;

/// SQS hands out and deletes at most ten messages a call.
const BATCH: usize = 10;

#[derive(Clone, Debug)]
pub struct Queues {
    upstream: Upstream,
    urls: BTreeMap<String, String>,
}

/// A message as SQS hands it out.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    pub data_type: String,
    pub string_value: Option<String>,
    /// Base64, in SQS's answer as in Lambda's event.
    pub binary_value: Option<String>,
}

impl Queues {
    /// Creates what is missing and lays the template's attributes onto what is there.
    pub async fn create(upstream: Upstream, specs: &[QueueSpec]) -> anyhow::Result<Self> {
        let mut queues = Self {
            upstream,
            urls: BTreeMap::new(),
        };
        // A redrive policy names its target, so the targets come first.
        let (last, first): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.redrive.is_some());
        for spec in first.into_iter().chain(last) {
            let url = queues
                .create_one(spec)
                .await
                .with_context(|| format!("create the queue {}", spec.logical_id))?;
            queues.urls.insert(spec.logical_id.clone(), url);
        }
        Ok(queues)
    }

    async fn create_one(&self, spec: &QueueSpec) -> anyhow::Result<String> {
        let mut attributes = spec.attributes.clone();
        if let Some(redrive) = &spec.redrive {
            let target = self
                .url(&redrive.queue)
                .context("a dead-letter queue cannot have a redrive policy itself")?;
            let input = json!({"QueueUrl": target, "AttributeNames": ["QueueArn"]});
            let answer = self
                .upstream
                .call("AmazonSQS.GetQueueAttributes", &input)
                .await?;
            let arn = answer
                .pointer("/Attributes/QueueArn")
                .and_then(Value::as_str)
                .context("it has no QueueArn")?;
            // SQS takes the policy as JSON text inside JSON.
            let policy =
                json!({"deadLetterTargetArn": arn, "maxReceiveCount": redrive.max_receive_count});
            attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        // What kind of queue it is can be said at its creation only.
        let kind = attributes.remove_entry("FifoQueue");
        let kind: BTreeMap<String, String> = kind.into_iter().collect();
        let input = json!({"QueueName": spec.logical_id, "Attributes": kind});
        let answer = self.upstream.call("AmazonSQS.CreateQueue", &input).await?;
        let url = answer
            .get("QueueUrl")
            .and_then(Value::as_str)
            .context("the answer has no QueueUrl")?;
        // Not at creation: a queue left from an earlier template would be refused for its other attributes.
        if !attributes.is_empty() {
            let input = json!({"QueueUrl": url, "Attributes": attributes});
            self.upstream
                .call("AmazonSQS.SetQueueAttributes", &input)
                .await?;
        }
        Ok(url.to_owned())
    }

    /// The URL of a queue of the template, by its logical id.
    pub fn url(&self, logical_id: &str) -> Option<&str> {
        self.urls.get(logical_id).map(String::as_str)
    }

    pub async fn receive(
        &self,
        url: &str,
        wait_s: u64,
        at_most: usize,
    ) -> anyhow::Result<Vec<Message>> {
        let input = json!({
            "QueueUrl": url,
            "MaxNumberOfMessages": at_most.clamp(1, BATCH),
            "WaitTimeSeconds": wait_s,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let mut answer = self
            .upstream
            .call("AmazonSQS.ReceiveMessage", &input)
            .await?;
        match answer.get_mut("Messages").map(Value::take) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(messages) => {
                serde_json::from_value(messages).context("read the received messages")
            }
        }
    }

    pub async fn delete(&self, url: &str, receipt_handles: &[&str]) -> anyhow::Result<()> {
        for batch in receipt_handles.chunks(BATCH) {
            let entries: Vec<Value> = batch
                .iter()
                .enumerate()
                .map(|(index, handle)| json!({"Id": index.to_string(), "ReceiptHandle": handle}))
                .collect();
            let input = json!({"QueueUrl": url, "Entries": entries});
            let answer = self
                .upstream
                .call("AmazonSQS.DeleteMessageBatch", &input)
                .await?;
            let failed = answer
                .get("Failed")
                .and_then(Value::as_array)
                .filter(|failed| !failed.is_empty());
            if let Some(failed) = failed {
                bail!(
                    "messages could not be deleted from {url}: {}",
                    Value::from(failed.clone())
                );
            }
        }
        Ok(())
    }
}
