//! Accepting a vendor's request: raw bytes in, one queue message out. Nothing in the body is acted
//! on here; only a request whose signature holds becomes a [`Verified`] delivery.

use http::HeaderMap;
use jiff::Timestamp;

use crate::{
    app::App,
    id::{EventId, TenantId},
    problem::ApiError,
    queue::{Body, Delivery, Job, MAX_MESSAGE_LEN},
    webhook::{
        cache::Listener,
        handshake::{Handshake, handshake},
        request::{Headers, RawRequest},
        scheme::{EventField, Scheme},
        verify::verify,
    },
};

/// The longest body that is looked at, in bytes. API Gateway takes 10 MB, Lambda's event 6 MB.
pub const MAX_BODY_LEN: usize = 4 * 1_024 * 1_024;

/// A value whose sender has proved who it is. Made in this file only, after the signature held.
pub struct Verified<T> {
    tenant: TenantId,
    value: T,
}

impl<T> Verified<T> {
    pub(crate) fn into_parts(self) -> (TenantId, T) {
        (self.tenant, self.value)
    }
}

/// A vendor's request as it arrived.
pub struct Incoming<'a> {
    /// The last segment of the endpoint's URL.
    pub address: &'a str,
    /// The full URL that the vendor was given.
    pub url: &'a str,
    pub method: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// What to answer an authentic request with.
pub enum Receipt {
    /// 202: the event is on the queue, durably.
    Accepted(EventId),
    /// 200: the vendor's proof that the address is ours.
    Handshake(Handshake),
}

/// Verifies and queues. One network call when the endpoint is known to this instance.
///
/// # Errors
/// An unknown address, a disabled endpoint and a signature that does not hold are one and the same
/// refusal; a body over the limits is named as such.
pub async fn receive(app: &App, incoming: Incoming<'_>) -> Result<Receipt, ApiError> {
    if incoming.body.len() > MAX_BODY_LEN {
        return Err(ApiError::TooLarge {
            limit_bytes: MAX_BODY_LEN,
        });
    }
    let now = app.clock.now();
    let Some(listener) = app.endpoints.get(app, incoming.address, now).await? else {
        tracing::info!("a webhook for an unknown address was refused");
        return Err(ApiError::NotVerified);
    };
    let request = RawRequest {
        method: incoming.method,
        url: incoming.url,
        headers: Headers::Map(incoming.headers),
        body: incoming.body,
    };
    let scheme = listener.scheme;
    let authentic = match verify(scheme, &request, &listener.keys, now.as_second()) {
        Ok(authentic) => authentic,
        Err(reason) => {
            tracing::info!(endpoint.id = %listener.endpoint, %reason, "a webhook was refused");
            return Err(ApiError::NotVerified);
        }
    };
    if let Some(handshake) = handshake(scheme, &listener.keys, authentic, incoming.body) {
        return Ok(Receipt::Handshake(handshake));
    }
    let delivery = delivery(app, &listener, &request, now)?;
    let event = delivery.event;
    let job = Job::delivery(Verified {
        tenant: listener.tenant,
        value: delivery,
    });
    let message = job.text().map_err(ApiError::Internal)?;
    if message.len() > MAX_MESSAGE_LEN {
        return Err(ApiError::TooLarge {
            limit_bytes: MAX_MESSAGE_LEN,
        });
    }
    let queue = app.config.events_queue_url()?;
    app.queue
        .send(queue, listener.tenant, message)
        .await
        .map_err(ApiError::Unavailable)?;
    Ok(Receipt::Accepted(event))
}

fn delivery(
    app: &App,
    listener: &Listener,
    request: &RawRequest<'_>,
    now: Timestamp,
) -> Result<Delivery, ApiError> {
    let pair = |name: &str| Some((name.to_owned(), request.headers.text(name)?.to_owned()));
    let mut names = vec!["content-type"];
    identity_headers(listener.scheme, &mut names);
    Ok(Delivery {
        event: app.ids.make(now),
        endpoint: listener.endpoint,
        scheme: listener.scheme.name.clone().into_owned(),
        received_at: now,
        headers: names.into_iter().filter_map(pair).collect(),
        body: Body::of(request.body).map_err(ApiError::Internal)?,
    })
}

/// The headers from which the worker will read the event's id and type.
fn identity_headers<'s>(scheme: &'s Scheme, names: &mut Vec<&'s str>) {
    for wire in scheme.wires() {
        header_names(&wire.event_id, names);
        header_names(&wire.event_type, names);
        // What tells the wires of a scheme apart.
        names.extend(wire.id_header.as_deref());
    }
    names.sort_unstable();
    names.dedup();
}

fn header_names<'s>(field: &'s EventField, names: &mut Vec<&'s str>) {
    match field {
        EventField::None | EventField::Pointer(_) => {}
        EventField::Header(name) => names.push(name),
        EventField::All(fields) | EventField::Any(fields) => {
            fields.iter().for_each(|field| header_names(field, names));
        }
    }
}
