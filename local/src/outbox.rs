//! The mail that nobody gets: answers SES's SendEmail on a socket, and keeps each letter in memory and, with a
//! data directory, in a file with a line of JSON for each.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::access::{self, Access, Need};
use crate::clock::Clock;
use crate::front;
use crate::template::{ACCOUNT, REGION};
use crate::witness::{Sight, Witness};

/// Letters that are kept in memory; the oldest go first.
const MOST_LETTERS: usize = 1_000;

/// Clones share the letters.
#[derive(Clone, Debug)]
pub struct Outbox {
    letters: Arc<Mutex<Vec<Value>>>,
    file: Option<PathBuf>,
    access: Arc<Access>,
    witness: Witness,
    clock: Clock,
}

impl Outbox {
    pub(crate) fn new(
        access: Arc<Access>,
        witness: Witness,
        clock: Clock,
        file: Option<PathBuf>,
    ) -> Self {
        Self {
            letters: Arc::default(),
            file,
            access,
            witness,
            clock,
        }
    }

    /// What was sent, oldest first: to, from, subject, text, kind, sent_at.
    pub fn letters(&self) -> Vec<Value> {
        let letters = self.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stands in for `email.<region>.amazonaws.com`.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v2/email/outbound-emails", post(send))
            .with_state(self)
    }

    /// The letters that were sent, oldest first, for people and tests to look at.
    pub(crate) fn window(self) -> Router {
        Router::new()
            .route("/local/outbox", get(list))
            .with_state(self)
    }

    fn keep(&self, letter: Value) -> std::io::Result<()> {
        if let Some(path) = &self.file {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(format!("{letter}\n").as_bytes())?;
        }
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.len() >= MOST_LETTERS {
            letters.remove(0);
        }
        letters.push(letter);
        Ok(())
    }
}

async fn send(State(outbox): State<Outbox>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(letter) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "BadRequestException", "not JSON");
    };
    let at = |pointer: &str| letter.pointer(pointer).cloned().unwrap_or_default();
    let from = at("/FromEmailAddress");
    let from = from.as_str().unwrap_or_default();
    let authorization = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = front::access_key_id(authorization.unwrap_or_default());
    let Some(key) = key else {
        return refuse(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationTokenException",
            "the request is not signed",
        );
    };
    let need = Need {
        action: "ses:SendEmail".to_owned(),
        resource: format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/{from}"),
        leading_keys: None,
    };
    if let Some(binary) = access::binary_of(key) {
        let checked = outbox.access.check(binary, std::slice::from_ref(&need));
        if let Err(message) = checked {
            return refuse(StatusCode::FORBIDDEN, "AccessDeniedException", &message);
        }
        let need = &need;
        outbox.witness.see(Sight::Call { role: binary, need });
    }
    let kept = json!({
        "sent_at": outbox.clock.shared().now().to_string(),
        "from": from,
        "to": at("/Destination/ToAddresses"),
        "subject": at("/Content/Simple/Subject/Data"),
        "text": at("/Content/Simple/Body/Text/Data"),
        "kind": at("/EmailTags/0/Value"),
    });
    match outbox.keep(kept) {
        Ok(()) => Json(json!({ "MessageId": "local" })).into_response(),
        Err(error) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServiceErrorException",
            &error.to_string(),
        ),
    }
}

async fn list(State(outbox): State<Outbox>) -> Response {
    Json(json!({ "data": outbox.letters() })).into_response()
}

fn refuse(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = Json(json!({ "message": message }));
    (status, [("x-amzn-errortype", kind)], body).into_response()
}
