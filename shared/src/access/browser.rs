//! Sessions of browsers: an opaque cookie that scripts cannot read, and a token against cross-site requests that
//! they must send. The cookie's MAC is checked without I/O; the session's row is held as long as a gate.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, Method, header, request::Parts};
use jiff::{SignedDuration, Timestamp};

use crate::{
    access::{GATE_STALENESS, Keyring, api_key::Freshness, refresh::RefreshToken},
    app::App,
    http::TrustedOrigin,
    id::SessionId,
    problem::ApiError,
    store::Session,
};

/// `__Host-`: set by this host alone, for this host alone, over TLS (RFC 6265bis section 4.1.3.2).
pub const COOKIE: &str = "__Host-session";
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// A browser's session ends when it is not used for this long.
pub(crate) const IDLE: SignedDuration = SignedDuration::from_hours(24);
/// It ends after this long however often it is used.
pub(crate) const ABSOLUTE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far its idle end falls behind before a request moves it.
const MOVED_EVERY_S: i64 = 600;

/// Sessions that one instance keeps.
const CAPACITY: usize = 10_000;

const ENDED: ApiError = ApiError::Unauthenticated("the session has ended");

/// What a browser is given.
pub struct Opened {
    /// The value of `Set-Cookie`.
    pub cookie: String,
    pub csrf_token: String,
    /// Unix seconds: when it ends however often it is used.
    pub ends_at: i64,
}

/// A cookie that was let in.
pub(crate) struct Admitted {
    pub(crate) token: RefreshToken,
    pub(crate) session: Arc<Session>,
    pub(crate) csrf_token: String,
}

/// One instance's copies of rows.
#[derive(Default)]
pub(crate) struct SessionCache {
    held: Mutex<HashMap<SessionId, (Arc<Session>, Timestamp)>>,
}

impl SessionCache {
    fn get(&self, id: SessionId, now: Timestamp) -> Option<Arc<Session>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, read_at) = held.get(&id)?;
        (now.duration_since(*read_at).abs() < GATE_STALENESS).then(|| Arc::clone(session))
    }

    fn put(&self, session: &Arc<Session>, now: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, (_, read_at)| now.duration_since(*read_at).abs() < GATE_STALENESS);
        }
        if held.len() < CAPACITY {
            held.insert(session.id, (Arc::clone(session), now));
        }
    }
}

pub(crate) fn opened(
    keyring: &Keyring,
    token: &RefreshToken,
    session: &Session,
    now: Timestamp,
) -> Opened {
    let value = token.text(keyring.cookie_key());
    let max_age = session.ends_at - now.as_second();
    Opened {
        cookie: format!(
            "{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={max_age}"
        ),
        csrf_token: csrf_token(keyring, token),
        ends_at: session.ends_at,
    }
}

/// The `Set-Cookie` that takes the cookie away.
pub fn closed() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The request's session cookie, if it has exactly one.
pub(crate) fn cookie(parts: &Parts) -> Option<&str> {
    let headers = parts.headers.get_all(header::COOKIE).iter();
    let pairs = headers.flat_map(|value| value.to_str().unwrap_or_default().split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == COOKIE).then(|| value.trim())
    });
    let value = values.next();
    value.filter(|_| values.next().is_none())
}

/// Lets a cookie in, on a request that may be made with one.
///
/// # Errors
/// `Unauthenticated` for whatever is not a cookie of a living session; `NotAllowed` for a request that could be
/// another site's.
pub(crate) async fn admit(
    parts: &Parts,
    app: &App,
    value: &str,
    freshness: Freshness,
    now: Timestamp,
) -> Result<Admitted, ApiError> {
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let token = RefreshToken::parse(value, keyring.cookie_key()).ok_or(ENDED)?;
    let csrf_token = csrf_token(&keyring, &token);
    check_site(parts, app, &csrf_token)?;
    let held = match freshness {
        Freshness::Cached => app.sessions.get(token.session, now),
        Freshness::Now => None,
    };
    let session = match held {
        Some(session) => session,
        None => {
            let row = app.db.session(&token.key()).await?;
            let session = Arc::new(row.ok_or(ENDED)?);
            app.sessions.put(&session, now);
            session
        }
    };
    let now_s = now.as_second();
    let is_alive = session.is_browser && session.expires_at > now_s && session.ends_at > now_s;
    if !is_alive || session.refresh_hash != token.hash() {
        return Err(ENDED);
    }
    let idle_end = (now_s + IDLE.as_secs()).min(session.ends_at);
    if idle_end - session.expires_at >= MOVED_EVERY_S {
        move_end(app, &token, &session, idle_end, now).await;
    }
    Ok(Admitted {
        token,
        session,
        csrf_token,
    })
}

/// The request's own header and origin: a page of another site can make a browser send the cookie and not these.
fn check_site(parts: &Parts, app: &App, expected: &str) -> Result<(), ApiError> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method) {
        return Ok(());
    }
    TrustedOrigin::check(parts, app)?;
    let given = parts.headers.get(CSRF_HEADER);
    let given = given.map(|value| value.as_bytes()).unwrap_or_default();
    verify_slices_are_equal(given, expected.as_bytes()).map_err(|_| {
        ApiError::NotAllowed(
            "with the session cookie, a request that changes something needs its X-CSRF-Token",
        )
    })
}

fn csrf_token(keyring: &Keyring, token: &RefreshToken) -> String {
    let tag = hmac::sign(keyring.csrf_key(), token.hash().as_bytes());
    URL_SAFE_NO_PAD.encode(tag)
}

/// At most one write in ten minutes. If it fails the next request tries again.
async fn move_end(
    app: &App,
    token: &RefreshToken,
    session: &Arc<Session>,
    until_s: i64,
    now: Timestamp,
) {
    let moved = Session {
        expires_at: until_s,
        ..Session::clone(session)
    };
    app.sessions.put(&Arc::new(moved), now);
    let db = app.db.of(token.tenant);
    let key = token.key();
    if let Err(error) = db.move_session_end(&key, until_s, now.as_second()).await {
        tracing::warn!(session.id = %session.id, %error, "could not move a session's end");
    }
}
