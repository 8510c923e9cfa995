//! What a cold start builds once: clients, keys, clock. Handlers get it as axum state.

use std::{ops::Deref, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use jiff::Timestamp;

use crate::{
    access::{ApiKeyCache, GateCache, Keyring, KeyringCache, MasterKey, SessionCache},
    config::Config,
    egress::Egress,
    id::{IdGen, TenantId},
    limit::LimitCache,
    outbound::OutletCache,
    queue::Queue,
    store::{CollectionCache, Db, PlatformStore},
    telemetry::Calls,
    time::Clock,
    trust,
    vendor::{BreakerCache, RefreshTurns, RetryBudgets},
    webhook::{EndpointCache, Numbering, RejectionLog, VendorKeyCache},
};

/// One function instance. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub clock: Clock,
    pub ids: IdGen,
    /// Counts this instance's AWS and egress calls by operation.
    pub calls: Calls,
    /// The only client for URLs that a tenant or a vendor can influence.
    pub egress: Egress,
    pub(crate) db: Db,
    pub(crate) queue: Queue,
    pub(crate) endpoints: EndpointCache,
    pub(crate) numbering: Numbering,
    pub(crate) rejections: RejectionLog,
    pub(crate) vendor_keys: VendorKeyCache,
    pub(crate) limits: LimitCache,
    pub(crate) outlets: OutletCache,
    pub(crate) breakers: BreakerCache,
    pub(crate) retries: RetryBudgets,
    pub(crate) refreshes: RefreshTurns,
    pub(crate) gates: GateCache,
    pub(crate) api_keys: ApiKeyCache,
    pub(crate) collections: CollectionCache,
    pub(crate) sessions: SessionCache,
    /// The tenant whose members operate the platform.
    pub(crate) operators: Option<TenantId>,
    master: MasterKey,
    keyring: KeyringCache,
}

/// Whether a dependency answered, and after how many milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct DependencyCheck {
    pub name: &'static str,
    pub is_up: bool,
    pub latency_ms: u64,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Builds clients without any network call.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let connector = match config.is_in_lambda() {
            true => Some(trust::amazon_only()?),
            false => None,
        };
        let sdk = sdk_config(&config, connector.clone()).await?;
        let calls = Calls::default();
        let kms = service(&sdk, &config, "KMS");
        let counted = calls.clone();
        let master = MasterKey::new(config.master_key()?, calls.clone(), move || {
            let builder = aws_sdk_kms::config::Builder::from(&kms);
            aws_sdk_kms::Client::from_conf(builder.interceptor(counted).build())
        })?;
        Ok(Self(Arc::new(Parts {
            db: Db::new(
                service(&sdk, &config, "DYNAMODB"),
                service(&sdk, &config, "STS"),
                &config,
                clock.clone(),
                calls.clone(),
            ),
            queue: Queue::new(
                service(&sdk, &config, "SQS"),
                &config,
                connector,
                calls.clone(),
            ),
            egress: Egress::new(config.egress_allow()?, calls.clone()),
            operators: config.operator_tenant()?,
            config,
            clock,
            ids: IdGen::default(),
            calls,
            endpoints: EndpointCache::default(),
            numbering: Numbering::default(),
            rejections: RejectionLog::default(),
            vendor_keys: VendorKeyCache::default(),
            limits: LimitCache::default(),
            outlets: OutletCache::default(),
            breakers: BreakerCache::default(),
            retries: RetryBudgets::default(),
            refreshes: RefreshTurns::default(),
            gates: GateCache::default(),
            api_keys: ApiKeyCache::default(),
            collections: CollectionCache::default(),
            sessions: SessionCache::default(),
            master,
            keyring: KeyringCache::default(),
        })))
    }

    /// Asks each dependency of this function once.
    pub async fn check(&self) -> Vec<DependencyCheck> {
        let before = self.clock.now();
        let store = self.platform().keyring().await;
        if let Err(error) = &store {
            tracing::warn!(%error, "the store does not answer");
        }
        let took = self.clock.now().duration_since(before).as_millis();
        let latency_ms = u64::try_from(took).unwrap_or(0);
        vec![DependencyCheck {
            name: "dynamodb",
            is_up: store.is_ok(),
            latency_ms,
        }]
    }

    /// The deployment's keys, read on first use.
    pub(crate) async fn keyring(&self, now: Timestamp) -> anyhow::Result<Arc<Keyring>> {
        self.keyring
            .get(&self.platform(), &self.master, self.ids, now, None)
            .await
    }

    /// The keyring, read again if it does not know `kid` and is not fresh.
    pub(crate) async fn keyring_with(
        &self,
        kid: &str,
        now: Timestamp,
    ) -> anyhow::Result<Arc<Keyring>> {
        self.keyring
            .get(&self.platform(), &self.master, self.ids, now, Some(kid))
            .await
    }

    pub(crate) fn platform(&self) -> PlatformStore {
        PlatformStore::new(self.db.clone())
    }
}

/// Credentials come from the environment when it has them, as it does in Lambda: the rest of the
/// default chain (profiles, IMDS) is only for a developer's own machine.
async fn sdk_config(
    config: &Config,
    connector: Option<SharedHttpConnector>,
) -> anyhow::Result<SdkConfig> {
    // A Lambda invocation is short: what does not recover quickly is the queue's or the client's
    // to repeat.
    let retry = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50));
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(config.region().to_owned()))
        .retry_config(retry);
    // One for all services, so that they share its connections.
    let loader = match connector {
        Some(connector) => loader.http_client(http_client_fn(move |_, _| connector.clone())),
        None => loader,
    };
    let loader = match config.credentials() {
        Some((key_id, secret, token)) => {
            loader.credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
                key_id,
                secret,
                token.map(str::to_owned),
                None,
                "environment",
            ))
        }
        None => loader,
    };
    Ok(loader.load().await)
}

fn service(sdk: &SdkConfig, config: &Config, name: &str) -> SdkConfig {
    let builder = sdk.to_builder();
    match config.endpoint_url(name) {
        Some(url) => builder.endpoint_url(url).build(),
        None => builder.build(),
    }
}
