//! A person's consent, in three steps: `begin` (the tenant's caller gets a URL for a browser), the vendor's
//! answer at our callback (which only leads the browser back), and `complete` (the tenant's caller shows what
//! came to the browser).
//!
//! **Invariant:** nothing is granted to a tenant whose caller has not shown what the vendor sent to a browser:
//! who lures somebody else to consent never sees it (RFC 9700 section 4.7).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use form_urlencoded::Serializer;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::{
    app::App,
    id::ConnectionId,
    problem::ApiError,
    seal::{self, Secret},
    store::{AuthKind, Connection, Credentials, PendingAuthorization, TenantStore, Versioned},
    vendor::{
        Connector,
        connector::OAuth2,
        oauth::{
            seal as seal_grant,
            tokens::{self, Answer},
        },
        request::reachable,
    },
};

/// How long a person may take.
const PENDING: SignedDuration = SignedDuration::from_mins(15);
const CALLBACK: &str = "/v1/connections/oauth/callback";

/// Where a browser is sent to.
pub struct Authorization {
    pub url: String,
    pub state: String,
    pub expires_at: Timestamp,
}

/// # Errors
/// `Invalid` when the connection has no use for consent, or `return_to` is no place of this deployment's.
pub async fn begin(
    app: &App,
    store: &TenantStore,
    origin: &str,
    connection: &Connection,
    return_to: Option<String>,
) -> Result<Authorization, ApiError> {
    let (connector, oauth) = oauth_of(connection)?;
    if let Some(return_to) = &return_to {
        check_return_to(app, origin, return_to)?;
    }
    let Some(authorize_url) = &oauth.authorize_url else {
        let name = &connector.name;
        return Err(ApiError::invalid(
            "id",
            format!("{name} asks nobody for consent"),
        ));
    };
    let now = app.clock.now();
    let client = tokens::client(app, store, connection).await?;
    let Credentials::Oauth2 { client_id, .. } = &client else {
        return Err(no_consent());
    };
    let state = secret();
    let expires_at = now.saturating_add(PENDING).unwrap_or(now);
    let row = PendingAuthorization {
        tenant_id: store.tenant_id(),
        connection_id: connection.id,
        return_to,
        expires_at: expires_at.as_second(),
    };
    app.platform().keep_authorization(&state, &row).await?;
    let verifier = verifier(app, &state, now).await?;
    let mut query = Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", &format!("{origin}{CALLBACK}"))
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge(&verifier))
        .append_pair("code_challenge_method", "S256");
    if !oauth.scopes.is_empty() {
        query.append_pair("scope", &oauth.scopes.join(" "));
    }
    for (name, value) in &oauth.authorize_params {
        query.append_pair(name, value);
    }
    let url = reachable(&app.config, authorize_url);
    Ok(Authorization {
        url: format!("{url}?{}", query.finish()),
        state,
        expires_at,
    })
}

/// Whose authorization a browser comes back from, and where it goes next.
pub struct Returned {
    pub connection: ConnectionId,
    pub return_to: Option<String>,
}

/// The row stays: nothing was granted yet.
///
/// # Errors
/// `NotFound`: no authorization of this state is under way.
pub async fn returned(app: &App, state: &str) -> Result<Returned, ApiError> {
    let now_s = app.clock.now().as_second();
    let row = app.platform().authorization(state, now_s).await?;
    let row = row.ok_or(ApiError::NotFound)?;
    Ok(Returned {
        connection: row.connection_id,
        return_to: row.return_to,
    })
}

/// Exchanges what came to the browser for a grant. A state works once.
///
/// # Errors
/// `Invalid`: the state is not one of this connection, or the vendor does not take the code.
pub async fn complete(
    app: &App,
    store: &TenantStore,
    origin: &str,
    connection: Versioned<Connection>,
    state: &str,
    code: &Secret<String>,
) -> Result<Versioned<Connection>, ApiError> {
    let (connector, _) = oauth_of(&connection.value)?;
    let now = app.clock.now();
    let platform = app.platform();
    let row = platform.take_authorization(state, now.as_second()).await?;
    let is_ours = row.is_some_and(|row| {
        row.tenant_id == store.tenant_id() && row.connection_id == connection.value.id
    });
    if !is_ours {
        let detail =
            "must be of an authorization of this connection that was begun in the last 15 minutes";
        return Err(ApiError::invalid("/state", detail));
    }
    let client = tokens::client(app, store, &connection.value).await?;
    let verifier = verifier(app, state, now).await?;
    let redirect_uri = format!("{origin}{CALLBACK}");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.expose().as_str()),
        ("redirect_uri", redirect_uri.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    match tokens::ask(app, connector, &client, &form).await? {
        Answer::Given(tokens) => {
            let new = seal_grant(app, store, connection.value.id, &tokens).await?;
            Ok(store.authorize_connection(connection, new).await?)
        }
        Answer::Ended(_) => {
            let detail = "the vendor does not take this code: begin again";
            Err(ApiError::invalid("/code", detail))
        }
    }
}

fn oauth_of(connection: &Connection) -> Result<(&Connector, &OAuth2), ApiError> {
    let connector = connection.connector_data()?;
    match (&connector.auth.oauth2, connection.auth) {
        (Some(oauth), AuthKind::Oauth2) => Ok((connector, oauth)),
        _ => Err(no_consent()),
    }
}

fn no_consent() -> ApiError {
    ApiError::invalid("id", "this connection has no use for a person's consent")
}

/// Only places that the deployment names may learn what the vendor said.
fn check_return_to(app: &App, origin: &str, return_to: &str) -> Result<(), ApiError> {
    let is_below = |origin: &str| {
        let rest = return_to.strip_prefix(origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_plain = return_to.len() <= 1_000
        && return_to.bytes().all(|byte| byte.is_ascii_graphic())
        && !return_to.contains(['?', '#', '\\']);
    let is_known = is_below(origin) || app.config.app_origins().any(is_below);
    if is_plain && is_known {
        return Ok(());
    }
    let detail = "must be a URL, without a query, of an application that this deployment names";
    Err(ApiError::invalid("return_to", detail))
}

/// RFC 7636 section 4.1. It follows from the state under a key of ours, and so need not be stored.
async fn verifier(app: &App, state: &str, now: Timestamp) -> Result<Zeroizing<String>, ApiError> {
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let seed = keyring
        .root()
        .derived_seed(&format!("oauth verifier {state}"));
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*seed)))
}

fn challenge(verifier: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref())
}

fn secret() -> String {
    URL_SAFE_NO_PAD.encode(seal::random::<32>())
}
