//! Functions as Lambda sees them: a JSON event in, a JSON answer out.
//!
//! [`serve`], [`consume`] and [`on_timer`] are a function's whole `main`; [`Function::start`] is how the local
//! stack gets the same code to run in its own process.

use std::pin::Pin;

use lambda_runtime::{LambdaEvent, tower::Service};

use crate::{
    app::App,
    config::Config,
    http::Routes,
    queue::{JobResult, Received, SqsAnswer, SqsEvent, run_batch},
    schedule::{self, Duty, Ended, Ordered},
    telemetry,
    time::Clock,
};

/// What a queue worker does with one job.
pub type Worker =
    for<'a> fn(&'a App, Received) -> Pin<Box<dyn Future<Output = JobResult> + Send + 'a>>;

/// A function's code: an HTTP router, a queue worker or duties on a timer.
#[derive(Clone, Copy)]
pub enum Function {
    Http(fn() -> Routes),
    Queue(Worker),
    Timer(&'static [Duty]),
}

/// A started function: one warm instance.
#[derive(Clone)]
pub struct Instance {
    pub app: App,
    pub code: Code,
}

/// What answers the events of an instance.
#[derive(Clone)]
pub enum Code {
    Http(axum::Router),
    Queue(Worker),
    Timer(&'static [Duty]),
}

/// The main of an HTTP function: answers API Gateway HTTP API events (payload 2.0) for ever.
pub fn serve(routes: fn() -> Routes) -> Result<(), lambda_runtime::Error> {
    run(Function::Http(routes))
}

/// The main of a queue function: answers SQS batches with partial failures for ever.
pub fn consume(worker: Worker) -> Result<(), lambda_runtime::Error> {
    run(Function::Queue(worker))
}

/// The main of a function on a timer: gives the duties that are due their turns, for ever.
pub fn on_timer(duties: &'static [Duty]) -> Result<(), lambda_runtime::Error> {
    run(Function::Timer(duties))
}

fn run(function: Function) -> Result<(), lambda_runtime::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let config = Config::from_env();
        telemetry::start(config.log_filter());
        let instance = function.start(config, Clock::default()).await?;
        match instance.code {
            Code::Http(router) => lambda_http::run(router).await,
            Code::Queue(worker) => lambda_runtime::run(batches(instance.app, worker)).await,
            Code::Timer(duties) => lambda_runtime::run(ticks(instance.app, duties)).await,
        }
    })
}

/// The service that answers SQS events.
pub fn batches(
    app: App,
    worker: Worker,
) -> impl Service<
    LambdaEvent<SqsEvent>,
    Response = SqsAnswer,
    Error = lambda_runtime::Error,
    Future: Send,
> + Clone {
    lambda_runtime::service_fn(move |event: LambdaEvent<SqsEvent>| {
        let app = app.clone();
        async move { Ok(run_batch(&app, event.payload, worker).await) }
    })
}

/// The service that answers a timer. Of the event, only an operator's order is used: the clock is the app's.
pub fn ticks(
    app: App,
    duties: &'static [Duty],
) -> impl Service<
    LambdaEvent<Ordered>,
    Response = Vec<Ended>,
    Error = lambda_runtime::Error,
    Future: Send,
> + Clone {
    lambda_runtime::service_fn(move |event: LambdaEvent<Ordered>| {
        let app = app.clone();
        async move { Ok(schedule::tick_as(&app, duties, event.payload).await?) }
    })
}

impl Function {
    /// Builds the clients and the router; no network call.
    pub async fn start(self, config: Config, clock: Clock) -> anyhow::Result<Instance> {
        let app = App::start(config, clock).await?;
        let code = match self {
            Self::Http(routes) => Code::Http(routes().finish(app.clone())),
            Self::Queue(worker) => Code::Queue(worker),
            Self::Timer(duties) => Code::Timer(duties),
        };
        Ok(Instance { app, code })
    }
}
