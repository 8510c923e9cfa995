//! Every function of the project, by the name of its binary: how the platform runs them in process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use shared::App;
use shared::config::Config;
use shared::lambda::{Code, Function, Instance, batches, ticks};

use crate::clock::Clock;
use crate::function::{HttpFunction, Invoke, Launch, QueueFunction};

/// The functions' binaries and their code. A test compares the names with template.yaml.
pub const FUNCTIONS: [(&str, Function); 12] = [
    ("auth", Function::Http(auth::routes)),
    ("tenants", Function::Http(tenants::routes)),
    ("users", Function::Http(users::routes)),
    ("records", Function::Http(records::routes)),
    ("integrations", Function::Http(integrations::routes)),
    ("audit", Function::Http(audit::routes)),
    ("webhooks", Function::Http(webhooks::routes)),
    ("webhook-worker", Function::Queue(webhook_worker::worker)),
    ("job-worker", Function::Queue(job_worker::worker)),
    ("delivery-worker", Function::Queue(delivery_worker::worker)),
    ("mail-worker", Function::Queue(mail_worker::worker)),
    ("scheduler", Function::Timer(scheduler::DUTIES)),
];

/// Starts functions and keeps their instances at hand, for tests that count their calls.
#[derive(Clone, Default)]
pub struct Registry {
    clock: Clock,
    instances: Arc<Mutex<BTreeMap<String, Instance>>>,
}

impl Registry {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            instances: Arc::default(),
        }
    }

    pub fn launch(&self) -> Launch {
        let registry = self.clone();
        Arc::new(move |binary, environment| {
            Box::pin(registry.clone().start(binary.to_owned(), environment))
        })
    }

    /// The AWS calls of one function since its start, by service and operation.
    pub fn calls(&self, binary: &str) -> BTreeMap<String, u64> {
        let instances = self
            .instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let counts = |instance: &Instance| instance.app.calls.counts();
        instances.get(binary).map(counts).unwrap_or_default()
    }

    /// The started function's own clients and clock.
    pub fn app(&self, binary: &str) -> Option<App> {
        let instances = self
            .instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        instances.get(binary).map(|instance| instance.app.clone())
    }

    async fn start(
        self,
        binary: String,
        environment: BTreeMap<String, String>,
    ) -> anyhow::Result<Arc<dyn Invoke>> {
        let found = FUNCTIONS.iter().find(|(name, _)| *name == binary);
        let (_, function) =
            found.ok_or_else(|| anyhow!("there is no function with the binary name {binary}"))?;
        let instance = function
            .start(Config::from_vars(environment), self.clock.shared())
            .await?;
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(binary, instance.clone());
        Ok(match instance.code {
            Code::Http(router) => Arc::new(HttpFunction::new(router)),
            Code::Queue(worker) => Arc::new(QueueFunction::new(batches(instance.app, worker))),
            Code::Timer(duties) => Arc::new(QueueFunction::new(ticks(instance.app, duties))),
        })
    }
}
