//! The whole platform in one process, built from the template. When its handle is gone, so are its ports, its
//! threads and its open files.

pub mod data;
mod environment;
mod options;
mod stores;
mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::fault::Faults;
use crate::front::Calls;
use crate::function::Functions;
use crate::gateway::Gateway;
use crate::outbox::Outbox;
use crate::platform::data::DataDirectory;
pub use crate::platform::options::{LOOPBACK, Options, Pumps, Source, Storage};
use crate::platform::stores::{Doors, QueueStore, TableStore};
use crate::progress::{Progress, Steps};
use crate::pump::{Pump, Stepped};
use crate::queues::Queues;
use crate::server::{self, Server};
use crate::sqs;
use crate::template::{self, FunctionSpec, Template};
use crate::vendor_hosts;
use crate::vendors;

/// Lambda reads a queue with five pollers to begin with.
const POLLERS: usize = 5;
/// The longest that SQS lets a receive wait.
const LONG_POLL_S: u64 = 20;
const AFTER_AN_ERROR: Duration = Duration::from_secs(1);
/// A drain that takes longer is a message that comes back at once, for ever.
const DRAIN_ROUNDS: usize = 10_000;

/// The order of the fields is the order in which they go: doors first, the stores behind them last.
pub struct Platform {
    pollers: JoinSet<()>,
    gateway: Server,
    pumps: Vec<Arc<Pump>>,
    functions: Arc<Functions>,
    queues: QueueStore,
    tables: TableStore,
    sts: Server,
    vendors: Server,
    mail: Server,
    outbox: Outbox,
    template: Template,
    clock: Clock,
    faults: Faults,
    calls: Calls,
    progress: Progress,
    _data: Option<DataDirectory>,
}

impl Platform {
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let steps = Steps::new(options.progress.clone());
        // First, because a port in use is the likeliest failure.
        let listener = bind_gateway(options.port).await?;
        let sqs_listener = server::bind(0).await.context("take a port for sqs")?;
        let sqs_url = format!("http://{}", sqs_listener.local_addr()?);
        let template = read_template(&options, &sqs_url)?;
        steps.done("template", &summary(&template));

        let data = match &options.storage {
            Storage::Memory => None,
            Storage::Dir(path) => Some(DataDirectory::open(path)?),
        };
        let doors = Doors::new(&template, options.clock.clone(), options.witness.clone());
        let sts = doors.start_sts().await?;
        let tables = TableStore::start(&options, &template, data.as_ref(), &doors).await?;
        let place = place(&options.storage, options.dynamodb_url.as_ref());
        steps.done("dynamodb", &format!("{place}  {}", tables.front.url()));
        let queues =
            QueueStore::start(&options, &template, data.as_ref(), &doors, sqs_listener).await?;
        let place = self::place(&options.storage, options.sqs_url.as_ref());
        steps.done("sqs", &format!("{place}  {sqs_url}"));

        let port = listener.local_addr()?.port();
        let urls = environment::Urls {
            dynamodb: &tables.front.url(),
            sqs: &sqs_url,
            sts: &sts.url(),
        };
        let mut common = environment::common(urls, port, &options.egress_allow);
        common.extend([DataDirectory::key_variable(data.as_ref())?]);
        let stand_ins = match options.simulated_vendors {
            true => vendors::router(&options.clock).merge(vendor_hosts::router()),
            false => vendor_hosts::router(),
        };
        let vendors = Server::start(bind_vendors(options.port).await?, stand_ins)?;
        if options.simulated_vendors {
            steps.done("vendors", &vendors.url());
        }
        let vendors_url = options.vendors_url.clone();
        common.insert(
            "PORTICO_VENDORS_URL".to_owned(),
            vendors_url.unwrap_or_else(|| vendors.url()),
        );
        let file = data.as_ref().map(DataDirectory::outbox_file);
        let outbox = Outbox::new(
            doors.access.clone(),
            options.witness.clone(),
            options.clock.clone(),
            file,
        );
        let mail = Server::start(server::bind(0).await?, outbox.clone().router())?;
        common.insert("AWS_ENDPOINT_URL_SESV2".to_owned(), mail.url());
        let renamed = match &queues.server {
            Some(_) => BTreeMap::new(),
            None => environment::renamed_queues(&template, &queues.queues, &sqs_url),
        };
        let environment = |spec: &FunctionSpec| environment::of_function(spec, &common, &renamed);
        let functions = Functions::new(
            &template.functions,
            options.launch.clone(),
            environment,
            doors.faults.crashes().clone(),
        );
        let functions = Arc::new(functions);
        let pumps = pumps(&template, &queues.queues, &functions, &options);
        let mut pollers = JoinSet::new();
        if options.pumps == Pumps::Running {
            for pump in pumps
                .iter()
                .flat_map(|pump| std::iter::repeat_n(pump, POLLERS))
            {
                pollers.spawn(poll(pump.clone()));
            }
            let run = |binary, schedule| {
                timers::run(
                    functions.clone(),
                    binary,
                    schedule,
                    options.clock.clone(),
                    options.progress.clone(),
                )
            };
            for function in &template.functions {
                for schedule in &function.schedules {
                    pollers.spawn(run(function.binary.clone(), schedule.clone()));
                }
            }
        }
        let gateway = Gateway::new(
            &template.functions,
            functions.clone(),
            doors.faults.clone(),
            options.clock.clone(),
            options.progress.clone(),
            options.witness.clone(),
            port,
        );
        let router = gateway.router().merge(outbox.clone().window());
        let gateway = Server::start(listener, router)?;
        steps.done("gateway", &gateway.url());
        Ok(Self {
            pollers,
            gateway,
            pumps,
            functions,
            queues,
            tables,
            sts,
            vendors,
            mail,
            outbox,
            template,
            clock: options.clock,
            faults: doors.faults,
            calls: doors.calls,
            progress: options.progress,
            _data: data,
        })
    }

    pub fn url(&self) -> String {
        self.gateway.url()
    }

    /// Where the simulated vendors and their controls are.
    pub fn vendors_url(&self) -> String {
        self.vendors.url()
    }

    /// The checked endpoint: functions may do what the template says, everybody else everything.
    pub fn dynamodb_url(&self) -> String {
        self.tables.front.url()
    }

    /// The checked endpoint, as `dynamodb_url`.
    pub fn sqs_url(&self) -> String {
        self.queues.front.url()
    }

    /// Where functions take their roles for tenants' data on.
    pub fn sts_url(&self) -> String {
        self.sts.url()
    }

    pub fn template(&self) -> &Template {
        &self.template
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How many AWS calls each function made.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The mail that was sent.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The environment a function is started with.
    pub fn environment(&self, binary: &str) -> anyhow::Result<BTreeMap<String, String>> {
        Ok(self.functions.environment(binary)?)
    }

    /// Starts every function ahead of its first event, a line each.
    pub async fn warm(&self) -> anyhow::Result<()> {
        for function in &self.template.functions {
            let steps = Steps::new(self.progress.clone());
            self.functions.start(&function.binary).await?;
            steps.done(&function.binary, &function_summary(function));
        }
        Ok(())
    }

    /// Messages of one queue by state, or `None` for an unknown queue or somebody else's server.
    pub fn queue_counts(&self, queue: &str) -> Option<sqs::Counts> {
        self.queues.server.as_ref()?.counts(queue)
    }

    /// Works off every queue with a trigger until nothing on it is visible.
    pub async fn drain(&self) -> anyhow::Result<Stepped> {
        let mut total = Stepped::default();
        for _ in 0..DRAIN_ROUNDS {
            let mut round = Stepped::default();
            for pump in &self.pumps {
                round += pump.step(0).await?;
            }
            if round.received == 0 {
                return Ok(total);
            }
            total += round;
        }
        bail!(
            "a message came back at once {DRAIN_ROUNDS} times: does its function set its visibility to 0?"
        )
    }

    /// One tick of every timer of the function, at the platform's present time.
    pub async fn tick(&self, binary: &str) -> anyhow::Result<()> {
        let function = self.template.function(binary);
        let schedules = function.map(|function| function.schedules.as_slice());
        for schedule in schedules.unwrap_or_default() {
            let event = timers::event(&schedule.rule, self.clock.now_ms())?;
            self.functions.invoke(binary, event).await?;
        }
        Ok(())
    }

    /// Moves the clock, and with it delays, visibility and retention on the embedded queues.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        if let Some(server) = &self.queues.server {
            server.wake();
        }
    }

    /// Lets requests under way finish for a moment, then frees everything; after it every port is free again.
    pub async fn stop(mut self) {
        self.pollers.shutdown().await;
        self.gateway.stop().await;
        self.functions.stop();
        self.queues.stop().await;
        self.tables.stop().await;
        self.sts.stop().await;
        self.vendors.stop().await;
        self.mail.stop().await;
    }
}

/// On the port after the gateway's, which stays the same, so that connections that were kept still lead there.
async fn bind_vendors(gateway: u16) -> anyhow::Result<TcpListener> {
    let next = gateway.checked_add(1).filter(|next| *next > 1);
    match server::bind(next.unwrap_or(0)).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            server::bind(0).await.context("take a port for vendors")
        }
        bound => bound.context("take a port for vendors"),
    }
}

async fn bind_gateway(port: u16) -> anyhow::Result<TcpListener> {
    match server::bind(port).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("port {port} is in use; give another with --port, or --port 0 for any free one")
        }
        bound => bound.with_context(|| format!("take the port {port}")),
    }
}

fn read_template(options: &Options, sqs_url: &str) -> anyhow::Result<Template> {
    match &options.template {
        Source::Text(text) => Template::parse(text, &options.parameters, sqs_url),
        Source::Path(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("read {name}"))?;
            Template::parse(&text, &options.parameters, sqs_url).context(name)
        }
    }
}

fn pumps(
    template: &Template,
    queues: &Queues,
    functions: &Arc<Functions>,
    options: &Options,
) -> Vec<Arc<Pump>> {
    let triggers = template
        .functions
        .iter()
        .flat_map(|spec| spec.queues.iter().map(move |trigger| (spec, trigger)));
    let pump = |(spec, trigger): (&FunctionSpec, &template::QueueTrigger)| {
        Pump::new(
            queues.clone(),
            functions.clone(),
            spec.binary.clone(),
            trigger.clone(),
            options.redeliver,
            options.progress.clone(),
        )
    };
    triggers.map(|trigger| Arc::new(pump(trigger))).collect()
}

async fn poll(pump: Arc<Pump>) {
    loop {
        if let Err(error) = pump.step(LONG_POLL_S).await {
            pump.progress
                .line(format!("{}: {error:#}", pump.trigger.queue));
            tokio::time::sleep(AFTER_AN_ERROR).await;
        }
    }
}

fn place(storage: &Storage, url: Option<&String>) -> String {
    match (url, storage) {
        (Some(url), _) => format!("at {url}, by way of"),
        (None, Storage::Memory) => "memory".to_owned(),
        (None, Storage::Dir(path)) => path.display().to_string(),
    }
}

fn summary(template: &Template) -> String {
    let Template {
        functions,
        tables,
        queues,
        roles: _,
    } = template;
    format!(
        "{} functions, {} tables, {} queues",
        functions.len(),
        tables.len(),
        queues.len()
    )
}

fn function_summary(function: &FunctionSpec) -> String {
    let routes = function
        .routes
        .iter()
        .map(|route| format!("{} {}", route.method, route.path));
    let queues = function
        .queues
        .iter()
        .map(|trigger| format!("from {}", trigger.queue));
    let schedules = function
        .schedules
        .iter()
        .map(|schedule| format!("every {} s", schedule.every.as_secs()));
    routes
        .chain(queues)
        .chain(schedules)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
