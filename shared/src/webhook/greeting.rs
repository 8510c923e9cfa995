//! What a vendor brings before it can sign. Nothing here becomes an event, and what is to be kept goes
//! through the queue: the receiver itself writes no endpoint.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    app::App,
    id::EndpointId,
    problem::ApiError,
    queue::{Brought, Job, JobError, JobResult},
    seal::{Purpose, Sealed, Secret},
    store::{Arrived, TenantStore, secret_owner},
    webhook::{
        Incoming,
        cache::Listener,
        handshake::{Answer, Handshake, handshake_get, handshake_pending},
        request::{Headers, RawRequest},
    },
};

/// Answers a vendor's GET.
///
/// # Errors
/// An unknown address, a client whose address is not allowed and a GET that asks for nothing which may
/// be answered are one and the same refusal.
pub async fn receive_get(app: &App, incoming: Incoming<'_>) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    let Some(listener) = app.endpoints.get(app, incoming.address, now).await? else {
        return Err(ApiError::NotVerified);
    };
    if !listener.allowed_ips.allows(incoming.client) {
        return Err(ApiError::NotVerified);
    }
    let query = incoming.url.split_once('?').map_or("", |(_, query)| query);
    let headers = Headers::Map(incoming.headers);
    handshake_get(&listener.scheme, &listener.keys, query, headers).ok_or(ApiError::NotVerified)
}

/// The answer to a request without a good proof, where the endpoint waits for one. What it brings is
/// on the queue before it is answered.
pub(super) async fn greet(
    app: &App,
    listener: &Listener,
    request: &RawRequest<'_>,
    now: Timestamp,
) -> Result<Option<Answer>, ApiError> {
    let Some(handshake) = handshake_pending(&listener.scheme, listener.arrival(now), request)
    else {
        return Ok(None);
    };
    let (brought, value, answer) = match handshake {
        Handshake::PlantSecret { secret, answer } => (Brought::Secret, secret, answer),
        Handshake::ShowToken { token, answer } => (Brought::Token, token, answer),
        Handshake::Ping(answer) => return Ok(Some(answer)),
    };
    let job = Job::Arrival {
        tenant: listener.tenant,
        endpoint: listener.endpoint,
        brought,
        sealed: seal(app, listener, &value).await?,
    };
    let message = job.text().map_err(ApiError::Internal)?;
    let queue = app.config.events_queue_url()?;
    app.queue
        .send(queue, listener.tenant, message)
        .await
        .map_err(ApiError::Unavailable)?;
    Ok(Some(answer))
}

async fn seal(
    app: &App,
    listener: &Listener,
    value: &Secret<String>,
) -> Result<Sealed<Vec<u8>>, ApiError> {
    let keyring = app
        .keyring(app.clock.now())
        .await
        .map_err(ApiError::Unavailable)?;
    let owner = secret_owner(listener.tenant, listener.endpoint);
    let plain = value.expose().as_bytes().to_vec();
    keyring
        .root()
        .seal(Purpose::WebhookSecret, &owner, &plain)
        .map_err(|error| ApiError::Internal(error.into()))
}

/// Keeps what was brought. The first secret stays: a second run, or a second one, changes nothing.
pub(super) async fn keep(
    store: &TenantStore,
    endpoint: EndpointId,
    brought: Brought,
    sealed: &Sealed<Vec<u8>>,
) -> JobResult {
    match store.keep_arrival(endpoint, brought, sealed.clone()).await {
        Ok(Arrived::Kept) => {
            tracing::info!(endpoint.id = %endpoint, "kept what a vendor brought");
            Ok(())
        }
        Ok(Arrived::NotAwaited) => {
            tracing::warn!(endpoint.id = %endpoint, "a vendor brought what nobody waits for");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(endpoint.id = %endpoint, %error, "could not keep what a vendor brought");
            Err(JobError::Retry {
                after: Duration::from_secs(2),
            })
        }
    }
}
