//! A function's answer as an HTTP response. An answer that API Gateway would not understand is an error here too.

use anyhow::{Context as _, anyhow, bail};
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

/// What API Gateway says of a body whose type the function did not name.
const DEFAULT_TYPE: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// These describe a connection, and the gateway's is not the function's.
const OF_THE_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    CONTENT_LENGTH,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

pub(super) fn read(binary: &str, answer: &Value) -> anyhow::Result<Response> {
    response(answer)
        .with_context(|| format!("{binary} gave an answer that api gateway would not take"))
}

fn response(answer: &Value) -> anyhow::Result<Response> {
    let Some((fields, status)) = answer
        .as_object()
        .and_then(|fields| Some((fields, fields.get("statusCode")?)))
    else {
        return inferred(answer);
    };
    let status = status
        .as_u64()
        .or_else(|| status.as_str()?.parse().ok())
        .and_then(|status| u16::try_from(status).ok());
    let status = status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(|status| status.as_u16() >= 200);
    let body = body(fields)?;
    let mut headers = headers(fields)?;
    if !body.is_empty() {
        headers.entry(CONTENT_TYPE).or_insert(DEFAULT_TYPE);
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.context("its statusCode must be 200 to 999")?;
    *response.headers_mut() = headers;
    Ok(response)
}

/// An answer without a statusCode is the body of a 200, as payload format 2.0 has it.
fn inferred(answer: &Value) -> anyhow::Result<Response> {
    let body = match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}

fn body(fields: &Map<String, Value>) -> anyhow::Result<Vec<u8>> {
    let body = match fields.get("body") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(body)) => body,
        Some(other) => bail!("its body must be text, got {other}"),
    };
    match fields.get("isBase64Encoded") {
        Some(Value::Bool(true)) => STANDARD
            .decode(body)
            .map_err(|error| anyhow!("its body is not base64: {error}")),
        None | Some(Value::Null | Value::Bool(false)) => Ok(body.clone().into_bytes()),
        Some(other) => bail!("isBase64Encoded must be true or false, got {other}"),
    }
}

fn headers(fields: &Map<String, Value>) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        append(&mut headers, name, value)?;
    }
    for (name, values) in fields
        .get("multiValueHeaders")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        for value in values
            .as_array()
            .context("a multiValueHeaders entry must be a list")?
        {
            append(&mut headers, name, value)?;
        }
    }
    for cookie in fields
        .get("cookies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        append(&mut headers, SET_COOKIE.as_str(), cookie)?;
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    Ok(headers)
}

fn append(headers: &mut HeaderMap, name: &str, value: &Value) -> anyhow::Result<()> {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            bail!("the header {name} must be text, got {value}")
        }
    };
    let name: HeaderName = name
        .parse()
        .with_context(|| format!("{name:?} is no header name"))?;
    headers.append(
        name,
        HeaderValue::from_bytes(value.as_bytes())
            .context("a header value has a control character")?,
    );
    Ok(())
}
