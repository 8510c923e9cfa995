//! Logging and the count of calls. One line of JSON per event; never bodies, tokens or e-mails.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept, context::BeforeSerializationInterceptorContextRef, dyn_dispatch_hint,
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// Counts what one instance calls: AWS by service and operation, egress by method.
///
/// The budgets of ARCHITECTURE.md are tests that read it before and after a request.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, u64>>>);

impl Calls {
    /// `service.operation` or `egress:METHOD` to the number of calls since the start.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One more call of this name: `service.operation`, or `egress:METHOD`.
    pub(crate) fn count(&self, name: String) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name)
            .or_default() += 1;
    }
}

#[dyn_dispatch_hint]
impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = bag.load::<Metadata>();
        let name = metadata.map_or_else(
            || "unknown".to_owned(),
            |metadata| format!("{}.{}", metadata.service(), metadata.name()),
        );
        self.count(name);
        Ok(())
    }
}

/// Starts JSON logging on standard output, where Lambda collects it. Called once per process.
pub(crate) fn start(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
