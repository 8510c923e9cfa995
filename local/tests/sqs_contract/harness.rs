//! A server on a free port with a clock of its own, and the SDK calls that nearly every test makes.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};
use aws_sdk_sqs::{Client, Config};
use local::sqs::{Clock, Counts, SqsServer, Storage, serve};

/// Some moment in 2025; it only changes by [`World::advance`].
pub(crate) const START_MS: i64 = 1_750_000_000_000;

pub(crate) struct World {
    pub(crate) server: SqsServer,
    pub(crate) client: Client,
    now: Arc<AtomicI64>,
}

/// The client set-up, in one place: any endpoint, no retries, so that a test sees each answer.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version_latest()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

pub(crate) async fn world() -> World {
    start(Storage::Memory, START_MS).await
}

pub(crate) async fn start(storage: Storage, now_ms: i64) -> World {
    let now = Arc::new(AtomicI64::new(now_ms));
    let read = Arc::clone(&now);
    let clock = Clock::new(move || read.load(Ordering::SeqCst));
    let server = SqsServer::open(storage, clock).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, server.router(), std::future::pending()));
    World {
        server,
        client: client(&endpoint),
        now,
    }
}

impl World {
    pub(crate) fn advance(&self, seconds: i64) {
        self.advance_ms(seconds * 1_000);
    }

    pub(crate) fn advance_ms(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::SeqCst);
        self.server.wake();
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Visible, in flight, delayed.
    pub(crate) fn counts(&self, name: &str) -> (i64, i64, i64) {
        let Counts {
            visible,
            in_flight,
            delayed,
        } = self.server.counts(name).unwrap();
        (visible, in_flight, delayed)
    }

    pub(crate) async fn queue(
        &self,
        name: &str,
        attributes: &[(QueueAttributeName, &str)],
    ) -> String {
        self.try_queue(name, attributes).await.unwrap()
    }

    /// Creates a queue; on refusal, the code.
    pub(crate) async fn try_queue(
        &self,
        name: &str,
        attributes: &[(QueueAttributeName, &str)],
    ) -> Result<String, String> {
        let attributes: HashMap<_, _> = attributes
            .iter()
            .map(|(name, value)| (name.clone(), (*value).to_owned()))
            .collect();
        self.client
            .create_queue()
            .queue_name(name)
            .set_attributes((!attributes.is_empty()).then_some(attributes))
            .send()
            .await
            .map(|out| out.queue_url().unwrap().to_owned())
            .map_err(|error| code(&error))
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) {
        let send = self.client.send_message().queue_url(queue);
        send.message_body(body).send().await.unwrap();
    }

    pub(crate) async fn send_to_group(&self, queue: &str, group: &str, body: &str) {
        self.client
            .send_message()
            .queue_url(queue)
            .message_group_id(group)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }

    /// Receives at once, up to ten messages, with all their attributes.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Message> {
        self.receive_up_to(queue, 10).await
    }

    pub(crate) async fn receive_up_to(&self, queue: &str, max: i32) -> Vec<Message> {
        receive(&self.client, queue, max, 0).await
    }

    pub(crate) async fn receive_bodies(&self, queue: &str) -> Vec<String> {
        bodies(&self.receive(queue).await)
    }

    pub(crate) async fn delete(&self, queue: &str, message: &Message) {
        self.client
            .delete_message()
            .queue_url(queue)
            .receipt_handle(handle(message))
            .send()
            .await
            .unwrap();
    }

    /// Waits until this many long polls are waiting for the queue.
    pub(crate) async fn until_waiting(&self, name: &str, polls: usize) {
        while self.server.waiting(name) != polls {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) async fn receive(client: &Client, queue: &str, max: i32, wait: i32) -> Vec<Message> {
    client
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(max)
        .wait_time_seconds(wait)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap()
        .messages()
        .to_vec()
}

/// The service's error code, from `x-amzn-query-error`.
pub(crate) fn code<E: ProvideErrorMetadata, R: Debug>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no code").to_owned()
}

/// The code of a call that must fail.
pub(crate) fn refusal<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(
    result: Result<T, SdkError<E, R>>,
) -> String {
    code(&result.unwrap_err())
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message.body().unwrap().to_owned())
        .collect()
}

pub(crate) fn handle(message: &Message) -> &str {
    message.receipt_handle().unwrap()
}

pub(crate) fn system<'a>(
    message: &'a Message,
    name: &MessageSystemAttributeName,
) -> Option<&'a str> {
    message.attributes()?.get(name).map(String::as_str)
}

pub(crate) fn text_attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type(data_type)
        .string_value(value)
        .build()
        .unwrap()
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

pub(crate) fn redrive(dead_letters: &str, max_receive_count: u32) -> String {
    format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receive_count}}}"#,
        arn(dead_letters)
    )
}
