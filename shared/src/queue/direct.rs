//! `SendMessage` as one signed request, without the SDK's machinery around it: the receiver's only call.
//!
//! **Invariant:** only a plain yes counts here. Whatever else comes back, or does not, is the SDK's to repeat, with
//! its retries and its errors; a message that was taken twice is a job that runs twice, as every job may.

use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    identity::Identity,
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde::Serialize;

use crate::{config::Config, seal::sha256_hex, store::Message, trust};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const TARGET: &str = "AmazonSQS.SendMessage";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// A warm connection to SQS under the function's own credentials.
pub(crate) struct Direct {
    connector: SharedHttpConnector,
    identity: Identity,
    region: String,
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
        let token = token.map(str::to_owned);
        Some(Self {
            connector,
            identity: Credentials::new(key_id, secret, token, None, "environment").into(),
            region: config.region().to_owned(),
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

    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
    #[expect(
        clippy::disallowed_methods,
        reason = "AWS holds a signature against the real time"
    )]
    fn signed(&self, origin: &str, body: Vec<u8>) -> anyhow::Result<HttpRequest> {
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("sqs")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let (_, host) = origin.split_once("://").context("a URL has a scheme")?;
        let url = format!("{origin}/");
        let headers = [
            ("host", host),
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", TARGET),
        ];
        let hash = SignableBody::Precomputed(sha256_hex(&body));
        let signable = SignableRequest::new("POST", url.as_str(), headers.into_iter(), hash)?;
        let (signed, _) = sign(signable, &params)?.into_parts().0.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(url).context("the address of SQS")?;
        let lines = request.headers_mut();
        for (name, value) in headers {
            lines.insert(name, value.to_owned());
        }
        for header in signed {
            lines.insert(header.name(), header.value().to_owned());
        }
        Ok(request)
    }
}

/// `scheme://host` of a URL.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + "://".len();
    let path = url.get(host..)?.find('/').map_or(url.len(), |at| host + at);
    url.get(..path)
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn a_queues_url_names_its_service() {
        let url = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/events";
        assert_eq!(origin(url), Some("https://sqs.cn-north-1.amazonaws.com.cn"));
        assert_eq!(origin("http://127.0.0.1:9"), Some("http://127.0.0.1:9"));
        assert_eq!(origin("events"), None);
    }
}
