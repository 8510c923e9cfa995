//! One call to a vendor: the connection's budget, the breakers, the request, and what the answer means.
//!
//! **Invariant:** a request goes below the connection's base URL, through `egress`, with the credentials of
//! that connection; a permit of a breaker is settled however the call ends.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use jiff::{SignedDuration, Timestamp};

use crate::{
    app::App,
    egress::{EgressAnswer, EgressError, EgressRequest},
    limit::{self, OverLimit},
    store::{Connection, ConnectionStatus, Key, Sort, TenantStore},
    vendor::{
        Class, Connector, PageError, Permit, Refused, Repeatable, Rules, Scope, VendorAnswer,
        VendorCall, VendorPage, admit,
        connector::Object,
        credential::{Signed, credential},
        request::{host_of, reachable},
        retry::MOST_AT_ONCE,
        settle,
    },
};

/// The most that an answer may hold: with its JSON escapes it must fit Lambda's 6 MB.
const MAX_ANSWER_LEN: usize = 1_024 * 1_024;
/// A vendor that was given less time than this is not to blame in front of other tenants.
const FAIR_DEADLINE: Duration = Duration::from_secs(10);
/// No repetition is begun with less time than this.
const WORTH_A_TRY: Duration = Duration::from_secs(1);

/// Why a vendor has not answered.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    #[error("calls of this connection are suspended, because its vendor failed too often")]
    Suspended(Refused),
    #[error("the connection's budget is spent")]
    OverBudget(OverLimit),
    #[error("the header {0} may not be set")]
    Header(HeaderName),
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error("it answered with status {status}")]
    Answer { status: u16 },
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("the connection is not authorized")]
    NotConnected(ConnectionStatus),
    #[error("the connection's token is being renewed")]
    Refreshing,
    #[error("its token endpoint gave no token and answered with status {status}")]
    NoToken { status: u16 },
    #[error("the connection's credentials could not be read")]
    Internal(#[source] anyhow::Error),
}

/// The breaker of one connection.
pub fn connection_scope(store: &TenantStore, connection: &Connection) -> Scope {
    Scope::of_connection(store.tenant_id(), connection.id, Rules::CONNECTION)
}

/// The breaker that all tenants share for the connection's host.
pub fn host_scope(store: &TenantStore, connection: &Connection) -> Scope {
    let host = host_of(&connection.base_url);
    Scope::of_host(&host, store.tenant_id(), Rules::HOST)
}

/// Makes one call: a request, and one more at once if the first failed in passing and may be repeated.
/// Nobody waits here; when to ask again is for [`again`](crate::vendor::again) to say.
///
/// # Errors
/// The vendor was not asked, or has not answered.
pub async fn call(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
    call: &VendorCall,
) -> Result<VendorAnswer, VendorError> {
    let started = app.clock.now();
    let plain = plain_headers(connector, call);
    let mut signed = credential(app, store, connector, connection, None).await?;
    check_headers(call, &signed)?;
    let url = reachable(
        &app.config,
        &format!("{}{}", connection.base_url, call.path),
    );
    let mut is_renewed = false;
    let repeatable = call.repeatable(connector);
    app.retries.earn(connection.id);
    let mut attempts = 1;
    loop {
        let now = app.clock.now();
        let left = call.deadline.saturating_sub(since(started, now));
        let request = EgressRequest {
            method: call.method.clone(),
            url: &url,
            headers: with(&plain, &signed),
            body: call.body.clone(),
            deadline: left,
            max_answer_len: MAX_ANSWER_LEN,
        };
        let answer = ask(app, store, connector, connection, request).await;
        let left = call
            .deadline
            .saturating_sub(since(started, app.clock.now()));
        // Refused, so not looked at: with a new token it may be asked again, whatever it would do.
        let was_refused = matches!(&answer, Ok(answer) if answer.status == 401);
        if let (true, Some(generation), false) = (was_refused, signed.generation, is_renewed) {
            is_renewed = true;
            signed = credential(app, store, connector, connection, Some(generation)).await?;
            continue;
        }
        let may_repeat = is_passing(&answer)
            && repeatable == Repeatable::Yes
            && attempts < MOST_AT_ONCE
            && left >= WORTH_A_TRY;
        if may_repeat && app.retries.spend(connection.id) {
            attempts += 1;
            continue;
        }
        return answer.map(|answer| VendorAnswer {
            attempts,
            took: since(started, app.clock.now()),
            ..answer
        });
    }
}

/// Reads one page of an object's list: the first one of what changed at `since` or later, or the one at `path`.
///
/// # Errors
/// As [`call`]; also when the vendor's answer is no page.
pub async fn read_page(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
    (object, path): (&Object, &str),
) -> Result<VendorPage, VendorError> {
    let asked = VendorCall::get(path.to_owned());
    let answer = call(app, store, connector, connection, &asked).await?;
    if answer.class != Class::Done {
        return Err(VendorError::Answer {
            status: answer.status,
        });
    }
    let base_url = &connection.base_url;
    Ok(object.page(connector, base_url, path, &answer.headers, &answer.body)?)
}

/// One request, under the connection's budget and both breakers.
async fn ask(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
    request: EgressRequest<'_>,
) -> Result<VendorAnswer, VendorError> {
    let now = app.clock.now();
    let budget = budget_key(store, connection);
    limit::take(app, "connection", &budget, connection.budget, 1, now)
        .await
        .map_err(VendorError::OverBudget)?;
    // The connection's own first: a probe of it that is granted here and not made, because the shared
    // breaker refuses, costs nobody else anything.
    let own = admit(app, &connection_scope(store, connection), now)
        .await
        .map_err(VendorError::Suspended)?;
    let shared = admit(app, &host_scope(store, connection), now)
        .await
        .map_err(VendorError::Suspended)?;
    let answer = app.egress.send(request).await;
    let ended = app.clock.now();
    let took = since(now, ended);
    finish(app, [own, shared], connector, &answer, took, ended).await;
    let answer = answer?;
    let status = answer.status.as_u16();
    let pause = connector.pause(status, &answer.headers, ended);
    if let Some(pause) = pause {
        let until = ended.saturating_add(pause).unwrap_or(ended);
        limit::pause(app, &budget, connection.budget, until, ended).await;
    }
    Ok(VendorAnswer {
        class: connector.classify(status, &answer.headers, &answer.body),
        status,
        headers: answer.headers,
        body: answer.body,
        pause,
        took,
        attempts: 1,
    })
}

/// Tells both breakers how it went.
async fn finish(
    app: &App,
    [own, shared]: [Permit; 2],
    connector: &Connector,
    answer: &Result<EgressAnswer, EgressError>,
    took: Duration,
    now: Timestamp,
) {
    let (has_failed, is_down) = match answer {
        Ok(answer) => {
            let status = answer.status.as_u16();
            let class = connector.classify(status, &answer.headers, &answer.body);
            (class == Class::Failed, (502..=504).contains(&status))
        }
        Err(error) => blame(error),
    };
    settle(app, own, has_failed, took, now).await;
    settle(app, shared, is_down, took, now).await;
}

/// Whether a failure is the connection's, and whether it is one that other tenants would meet too.
fn blame(error: &EgressError) -> (bool, bool) {
    match error {
        // Our own refusals say nothing about the vendor, nor does a request for too much.
        EgressError::Url(_)
        | EgressError::Method(_)
        | EgressError::Header(_)
        | EgressError::TooLarge(_)
        | EgressError::Client => (false, false),
        EgressError::Timeout(given) => (true, *given >= FAIR_DEADLINE),
        EgressError::NoPublicAddress | EgressError::Connect | EgressError::Broken => (true, true),
    }
}

/// A failure that the next request may not meet.
fn is_passing(answer: &Result<VendorAnswer, VendorError>) -> bool {
    match answer {
        Ok(answer) => (502..=504).contains(&answer.status) && answer.pause.is_none(),
        Err(VendorError::Egress(error)) => {
            matches!(error, EgressError::Connect | EgressError::Broken)
        }
        Err(
            VendorError::Suspended(_)
            | VendorError::OverBudget(_)
            | VendorError::Header(_)
            | VendorError::NotConnected(_)
            | VendorError::Refreshing
            | VendorError::Answer { .. }
            | VendorError::Page(_)
            | VendorError::NoToken { .. }
            | VendorError::Internal(_),
        ) => false,
    }
}

fn budget_key(store: &TenantStore, connection: &Connection) -> Key {
    let bucket = Sort::ConnectionLimit(connection.id, connection.budget);
    Key::new(store.tenant_id(), &bucket)
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from).max(SignedDuration::ZERO)).unwrap_or_default()
}

/// The connector's headers, and over them the call's.
fn plain_headers(connector: &Connector, call: &VendorCall) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &connector.headers {
        let name: Result<HeaderName, _> = name.parse();
        let value = value.parse();
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    headers.extend(call.headers.clone());
    headers
}

/// Nothing of a call stands in for the credential.
fn check_headers(call: &VendorCall, signed: &Signed) -> Result<(), VendorError> {
    let ours = [&signed.name, &header::AUTHORIZATION];
    let set = ours
        .into_iter()
        .find(|name| call.headers.contains_key(*name));
    set.map_or(Ok(()), |name| Err(VendorError::Header(name.clone())))
}

fn with(plain: &HeaderMap, signed: &Signed) -> HeaderMap {
    let mut headers = plain.clone();
    headers.insert(signed.name.clone(), signed.value.clone());
    headers
}
