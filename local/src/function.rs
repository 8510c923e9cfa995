//! Functions as Lambda sees them: an event goes in, a JSON value or an error comes out. A panic or a time-out in
//! one invocation is that invocation's error and nobody else's.

mod adapter;
pub mod process;
mod runtime_api;
mod smoke;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::crash::Crashes;
pub use crate::function::adapter::{HttpFunction, QueueFunction};
pub use crate::function::smoke::{is_for, smoke};
use crate::template::FunctionSpec;

/// A started function.
pub trait Invoke: Send + Sync {
    fn invoke(&self, event: Value, deadline: Duration) -> BoxFuture<'_, anyhow::Result<Value>>;

    /// Whether another event may follow. If not, the next event starts the function anew.
    fn is_alive(&self) -> bool {
        true
    }
}

/// Starts the function with this binary name and environment.
pub type Launch = Arc<
    dyn Fn(&str, BTreeMap<String, String>) -> BoxFuture<'static, anyhow::Result<Arc<dyn Invoke>>>
        + Send
        + Sync,
>;

/// Lambda takes and gives at most 6 MB in a synchronous invocation.
const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    #[error("the template has no function {0}")]
    Unknown(String),
    #[error("the event of {0} bytes is over the limit of 6291456")]
    EventTooLarge(usize),
    #[error("{binary} timed out after {after_s} s")]
    TimedOut { binary: String, after_s: u64 },
    #[error("{binary} crashed")]
    Crashed { binary: String },
    #[error("{binary} failed: {message}")]
    Failed { binary: String, message: String },
}

/// Every function of the template. Each is started by its first event, as Lambda does.
pub struct Functions {
    by_binary: BTreeMap<String, Arc<Function>>,
    launch: Launch,
    crashes: Crashes,
    /// Invocations outlive the caller that asked for them, as in Lambda, but not the platform.
    running: Mutex<JoinSet<()>>,
}

struct Function {
    binary: String,
    timeout: Duration,
    environment: BTreeMap<String, String>,
    started: tokio::sync::Mutex<Option<Arc<dyn Invoke>>>,
}

impl Functions {
    /// `environment` gives the whole environment of a function.
    pub fn new(
        specs: &[FunctionSpec],
        launch: Launch,
        environment: impl Fn(&FunctionSpec) -> BTreeMap<String, String>,
        crashes: Crashes,
    ) -> Self {
        let function = |spec: &FunctionSpec| Function {
            binary: spec.binary.clone(),
            timeout: Duration::from_secs(spec.timeout_s),
            environment: environment(spec),
            started: tokio::sync::Mutex::new(None),
        };
        let by_binary = specs
            .iter()
            .map(|spec| (spec.binary.clone(), Arc::new(function(spec))))
            .collect();
        Self {
            by_binary,
            launch,
            crashes,
            running: Mutex::new(JoinSet::new()),
        }
    }

    /// Starts a function ahead of its first event.
    pub async fn start(&self, binary: &str) -> Result<(), InvokeError> {
        let function = self.get(binary)?;
        start(&function, &self.launch).await.map(|_| ())
    }

    /// Invokes a function, which runs to its end even when the caller stops waiting.
    pub async fn invoke(&self, binary: &str, event: Value) -> Result<Value, InvokeError> {
        let function = self.get(binary)?;
        let size = json_size(&event);
        if size > PAYLOAD_LIMIT {
            return Err(InvokeError::EventTooLarge(size));
        }
        let (sender, receiver) = oneshot::channel();
        let launch = self.launch.clone();
        let mut life = self.crashes.begin(binary);
        self.spawn(async move {
            // A crash is looked for first, each time the invocation could go on: nothing follows it.
            let outcome = tokio::select! {
                biased;
                () = life.ended() => {
                    // The environment is lost; the next event starts another.
                    *function.started.lock().await = None;
                    Err(InvokeError::Crashed { binary: function.binary.clone() })
                }
                outcome = run(&function, &launch, event) => outcome,
            };
            // Nobody waits any more when the send fails.
            let _ = sender.send(outcome);
        });
        receiver
            .await
            .unwrap_or_else(|_| Err(failed(binary, "the platform stopped")))
    }

    /// The environment a function is started with.
    pub fn environment(&self, binary: &str) -> Result<BTreeMap<String, String>, InvokeError> {
        Ok(self.get(binary)?.environment.clone())
    }

    /// Ends invocations that are under way.
    pub fn stop(&self) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }

    fn get(&self, binary: &str) -> Result<Arc<Function>, InvokeError> {
        self.by_binary
            .get(binary)
            .cloned()
            .ok_or_else(|| InvokeError::Unknown(binary.to_owned()))
    }

    fn spawn(&self, invocation: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(invocation);
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_binary.keys()).finish()
    }
}

async fn start(function: &Function, launch: &Launch) -> Result<Arc<dyn Invoke>, InvokeError> {
    let mut started = function.started.lock().await;
    if let Some(running) = started.as_ref().filter(|running| running.is_alive()) {
        return Ok(running.clone());
    }
    let launched = AssertUnwindSafe(launch(&function.binary, function.environment.clone()))
        .catch_unwind()
        .await;
    let launched = launched
        .unwrap_or_else(|panic| Err(anyhow!("panicked: {}", panic_message(panic.as_ref()))));
    let launched =
        launched.map_err(|error| failed(&function.binary, &format!("its start: {error:#}")))?;
    Ok(started.insert(launched).clone())
}

async fn run(function: &Function, launch: &Launch, event: Value) -> Result<Value, InvokeError> {
    let started = start(function, launch).await?;
    let invocation = AssertUnwindSafe(started.invoke(event, function.timeout)).catch_unwind();
    let Ok(outcome) = tokio::time::timeout(function.timeout, invocation).await else {
        // Lambda ends an environment that timed out; the next event starts another.
        function
            .started
            .lock()
            .await
            .take_if(|running| Arc::ptr_eq(running, &started));
        return Err(InvokeError::TimedOut {
            binary: function.binary.clone(),
            after_s: function.timeout.as_secs(),
        });
    };
    let answer = match outcome {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(failed(&function.binary, &format!("{error:#}"))),
        Err(panic) => {
            return Err(failed(
                &function.binary,
                &format!("panicked: {}", panic_message(panic.as_ref())),
            ));
        }
    };
    match json_size(&answer) {
        size if size > PAYLOAD_LIMIT => Err(failed(
            &function.binary,
            &format!("its answer of {size} bytes is over the limit of {PAYLOAD_LIMIT}"),
        )),
        _ => Ok(answer),
    }
}

fn failed(binary: &str, message: &str) -> InvokeError {
    InvokeError::Failed {
        binary: binary.to_owned(),
        message: message.to_owned(),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// The length of the JSON text, without building it.
fn json_size(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        // A value always serialises; were it not so, it would be too large rather than pass.
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests;
