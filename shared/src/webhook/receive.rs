//! Accepting a vendor's request: raw bytes in, one queue message out. Nothing in the body is acted
//! on here; only a request whose signature holds becomes a [`Verified`] delivery.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use http::{HeaderMap, header::CONTENT_LENGTH};
use jiff::Timestamp;

use crate::{
    app::App,
    id::{EventId, TenantId},
    limit::{self, OverLimit},
    problem::ApiError,
    queue::{Body, Carries, Delivery, Job, MAX_MESSAGE_LEN, Ordered, Reception, send_in_order},
    store::{Key, Sort},
    webhook::{
        admission::{Refusal, admit},
        apply::is_object,
        cache::Listener,
        custom::CUSTOM,
        greeting::greet,
        handshake::{Answer, handshake, reply, subscription},
        ordering::{self, Entity},
        rejections::{self, Refused},
        request::{Headers, RawRequest},
        scheme::EventField,
        split::{Split, split},
        vendor_key::{self, VendorKeys},
        verify::Authentic,
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
    /// Who sends, as the gateway saw it.
    pub client: Option<IpAddr>,
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
    /// 200: what the vendor asks for in a handshake, or wants to read when its event is on the queue.
    Handshake(Answer),
}

/// Verifies and queues. One network call when the endpoint is known to this instance.
///
/// # Errors
/// An unknown address, a disabled endpoint, a client whose address is not allowed and a signature
/// that does not hold are one and the same refusal; a body over the limits is named as such.
pub async fn receive(app: &App, incoming: Incoming<'_>) -> Result<Receipt, ApiError> {
    let door = Door::reach(app, &incoming).await?;
    let (listener, request) = (&*door.listener, &door.request);
    let authentic = match door.admit() {
        Ok(authentic) => authentic,
        Err(refusal @ Refusal::Proof(_)) => match greet(app, listener, request, door.now).await? {
            Some(answer) => return Ok(Receipt::Handshake(answer)),
            None => return Err(door.refuse(&refusal).await),
        },
        Err(refusal) => return Err(door.refuse(&refusal).await),
    };
    let scheme = &*listener.scheme;
    if let Some(url) = subscription(scheme, incoming.body) {
        let job = Job::Confirmation {
            tenant: listener.tenant,
            endpoint: listener.endpoint,
            url,
        };
        send(app, listener, job.text().map_err(ApiError::Internal)?).await?;
        return Ok(Receipt::Handshake(Answer::text(String::new())));
    }
    if let Some(handshake) = handshake(scheme, &listener.keys, authentic, incoming.body) {
        return Ok(Receipt::Handshake(handshake));
    }
    if let Err(over) = door.count(1).await {
        return Err(door.refuse(&Refusal::OverLimit(over)).await);
    }
    let event = door.enqueue(authentic, Carries::Body).await?;
    match reply(scheme) {
        Some(answer) => Ok(Receipt::Handshake(answer)),
        None => Ok(Receipt::Accepted(event)),
    }
}

/// Items that `receive_batch` takes.
pub const MOST_IN_BATCH: usize = 1_000;

/// What became of one item of a batch.
pub type ItemReceipt = Result<EventId, &'static str>;

/// As [`receive`], for an array whose items are events, signed as one body. It becomes one message.
///
/// # Errors
/// As for one event; `Invalid` for an authentic body that is no array with an object in it.
pub async fn receive_batch(
    app: &App,
    incoming: Incoming<'_>,
) -> Result<Vec<ItemReceipt>, ApiError> {
    let door = Door::reach(app, &incoming).await?;
    let authentic = match door.admit() {
        Ok(authentic) => authentic,
        Err(refusal) => return Err(door.refuse(&refusal).await),
    };
    let items = objects(incoming.body)?;
    if let Err(over) = door.count(1).await {
        return Err(door.refuse(&Refusal::OverLimit(over)).await);
    }
    let event = door.enqueue(authentic, Carries::Array).await?;
    let receipt = |(place, is_object)| match is_object {
        true => Ok(event.nth(place)),
        false => Err("must be a JSON object"),
    };
    Ok((0..).zip(items).map(receipt).collect())
}

/// Which items of the array can be events.
fn objects(body: &[u8]) -> Result<Vec<bool>, ApiError> {
    let invalid = |detail: &str| Err(ApiError::invalid("", detail));
    let most = format!("must be an array of at most {MOST_IN_BATCH} objects");
    let items = match split(body, &[Cow::Borrowed("")]) {
        Ok(Split::Items(items)) if items.len() <= MOST_IN_BATCH => items,
        Ok(Split::Items(_)) | Err(_) => return invalid(&most),
        Ok(Split::Whole) => return invalid("must be a JSON array of objects"),
        Ok(Split::Empty) => return invalid("must have at least one item"),
    };
    let items: Vec<bool> = items
        .iter()
        .map(|item| is_object(&item.core(body)))
        .collect();
    match items.contains(&true) {
        true => Ok(items),
        false => invalid("must have at least one item that is an object"),
    }
}

/// A stranger's address makes nobody ask a vendor for anything.
async fn keys_for(
    app: &App,
    listener: &Listener,
    client: Option<IpAddr>,
    request: &RawRequest<'_>,
    now: Timestamp,
) -> VendorKeys {
    if listener.allowed_ips.allows(client) {
        vendor_key::fetch(app, listener, request, now).await
    } else {
        VendorKeys::none()
    }
}

async fn send(app: &App, listener: &Listener, message: String) -> Result<(), ApiError> {
    let queue = app.config.events_queue_url()?;
    app.queue
        .send(queue, listener.tenant, message)
        .await
        .map_err(ApiError::Unavailable)
}

/// The answer to a body that is too long to be read. The endpoint's owner finds it among the rejections.
pub async fn refuse_oversized(
    app: &App,
    address: &str,
    client: Option<IpAddr>,
    headers: &HeaderMap,
) -> ApiError {
    let now = app.clock.now();
    let refusal = Refusal::TooLarge {
        limit_bytes: MAX_BODY_LEN,
    };
    match app.endpoints.get(app, address, now).await {
        Ok(Some(listener)) => {
            let said = headers
                .get(CONTENT_LENGTH)
                .and_then(|value| value.to_str().ok());
            let refused = Refused {
                listener: &listener,
                client,
                headers,
                request: None,
                vendor_keys: &VendorKeys::none(),
                said_len: said.and_then(|text| text.parse().ok()),
                refusal: &refusal,
                now,
            };
            rejections::keep(app, refused).await;
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "an oversized body's endpoint was not found out"),
    }
    refusal.answer()
}

/// One request at one endpoint.
struct Door<'a> {
    app: &'a App,
    listener: Arc<Listener>,
    incoming: &'a Incoming<'a>,
    request: RawRequest<'a>,
    vendor_keys: VendorKeys,
    now: Timestamp,
}

impl<'a> Door<'a> {
    /// Finds the endpoint, and the vendor's key that the request names.
    ///
    /// # Errors
    /// No enabled endpoint has the address: `NotVerified`, as for whatever is not authentic.
    async fn reach(app: &'a App, incoming: &'a Incoming<'a>) -> Result<Self, ApiError> {
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
        let vendor_keys = keys_for(app, &listener, incoming.client, &request, now).await;
        Ok(Self {
            app,
            listener,
            incoming,
            request,
            vendor_keys,
            now,
        })
    }

    fn admit(&self) -> Result<Authentic, Refusal> {
        let client = self.incoming.client;
        admit(
            &self.listener,
            client,
            &self.request,
            &self.vendor_keys,
            self.now,
        )
    }

    /// Takes permits of the endpoint's rate limit. Only who has proved who they are gets this far:
    /// nobody else can use the permits up.
    async fn count(&self, cost: u32) -> Result<(), OverLimit> {
        let Some(limit) = self.listener.rate_limit else {
            return Ok(());
        };
        let sort = Sort::EndpointLimit(self.listener.endpoint, limit);
        let key = Key::new(self.listener.tenant, &sort);
        limit::take(self.app, "endpoint", &key, limit, cost, self.now).await
    }

    /// One message, however many events the body carries; their ids follow from the first's.
    async fn enqueue(&self, authentic: Authentic, carries: Carries) -> Result<EventId, ApiError> {
        let (number, numbered) = self.app.numbering.take(self.listener.endpoint);
        let delivery = Delivery {
            reception: Some(self.reception(authentic)),
            number: Some(number),
            ..delivery(self.app, &self.listener, &self.request, carries, self.now)?
        };
        let event = delivery.event;
        let group = self.group(&delivery);
        let job = Job::delivery(Verified {
            tenant: self.listener.tenant,
            value: delivery,
        });
        let message = job.text().map_err(ApiError::Internal)?;
        if message.len() > MAX_MESSAGE_LEN {
            let limit_bytes = MAX_MESSAGE_LEN;
            return Err(self.refuse(&Refusal::TooLarge { limit_bytes }).await);
        }
        match group {
            None => send(self.app, &self.listener, message).await?,
            Some(group) => {
                let ordered = Ordered {
                    group,
                    id: event.to_string(),
                    body: message,
                };
                let sent = send_in_order(self.app, ordered).await;
                sent.map_err(ApiError::Unavailable)?;
            }
        }
        numbered.sent();
        Ok(event)
    }

    /// Where the endpoint keeps an order: among which messages this one has its place. A request that may
    /// carry several events has one among the endpoint's own, and is taken apart by a worker.
    fn group(&self, delivery: &Delivery) -> Option<String> {
        let order_by = self.listener.order_by.as_ref()?;
        let (tenant, endpoint) = (self.listener.tenant, self.listener.endpoint);
        Some(match delivery.order_by {
            Some(_) => ordering::group(tenant, endpoint, &Entity::Batches),
            None => ordering::group_of_event(
                tenant,
                endpoint,
                delivery.event,
                order_by,
                self.request.headers,
                self.request.body,
            ),
        })
    }

    fn reception(&self, authentic: Authentic) -> Reception {
        let matched = authentic.matched_secret();
        let secret = matched.and_then(|index| self.listener.secrets.get(index));
        let signed_at = authentic.signed_at_unix_s();
        Reception {
            client: self.incoming.client,
            size_bytes: self.request.body.len(),
            secret_set_at: secret.map(|secret| secret.created_at),
            secret_expires_at: secret.and_then(|secret| secret.expires_at),
            signed_at: signed_at.and_then(|at| Timestamp::from_second(at).ok()),
        }
    }

    /// Keeps the reason for the endpoint's owner; the sender gets the refusal's answer.
    async fn refuse(&self, refusal: &Refusal) -> ApiError {
        let endpoint = self.listener.endpoint;
        tracing::info!(endpoint.id = %endpoint, reason = %refusal, "a webhook was refused");
        let refused = Refused {
            listener: &self.listener,
            client: self.incoming.client,
            headers: self.incoming.headers,
            request: Some(&self.request),
            vendor_keys: &self.vendor_keys,
            said_len: None,
            refusal,
            now: self.now,
        };
        rejections::keep(self.app, refused).await;
        refusal.answer()
    }
}

fn delivery(
    app: &App,
    listener: &Listener,
    request: &RawRequest<'_>,
    carries: Carries,
    now: Timestamp,
) -> Result<Delivery, ApiError> {
    let pair = |name: &String| Some((name.clone(), request.headers.text(name)?.to_owned()));
    let (scheme, custom_scheme) = match &listener.scheme {
        Cow::Borrowed(scheme) => (scheme.name.clone().into_owned(), None),
        Cow::Owned(scheme) => (CUSTOM.to_owned(), Some(Box::new(scheme.clone()))),
    };
    Ok(Delivery {
        event: app.ids.make(now),
        endpoint: listener.endpoint,
        scheme,
        custom_scheme,
        received_at: now,
        reception: None,
        number: None,
        event_types: listener.event_types.clone(),
        order_by: taken_apart(listener, carries).cloned(),
        item: None,
        headers: listener.kept_headers.iter().filter_map(pair).collect(),
        body: Body::of(request.body).map_err(ApiError::Internal)?,
        carries,
    })
}

/// Where the entities are of a request that a worker takes apart in order.
fn taken_apart(listener: &Listener, carries: Carries) -> Option<&EventField> {
    let has_batches = listener.scheme.wires().any(|wire| wire.batch.is_some());
    let order_by = listener.order_by.as_ref();
    order_by.filter(|_| has_batches || carries == Carries::Array)
}
