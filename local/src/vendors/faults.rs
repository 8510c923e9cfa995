//! What a vendor does wrong on demand: the oldest rule that fits a request decides, and is used up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Fault {
    /// Requests whose path contains this; all if not given.
    #[serde(default)]
    pub path: Option<String>,
    /// How many requests are met so; until removed if not given.
    #[serde(default)]
    pub times: Option<u32>,
    #[serde(flatten)]
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Kind {
    /// Answers as it should, later.
    Latency { ms: u64 },
    /// Does nothing and answers this.
    Status {
        status: u16,
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Does what it was asked; half of the answer arrives, and is not JSON.
    Malformed,
    /// Does what it was asked, and the connection breaks before the answer.
    LostAnswer,
}

#[derive(Default)]
pub(super) struct Faults {
    rules: Mutex<Vec<Fault>>,
    requests: Mutex<Vec<String>>,
}

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        self.rules().push(fault);
    }

    pub(super) fn clear(&self) {
        self.rules().clear();
        self.requests().clear();
    }

    /// Method and path of every request so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.requests().clone()
    }

    pub(super) async fn pass(&self, request: Request, next: Next) -> Response {
        let path = request.uri().path().to_owned();
        let line = format!("{} {path}", request.method());
        self.requests().push(line);
        match self.chosen(&path) {
            None => next.run(request).await,
            Some(Kind::Latency { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                next.run(request).await
            }
            Some(Kind::Status {
                status,
                retry_after_s,
            }) => {
                let mut response = super::answer(status, &json!({ "error": { "code": "fault" } }));
                if let Some(seconds) = retry_after_s {
                    response.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                response
            }
            Some(Kind::Malformed) => {
                let mut response = next.run(request).await;
                response.headers_mut().remove(CONTENT_LENGTH);
                *response.body_mut() = Body::from("{\"data\": [{\"id\": ");
                response
            }
            Some(Kind::LostAnswer) => {
                let mut response = next.run(request).await;
                // The length stays, and the bytes never come.
                let broken = std::io::Error::other("the connection breaks");
                let stream = futures_util::stream::iter([Err::<bytes::Bytes, _>(broken)]);
                *response.body_mut() = Body::from_stream(stream);
                response
            }
        }
    }

    fn chosen(&self, path: &str) -> Option<Kind> {
        let mut rules = self.rules();
        let fits = |rule: &Fault| rule.path.as_ref().is_none_or(|part| path.contains(part));
        let at = rules.iter().position(fits)?;
        let rule = rules.get_mut(at)?;
        let kind = rule.kind;
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                rules.remove(at);
            }
        }
        Some(kind)
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<String>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
