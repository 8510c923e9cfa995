//! Keeps what a tenant may want to know of refused requests. An attacker must not turn this into cost:
//! each instance keeps at most one a second for each endpoint, by one write, and counts the others.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    id::EndpointId,
    seal::sha256_hex,
    store::Rejection,
    webhook::{
        admission::Refusal,
        cache::{Listener, opened_secrets},
        doctor,
        request::RawRequest,
        vendor_key::VendorKeys,
    },
};

/// At most one rejection is kept in this time, for each endpoint and instance.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// Endpoints that one instance keeps a place for.
const CAPACITY: usize = 10_000;

/// Names of headers in one row at most, and letters in one name.
const MOST_NAMES: usize = 40;
const LONGEST_NAME: usize = 64;

/// Bodies up to this length are looked at for near misses; the search hashes them several times.
const LONGEST_SEARCHED: usize = 256 * 1_024;

/// Where each endpoint's ring stands, as this instance knows it.
#[derive(Default)]
pub(crate) struct RejectionLog {
    rings: Mutex<HashMap<EndpointId, Ring>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ring {
    kept_at: Option<Timestamp>,
    next: Option<u64>,
    suppressed: u64,
}

/// A request that was refused, and by what.
pub(crate) struct Refused<'a> {
    pub(crate) listener: &'a Listener,
    pub(crate) client: Option<IpAddr>,
    pub(crate) headers: &'a HeaderMap,
    /// `None` where the body was too long to be read.
    pub(crate) request: Option<&'a RawRequest<'a>>,
    /// What the client says of its body's length, where the body was not read.
    pub(crate) said_len: Option<u64>,
    pub(crate) vendor_keys: &'a VendorKeys,
    pub(crate) refusal: &'a Refusal,
    pub(crate) now: Timestamp,
}

/// Writes the refusal down, or counts it. Never fails: the sender's answer does not depend on it.
pub(crate) async fn keep(app: &App, refused: Refused<'_>) {
    let endpoint = refused.listener.endpoint;
    let Some(ring) = app.rejections.turn(endpoint, refused.now) else {
        return;
    };
    let platform = app.platform();
    let tenant = refused.listener.tenant;
    let next = match ring.next {
        Some(next) => Ok(next),
        None => platform.next_rejection(tenant, endpoint).await,
    };
    let written = match next {
        Ok(number) => {
            let rejection = described(app, &refused, number, ring.suppressed).await;
            let kept = platform.keep_rejection(tenant, endpoint, &rejection).await;
            kept.map(|kept| kept.map(|()| number))
        }
        Err(error) => Err(error),
    };
    let after = match written {
        Ok(Ok(number)) => Ring {
            kept_at: ring.kept_at,
            next: Some(number + 1),
            suppressed: 0,
        },
        // Another instance was faster. Two numbers on, so that both do not meet again at once.
        Ok(Err(held)) => Ring {
            next: Some(held + 2),
            suppressed: ring.suppressed + 1,
            ..ring
        },
        Err(error) => {
            tracing::warn!(endpoint.id = %endpoint, %error, "a rejection was not kept");
            Ring {
                suppressed: ring.suppressed + 1,
                ..ring
            }
        }
    };
    app.rejections.settle(endpoint, after);
}

impl RejectionLog {
    /// The ring, if it is this refusal's turn to be kept; else it is counted.
    fn turn(&self, endpoint: EndpointId, now: Timestamp) -> Option<Ring> {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        if rings.len() >= CAPACITY && !rings.contains_key(&endpoint) {
            rings.retain(|_, ring| ring.is_resting(now));
            if rings.len() >= CAPACITY {
                return None;
            }
        }
        let ring = rings.entry(endpoint).or_default();
        if ring.is_resting(now) {
            ring.suppressed += 1;
            return None;
        }
        let taken = Ring {
            kept_at: Some(now),
            ..*ring
        };
        *ring = Ring {
            suppressed: 0,
            ..taken
        };
        Some(taken)
    }

    /// Notes where the ring stands, and keeps what was counted meanwhile.
    fn settle(&self, endpoint: EndpointId, after: Ring) {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.entry(endpoint).or_default();
        ring.next = after.next;
        ring.suppressed += after.suppressed;
    }
}

impl Ring {
    fn is_resting(&self, now: Timestamp) -> bool {
        self.kept_at
            .is_some_and(|at| now.duration_since(at) < PAUSE)
    }
}

async fn described(app: &App, refused: &Refused<'_>, number: u64, suppressed: u64) -> Rejection {
    let body = refused.request.map(|request| request.body);
    Rejection {
        number,
        at: refused.now,
        source_ip: refused.client.map(|client| client.to_string()),
        reason: refused.refusal.reason().to_owned(),
        detail: refused.refusal.to_string(),
        hints: hints(app, refused).await,
        header_names: names(refused.headers),
        body_len: body
            .and_then(|body| u64::try_from(body.len()).ok())
            .or(refused.said_len),
        body_sha256: body.map(sha256_hex),
        suppressed,
    }
}

/// The doctor's remarks, where the doctor can see anything.
async fn hints(app: &App, refused: &Refused<'_>) -> Vec<String> {
    let (Refusal::Proof(error), Some(request)) = (refused.refusal, refused.request) else {
        return Vec::new();
    };
    if request.body.len() > LONGEST_SEARCHED {
        return Vec::new();
    }
    let listener = refused.listener;
    match opened_secrets(
        app,
        listener.tenant,
        listener.endpoint,
        &listener.secrets,
        refused.now,
    )
    .await
    {
        Ok(secrets) => {
            let exposed: Vec<&[u8]> = secrets
                .iter()
                .map(|secret| secret.expose().as_slice())
                .collect();
            let now = refused.now.as_second();
            doctor::remarks(
                &listener.scheme,
                request,
                &exposed,
                refused.vendor_keys,
                now,
                error,
            )
        }
        Err(error) => {
            tracing::warn!(%error, "a rejection is kept without hints");
            Vec::new()
        }
    }
}

fn names(headers: &HeaderMap) -> Vec<String> {
    let names: BTreeSet<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    let short = |name: &str| name.chars().take(LONGEST_NAME).collect();
    names.into_iter().take(MOST_NAMES).map(short).collect()
}
