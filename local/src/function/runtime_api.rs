//! The Lambda Runtime API for one process: it hands out events one at a time and takes each answer once.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

/// Answers are no larger than Lambda's 6 MB, plus room for the error's own limit check.
const ANSWER_LIMIT: usize = 7 * 1024 * 1024;

type Reply = oneshot::Sender<anyhow::Result<Value>>;

pub(super) struct Invocation {
    pub(super) event: Value,
    pub(super) deadline: Duration,
    pub(super) reply: Reply,
}

/// What the process and its callers share.
#[derive(Clone)]
pub(super) struct RuntimeApi {
    events: mpsc::UnboundedSender<Invocation>,
    inner: Arc<Inner>,
}

struct Inner {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    /// The one event the process works on, by its request id.
    current: Mutex<Option<(String, Reply)>>,
    first_poll: watch::Sender<Option<Instant>>,
    function_arn: String,
}

impl RuntimeApi {
    pub(super) fn new(function_arn: String) -> Self {
        let (events, waiting) = mpsc::unbounded_channel();
        let inner = Inner {
            waiting: tokio::sync::Mutex::new(waiting),
            current: Mutex::new(None),
            first_poll: watch::Sender::new(None),
            function_arn,
        };
        Self {
            events,
            inner: Arc::new(inner),
        }
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(axum::extract::DefaultBodyLimit::max(ANSWER_LIMIT))
            .with_state(self.clone())
    }

    pub(super) fn push(&self, invocation: Invocation) -> anyhow::Result<()> {
        self.events
            .send(invocation)
            .map_err(|_| anyhow!("the runtime api is closed"))
    }

    /// When the process asked for its first event.
    pub(super) async fn first_poll(&self) -> anyhow::Result<Instant> {
        let mut first_poll = self.inner.first_poll.subscribe();
        let polled = first_poll
            .wait_for(Option::is_some)
            .await
            .context("the runtime api is closed")?;
        polled.context("the process asked for no event")
    }

    /// Fails the event under way, because the process is gone or hangs.
    pub(super) fn fail(&self, reason: &str) {
        if let Some((_, reply)) = self.lock().take() {
            let _ = reply.send(Err(anyhow!("{reason}")));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(String, Reply)>> {
        self.inner
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, id: &str, answer: anyhow::Result<Value>) -> Response {
        let mut current = self.lock();
        match current.take_if(|(expected, _)| expected == id) {
            Some((_, reply)) => {
                let _ = reply.send(answer);
                (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
            }
            None => {
                let error = json!({"errorType": "InvalidRequestID", "errorMessage": format!("no event {id} is under way")});
                (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
            }
        }
    }
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    api.inner
        .first_poll
        .send_if_modified(|first| first.is_none() && first.replace(Instant::now()).is_none());
    // The next event waits here until the process has answered the one before, as its own poll says.
    let received = api.inner.waiting.lock().await.recv().await;
    let Some(Invocation {
        event,
        deadline,
        reply,
    }) = received
    else {
        return StatusCode::GONE.into_response();
    };
    let id = uuid::Uuid::new_v4().to_string();
    *api.lock() = Some((id.clone(), reply));
    let deadline = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        + deadline;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            api.inner.function_arn.clone(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned(),
        ),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(api): State<RuntimeApi>, Path(id): Path<String>, body: Bytes) -> Response {
    let answer = if body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(&body)
    };
    api.reply(&id, answer.context("its answer is not json"))
}

async fn error(State(api): State<RuntimeApi>, Path(id): Path<String>, body: Bytes) -> Response {
    api.reply(&id, Err(anyhow!("{}", String::from_utf8_lossy(&body))))
}

async fn init_error(State(api): State<RuntimeApi>, body: Bytes) -> Response {
    api.fail(&format!("its start: {}", String::from_utf8_lossy(&body)));
    StatusCode::ACCEPTED.into_response()
}

#[cfg(test)]
mod tests;
