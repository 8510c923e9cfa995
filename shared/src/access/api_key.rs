//! API keys: `pk_` and 96 letters that hold the tenant, the key's id, a secret and a checksum. A typing
//! error is refused without I/O; the store keeps hashes only. One instance keeps a key's row for as long
//! as a gate.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use flate2::Crc;
use jiff::{SignedDuration, Timestamp};

use crate::{
    access::GATE_STALENESS,
    app::App,
    http::ClientAddress,
    id::{self, ApiKeyId, TenantId},
    problem::ApiError,
    seal,
    store::ApiKey,
};

pub(crate) const PREFIX: &str = "pk_";

const SECRET_LEN: usize = 24;
const BODY_LEN: usize = 32 + SECRET_LEN;

/// Keys that one instance keeps.
const CAPACITY: usize = 10_000;

/// How old a key's `last_used_at` gets before a request renews it.
const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The text of a key, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyToken {
    pub(crate) tenant: TenantId,
    pub(crate) id: ApiKeyId,
    secret: [u8; SECRET_LEN],
}

impl KeyToken {
    pub(crate) fn new(tenant: TenantId, id: ApiKeyId) -> Self {
        Self {
            tenant,
            id,
            secret: seal::random(),
        }
    }

    /// `None` for whatever cannot have been made by [`KeyToken::text`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = id::decode_base32(text.strip_prefix(PREFIX)?)?;
        let (body, sum) = bytes.split_at_checked(BODY_LEN)?;
        if sum != checksum(body) {
            return None;
        }
        let (tenant, rest) = body.split_first_chunk::<16>()?;
        let (id, secret) = rest.split_first_chunk::<16>()?;
        Some(Self {
            tenant: TenantId::from_bytes(*tenant),
            id: ApiKeyId::from_bytes(*id),
            secret: secret.try_into().ok()?,
        })
    }

    pub(crate) fn text(&self) -> String {
        let mut bytes = self.body();
        let sum = checksum(&bytes);
        bytes.extend(sum);
        format!("{PREFIX}{}", id::encode_base32(&bytes))
    }

    /// What the store holds of it.
    pub(crate) fn hash(&self) -> String {
        seal::sha256_hex(&self.body())
    }

    fn body(&self) -> Vec<u8> {
        [
            self.tenant.to_bytes().as_slice(),
            &self.id.to_bytes(),
            &self.secret,
        ]
        .concat()
    }
}

/// CRC-32: finds each burst of up to 32 wrong bits, and any scanner of leaked secrets can compute it.
fn checksum(body: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(body);
    crc.sum().to_be_bytes()
}

/// Whether the row was read in this request or lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Cached,
    Now,
}

/// One instance's copies.
#[derive(Default)]
pub(crate) struct ApiKeyCache {
    held: Mutex<HashMap<ApiKeyId, (Arc<ApiKey>, Timestamp)>>,
}

impl ApiKeyCache {
    fn get(&self, id: ApiKeyId, now: Timestamp) -> Option<Arc<ApiKey>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, read_at) = held.get(&id)?;
        (now.duration_since(*read_at).abs() < GATE_STALENESS).then(|| Arc::clone(key))
    }

    fn put(&self, key: &Arc<ApiKey>, now: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, (_, read_at)| now.duration_since(*read_at).abs() < GATE_STALENESS);
        }
        if held.len() < CAPACITY {
            held.insert(key.id, (Arc::clone(key), now));
        }
    }

    /// The next request of this instance sees what was written.
    pub(crate) fn forget(&self, id: ApiKeyId) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&id);
    }
}

/// The key that `text` is, if it may be used from `client` now.
///
/// # Errors
/// One refusal for whatever is no good key; `NotAllowed` for a good one from elsewhere.
pub(crate) async fn admit(
    app: &App,
    text: &str,
    client: ClientAddress,
    freshness: Freshness,
    now: Timestamp,
) -> Result<(TenantId, Arc<ApiKey>), ApiError> {
    const REFUSED: ApiError = ApiError::Unauthenticated("the API key is not valid or has expired");
    let token = KeyToken::parse(text).ok_or(REFUSED)?;
    let held = match freshness {
        Freshness::Cached => app.api_keys.get(token.id, now),
        Freshness::Now => None,
    };
    let key = match held {
        Some(key) => key,
        None => {
            let row = app.platform().api_key(token.tenant, token.id).await?;
            let key = Arc::new(row.ok_or(REFUSED)?);
            app.api_keys.put(&key, now);
            key
        }
    };
    if !key.is_good(now) || !is_one_of(&token, &key, now) {
        return Err(REFUSED);
    }
    if !key.allowed_ips.allows(client.0) {
        tracing::info!(api_key.id = %key.id, "an API key was used from an address that it does not allow");
        return Err(ApiError::NotAllowed(
            "this API key may not be used from this address",
        ));
    }
    note_use(app, &token, &key, now).await;
    Ok((token.tenant, key))
}

/// Hashes of all that the key's id and tenant are part of: a key is good for its own tenant only.
fn is_one_of(token: &KeyToken, key: &ApiKey, now: Timestamp) -> bool {
    let hash = token.hash();
    key.hashes(now)
        .any(|good| verify_slices_are_equal(good.as_bytes(), hash.as_bytes()).is_ok())
}

/// At most one write an hour. Its failure is nobody's trouble: the next copy of the row tries again.
async fn note_use(app: &App, token: &KeyToken, key: &Arc<ApiKey>, now: Timestamp) {
    let before_s = (now - USE_NOTED_EVERY).as_second();
    if key.last_used_s.is_some_and(|used_s| used_s > before_s) {
        return;
    }
    let noted = ApiKey {
        last_used_s: Some(now.as_second()),
        ..ApiKey::clone(key)
    };
    app.api_keys.put(&Arc::new(noted), now);
    let noted = app
        .platform()
        .note_key_use(token.tenant, token.id, now.as_second(), before_s)
        .await;
    if let Err(error) = noted {
        tracing::warn!(api_key.id = %token.id, %error, "could not note an API key's use");
    }
}

#[cfg(test)]
mod tests;
