//! The second wall: clients whose credentials reach one tenant's rows and no other's, whatever the code asks for.
//!
//! **Invariant:** a tenant's client signs with nothing but credentials that STS has tagged with that tenant.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError},
};
use aws_sdk_dynamodb::{
    Client,
    config::{Builder, IdentityCache},
};
use aws_sdk_sts::types::Tag;
use jiff::{SignedDuration, Timestamp};

use crate::{config::Config, id::TenantId, telemetry::Calls, time::Clock};

/// The tag by which the roles of template.yaml know the tenant.
const TAG: &str = "tenant_id";

/// The longest that STS allows a role which another role takes on:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>.
const LIFETIME_S: i32 = 3_600;

/// Credentials are replaced so long before they end. Who needs them meanwhile goes on with the old ones.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_mins(15);

/// How long the old ones are used before another try, after one that has failed.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// Clocks differ, and a request takes its time: credentials that end so soon are not used.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// Tenants whose clients one instance keeps.
const CAPACITY: usize = 500;

/// Every tenant's client, made when it is needed. Clones share them.
#[derive(Clone)]
pub(crate) struct Wall(Arc<Parts>);

struct Parts {
    /// What a tenant's client has in common with the function's own.
    tables: SdkConfig,
    calls: Calls,
    issuer: Arc<Issuer>,
    held: Mutex<HashMap<TenantId, Held>>,
}

struct Held {
    client: Client,
    used_at: Timestamp,
}

/// Takes on the function's role for tenants' data.
struct Issuer {
    sdk: SdkConfig,
    calls: Calls,
    config: Arc<Config>,
    clock: Clock,
    client: OnceLock<aws_sdk_sts::Client>,
}

/// One tenant's credentials in one instance.
struct TenantCredentials {
    tenant: TenantId,
    issuer: Arc<Issuer>,
    issued: Mutex<Option<Issued>>,
    /// Of several requests that need new ones, one asks for them.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Issued {
    credentials: Credentials,
    ends_at: Timestamp,
    renew_at: Timestamp,
}

/// How good the credentials in hand are.
enum Standing {
    Good(Credentials),
    /// Good for a while, and to be replaced.
    Ageing(Credentials),
    None,
}

impl Wall {
    /// Without any network call.
    pub(crate) fn new(
        tables: SdkConfig,
        sts: SdkConfig,
        config: Arc<Config>,
        clock: Clock,
        calls: Calls,
    ) -> Self {
        let issuer = Issuer {
            sdk: sts,
            calls: calls.clone(),
            config,
            clock,
            client: OnceLock::new(),
        };
        Self(Arc::new(Parts {
            tables,
            calls,
            issuer: Arc::new(issuer),
            held: Mutex::default(),
        }))
    }

    /// The tenant's client. Its first call asks STS for credentials.
    pub(crate) fn client(&self, tenant: TenantId) -> Client {
        let now = self.0.issuer.clock.now();
        let mut held = lock(&self.0.held);
        if let Some(held) = held.get_mut(&tenant) {
            held.used_at = now;
            return held.client.clone();
        }
        if held.len() >= CAPACITY {
            let longest_unused = held.iter().min_by_key(|(_, held)| held.used_at);
            if let Some(tenant) = longest_unused.map(|(tenant, _)| *tenant) {
                held.remove(&tenant);
            }
        }
        let client = self.0.make(tenant);
        let used_at = now;
        held.insert(
            tenant,
            Held {
                client: client.clone(),
                used_at,
            },
        );
        client
    }
}

impl Parts {
    fn make(&self, tenant: TenantId) -> Client {
        let credentials = TenantCredentials {
            tenant,
            issuer: Arc::clone(&self.issuer),
            issued: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        // The SDK's own cache would go by the machine's clock, and keep everybody waiting for a renewal.
        let builder = Builder::from(&self.tables)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .interceptor(self.calls.clone());
        Client::from_conf(builder.build())
    }
}

impl Issuer {
    async fn issue(&self, tenant: TenantId) -> anyhow::Result<Issued> {
        let client = self.client.get_or_init(|| {
            let builder = aws_sdk_sts::config::Builder::from(&self.sdk);
            aws_sdk_sts::Client::from_conf(builder.interceptor(self.calls.clone()).build())
        });
        let asked_at = self.clock.now();
        let tag = Tag::builder().key(TAG).value(tenant.to_string()).build()?;
        let answer = client
            .assume_role()
            .role_arn(self.config.tenant_role_arn()?)
            // CloudTrail shows it with every call.
            .role_session_name(tenant.to_string())
            .duration_seconds(LIFETIME_S)
            .tags(tag)
            .send()
            .await?;
        let issued = answer.credentials.context("STS gave no credentials")?;
        let ends_at = Timestamp::from_second(issued.expiration.secs())?;
        let took = self.clock.now().duration_since(asked_at);
        tracing::info!(tenant.id = %tenant, duration_ms = took.as_millis(), "took credentials for a tenant");
        Ok(Issued {
            credentials: Credentials::new(
                issued.access_key_id,
                issued.secret_access_key,
                Some(issued.session_token),
                None,
                "tenant",
            ),
            ends_at,
            renew_at: ends_at - AHEAD,
        })
    }
}

impl TenantCredentials {
    async fn current(&self) -> anyhow::Result<Credentials> {
        match self.standing() {
            Standing::Good(credentials) => return Ok(credentials),
            Standing::Ageing(credentials) => {
                let Ok(_turn) = self.turn.try_lock() else {
                    return Ok(credentials);
                };
                return Ok(match self.renew().await {
                    Ok(renewed) => renewed,
                    Err(error) => {
                        tracing::warn!(tenant.id = %self.tenant, "could not renew a tenant's credentials yet: {error:#}");
                        self.put_off();
                        credentials
                    }
                });
            }
            Standing::None => {}
        }
        let _turn = self.turn.lock().await;
        match self.standing() {
            Standing::Good(credentials) | Standing::Ageing(credentials) => Ok(credentials),
            Standing::None => self.renew().await,
        }
    }

    fn standing(&self) -> Standing {
        let now = self.issuer.clock.now();
        match &*lock(&self.issued) {
            Some(issued) if now < issued.renew_at => Standing::Good(issued.credentials.clone()),
            Some(issued) if now < issued.ends_at - MARGIN => {
                Standing::Ageing(issued.credentials.clone())
            }
            Some(_) | None => Standing::None,
        }
    }

    async fn renew(&self) -> anyhow::Result<Credentials> {
        let issued = self.issuer.issue(self.tenant).await?;
        let credentials = issued.credentials.clone();
        *lock(&self.issued) = Some(issued);
        Ok(credentials)
    }

    fn put_off(&self) {
        if let Some(issued) = &mut *lock(&self.issued) {
            issued.renew_at = self.issuer.clock.now() + AGAIN_AFTER;
        }
    }
}

impl ProvideCredentials for TenantCredentials {
    fn provide_credentials<'a>(&'a self) -> provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        provider::future::ProvideCredentials::new(async {
            let current = self.current().await;
            current.map_err(|error| CredentialsError::provider_error(error.context("tenant")))
        })
    }
}

impl fmt::Debug for TenantCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantCredentials({})", self.tenant)
    }
}

// Each change is one step: what a panic leaves is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
