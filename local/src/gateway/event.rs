//! The event that API Gateway makes of a request, payload format 2.0. Nothing in it that names the caller's
//! address comes from the caller.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::{HeaderMap, request};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::server::Peer;
use crate::template::ACCOUNT;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// What the event holds beside the request itself.
pub(super) struct EventContext<'a> {
    pub(super) route_key: &'a str,
    pub(super) path: &'a str,
    pub(super) path_parameters: &'a BTreeMap<&'a str, String>,
    pub(super) peer: Option<Peer>,
    pub(super) port: u16,
    pub(super) request_id: String,
    pub(super) now_ms: i64,
}

pub(super) fn build(parts: &request::Parts, body: &Bytes, context: &EventContext<'_>) -> Value {
    let source_ip = context.peer.map_or_else(
        || "127.0.0.1".to_owned(),
        |Peer(address)| address.ip().to_string(),
    );
    let host = text(&parts.headers, HOST.as_str());
    let domain = host
        .rsplit_once(':')
        .map_or(host.as_str(), |(domain, _)| domain);
    let query = parts.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": context.path,
        "rawQueryString": query,
        "headers": headers(&parts.headers, &source_ip, context),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "http": {
                "method": parts.method.as_str(),
                "path": context.path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": text(&parts.headers, USER_AGENT.as_str()),
            },
            "requestId": context.request_id,
            "routeKey": context.route_key,
            "stage": "$default",
            "time": log_time(context.now_ms),
            "timeEpoch": context.now_ms,
        },
    });
    let (body, is_base64) = encode(&parts.headers, body);
    let optional = [
        ("cookies", cookies(&parts.headers)),
        ("queryStringParameters", parameters(query)),
        (
            "pathParameters",
            (!context.path_parameters.is_empty()).then(|| json!(context.path_parameters)),
        ),
        ("body", body),
        ("isBase64Encoded", Some(Value::Bool(is_base64))),
    ];
    if let Some(event) = event.as_object_mut() {
        event.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
    }
    event
}

/// The path that a route is chosen by.
pub(super) fn decoded_path(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// HTTP APIs hand the path over decoded, and end it at a question mark that was encoded.
pub(super) fn raw_path(decoded: &str) -> &str {
    decoded.split('?').next().unwrap_or_default()
}

/// As API Gateway's: eleven random bytes.
pub(super) fn request_id() -> String {
    let random = uuid::Uuid::new_v4();
    STANDARD.encode(
        random
            .as_bytes()
            .iter()
            .take(11)
            .copied()
            .collect::<Vec<u8>>(),
    )
}

/// Lower-case names (http has them so), repeated headers joined, cookies apart.
fn headers(headers: &HeaderMap, source_ip: &str, context: &EventContext<'_>) -> Value {
    let mut joined = Map::new();
    for name in headers.keys().filter(|name| **name != COOKIE) {
        joined.insert(
            name.to_string(),
            Value::String(text(headers, name.as_str())),
        );
    }
    // The last entry is the gateway's own; what stands before it is only what the client says.
    let forwarded_for = match text(headers, FORWARDED_FOR) {
        said if said.is_empty() => source_ip.to_owned(),
        said => format!("{said}, {source_ip}"),
    };
    joined.insert(FORWARDED_FOR.to_owned(), Value::String(forwarded_for));
    joined.insert(
        "x-forwarded-port".to_owned(),
        Value::String(context.port.to_string()),
    );
    joined.insert(
        "x-forwarded-proto".to_owned(),
        Value::String("http".to_owned()),
    );
    joined.insert(
        "x-amzn-trace-id".to_owned(),
        Value::String(trace_id(context.now_ms)),
    );
    Value::Object(joined)
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    values.join(",")
}

fn cookies(headers: &HeaderMap) -> Option<Value> {
    let cookies: Vec<String> = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            value
                .split(';')
                .map(|cookie| cookie.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|cookie| !cookie.is_empty())
        .collect();
    (!cookies.is_empty()).then(|| json!(cookies))
}

fn parameters(query: &str) -> Option<Value> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        joined
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    (!joined.is_empty()).then(|| json!(joined))
}

fn encode(headers: &HeaderMap, body: &Bytes) -> (Option<Value>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(body) {
        Ok(body) if is_text(&text(headers, CONTENT_TYPE.as_str())) => {
            (Some(Value::String(body.to_owned())), false)
        }
        _ => (Some(Value::String(STANDARD.encode(body))), true),
    }
}

/// The types that API Gateway passes on as text. Forms, and bodies without a type, are not among them.
fn is_text(content_type: &str) -> bool {
    let media = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media.starts_with("text/")
        || matches!(
            media.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        )
        || media.ends_with("+json")
        || media.ends_with("+xml")
}

/// `12/Mar/2020:19:03:58 +0000`
fn log_time(now_ms: i64) -> String {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    now.to_zoned(TimeZone::UTC)
        .strftime("%d/%b/%Y:%H:%M:%S +0000")
        .to_string()
}

fn trace_id(now_ms: i64) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{:08x}-{}",
        now_ms / 1000,
        random.chars().take(24).collect::<String>()
    )
}
