//! The door every function's AWS call goes through. It denies what the template does not allow, lets tests
//! order faults, counts, tells the witness, and passes the rest on unchanged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};

use crate::access::{self, Access};
use crate::fault::{Answer, Faults};
use crate::sts::{Session, Sessions};
use crate::upstream::Upstream;
use crate::witness::{Sight, Witness};

/// DynamoDB takes 16 MB; nothing it may do with more.
const BODY_LIMIT: usize = 17 * 1024 * 1024;

/// How many calls each function made, by (binary, operation). Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    counts: Arc<Mutex<BTreeMap<(String, String), u64>>>,
}

#[derive(Clone, Debug)]
pub struct Front {
    access: Arc<Access>,
    sessions: Sessions,
    faults: Faults,
    calls: Calls,
    witness: Witness,
    upstream: Upstream,
}

impl Front {
    pub fn new(
        access: Arc<Access>,
        sessions: Sessions,
        faults: Faults,
        calls: Calls,
        witness: Witness,
        upstream: Upstream,
    ) -> Self {
        Self {
            access,
            sessions,
            faults,
            calls,
            witness,
            upstream,
        }
    }

    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(self)
    }
}

impl Calls {
    /// The counts since the last `take`, which it also sets back.
    pub fn take(&self) -> BTreeMap<(String, String), u64> {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self, binary: &str, operation: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .entry((binary.to_owned(), operation.to_owned()))
            .or_default() += 1;
    }
}

async fn handle(State(front): State<Front>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "SerializationException",
                &error.to_string(),
            );
        }
    };
    let target = header(&parts.headers, "x-amz-target").to_owned();
    let operation = target
        .split_once('.')
        .map_or(target.as_str(), |(_, operation)| operation);
    let caller = match front.caller(&parts.headers) {
        Ok(caller) => caller,
        Err((code, message)) => {
            let kind = format!("com.amazon.coral.service#{code}");
            return refuse(StatusCode::BAD_REQUEST, &kind, message);
        }
    };
    let binary = caller.binary();
    if let Some(binary) = binary {
        front.calls.count(binary, operation);
    }
    let needs = match &caller {
        Caller::Operator => Vec::new(),
        Caller::Function(_) | Caller::Session(_) => front.access.needs(&target, &body),
    };
    let checked = match &caller {
        Caller::Operator => Ok(()),
        Caller::Function(binary) => front.access.check(binary, &needs),
        Caller::Session(session) => front.access.check_session(session, &needs),
    };
    if let Err(message) = checked {
        return refuse(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.service#AccessDeniedException",
            &message,
        );
    }
    let role = caller.role();
    for need in &needs {
        front.witness.see(Sight::Call { role: &role, need });
    }
    let fault = front.faults.strike(binary, operation, &body);
    match fault {
        None => forward(&front.upstream, parts, body).await,
        Some(answer) => {
            let (status, error) = answer.error(&target, &body);
            if is_performed(answer) {
                forward(&front.upstream, parts, body).await;
            }
            if let (Answer::CrashBefore | Answer::CrashAfter, Some(binary)) = (answer, binary) {
                // Before the answer: by the time it could be read there is nobody left to read it.
                front.faults.crashes().crash(binary);
            }
            answer_json(status, &error)
        }
    }
}

/// Who signs.
enum Caller {
    /// The owner of the machine: not checked.
    Operator,
    Function(String),
    /// A function in a role that it has taken on.
    Session(Session),
}

impl Caller {
    /// The role whose permissions the caller has: a function's own by its binary, with `/tenant` its other.
    fn role(&self) -> String {
        match self {
            Self::Operator => String::new(),
            Self::Function(binary) => binary.clone(),
            Self::Session(session) => format!("{}/tenant", session.binary),
        }
    }

    fn binary(&self) -> Option<&str> {
        match self {
            Self::Operator => None,
            Self::Function(binary) => Some(binary),
            Self::Session(session) => Some(&session.binary),
        }
    }
}

impl Front {
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, (&'static str, &'static str)> {
        let Some(key) = access_key_id(header(headers, AUTHORIZATION.as_str())) else {
            return Ok(Caller::Operator);
        };
        if let Some(binary) = access::binary_of(key) {
            return Ok(Caller::Function(binary.to_owned()));
        }
        match header(headers, "x-amz-security-token") {
            "" => Ok(Caller::Operator),
            token => self.sessions.find(key, token).map(Caller::Session),
        }
    }
}

/// Whether the service does what it was asked, all the same.
fn is_performed(answer: Answer) -> bool {
    match answer {
        Answer::LostAnswer | Answer::CrashAfter => true,
        Answer::Throttling
        | Answer::InternalError
        | Answer::ConditionFailed
        | Answer::TransactionConflict
        | Answer::CrashBefore => false,
    }
}

async fn forward(upstream: &Upstream, parts: http::request::Parts, body: bytes::Bytes) -> Response {
    match upstream.send(parts, body).await {
        Ok(answer) => answer,
        Err(error) => refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            &format!("{error:#}"),
        ),
    }
}

/// The key id inside `AWS4-HMAC-SHA256 Credential=KEY/date/region/service/aws4_request, …`.
pub(crate) fn access_key_id(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split_once('/').map(|(key, _)| key)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    // Both spellings, because services differ and clients read either.
    answer_json(
        status,
        &json!({"__type": kind, "message": message, "Message": message}),
    )
}

fn answer_json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/x-amz-json-1.0")],
        body.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests;
