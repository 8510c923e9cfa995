//! One call to a destination: signed, through `egress`, and what came of it.

use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    app::App,
    egress::{EgressAnswer, EgressError, EgressRequest},
    outbound::signing::signatures,
    problem::ApiError,
    store::{Destination, TenantStore},
};

/// How long a destination may take to answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long a destination may take to answer a test, which ends before the function that waits for it.
const TEST_DEADLINE: Duration = Duration::from_secs(8);

/// What is kept of an answer's body.
const KEPT_LEN: usize = 1_024;

/// What a destination is sent.
pub(crate) struct Message<'a> {
    /// The same in each attempt: by it a receiver knows a repetition.
    pub(crate) id: &'a str,
    pub(crate) kind: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: Vec<u8>,
    pub(crate) attempt: u64,
}

/// What came of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub status: Option<u16>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub response: Option<String>,
    pub duration_ms: u64,
    pub(crate) is_success: bool,
    pub(crate) retry_after: Option<Duration>,
}

/// Whether a failure says that nobody is there, or that this event was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    Yes,
    No,
}

impl Sent {
    pub(crate) fn strike(&self) -> Strike {
        match self.status {
            None | Some(429 | 500..) => Strike::Yes,
            Some(_) => Strike::No,
        }
    }

    /// For how long the destination asks to be left alone altogether: RFC 6585 section 4 and RFC 9110
    /// section 15.6.4.
    pub(crate) fn pause_asked(&self) -> Option<Duration> {
        self.retry_after
            .filter(|_| matches!(self.status, Some(429 | 503)))
    }

    pub fn is_success(&self) -> bool {
        self.is_success
    }
}

/// Sends a `portico.test` event now, whether or not the destination is enabled. Nothing is stored.
pub async fn send_test(
    app: &App,
    store: &TenantStore,
    destination: &Destination,
) -> Result<Sent, ApiError> {
    let now = app.clock.now();
    let id = format!(
        "test_{}",
        crate::seal::encode_hex(&crate::seal::random::<12>())
    );
    let body = json!({
        "type": "portico.test",
        "timestamp": now.to_string(),
        "data": { "destination_id": destination.id, "name": destination.name },
    });
    let message = Message {
        id: &id,
        kind: Some("portico.test"),
        content_type: Some("application/json"),
        body: body.to_string().into_bytes(),
        attempt: 1,
    };
    call(app, store, destination, message, TEST_DEADLINE).await
}

/// Sends one attempt of a delivery.
pub(crate) async fn send(
    app: &App,
    store: &TenantStore,
    destination: &Destination,
    message: Message<'_>,
) -> Result<Sent, ApiError> {
    call(app, store, destination, message, DEADLINE).await
}

async fn call(
    app: &App,
    store: &TenantStore,
    destination: &Destination,
    message: Message<'_>,
    deadline: Duration,
) -> Result<Sent, ApiError> {
    let started = app.clock.now();
    let headers = headers(store, destination, &message, started).await?;
    let answer = app
        .egress
        .send_cut(EgressRequest {
            method: Method::POST,
            url: &destination.url,
            headers,
            body: Bytes::from(message.body),
            deadline,
            max_answer_len: KEPT_LEN,
        })
        .await;
    let ended = app.clock.now();
    let took = ended.duration_since(started).as_millis();
    let duration_ms = u64::try_from(took).unwrap_or(0);
    Ok(outcome(answer, duration_ms, ended))
}

async fn headers(
    store: &TenantStore,
    destination: &Destination,
    message: &Message<'_>,
    now: Timestamp,
) -> Result<HeaderMap, ApiError> {
    let opened = store.opened_destination(destination, now).await?;
    let at = now.as_second();
    let signature =
        signatures(&opened.keys, message.id, at, &message.body).map_err(ApiError::Internal)?;
    let attempt = message.attempt.to_string();
    let at = at.to_string();
    let ours = [
        ("webhook-id", Some(message.id)),
        ("webhook-timestamp", Some(at.as_str())),
        ("webhook-signature", Some(signature.as_str())),
        ("portico-event-type", message.kind),
        ("portico-attempt", Some(attempt.as_str())),
        (
            header::CONTENT_TYPE.as_str(),
            Some(message.content_type.unwrap_or("application/octet-stream")),
        ),
    ];
    let mut headers = HeaderMap::new();
    let custom = opened
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose().as_slice()));
    let ours = ours
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.as_bytes())));
    for (name, value) in custom.chain(ours) {
        // A vendor's type or content type that is no header's text is left out.
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

fn outcome(answer: Result<EgressAnswer, EgressError>, duration_ms: u64, now: Timestamp) -> Sent {
    match answer {
        Ok(answer) => Sent {
            status: Some(answer.status.as_u16()),
            error: None,
            response: Some(text(&answer.body)).filter(|text| !text.is_empty()),
            duration_ms,
            is_success: answer.status.is_success(),
            retry_after: retry_after(&answer.headers, now),
        },
        Err(error) => Sent {
            status: None,
            error: Some(error.to_string()),
            response: None,
            duration_ms,
            is_success: false,
            retry_after: None,
        },
    }
}

/// Readable in a list: no control characters but line ends and tabs.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect()
}

/// RFC 9110 section 10.2.3: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

#[cfg(test)]
mod tests;
