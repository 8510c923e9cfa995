//! What an operator does with the queues themselves: read them, move messages back, lose some.

use local::upstream::Upstream;
use serde_json::{Value, json};

use crate::harness::{Stack, text};

impl Stack {
    /// Every message on the queue is gone.
    pub(crate) async fn purge(&self, queue: &str) {
        let url = self.queue_url(queue).await;
        self.sqs("PurgeQueue", json!({ "QueueUrl": url })).await;
    }

    /// Moves what is on the dead-letter queue to the queue, as the console's redrive does.
    pub(crate) async fn redrive(&self, from: &str, to: &str) {
        let (source, destination) = (self.queue_arn(from).await, self.queue_arn(to).await);
        let input = json!({ "SourceArn": source, "DestinationArn": destination });
        self.sqs("StartMessageMoveTask", input).await;
    }

    async fn queue_arn(&self, queue: &str) -> String {
        let url = self.queue_url(queue).await;
        let input = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        text(&self.sqs("GetQueueAttributes", input).await["Attributes"]["QueueArn"])
    }

    async fn queue_url(&self, queue: &str) -> String {
        let found = self.sqs("GetQueueUrl", json!({ "QueueName": queue })).await;
        text(&found["QueueUrl"])
    }

    async fn sqs(&self, operation: &str, input: Value) -> Value {
        let sqs = Upstream::plain(&self.platform.sqs_url()).expect("the queues have a URL");
        sqs.call(&format!("AmazonSQS.{operation}"), &input)
            .await
            .expect("the queues answer")
    }
}
