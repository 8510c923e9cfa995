//! `SendMessage` as one signed request, without the SDK's machinery around it: the receiver's only call.
//!
//! **Invariant:** only a plain yes counts here. Whatever else comes back, or does not, is the SDK's to repeat, with
//! its retries and its errors; a message that was taken twice is a job that runs twice, as every job may.

mod signature;

use anyhow::{Context as _, ensure};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use jiff::Timestamp;
use serde::Serialize;

use self::signature::{Head, Signature};
use crate::{config::Config, seal::sha256_hex, store::Message, trust};

/// A warm connection to SQS under the function's own credentials.
pub(crate) struct Direct {
    connector: SharedHttpConnector,
    signature: Signature,
    session_token: Option<String>,
    /// `scheme://host` of the service, where it is not the queue's own.
    endpoint: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    message_group_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
}

impl Direct {
    /// `None` where it cannot be sure to speak as the SDK would: without static credentials, which Lambda gives
    /// every function, or over TLS outside of Lambda, where a proxy's authority may have to be trusted.
    pub(crate) fn new(config: &Config, connector: Option<SharedHttpConnector>) -> Option<Self> {
        let (key_id, secret, token) = config.credentials()?;
        let endpoint = config.endpoint_url("SQS");
        let connector = match (connector, endpoint) {
            (Some(connector), _) => connector,
            (None, Some(url)) if url.starts_with("http://") => trust::unsecured(),
            (None, _) => return None,
        };
        Some(Self {
            connector,
            signature: Signature::new(key_id, secret, config.region()),
            session_token: token.map(str::to_owned),
            endpoint: endpoint.map(|url| url.trim_end_matches('/').to_owned()),
        })
    }

    /// `deduplication_id` is for a FIFO queue, which needs one.
    ///
    /// # Errors
    /// Anything but a 200.
    pub(crate) async fn send(
        &self,
        message: &Message,
        deduplication_id: Option<&str>,
    ) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&SendMessage {
            queue_url: &message.queue_url,
            message_body: &message.body,
            message_group_id: &message.group,
            message_deduplication_id: deduplication_id,
            delay_seconds: (message.delay_s > 0).then_some(message.delay_s),
        })?;
        let origin = self
            .endpoint
            .as_deref()
            .or_else(|| origin(&message.queue_url));
        let request = self.signed(origin.context("a queue has a URL")?, body)?;
        let answer = self.connector.call(request).await?;
        let status = answer.status().as_u16();
        // A connection is used again only after its answer was read.
        ByteStream::new(answer.into_body()).collect().await?;
        ensure!(status == 200, "SQS answered {status}");
        Ok(())
    }

    fn signed(&self, origin: &str, body: Vec<u8>) -> anyhow::Result<HttpRequest> {
        let (_, host) = origin.split_once("://").context("a URL has a scheme")?;
        let head = Head::new(host, self.session_token.as_deref(), real_time());
        let authorization = self.signature.authorization(&head, &sha256_hex(&body));
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        let url = format!("{origin}/");
        request.set_uri(url).context("the address of SQS")?;
        let lines = request.headers_mut();
        for (name, value) in head.lines() {
            lines.insert(name, value.to_owned());
        }
        lines.insert("authorization", authorization);
        Ok(request)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "AWS holds a signature against the real time"
)]
fn real_time() -> Timestamp {
    Timestamp::now()
}

/// `scheme://host` of a URL.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + "://".len();
    let path = url.get(host..)?.find('/').map_or(url.len(), |at| host + at);
    url.get(..path)
}

#[cfg(test)]
mod tests;
