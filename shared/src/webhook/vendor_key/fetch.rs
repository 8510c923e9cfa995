//! Fetching and keeping vendors' keys. A stranger's request may name any key: what one instance asks a
//! vendor for is bounded, asked once at a time, and an answer is kept, a refusal for a short while too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    app::App,
    egress::{EgressAnswer, EgressError, EgressRequest},
    id::EndpointId,
    seal::sha256_hex,
    webhook::{
        cache::Listener,
        keys::PreparedKey,
        request::RawRequest,
        scheme::{Ask, Issuer},
        vendor_key::{KeyError, KeyRef, Trust, VendorKey, VendorKeys, read, wanted},
        verify::select_wire,
    },
};

/// How long a key serves before the vendor is asked again, which is how an expiry is noticed.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long a key serves while the vendor does not answer.
const LAST_RESORT: SignedDuration = SignedDuration::from_hours(24);
/// How long a vendor's no is believed.
const REFUSED: SignedDuration = SignedDuration::from_secs(60);
/// How long after a failure the vendor is left alone.
const FAILED: SignedDuration = SignedDuration::from_secs(5);

/// Keys held at once; a few hundred bytes each.
const CAPACITY: usize = 1_000;

/// Keys that requests to one endpoint may make an instance ask for in a minute.
const MOST_ASKED: u32 = 6;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// Shorter than the shortest patience of the vendors that are asked.
const DEADLINE: Duration = Duration::from_secs(3);
const LONGEST_ANSWER: usize = 64 * 1_024;

#[derive(Default)]
pub(crate) struct VendorKeyCache {
    slots: Mutex<HashMap<Place, Arc<Slot>>>,
    asked: Mutex<HashMap<EndpointId, (Timestamp, u32)>>,
}

/// A key, and whose credentials it was asked for with: a no to one tenant is none to another.
type Place = (KeyRef, Option<String>);

#[derive(Default)]
struct Slot {
    /// Held while the vendor is asked, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
}

#[derive(Default, Clone)]
struct Held {
    key: Option<(VendorKey, Timestamp)>,
    failure: Option<(KeyError, Timestamp)>,
}

/// The key that a request names; none where its scheme needs none, or where the request is malformed,
/// which verification will say again. Called only for a client whose address is allowed.
pub(crate) async fn fetch(
    app: &App,
    listener: &Listener,
    request: &RawRequest<'_>,
    now: Timestamp,
) -> VendorKeys {
    let Ok(Some(wanted)) = wanted(&listener.scheme, request) else {
        return VendorKeys::none();
    };
    let (index, _) = select_wire(&listener.scheme, request.headers);
    let secret = listener
        .keys
        .of_wire(index)
        .iter()
        .find_map(|key| match key {
            PreparedKey::Text(secret) => Some(secret.as_slice()),
            PreparedKey::Hmac(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => None,
        });
    let Some(secret) = secret else {
        return VendorKeys::none();
    };
    let credentials = match wanted.issuer {
        Issuer::Plaid | Issuer::PlaidSandbox => Some(sha256_hex(secret)),
        Issuer::AwsSns | Issuer::PayPal | Issuer::AtlassianInstall | Issuer::Google => None,
    };
    let cache = &app.vendor_keys;
    let Some(slot) = cache.slot((wanted.clone(), credentials), now) else {
        return VendorKeys::found(wanted, Err(KeyError::TooMany));
    };
    if let Some(known) = slot.known(now) {
        return VendorKeys::found(wanted, known);
    }
    let _asking = slot.asking.lock().await;
    if let Some(known) = slot.known(now) {
        return VendorKeys::found(wanted, known);
    }
    let answer = if cache.may_ask(listener.endpoint, now) {
        ask(app, &wanted, secret, now).await
    } else {
        Err(KeyError::TooMany)
    };
    if let Err(error) = &answer {
        tracing::warn!(endpoint.id = %listener.endpoint, %error, "a vendor's key was not found");
    }
    VendorKeys::found(wanted, slot.settle(answer, now))
}

async fn ask(
    app: &App,
    wanted: &KeyRef,
    secret: &[u8],
    now: Timestamp,
) -> Result<VendorKey, KeyError> {
    let mut headers = HeaderMap::new();
    let (method, url, body) = match wanted.issuer.ask(&wanted.name) {
        Ask::Get(url) => (Method::GET, url, Bytes::new()),
        Ask::PlaidPost(url) => {
            let (client_id, secret) = std::str::from_utf8(secret)
                .ok()
                .and_then(|text| text.split_once(':'))
                .ok_or(KeyError::Unusable)?;
            let body = json!({ "client_id": client_id, "secret": secret, "key_id": wanted.name });
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
            (Method::POST, url.to_owned(), Bytes::from(body.to_string()))
        }
    };
    let answer = call_vendor(app, method, &url, headers, body).await;
    let answer = answer.map_err(|error| {
        tracing::warn!(%error, "a vendor was not asked for its key");
        KeyError::Unavailable
    })?;
    match answer.status.as_u16() {
        200 => {}
        // What a vendor answers for a key that it does not have; Plaid also for bad credentials.
        400 | 403 | 404 | 410 => return Err(KeyError::Unknown),
        _ => return Err(KeyError::Unavailable),
    }
    let trust = match app.config.vendors_url() {
        Some(_) => Trust::Given,
        None => Trust::Public,
    };
    read(wanted, &answer.body, trust, now.as_second())
}

/// Calls a vendor's own host, or what stands in for all of them on a laptop.
pub(crate) async fn call_vendor(
    app: &App,
    method: Method,
    url: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<EgressAnswer, EgressError> {
    let stood_in = app.config.vendors_url().zip(url.strip_prefix("https://"));
    let url = stood_in.map_or_else(
        || url.to_owned(),
        |(base, host_and_path)| format!("{base}/{host_and_path}"),
    );
    let request = EgressRequest {
        method,
        url: &url,
        headers,
        body,
        deadline: DEADLINE,
        max_answer_len: LONGEST_ANSWER,
    };
    app.egress.send(request).await
}

impl VendorKeyCache {
    /// `None` when everything is full of what is still needed.
    fn slot(&self, place: Place, now: Timestamp) -> Option<Arc<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(&place) && slots.len() >= CAPACITY {
            // A slot that is being asked for is held by who asks, too.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.has_key(now));
            if slots.len() >= CAPACITY {
                return None;
            }
        }
        Some(Arc::clone(slots.entry(place).or_default()))
    }

    fn may_ask(&self, endpoint: EndpointId, now: Timestamp) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= CAPACITY {
            asked.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
        }
        let (since, count) = asked.entry(endpoint).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MOST_ASKED
    }
}

impl Slot {
    fn has_key(&self, now: Timestamp) -> bool {
        self.read()
            .key
            .is_some_and(|(_, at)| now.duration_since(at) < FRESH)
    }

    fn read(&self) -> Held {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// What is known without asking.
    fn known(&self, now: Timestamp) -> Option<Result<VendorKey, KeyError>> {
        let held = self.read();
        let is_young = |at: Timestamp, limit| now.duration_since(at) < limit;
        if let Some((key, at)) = &held.key
            && is_young(*at, FRESH)
        {
            return Some(Ok(key.clone()));
        }
        let (error, at) = held.failure?;
        let limit = if error.is_passing() { FAILED } else { REFUSED };
        is_young(at, limit).then(|| match held.key {
            Some((key, at)) if error.is_passing() && is_young(at, LAST_RESORT) => Ok(key),
            Some(_) | None => Err(error),
        })
    }

    /// Keeps an answer. A vendor that does not answer takes no key away; one that says no does.
    fn settle(
        &self,
        answer: Result<VendorKey, KeyError>,
        now: Timestamp,
    ) -> Result<VendorKey, KeyError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(key) => {
                *held = Held {
                    key: Some((key.clone(), now)),
                    failure: None,
                };
                Ok(key)
            }
            Err(error) => {
                held.failure = Some((error.clone(), now));
                match &held.key {
                    Some((key, at))
                        if error.is_passing() && now.duration_since(*at) < LAST_RESORT =>
                    {
                        Ok(key.clone())
                    }
                    Some(_) | None => {
                        held.key = None;
                        Err(error)
                    }
                }
            }
        }
    }
}
