//! In-process functions: what `lambda_http::run` and `lambda_runtime::run` wrap around a service in AWS, wrapped
//! around the same service here.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, IntoResponse, LambdaEvent, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::{Service, ServiceExt as _};

use crate::function::Invoke;

/// A service of HTTP requests, for example an axum router, behind API Gateway's events.
pub struct HttpFunction<S> {
    service: S,
}

/// A service of `LambdaEvent<E>`, for example the reader of a queue.
pub struct QueueFunction<S, E> {
    service: S,
    event: PhantomData<fn(E)>,
}

impl<S> HttpFunction<S> {
    pub fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S, E> QueueFunction<S, E> {
    pub fn new(service: S) -> Self {
        Self {
            service,
            event: PhantomData,
        }
    }
}

impl<S, R> Invoke for HttpFunction<S>
where
    S: Service<Request, Response = R> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: fmt::Display + Send + 'static,
    R: IntoResponse + Send + 'static,
{
    fn invoke(&self, event: Value, deadline: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        let service = self.service.clone();
        async move {
            // By way of text: the event picks its variant from the raw JSON.
            let text = serde_json::to_string(&event)?;
            let request: LambdaRequest =
                serde_json::from_str(&text).context("read the event as an http request")?;
            let service = service
                .ready_oneshot()
                .await
                .map_err(|error| anyhow!("{error}"))?;
            // Called rather than sent along: its answer may be sent between threads, the adapter itself not.
            let answer = Adapter::<'static, R, S>::from(service)
                .call(LambdaEvent::new(request, context(deadline)));
            let answer = answer.await.map_err(|error| anyhow!("{error}"))?;
            serde_json::to_value(answer).context("write the answer")
        }
        .boxed()
    }
}

impl<S, E> Invoke for QueueFunction<S, E>
where
    E: DeserializeOwned + Send + 'static,
    S: Service<LambdaEvent<E>> + Clone + Send + Sync + 'static,
    S::Response: Serialize + Send,
    S::Error: fmt::Display + Send,
    S::Future: Send,
{
    fn invoke(&self, event: Value, deadline: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        let service = self.service.clone();
        async move {
            let event: E = serde_json::from_value(event).context("read the event")?;
            let answer = service
                .oneshot(LambdaEvent::new(event, context(deadline)))
                .await;
            let answer = answer.map_err(|error| anyhow!("{error}"))?;
            serde_json::to_value(answer).context("write the answer")
        }
        .boxed()
    }
}

fn context(deadline: Duration) -> Context {
    let mut context = Context::default();
    context.request_id = uuid::Uuid::new_v4().to_string();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    context.deadline = u64::try_from((now + deadline).as_millis()).unwrap_or(u64::MAX);
    context
}
