//! Where a service's requests are answered: a router in this process, or a server behind a URL. Requests that
//! leave for a server of somebody else's choosing are signed with the operator's credentials, never a function's.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri, request};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::template::REGION;

const X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// What an emulator that checks for the presence of a signature, not for its truth, is content with.
const UNCHECKED_AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=operator/20200101/us-east-1/local/aws4_request, SignedHeaders=host, Signature=00";

#[derive(Clone)]
pub enum Upstream {
    Router(Router),
    Remote(Arc<Remote>),
}

pub struct Remote {
    base: Uri,
    transport: Transport,
    signer: Option<Signer>,
}

/// Two clients, because the one for TLS reads the system's root certificates first, which takes a while.
enum Transport {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// Signs as the operator, for one service.
struct Signer {
    service: &'static str,
    region: String,
    credentials: Credentials,
}

/// An error answer of the AWS JSON protocol.
#[derive(Debug, thiserror::Error)]
#[error("{operation} answered {status}: {kind} {message}")]
pub struct CallError {
    pub operation: String,
    pub status: u16,
    /// The error's name without its namespace.
    pub kind: String,
    pub message: String,
}

impl Upstream {
    /// A server of this process on a loopback port.
    pub fn plain(base: &str) -> anyhow::Result<Self> {
        Self::remote(base, None)
    }

    /// A server that somebody else runs, AWS included. Credentials come from the usual environment variables.
    pub fn signed(base: &str, service: &'static str) -> anyhow::Result<Self> {
        Self::remote(base, Some(Signer::from_environment(service)))
    }

    fn remote(base: &str, signer: Option<Signer>) -> anyhow::Result<Self> {
        let base: Uri = base
            .parse()
            .with_context(|| format!("an endpoint must be a url, got {base}"))?;
        let transport = match base.scheme_str() {
            Some("http") => Transport::Plain(Client::builder(TokioExecutor::new()).build_http()),
            Some("https") => {
                let connector = HttpsConnectorBuilder::new()
                    .with_native_roots()
                    .context("read the root certificates")?;
                let connector = connector.https_only().enable_http1().build();
                Transport::Tls(Client::builder(TokioExecutor::new()).build(connector))
            }
            _ => bail!("an endpoint must be an http or https url, got {base}"),
        };
        Ok(Self::Remote(Arc::new(Remote {
            base,
            transport,
            signer,
        })))
    }

    /// Passes one request on. The error is about reaching the server, not about what it answered.
    pub async fn send(&self, mut parts: request::Parts, body: Bytes) -> anyhow::Result<Response> {
        match self {
            Self::Router(router) => {
                let request = Request::from_parts(parts, Body::from(body));
                Ok(router
                    .clone()
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}))
            }
            Self::Remote(remote) => {
                parts.uri = at(&remote.base, &parts.uri)?;
                parts.headers.remove(HOST);
                let request = match &remote.signer {
                    Some(signer) => signer.sign(&parts, &body)?.map(Full::new),
                    None => Request::from_parts(parts, Full::new(body)),
                };
                let answer = match &remote.transport {
                    Transport::Plain(client) => client.request(request).await,
                    Transport::Tls(client) => client.request(request).await,
                };
                Ok(answer
                    .with_context(|| format!("reach {}", remote.base))?
                    .map(Body::new))
            }
        }
    }

    /// One call of the platform's own, with the operator's rights.
    pub async fn call(&self, target: &str, input: &Value) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .header(X_AMZ_TARGET, target)
            .header(X_AMZ_DATE, "20200101T000000Z")
            .header(AUTHORIZATION, UNCHECKED_AUTHORIZATION)
            .body(())?;
        let answer = self
            .send(request.into_parts().0, Bytes::from(input.to_string()))
            .await?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .with_context(|| format!("read the answer to {target}"))?
            .to_bytes();
        if !status.is_success() {
            return Err(CallError::read(target, status.as_u16(), &body).into());
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).with_context(|| format!("read the answer to {target}"))
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router(_) => f.write_str("Router"),
            Self::Remote(remote) => write!(f, "Remote({})", remote.base),
        }
    }
}

impl CallError {
    fn read(target: &str, status: u16, body: &[u8]) -> Self {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: [&str; 2]| {
            let found = names
                .iter()
                .find_map(|name| answer.get(*name))
                .and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let kind = text(["__type", "code"]);
        Self {
            operation: target.to_owned(),
            status,
            kind: kind.rsplit('#').next().unwrap_or(&kind).to_owned(),
            message: text(["message", "Message"]),
        }
    }

    /// Whether `error` is an answer of this name.
    pub fn is(error: &anyhow::Error, kind: &str) -> bool {
        error
            .downcast_ref::<Self>()
            .is_some_and(|error| error.kind == kind)
    }
}

impl Signer {
    fn from_environment(service: &'static str) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let local = || "local".to_owned();
        Self {
            service,
            region: variable("AWS_REGION")
                .or_else(|| variable("AWS_DEFAULT_REGION"))
                .unwrap_or_else(|| REGION.to_owned()),
            credentials: Credentials::from_keys(
                variable("AWS_ACCESS_KEY_ID").unwrap_or_else(local),
                variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(local),
                variable("AWS_SESSION_TOKEN"),
            ),
        }
    }

    /// The same request, signed anew: only what the service reads is kept of its headers.
    fn sign(&self, parts: &request::Parts, body: &Bytes) -> anyhow::Result<Request<Bytes>> {
        let kept = [
            CONTENT_TYPE,
            X_AMZ_TARGET,
            HeaderName::from_static("x-amzn-query-mode"),
        ];
        let headers: HeaderMap<HeaderValue> = kept
            .into_iter()
            .filter_map(|name| Some((name.clone(), parts.headers.get(name)?.clone())))
            .collect();
        let mut request = Request::builder()
            .method(parts.method.clone())
            .uri(parts.uri.clone())
            .body(body.clone())?;
        *request.headers_mut() = headers;
        let identity = self.credentials.clone().into();
        let settings = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let uri = parts.uri.to_string();
        let pairs: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let signable = SignableRequest::new(
            parts.method.as_str(),
            uri,
            pairs.into_iter(),
            SignableBody::Bytes(body),
        )?;
        let (instructions, _) = sign(signable, &settings)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// The path and query of `uri`, on the server of `base`.
fn at(base: &Uri, uri: &Uri) -> anyhow::Result<Uri> {
    let mut parts = base.clone().into_parts();
    let prefix = base.path().trim_end_matches('/');
    let path_and_query = uri
        .path_and_query()
        .map_or("/", |path_and_query| path_and_query.as_str());
    parts.path_and_query = Some(format!("{prefix}{path_and_query}").parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests;
