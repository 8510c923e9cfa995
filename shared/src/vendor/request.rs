//! Requests below a connection's base URL, and which base URL a connection may have.

use std::{collections::BTreeMap, time::Duration};

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::Value;

use crate::{
    config::Config,
    egress::{self, Egress},
    id::ConnectionId,
    problem::{ApiError, FieldError},
    seal,
    vendor::{BodyFormat, Connector, Repeatable, form},
};

/// A call may take so long if it does not say otherwise.
const USUAL_DEADLINE: Duration = Duration::from_secs(10);
/// Less than what the API's gateway waits: 30 seconds.
const LONGEST_DEADLINE_MS: u64 = 20_000;

/// A request below a connection's base URL.
#[derive(Debug, Clone)]
pub struct VendorCall {
    pub(crate) method: Method,
    /// Begins with `/`; may have a query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// From the first look-up of a name to the last byte, over all attempts.
    pub(crate) deadline: Duration,
}

/// A path that a client gives back, checked like one of its own.
///
/// # Errors
/// Says what a path may be.
pub fn checked_path(path: &str) -> Result<(), &'static str> {
    check_path(path)
}

/// What a client may say about a call.
#[derive(Debug, Default)]
pub struct CallInput {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    /// Sent in the connector's format.
    pub body: Option<Value>,
    /// Sent as it is.
    pub text: Option<String>,
    pub timeout_ms: Option<u64>,
    /// Makes the call one that the vendor knows again.
    pub idempotency_key: Option<String>,
}

impl VendorCall {
    pub fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            deadline: USUAL_DEADLINE,
        }
    }

    /// A client's request, checked.
    ///
    /// # Errors
    /// `Invalid` names each part that may not be sent.
    pub fn parse(connector: &Connector, input: CallInput) -> Result<Self, ApiError> {
        const METHODS: [Method; 5] = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ];
        let mut errors = Vec::new();
        let known = METHODS
            .into_iter()
            .find(|known| known.as_str() == input.method);
        if known.is_none() {
            let detail = "must be GET, POST, PUT, PATCH or DELETE";
            errors.push(FieldError::new("/method", detail));
        }
        if let Err(detail) = check_path(&input.path) {
            errors.push(FieldError::new("/path", detail));
        }
        let given_ms = input
            .timeout_ms
            .map(|ms| (100..=LONGEST_DEADLINE_MS).contains(&ms));
        if given_ms == Some(false) {
            let detail = format!("must be 100 to {LONGEST_DEADLINE_MS}");
            errors.push(FieldError::new("/timeout_ms", detail));
        }
        let (body, content_type) = match (input.body, input.text) {
            (Some(_), Some(_)) => {
                errors.push(FieldError::new("/text", "must be left out beside `body`"));
                (String::new(), None)
            }
            (Some(value), None) => {
                let (text, content_type) = encode(connector, &value, &mut errors);
                (text, Some(content_type))
            }
            (None, Some(text)) => (text, Some("text/plain; charset=utf-8")),
            (None, None) => (String::new(), None),
        };
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            let value = HeaderValue::from_static(content_type);
            headers.insert(header::CONTENT_TYPE, value);
        }
        if let Some(name) = &connector.idempotency_header {
            let key = input.idempotency_key.filter(|_| known != Some(Method::GET));
            let pair = (name.parse::<HeaderName>(), key.map(HeaderValue::try_from));
            if let (Ok(name), Some(Ok(key))) = pair {
                headers.insert(name, key);
            }
        }
        for (name, value) in &input.headers {
            let pair = (name.parse::<HeaderName>(), value.parse::<HeaderValue>());
            match pair {
                (Ok(name), Ok(value)) if may_be_set(&name) => drop(headers.insert(name, value)),
                _ => errors.push(FieldError::new(
                    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1")),
                    "must be a header that a client may set, with visible ASCII text",
                )),
            }
        }
        match known {
            Some(method) if errors.is_empty() => Ok(Self {
                method,
                path: input.path,
                headers,
                body: body.into(),
                deadline: input
                    .timeout_ms
                    .map_or(USUAL_DEADLINE, Duration::from_millis),
            }),
            Some(_) | None => Err(ApiError::Invalid(errors)),
        }
    }

    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Without its query, which may hold what no trail should.
    pub fn plain_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// Whether a repetition changes nothing: RFC 9110 section 9.2.2, or by a key.
    pub(crate) fn repeatable(&self, connector: &Connector) -> Repeatable {
        let by_method = [Method::GET, Method::PUT, Method::DELETE].contains(&self.method);
        let key = connector.idempotency_header.as_ref();
        match by_method || key.is_some_and(|name| self.headers.contains_key(name)) {
            true => Repeatable::Yes,
            false => Repeatable::No,
        }
    }
}

/// The key of a call as its vendor sees it: the same for the same request of a client, and one of its own
/// for each request without a key.
pub fn idempotency_key(connection: ConnectionId, given: Option<&HeaderValue>) -> String {
    match given {
        Some(given) => {
            let text = [connection.to_string().as_bytes(), given.as_bytes()].concat();
            seal::sha256_hex(&text)
        }
        None => seal::encode_hex(&seal::random::<16>()),
    }
}

fn encode(
    connector: &Connector,
    value: &Value,
    errors: &mut Vec<FieldError>,
) -> (String, &'static str) {
    match connector.body {
        BodyFormat::Json => (value.to_string(), "application/json"),
        BodyFormat::Form => {
            if !value.is_object() {
                let detail = "must be an object: this vendor takes forms";
                errors.push(FieldError::new("/body", detail));
            }
            (form::encode(value), "application/x-www-form-urlencoded")
        }
    }
}

/// Credentials are the connection's own, encodings ours; the rest belongs to the URL.
pub(crate) fn may_be_set(name: &HeaderName) -> bool {
    const OURS: [HeaderName; 5] = [
        header::ACCEPT_ENCODING,
        header::AUTHORIZATION,
        header::CONTENT_ENCODING,
        header::COOKIE,
        header::PROXY_AUTHORIZATION,
    ];
    !egress::is_refused_header(name) && !OURS.contains(name)
}

/// A path that stays below the base URL, whichever way a server reads it.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    let is_visible = path.bytes().all(|byte| byte.is_ascii_graphic());
    if !path.starts_with('/') || !is_visible || path.contains(['\\', '#']) {
        return Err("must begin with `/` and have visible ASCII characters without `\\` and `#`");
    }
    let plain = path.split('?').next().unwrap_or_default();
    let plain = plain
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    // Some servers cut parameters off a segment first.
    let names = plain.split('/').map(|part| part.split(';').next());
    let climbs = names.flatten().any(|name| name == ".." || name == ".");
    if climbs || plain.contains("//") {
        return Err("must not have empty segments, `.` or `..`");
    }
    Ok(())
}

/// The connector's URL, or the one that was given where the connector has none.
///
/// # Errors
/// `Invalid`: there must be one and is not, or the reverse, or it may not be called.
pub fn chosen_base_url(
    egress: &Egress,
    connector: &Connector,
    given: Option<String>,
) -> Result<String, ApiError> {
    let invalid = |detail: String| ApiError::invalid("/base_url", detail);
    let given = match (&connector.base_url, given) {
        (Some(fixed), None) => return Ok(fixed.clone()),
        (Some(_), Some(_)) => {
            return Err(invalid(
                "must be left out: the connector has a URL".to_owned(),
            ));
        }
        (None, None) => {
            return Err(invalid("must be given for this connector".to_owned()));
        }
        (None, Some(given)) => given,
    };
    egress
        .check(&given)
        .map_err(|error| invalid(error.to_string()))?;
    if given.contains('?') || given.ends_with('/') {
        return Err(invalid(
            "must have no query and no `/` at its end".to_owned(),
        ));
    }
    let host = host_of(&given);
    let host = host.split(':').next().unwrap_or_default();
    let suffixes = &connector.host_suffixes;
    if !suffixes.is_empty() && !suffixes.iter().any(|end| host.ends_with(end.as_str())) {
        return Err(invalid(format!(
            "its host must end with {}",
            suffixes.join(" or ")
        )));
    }
    Ok(given)
}

/// The end of a host that no vendor has: RFC 2606 section 2.
pub(crate) const SIMULATED: &str = ".example";

/// The URL by which a vendor is reached: itself, or, for a vendor that is simulated here, its stand-in.
pub(crate) fn reachable(config: &Config, url: &str) -> String {
    let stand_in = config.vendors_url();
    let rest = url.strip_prefix("https://");
    match (stand_in, rest) {
        (Some(stand_in), Some(rest)) if host_of(url).ends_with(SIMULATED) => {
            format!("{stand_in}/{rest}")
        }
        _ => url.to_owned(),
    }
}

/// The authority of a base URL, in one spelling: what breakers are named by.
pub(crate) fn host_of(base_url: &str) -> String {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let authority = authority.strip_suffix(":443").unwrap_or(authority);
    authority.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
