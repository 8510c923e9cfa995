//! What the measured processes work against: a platform in memory with one endpoint, and a queue that answers
//! after a set time, as SQS does.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{Json, Router, extract::State, routing::post};
use local::{
    function::process::Process,
    platform::{Options, Platform, Source},
    registry::Registry,
    server::{self, Server},
};
use serde_json::{Value, json};

use crate::accept::{self, SECRET};

pub(crate) struct Stage {
    platform: Platform,
    endpoint_url: String,
}

/// A queue that takes everything and answers after `delay`.
pub(crate) struct SlowQueue {
    server: Server,
}

impl Stage {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let source = Source::Path("template.yaml".into());
        let registry = Registry::default();
        let platform = Platform::start(Options::memory(source, registry.launch())).await?;
        let endpoint_url = endpoint(&platform.url()).await?;
        Ok(Self {
            platform,
            endpoint_url,
        })
    }

    pub(crate) fn event(&self) -> anyhow::Result<Value> {
        accept::event(&self.endpoint_url, self.platform.clock().now_ms() / 1_000)
    }

    /// A process of `program` in the receiver's environment, with its queue elsewhere if one is given.
    pub(crate) async fn process(
        &self,
        program: &Path,
        queue: Option<&SlowQueue>,
    ) -> anyhow::Result<Process> {
        let mut environment: BTreeMap<_, _> = self.platform.environment("webhooks")?;
        if let Some(queue) = queue {
            environment.insert("AWS_ENDPOINT_URL_SQS".to_owned(), queue.server.url());
        }
        Process::start(program, "webhooks", environment).await
    }

    pub(crate) async fn stop(self) {
        self.platform.stop().await;
    }
}

impl SlowQueue {
    pub(crate) async fn start(delay: Duration) -> anyhow::Result<Self> {
        let router = Router::new()
            .route("/", post(take))
            .with_state(Arc::new(delay));
        let server = Server::start(server::bind(0).await?, router)?;
        Ok(Self { server })
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

async fn take(State(delay): State<Arc<Duration>>, _body: axum::body::Bytes) -> Json<Value> {
    if !delay.is_zero() {
        tokio::time::sleep(*delay).await;
    }
    Json(json!({
        "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274",
        "MD5OfMessageBody": "fafb00f5732ab283681e124bf8747ed1",
    }))
}

/// Registers a tenant with one Stripe endpoint.
async fn endpoint(api: &str) -> anyhow::Result<String> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let register = json!({
        "tenant_name": "Bench", "name": "Bench", "email": "bench@bench.example",
        "password": "correct horse battery",
    });
    let answer = http
        .post(format!("{api}/v1/auth/register"))
        .json(&register)
        .send()
        .await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let token = answer
        .get("access_token")
        .and_then(Value::as_str)
        .context("a token")?;
    let new = json!({ "name": "Bench", "scheme": "stripe", "secret": SECRET });
    let answer = http
        .post(format!("{api}/v1/webhook-endpoints"))
        .bearer_auth(token)
        .json(&new)
        .send()
        .await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let url = answer.get("url").and_then(Value::as_str).context("a url")?;
    Ok(url.to_owned())
}
