//! The token endpoint: asked under the egress rules, and what its answer means.

use std::time::Duration;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    app::App,
    egress::{EgressAnswer, EgressError, EgressRequest},
    seal::Secret,
    store::{Connection, Credentials, TenantStore},
    vendor::{ClientAuth, Connector, VendorError, connector::OAuth2, request::reachable},
};

const DEADLINE: Duration = Duration::from_secs(8);
const MAX_ANSWER_LEN: usize = 64 * 1_024;
/// A vendor that says nothing of a token's end, or something absurd, is asked anew after a year at most.
const LONGEST_LIFETIME_S: i64 = 365 * 86_400;

/// What the vendor has given; the access token is not used before this is stored.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: Secret<String>,
    #[serde(default)]
    pub(crate) refresh_token: Option<Secret<String>>,
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) expires_in: Option<i64>,
}

#[derive(Serialize)]
struct Plain<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
}

/// What the token endpoint said.
pub(crate) enum Answer {
    Given(Tokens),
    /// The grant is over, for this reason.
    Ended(String),
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Tokens {
    pub(crate) fn read(plain: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(plain)
    }

    pub(crate) fn write(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let plain = Plain {
            access_token: self.access_token.expose(),
            refresh_token: self
                .refresh_token
                .as_ref()
                .map(|token| token.expose().as_str()),
        };
        serde_json::to_vec(&plain).map(Zeroizing::new)
    }

    /// RFC 6749 section 6: a vendor that gives no new refresh token means the present one.
    pub(crate) fn after(self, present: Option<Self>) -> Self {
        let refresh_token = self
            .refresh_token
            .or_else(|| present.and_then(|present| present.refresh_token));
        Self {
            refresh_token,
            ..self
        }
    }
}

/// A connection's client at its vendor.
pub(super) async fn client(
    app: &App,
    store: &TenantStore,
    connection: &Connection,
) -> Result<Credentials, VendorError> {
    let keyring = app.keyring(app.clock.now()).await;
    let keyring = keyring.map_err(VendorError::Internal)?;
    store
        .open_credentials(&keyring, connection)
        .map_err(VendorError::Internal)
}

/// One question; asked again at once if the connection broke, because the answer may be lost and the token
/// that was shown is good until its successor is used.
pub(super) async fn ask(
    app: &App,
    connector: &Connector,
    client: &Credentials,
    form: &[(&str, &str)],
) -> Result<Answer, VendorError> {
    let oauth = connector.auth.oauth2.as_ref();
    let oauth = oauth.context("the connector has no OAuth");
    let oauth = oauth.map_err(VendorError::Internal)?;
    let (id, secret) = match client {
        Credentials::Oauth2 {
            client_id,
            client_secret,
        }
        | Credentials::ClientCredentials {
            client_id,
            client_secret,
            ..
        } => (client_id, client_secret),
        Credentials::ApiKey { .. } | Credentials::Basic { .. } => {
            let error = anyhow::anyhow!("these credentials are no client");
            return Err(VendorError::Internal(error));
        }
    };
    let (headers, body) = prepared(oauth.client_auth, id, secret.expose(), form)?;
    let url = reachable(&app.config, &oauth.token_url);
    let mut is_second = false;
    loop {
        let request = EgressRequest {
            method: Method::POST,
            url: &url,
            headers: headers.clone(),
            body: body.clone().into(),
            deadline: DEADLINE,
            max_answer_len: MAX_ANSWER_LEN,
        };
        match app.egress.send(request).await {
            Err(EgressError::Broken | EgressError::Connect) if !is_second => is_second = true,
            answer => return meaning(oauth, &answer?),
        }
    }
}

/// RFC 6749 section 2.3.1: the client signs in by a header, or in the form.
fn prepared(
    client_auth: ClientAuth,
    id: &str,
    secret: &str,
    form: &[(&str, &str)],
) -> Result<(HeaderMap, String), VendorError> {
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form_type);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::ACCEPT, json);
    let mut body = Serializer::new(String::new());
    body.extend_pairs(form);
    match client_auth {
        ClientAuth::Basic => {
            // Each half as a form would have it.
            let half =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = Zeroizing::new(format!("{}:{}", half(id), half(secret)));
            let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            let value = HeaderValue::from_str(&text).context("a client's credentials");
            let mut value = value.map_err(VendorError::Internal)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        ClientAuth::Body => {
            body.append_pair("client_id", id);
            body.append_pair("client_secret", secret);
        }
    }
    Ok((headers, body.finish()))
}

fn meaning(oauth: &OAuth2, answer: &EgressAnswer) -> Result<Answer, VendorError> {
    let status = answer.status.as_u16();
    let tokens = Tokens::read(&answer.body);
    if let Ok(tokens) = tokens
        && answer.status.is_success()
    {
        return Ok(Answer::Given(tokens));
    }
    let refused: Option<Refused> = serde_json::from_slice(&answer.body).ok();
    match refused {
        Some(Refused { error }) if oauth.is_end(status, &error) => Ok(Answer::Ended(format!(
            "the vendor has ended the grant: {error}"
        ))),
        _ => Err(VendorError::NoToken { status }),
    }
}

impl OAuth2 {
    /// Some vendors answer 200 with an error in it.
    fn is_end(&self, status: u16, error: &str) -> bool {
        let is_said = (400..500).contains(&status) && error == "invalid_grant";
        is_said || (status < 500 && self.ended_errors.iter().any(|ended| ended == error))
    }
}

/// Some vendors write the number as a text; one that is no length of time is no number.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    let given = value.and_then(|value| match &value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    });
    Ok(given
        .filter(|given| *given > 0)
        .map(|given| given.min(LONGEST_LIFETIME_S)))
}

#[cfg(test)]
mod tests;
