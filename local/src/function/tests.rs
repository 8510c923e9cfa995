//! Invocations: started once, ended in time, and never taking the platform along.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use axum::Router;
use axum::routing::post;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lambda_http::LambdaEvent;
use serde_json::{Value, json};

use crate::crash::Crashes;
use crate::function::{Functions, HttpFunction, Invoke, InvokeError, Launch, QueueFunction};
use crate::template::{FunctionSpec, Template};
use crate::testing::{SMALL, closure, launch};

fn functions(launch: Launch) -> Functions {
    let template = Template::parse(SMALL, &BTreeMap::new(), "").unwrap();
    let environment = |spec: &FunctionSpec| spec.env.clone();
    Functions::new(&template.functions, launch, environment, Crashes::default())
}

/// A launch that counts, and whose first `failing` attempts fail.
fn counted(failing: usize) -> (Launch, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let launch: Launch = Arc::new(move |_, _| {
        let attempt = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            if attempt < failing {
                return Err(anyhow!("attempt {attempt}"));
            }
            Ok(closure(Ok))
        }
        .boxed()
    });
    (launch, count)
}

struct Hanging;

impl Invoke for Hanging {
    fn invoke(&self, _: Value, _: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn a_function_starts_once_and_with_its_first_event() {
    let (launch, count) = counted(0);
    let functions = functions(launch);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let (first, second) = tokio::join!(
        functions.invoke("door", json!(1)),
        functions.invoke("door", json!(2))
    );
    assert_eq!((first.unwrap(), second.unwrap()), (json!(1), json!(2)));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_start_that_failed_is_tried_again_by_the_next_event() {
    let (launch, _) = counted(1);
    let functions = functions(launch);
    let failed = functions.invoke("door", json!(1)).await.unwrap_err();
    assert_eq!(failed.to_string(), "door failed: its start: attempt 0");
    assert_eq!(functions.invoke("door", json!(1)).await.unwrap(), json!(1));
}

#[tokio::test]
async fn a_panic_is_the_error_of_its_invocation_alone() {
    let functions = functions(launch(|_, event| match event {
        Value::Null => panic!("no event"),
        event => Ok(event),
    }));
    let failed = functions.invoke("door", Value::Null).await.unwrap_err();
    assert_eq!(failed.to_string(), "door failed: panicked: no event");
    assert_eq!(functions.invoke("door", json!(1)).await.unwrap(), json!(1));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_hangs_is_ended_and_started_anew() {
    let (_, count) = counted(0);
    let counter = count.clone();
    let launch: Launch = Arc::new(move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok(Arc::new(Hanging) as Arc<dyn Invoke>) }.boxed()
    });
    let functions = functions(launch);
    for _ in 0..2 {
        let error = functions.invoke("door", Value::Null).await.unwrap_err();
        assert!(
            matches!(error, InvokeError::TimedOut { after_s: 2, .. }),
            "{error}"
        );
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_invocation_runs_on_when_its_caller_stops_waiting() {
    let count = Arc::new(AtomicUsize::new(0));
    let (release, released) = tokio::sync::watch::channel(false);
    let counter = count.clone();
    let launch: Launch = Arc::new(move |_, _| {
        let waiting = Waiting {
            released: released.clone(),
            count: counter.clone(),
        };
        async move { Ok(Arc::new(waiting) as Arc<dyn Invoke>) }.boxed()
    });
    let functions = functions(launch);
    {
        let caller = functions.invoke("door", Value::Null);
        futures_util::pin_mut!(caller);
        assert!(futures_util::poll!(&mut caller).is_pending());
    }
    release.send_replace(true);
    functions.invoke("door", Value::Null).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

struct Waiting {
    released: tokio::sync::watch::Receiver<bool>,
    count: Arc<AtomicUsize>,
}

impl Invoke for Waiting {
    fn invoke(&self, event: Value, _: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        let mut released = self.released.clone();
        async move {
            released.wait_for(|released| *released).await?;
            self.count.fetch_add(1, Ordering::SeqCst);
            Ok(event)
        }
        .boxed()
    }
}

#[tokio::test]
async fn payloads_over_lambdas_limit_are_refused_both_ways() {
    let functions = functions(launch(|_, _| {
        Ok(Value::String("x".repeat(6 * 1024 * 1024)))
    }));
    let large = Value::String("x".repeat(6 * 1024 * 1024));
    assert!(matches!(
        functions.invoke("door", large).await,
        Err(InvokeError::EventTooLarge(6_291_458))
    ));
    let answer = functions.invoke("door", Value::Null).await.unwrap_err();
    assert_eq!(
        answer.to_string(),
        "door failed: its answer of 6291458 bytes is over the limit of 6291456"
    );
}

#[tokio::test]
async fn a_binary_that_the_template_lacks_is_unknown() {
    let (launch, _) = counted(0);
    let error = functions(launch)
        .invoke("nobody", Value::Null)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the template has no function nobody");
}

#[tokio::test]
async fn a_router_answers_gateway_events() {
    let router = Router::new().route(
        "/echo",
        post(|body: String| async move { (http::StatusCode::CREATED, body) }),
    );
    let event = json!({
        "version": "2.0", "routeKey": "POST /echo", "rawPath": "/echo", "rawQueryString": "",
        "headers": {"host": "127.0.0.1:1", "content-type": "text/plain"},
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": "/echo"}},
        "body": "hello", "isBase64Encoded": false,
    });
    let answer = HttpFunction::new(router)
        .invoke(event, Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(201), &json!("hello"))
    );
}

#[tokio::test]
async fn a_service_answers_events_of_its_own_type() {
    let service = tower::service_fn(|event: LambdaEvent<Vec<u64>>| async move {
        Ok::<_, Infallible>(event.payload.into_iter().sum::<u64>())
    });
    let function = QueueFunction::new(service);
    assert_eq!(
        function
            .invoke(json!([1, 2]), Duration::from_secs(1))
            .await
            .unwrap(),
        json!(3)
    );
    let error = function
        .invoke(json!("x"), Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "read the event");
}
