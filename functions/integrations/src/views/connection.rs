//! Wire types of connectors and connections. Credentials come in and never go out.

use std::collections::BTreeMap;

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    http::rules,
    id::ConnectionId,
    limit::RateLimit,
    seal::Secret,
    store::{AuthKind, Connection, ConnectionStatus},
    vendor::{Breaker, CallInput, Connector, Phase, Scope, Trip, VendorAnswer},
};
use utoipa::{IntoParams, ToSchema};

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectorOut {
    name: String,
    title: String,
    objects: Vec<String>,
    webhook_scheme: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectorsOut {
    data: Vec<ConnectorOut>,
}

impl ConnectorsOut {
    pub(crate) fn of(connectors: impl Iterator<Item = Connector>) -> Self {
        let out = |connector: Connector| ConnectorOut {
            name: connector.name,
            title: connector.title,
            objects: connector.objects.into_keys().collect(),
            webhook_scheme: connector.webhook_scheme,
        };
        Self {
            data: connectors.map(out).collect(),
        }
    }
}

/// What to sign in with at the vendor.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum CredentialsIn {
    ApiKey {
        #[schema(value_type = String)]
        key: Secret<String>,
    },
    Basic {
        #[schema(value_type = String)]
        username: Secret<String>,
        #[schema(value_type = String)]
        password: Secret<String>,
    },
    /// A client of yours at the vendor; a person then consents (`GET …/authorize`).
    Oauth2 {
        client_id: String,
        #[schema(value_type = String)]
        client_secret: Secret<String>,
    },
    /// A client of yours at the vendor, on its own behalf.
    ClientCredentials {
        client_id: String,
        #[schema(value_type = String)]
        client_secret: Secret<String>,
        scope: Option<String>,
    },
}

fn credential(given: &CredentialsIn, _: &()) -> garde::Result {
    let texts = match given {
        CredentialsIn::ApiKey { key } => vec![key.expose()],
        CredentialsIn::Basic { username, password } => {
            // RFC 7617 section 2: the first colon ends the user name.
            if username.expose().contains(':') {
                return Err(garde::Error::new("the user name must not contain a colon"));
            }
            vec![username.expose(), password.expose()]
        }
        CredentialsIn::Oauth2 {
            client_id,
            client_secret,
        } => vec![client_id, client_secret.expose()],
        CredentialsIn::ClientCredentials {
            client_id,
            client_secret,
            scope,
        } => {
            let client = [client_id, client_secret.expose()];
            client.into_iter().chain(scope).collect()
        }
    };
    let is_good = |text: &&String| {
        (1..=4_096).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    if texts.iter().all(is_good) {
        return Ok(());
    }
    Err(garde::Error::new(
        "must have 1 to 4096 visible ASCII characters",
    ))
}

fn optional_credential(given: &Option<CredentialsIn>, _: &()) -> garde::Result {
    given
        .as_ref()
        .map_or(Ok(()), |given| credential(given, &()))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Billing")]
    pub(crate) name: String,
    #[garde(length(max = 60))]
    #[schema(example = "stripe")]
    pub(crate) connector: String,
    /// For connectors without a URL of their own: https, a public host, no query.
    #[garde(skip)]
    pub(crate) base_url: Option<String>,
    #[garde(custom(credential))]
    pub(crate) credentials: CredentialsIn,
    /// The requests that the vendor is sent at most; the connector's if not given.
    #[garde(dive)]
    pub(crate) budget: Option<RateLimit>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionPatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
    #[garde(custom(optional_credential))]
    pub(crate) credentials: Option<CredentialsIn>,
    #[garde(dive)]
    pub(crate) budget: Option<RateLimit>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionOut {
    #[schema(value_type = String)]
    id: ConnectionId,
    name: String,
    connector: String,
    base_url: String,
    auth: AuthKind,
    status: ConnectionStatus,
    /// Why it is not active.
    status_reason: Option<String>,
    /// When the credentials were given.
    #[schema(value_type = String, format = DateTime)]
    credentials_at: Timestamp,
    budget: RateLimit,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Connection> for ConnectionOut {
    fn from(connection: Connection) -> Self {
        Self {
            id: connection.id,
            name: connection.name,
            connector: connection.connector,
            base_url: connection.base_url,
            auth: connection.auth,
            status: connection.status,
            status_reason: connection.status_reason,
            credentials_at: connection.credentials_at,
            budget: connection.budget,
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionTestOut {
    /// `done`, `denied`, `throttled`, `rejected` or `failed`.
    outcome: &'static str,
    status: u16,
    duration_ms: u64,
}

impl ConnectionTestOut {
    pub(crate) fn of(answer: &VendorAnswer) -> Self {
        Self {
            outcome: answer.class.name(),
            status: answer.status,
            duration_ms: ms(answer),
        }
    }
}

fn ms(answer: &VendorAnswer) -> u64 {
    u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX)
}

/// A request below the connection's base URL.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallIn {
    #[garde(length(max = 10))]
    #[schema(example = "GET")]
    method: String,
    /// Begins with `/`; may have a query.
    #[garde(length(min = 1, max = 1_500))]
    #[schema(example = "/v1/customers?limit=3")]
    path: String,
    #[serde(default)]
    #[garde(length(max = 30))]
    headers: BTreeMap<String, String>,
    /// Sent in the format of the connector: JSON, or a form.
    #[garde(skip)]
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// Sent as it is, in place of `body`.
    #[garde(skip)]
    text: Option<String>,
    /// What the vendor is given to answer, repetitions included; 10 seconds if not given.
    #[garde(skip)]
    #[schema(minimum = 100, maximum = 20_000)]
    timeout_ms: Option<u64>,
}

impl CallIn {
    /// With the key of the client's own request, or one that makes our own repetitions known.
    pub(crate) fn input(self, idempotency_key: String) -> CallInput {
        CallInput {
            method: self.method,
            path: self.path,
            headers: self.headers,
            body: self.body,
            text: self.text,
            timeout_ms: self.timeout_ms,
            idempotency_key: Some(idempotency_key),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CallOut {
    status: u16,
    /// `done`, `denied`, `throttled`, `rejected` or `failed`.
    outcome: &'static str,
    headers: BTreeMap<String, String>,
    /// As JSON where it is JSON, else as text; `null` where it is neither.
    #[schema(value_type = Object)]
    body: Value,
    duration_ms: u64,
    /// Requests that were made: more than one after a failure that could be repeated at once.
    attempts: u32,
    /// How long the vendor asks to be left alone; calls before that are refused with 429.
    retry_after_s: Option<u64>,
}

impl CallOut {
    pub(crate) fn of(answer: &VendorAnswer) -> Self {
        let (outcome, duration_ms) = (answer.class.name(), ms(answer));
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = answer
            .headers
            .iter()
            .filter(|(name, _)| name.as_str() != "set-cookie");
        let headers = headers
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect();
        let bytes = answer.body.to_vec();
        let body = serde_json::from_slice(&bytes)
            .or_else(|_| String::from_utf8(bytes).map(Value::String))
            .unwrap_or(Value::Null);
        Self {
            status: answer.status,
            outcome,
            headers,
            body,
            duration_ms,
            attempts: answer.attempts,
            retry_after_s: answer.pause.map(|pause| pause.as_secs().max(1)),
        }
    }
}

/// A circuit breaker.
#[derive(Serialize, ToSchema)]
pub(crate) struct BreakerOut {
    /// `closed`, `returning`, `half_open` or `open`.
    state: &'static str,
    /// While it is open: when the vendor is asked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    suspended_until: Option<Timestamp>,
    /// Why it opened.
    #[schema(value_type = Option<Object>)]
    trip: Option<Trip>,
}

impl BreakerOut {
    pub(crate) fn of(breaker: &Breaker, scope: &Scope, now: Timestamp) -> Self {
        let (suspended_until, trip) = match &breaker.phase {
            Phase::Closed { .. } => (None, None),
            Phase::Open { until, trip, .. } | Phase::Probing { until, trip, .. } => {
                (Some(*until), Some(*trip))
            }
        };
        Self {
            state: breaker.name(scope.rules(), now),
            suspended_until,
            trip,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionHealthOut {
    /// `healthy`, `degraded` while a breaker returns, or `down` while one is open or the connection is not
    /// active.
    pub(crate) status: &'static str,
    pub(crate) connection: ConnectionStatus,
    /// When the vendor's token ends, which is renewed before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) token_expires_at: Option<Timestamp>,
    /// Of this connection alone.
    pub(crate) breaker: BreakerOut,
    /// Of the vendor's host, by the calls of all tenants: open when the vendor itself is down.
    pub(crate) vendor: BreakerOut,
}

impl ConnectionHealthOut {
    pub(crate) fn of(
        connection: ConnectionStatus,
        token_expires_at: Option<Timestamp>,
        breaker: BreakerOut,
        vendor: BreakerOut,
    ) -> Self {
        let is_active = connection == ConnectionStatus::Active;
        let states = [breaker.state, vendor.state];
        let any = |names: &[&str]| states.iter().any(|state| names.contains(state));
        let status = match (
            !is_active || any(&["open"]),
            any(&["half_open", "returning"]),
        ) {
            (true, _) => "down",
            (false, true) => "degraded",
            (false, false) => "healthy",
        };
        Self {
            status,
            connection,
            token_expires_at,
            breaker,
            vendor,
        }
    }
}

/// Where a browser is sent, for a person to consent.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthorizationOut {
    pub(crate) url: String,
    pub(crate) state: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// What came back to the browser.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizationIn {
    #[garde(length(min = 1, max = 200))]
    pub(crate) state: String,
    #[garde(custom(authorization_code))]
    #[schema(value_type = String)]
    pub(crate) code: Secret<String>,
}

fn authorization_code(given: &Secret<String>, _: &()) -> garde::Result {
    match given.expose().len() {
        1..=4_096 => Ok(()),
        len => Err(garde::Error::new(format!(
            "must have 1 to 4096 characters, got {len}"
        ))),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizeQuery {
    /// Where the browser ends, with `connection_id`, `state` and `code` (or `error`) in its query: a URL of an
    /// application of this deployment. Without it the browser shows them.
    pub(crate) return_to: Option<String>,
}

/// RFC 6749 sections 4.1.2 and 4.1.2.1. Vendors add more, which is not looked at.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    pub(crate) state: String,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CallbackOut {
    #[schema(value_type = String)]
    pub(crate) connection_id: ConnectionId,
    pub(crate) state: String,
    /// For `POST /v1/connections/{id}/authorize`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl CallbackOut {
    /// An application's URL with all of it in its query.
    pub(crate) fn below(&self, return_to: &str) -> String {
        let id = self.connection_id.to_string();
        let pairs = [
            ("connection_id", Some(&id)),
            ("state", Some(&self.state)),
            ("code", self.code.as_ref()),
            ("error", self.error.as_ref()),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{return_to}?{}", query.finish())
    }
}
