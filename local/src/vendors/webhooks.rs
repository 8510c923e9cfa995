//! A simulated vendor's events: kept until they are delivered, signed by the vendor's scheme, twice or in
//! the wrong order if it is told so.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::webhook::presets;
use shared::webhook::sign::{Outgoing, dispatch};

use crate::upstream::Upstream;

/// Where events go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscription {
    pub url: String,
    pub secret: String,
    /// How often each event is sent.
    #[serde(default = "once")]
    pub copies: usize,
    #[serde(default)]
    pub reversed: bool,
}

fn once() -> usize {
    1
}

pub(super) struct Webhooks {
    scheme: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    subscription: Option<Subscription>,
    waiting: Vec<(String, Value)>,
    made: u64,
}

impl Webhooks {
    pub(super) fn new(scheme: &'static str) -> Self {
        Self {
            scheme,
            state: Mutex::default(),
        }
    }

    pub(super) fn subscribe(&self, subscription: Subscription) {
        self.state().subscription = Some(subscription);
    }

    pub(super) fn clear(&self) {
        *self.state() = State::default();
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// An event, if anybody wants to know.
    pub(super) fn add(&self, kind: &str, object: &Value, now_ms: i64) {
        let mut state = self.state();
        if state.subscription.is_none() {
            return;
        }
        state.made += 1;
        let id = format!("evt_{}_{}", self.scheme.replace('-', ""), state.made);
        let body = json!({
            "id": id, "type": kind, "created": now_ms / 1_000, "data": { "object": object },
        });
        state.waiting.push((id, body));
    }

    /// The statuses that came back; 0 where nobody answered.
    pub(super) async fn deliver(&self, now_s: i64) -> Vec<u16> {
        let (subscription, mut events) = {
            let mut state = self.state();
            let Some(subscription) = state.subscription.clone() else {
                return Vec::new();
            };
            (subscription, std::mem::take(&mut state.waiting))
        };
        if subscription.reversed {
            events.reverse();
        }
        let mut statuses = Vec::new();
        for (id, body) in &events {
            for _ in 0..subscription.copies {
                let sent = self.send(&subscription, id, body, now_s).await;
                statuses.push(sent.unwrap_or(0));
            }
        }
        statuses
    }

    async fn send(
        &self,
        to: &Subscription,
        id: &str,
        body: &Value,
        now_s: i64,
    ) -> anyhow::Result<u16> {
        let scheme = presets::find(self.scheme);
        let scheme = scheme.ok_or_else(|| anyhow::anyhow!("no scheme {}", self.scheme))?;
        let body = body.to_string();
        let signed = dispatch(
            scheme,
            to.secret.as_bytes(),
            &Outgoing {
                id,
                timestamp_unix_s: now_s,
                method: "POST",
                url: &to.url,
                body: body.as_bytes(),
            },
        )?;
        let uri: Uri = signed.url.parse()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let base = signed.url.strip_suffix(path).unwrap_or(&signed.url);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", "application/json");
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let (parts, ()) = request.body(())?.into_parts();
        let to = Upstream::plain(base)?;
        let answer = to.send(parts, Bytes::from(signed.body)).await?;
        Ok(answer.status().as_u16())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
