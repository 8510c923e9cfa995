//! `SendMessage` as one signed request, without the SDK's machinery around it: the receiver's only call.
//!
//! **Invariant:** only a plain yes counts here. Whatever else comes back, or does not, is the SDK's to repeat, with
//! its retries and its errors; a message that was taken twice is a job that runs twice, as every job may.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, HttpConnectorSettings, SharedHttpConnector},
    identity::Identity,
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde::Serialize;

use crate::{config::Config, seal::sha256_hex, store::Message, trust};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const TARGET: &str = "AmazonSQS.SendMessage";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// As the SDK's, which has no read timeout of its own; here the SDK's repetition follows.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A warm connection to SQS under the function's own credentials.
pub(crate) struct Direct {
    connector: SharedHttpConnector,
    identity: Identity,
    region: String,
    /// `https://host` of the service.
    origin: String,
    host: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    message_group_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
}

impl Direct {
    /// `None` where it cannot be sure to speak as the SDK would: without static credentials, which Lambda gives
    /// every function, or over TLS outside of Lambda, where a proxy's authority may have to be trusted.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some((key_id, secret, token)) = config.credentials() else {
            return Ok(None);
        };
        let region = config.region().to_owned();
        let origin = match config.endpoint_url("SQS") {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://sqs.{region}.amazonaws.com"),
        };
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        let builder = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new());
        let (connector, host) = match origin.split_once("://") {
            Some(("http", host)) => (builder.build_http(), host),
            Some(("https", host)) if config.is_in_lambda() => {
                let (provider, context) = trust::amazon()?;
                (
                    builder.tls_provider(provider).tls_context(context).build(),
                    host,
                )
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            connector: SharedHttpConnector::new(connector),
            identity: Credentials::new(
                key_id,
                secret,
                token.map(str::to_owned),
                None,
                "environment",
            )
            .into(),
            region,
            host: host.to_owned(),
            origin,
        }))
    }

    /// # Errors
    /// Anything but a 200.
    pub(crate) async fn send(&self, message: &Message) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&SendMessage {
            queue_url: &message.queue_url,
            message_body: &message.body,
            message_group_id: &message.group,
            delay_seconds: (message.delay_s > 0).then_some(message.delay_s),
        })?;
        let request = self.signed(body)?;
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
    fn signed(&self, body: Vec<u8>) -> anyhow::Result<HttpRequest> {
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("sqs")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = [
            ("host", self.host.as_str()),
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", TARGET),
        ];
        let hash = SignableBody::Precomputed(sha256_hex(&body));
        let signable = SignableRequest::new(
            "POST",
            format!("{}/", self.origin),
            headers.into_iter(),
            hash,
        )?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request
            .set_uri(format!("{}/", self.origin))
            .context("the address of SQS")?;
        let (signed, _) = instructions.into_parts();
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
