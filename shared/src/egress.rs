//! The only HTTP client for URLs that a tenant or a vendor can influence.
//!
//! **Invariant:** a connection is made only to an address that was checked after its name was
//! resolved. Redirects are not followed, proxies not used, answers not decompressed, and no error
//! says more about a host than its owner knows.

mod address;
mod resolver;
mod target;

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use reqwest::{Client, RequestBuilder, redirect::Policy, retry};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider};

pub use target::UrlError;

use crate::{
    egress::{
        resolver::{AddressRule, CheckedResolver, Refused},
        target::{Reach, Target},
    },
    ip_ranges::IpRanges,
    telemetry::Calls,
};

/// How long one of a host's addresses may take, so that a dead one leaves time for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than a server keeps an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_IDLE_PER_HOST: usize = 4;
const MAX_ANSWER_HEADERS: usize = 100;

/// What is decided by the URL and the connection, never by who asks.
const REFUSED_HEADERS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Calls out. Nothing is built before the first call, so that a cold start does not pay for it.
pub struct Egress {
    allowed: Arc<IpRanges>,
    calls: Calls,
    public: OnceLock<Client>,
    allow_listed: OnceLock<Client>,
}

/// One call. Headers are of the `http` crate's types, which hold no line ends.
#[derive(Debug, Clone)]
pub struct EgressRequest<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// From the look-up of the name to the last byte of the answer.
    pub deadline: Duration,
    pub max_answer_len: usize,
}

/// What came back, as it was sent: not decompressed, and a redirect is an answer like any other.
#[derive(Debug, Clone)]
pub struct EgressAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer. The texts may be shown to a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("the method {0} may not be used")]
    Method(Method),
    #[error("the header {0} may not be set")]
    Header(HeaderName),
    /// One text for a name that does not exist and for one with an address that is refused: a
    /// tenant cannot ask which names exist inside.
    #[error("the URL's host has no public address")]
    NoPublicAddress,
    #[error("no connection to the host could be made")]
    Connect,
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("the connection broke before the answer was complete")]
    Broken,
    #[error("the HTTP client could not be made")]
    Client,
}

impl EgressError {
    /// Whether the same call would fail again, whatever the host does.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Url(_) | Self::Method(_) | Self::Header(_) => true,
            Self::NoPublicAddress
            | Self::Connect
            | Self::Timeout(_)
            | Self::TooLarge(_)
            | Self::Broken
            | Self::Client => false,
        }
    }
}

impl Egress {
    /// `allowed` lifts the rules on addresses, ports and TLS for its ranges: for a laptop's own
    /// servers, or a network that is meant to be called.
    pub fn new(allowed: IpRanges, calls: Calls) -> Self {
        Self {
            allowed: Arc::new(allowed),
            calls,
            public: OnceLock::new(),
            allow_listed: OnceLock::new(),
        }
    }

    /// Whether a URL could be called, as far as it says itself: for the moment it is entered.
    /// Its addresses are checked with each call.
    pub fn check(&self, url: &str) -> Result<(), EgressError> {
        self.target(url).map(drop)
    }

    pub async fn send(&self, request: EgressRequest<'_>) -> Result<EgressAnswer, EgressError> {
        let (deadline, max_answer_len) = (request.deadline, request.max_answer_len);
        let sent = self.prepare(request)?;
        let answer = async { read(sent.send().await.map_err(failure)?, max_answer_len).await };
        tokio::time::timeout(deadline, answer)
            .await
            .map_err(|_| EgressError::Timeout(deadline))?
    }

    /// As [`Egress::send`], for a caller whom the status concerns: a body that is longer than the limit,
    /// breaks off, or is not complete at the deadline is cut there, and the answer counts.
    pub async fn send_cut(&self, request: EgressRequest<'_>) -> Result<EgressAnswer, EgressError> {
        let (deadline, max_answer_len) = (request.deadline, request.max_answer_len);
        let sent = self.prepare(request)?;
        let mut head = None;
        let mut body = Vec::new();
        let reading = async {
            let mut response = sent.send().await.map_err(failure)?;
            head = Some((response.status(), std::mem::take(response.headers_mut())));
            while let Ok(Some(chunk)) = response.chunk().await {
                let room = max_answer_len - body.len();
                body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if body.len() == max_answer_len {
                    break;
                }
            }
            Ok(())
        };
        let ended = tokio::time::timeout(deadline, reading).await;
        match (head, ended) {
            (Some((status, headers)), _) => Ok(EgressAnswer {
                status,
                headers,
                body: body.into(),
            }),
            (None, Ok(Err(error))) => Err(error),
            (None, Ok(Ok(()))) => Err(EgressError::Broken),
            (None, Err(_)) => Err(EgressError::Timeout(deadline)),
        }
    }

    fn prepare(&self, request: EgressRequest<'_>) -> Result<RequestBuilder, EgressError> {
        let target = self.target(request.url)?;
        check_request(&request)?;
        let client = self.client(target.reach)?;
        self.calls.count(format!("egress:{}", request.method));
        Ok(client
            .request(request.method, target.url)
            .headers(request.headers)
            .body(request.body))
    }

    fn target(&self, url: &str) -> Result<Target, EgressError> {
        let target = Target::parse(url)?;
        let can_be_reached = match target.reach {
            Reach::Public => true,
            Reach::AllowListed => !self.allowed.is_empty(),
        };
        if !can_be_reached {
            return Err(UrlError::NotPublic.into());
        }
        // A client connects to an address in a URL without asking its resolver.
        if let Some(address) = target.address {
            let checked = self.rule(target.reach).check(&[address]);
            checked.map_err(|_| EgressError::NoPublicAddress)?;
        }
        Ok(target)
    }

    fn rule(&self, reach: Reach) -> AddressRule {
        AddressRule {
            allowed: self.allowed.clone(),
            reach,
        }
    }

    /// A client for each reach, so that a connection of one is never reused for the other.
    fn client(&self, reach: Reach) -> Result<Client, EgressError> {
        let slot = match reach {
            Reach::Public => &self.public,
            Reach::AllowListed => &self.allow_listed,
        };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let client = build(self.rule(reach)).map_err(|error| {
            tracing::error!(
                error = format!("{error:#}"),
                "the HTTP client was not built"
            );
            EgressError::Client
        })?;
        Ok(slot.get_or_init(|| client).clone())
    }
}

fn build(rule: AddressRule) -> anyhow::Result<Client> {
    // Compiled-in roots: the system's would be read and parsed on every cold start.
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // HTTP/1 only: a connection of HTTP/2 could be reused for another host.
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(CheckedResolver(rule))
        .http1_only()
        .http1_max_headers(MAX_ANSWER_HEADERS)
        .redirect(Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .user_agent(concat!("Portico/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Whether a header is the connection's own.
pub(crate) fn is_refused_header(name: &HeaderName) -> bool {
    REFUSED_HEADERS.contains(name)
}

fn check_request(request: &EgressRequest<'_>) -> Result<(), EgressError> {
    const METHODS: [Method; 6] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    if !METHODS.contains(&request.method) {
        return Err(EgressError::Method(request.method.clone()));
    }
    let refused = REFUSED_HEADERS
        .iter()
        .find(|name| request.headers.contains_key(*name));
    refused.map_or(Ok(()), |name| Err(EgressError::Header(name.clone())))
}

/// The body up to its limit: what is longer is dropped where the limit is passed.
async fn read(
    mut response: reqwest::Response,
    max_answer_len: usize,
) -> Result<EgressAnswer, EgressError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).is_ok_and(|len| len > max_answer_len) {
        return Err(EgressError::TooLarge(max_answer_len));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if chunk.len() > max_answer_len - body.len() {
            return Err(EgressError::TooLarge(max_answer_len));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(EgressAnswer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.into(),
    })
}

/// What a tenant may know of a failure; the rest is logged.
fn failure(error: reqwest::Error) -> EgressError {
    let refused = cause_of(&error);
    let answer = match refused {
        Some(refused) => {
            tracing::warn!(%refused, "an outgoing call was refused");
            return EgressError::NoPublicAddress;
        }
        None if error.is_connect() || error.is_dns() => EgressError::Connect,
        None => EgressError::Broken,
    };
    let error = error.without_url();
    tracing::info!(error = format!("{error:?}"), "an outgoing call failed");
    answer
}

/// The resolver's reason, which travels inside the client's error.
fn cause_of(error: &reqwest::Error) -> Option<&Refused> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
