//! `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header). The reply is kept in the
//! transaction of its effect; a request with a known key gets that reply and changes nothing.
//!
//! A request that had no effect leaves nothing behind: it may be sent again with the same key.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, request::Parts};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    http::routes::RouteName,
    problem::ApiError,
    queue::send_kept,
    seal::{Purpose, Sealed, Secret, sha256_hex},
    store::{Conflict, KeyRow, Keyed, Message, Owner, Refusal, Stage, StoreError},
};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Runs of one handler: each but the last was told of one conflict more.
const MAX_RUNS: usize = 5;

/// For so long a request whose reply is missing may still be under way: longer than any function runs.
const IN_FLIGHT_S: i64 = 60;

/// A longer reply does not fit its row (400 KB) once it is sealed.
const MAX_REPLY_LEN: usize = 200 * 1_024;

/// What a repeated request gets, and the messages that may have been lost before it.
#[derive(Serialize, Deserialize)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    sends: Vec<Message>,
}

/// What is left to do after a run of the handler.
enum Outcome {
    Answer(Response),
    RunAgain,
}

#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: App,
    pub(crate) body_limit: usize,
}

pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let key = request.headers().get(IDEMPOTENCY_KEY).cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let Guard { app, body_limit } = guard;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, body_limit).await else {
        return ApiError::TooLarge {
            limit_bytes: body_limit,
        }
        .into_response();
    };
    let header = String::from_utf8_lossy(key.as_bytes()).into_owned();
    let keyed = Keyed::new(header, fingerprint(&parts, &body));
    for _ in 0..MAX_RUNS {
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let response = keyed.scope(next.clone().run(request)).await;
        match finish(&app, &keyed, response).await {
            Ok(Outcome::Answer(response)) => return response,
            Ok(Outcome::RunAgain) => {}
            Err(error) => return error.into_response(),
        }
    }
    ApiError::Conflict(Conflict::Version).into_response()
}

/// Another method, path, query or body is another request.
fn fingerprint(parts: &Parts, body: &Bytes) -> String {
    let head = format!("{} {}\n", parts.method, parts.uri);
    sha256_hex(&[head.as_bytes(), body.as_ref()].concat())
}

async fn finish(app: &App, keyed: &Keyed, response: Response) -> Result<Outcome, ApiError> {
    let (stage, sends) = keyed.take();
    let Some(owner) = keyed.owner() else {
        return Ok(Outcome::Answer(response));
    };
    let db = app.db.of(owner.tenant);
    let status = response.status();
    match stage {
        Stage::Open => without_effect(app, keyed, &owner, response).await,
        Stage::Held(mut writes) => {
            let (response, reply) = if has_reply(status) {
                let (response, reply) = recorded(response, &sends).await?;
                let reply = match reply {
                    Some(reply) => Some(sealed(app, &owner, &reply).await?),
                    None => None,
                };
                (response, Some(reply))
            } else {
                // What failed after its commit, as without a key: the effect stays, the key is free.
                (response, None)
            };
            if let Some(reply) = reply {
                writes.insert(0, keyed.row(&db, &owner, reply)?);
            }
            match db.transact_now(writes).await {
                Ok(()) => {}
                Err(StoreError::Conflict {
                    conflict: Conflict::KeyUsed,
                    old: Some(item),
                }) => {
                    let row: KeyRow = KeyRow::read(*item)?;
                    // The answer to our own transaction was lost, and it was sent again.
                    if !keyed.is_of(&row) {
                        return replay(app, keyed, &owner, row, route(&response)).await;
                    }
                }
                Err(StoreError::Conflict {
                    conflict: conflict @ (Conflict::KeyUsed | Conflict::KeyBusy),
                    ..
                }) => return Err(ApiError::Conflict(conflict)),
                Err(StoreError::Conflict { conflict, old }) => {
                    keyed.tell(Refusal::new(conflict, old));
                    return Ok(Outcome::RunAgain);
                }
                Err(error) => return Err(error.into()),
            }
            // State first, messages second: a repeated request sends them again.
            send_kept(app, sends).await.map_err(ApiError::Unavailable)?;
            Ok(Outcome::Answer(response))
        }
        Stage::Early => {
            send_kept(app, sends).await.map_err(ApiError::Unavailable)?;
            if !has_reply(status) {
                return Ok(Outcome::Answer(response));
            }
            let (response, reply) = recorded(response, &[]).await?;
            if let Some(reply) = reply {
                let reply = sealed(app, &owner, &reply).await?;
                if let Err(error) = keyed.add_reply(&db, &owner, reply).await {
                    tracing::warn!(%error, "a reply could not be kept for its Idempotency-Key");
                }
            }
            Ok(Outcome::Answer(response))
        }
        Stage::Refused(refusal) => {
            keyed.tell(refusal);
            Ok(Outcome::RunAgain)
        }
        Stage::Found(item) => {
            let row = KeyRow::read(*item)?;
            replay(app, keyed, &owner, row, route(&response)).await
        }
    }
}

/// The handler has changed nothing, maybe because it did so when the key was used first.
async fn without_effect(
    app: &App,
    keyed: &Keyed,
    owner: &Owner,
    response: Response,
) -> Result<Outcome, ApiError> {
    let status = response.status();
    let says_nothing = status.is_server_error() || [401, 403, 429].contains(&status.as_u16());
    if says_nothing {
        return Ok(Outcome::Answer(response));
    }
    match Keyed::find(&app.db.of(owner.tenant), owner).await? {
        Some(row) => replay(app, keyed, owner, row, route(&response)).await,
        None => Ok(Outcome::Answer(response)),
    }
}

async fn replay(
    app: &App,
    keyed: &Keyed,
    owner: &Owner,
    row: KeyRow,
    route: Option<RouteName>,
) -> Result<Outcome, ApiError> {
    if !keyed.fits(&row) {
        return Err(ApiError::KeyReused);
    }
    let Some(text) = row.reply else {
        let age_s = owner.now.as_second() - row.created_at;
        return Err(ApiError::Conflict(if age_s < IN_FLIGHT_S {
            Conflict::KeyBusy
        } else {
            Conflict::ReplyLost
        }));
    };
    let reply = opened(app, owner, text).await?;
    // The first request may have died between its commit and its messages: each job may run twice.
    send_kept(app, reply.sends)
        .await
        .map_err(ApiError::Unavailable)?;
    let mut response = Response::builder()
        .status(reply.status)
        .body(Body::from(reply.body))
        .map_err(|error| ApiError::Internal(error.into()))?;
    for (name, value) in reply.headers {
        let name = HeaderName::try_from(name).map_err(|error| ApiError::Internal(error.into()))?;
        let value =
            HeaderValue::try_from(value).map_err(|error| ApiError::Internal(error.into()))?;
        response.headers_mut().append(name, value);
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    Ok(Outcome::Answer(response))
}

fn has_reply(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

fn route(response: &Response) -> Option<RouteName> {
    response.extensions().get::<RouteName>().cloned()
}

/// The response as it is, and as it is kept unless it is too long.
async fn recorded(
    response: Response,
    sends: &[Message],
) -> Result<(Response, Option<Reply>), ApiError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| ApiError::Internal(error.into()))?;
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let text = value.to_str().ok()?;
        Some((name.as_str().to_owned(), text.to_owned()))
    };
    let reply = Reply {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().filter_map(header).collect(),
        body: body.to_vec(),
        sends: sends.to_vec(),
    };
    let fits = body.len() <= MAX_REPLY_LEN;
    Ok((
        Response::from_parts(parts, Body::from(body)),
        fits.then_some(reply),
    ))
}

/// Replies may show secrets that are shown once: the table never holds one in clear.
async fn sealed(app: &App, owner: &Owner, reply: &Reply) -> Result<String, ApiError> {
    let plain = serde_json::to_vec(reply).map_err(|error| ApiError::Internal(error.into()))?;
    let keyring = app
        .keyring(owner.now)
        .await
        .map_err(ApiError::Unavailable)?;
    keyring
        .root()
        .seal(Purpose::IdempotentReply, &name(owner), &plain)
        .map(Sealed::into_text)
        .map_err(|error| ApiError::Internal(error.into()))
}

async fn opened(app: &App, owner: &Owner, text: String) -> Result<Reply, ApiError> {
    let keyring = app
        .keyring(owner.now)
        .await
        .map_err(ApiError::Unavailable)?;
    let sealed = Sealed::<Vec<u8>>::from_text(text);
    let plain: Secret<Vec<u8>> = keyring
        .root()
        .open(Purpose::IdempotentReply, &name(owner), &sealed)
        .map_err(|error| ApiError::Internal(error.into()))?;
    serde_json::from_slice(plain.expose()).map_err(|error| ApiError::Internal(error.into()))
}

/// Whom a reply is sealed for.
fn name(owner: &Owner) -> String {
    format!("{}/{}", owner.tenant, owner.key.sk)
}
