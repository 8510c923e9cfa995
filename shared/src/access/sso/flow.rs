//! A sign-in by way of an identity provider, from the browser's first step to the application's tokens.
//!
//! **Invariant:** an answer is believed by the browser that asked, once, for the connection that was asked.
//! Tokens never stand in a URL: the application gets a code, and fetches them with it once.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use flate2::{Compression, write::DeflateEncoder};
use jiff::{SignedDuration, Timestamp};
use std::io::Write;

use crate::{
    access::{
        sign_in::{self, Entrance, SignedIn},
        sso::{
            Certificate,
            saml::{self, Assertion, Expected},
            xml::escaped,
        },
    },
    app::App,
    audit::Actor,
    http::rules,
    id::{SsoConnectionId, TenantId, UserId},
    problem::ApiError,
    seal::{self, Secret},
    store::{PendingSignIn, Seen, SignInCode, SsoConnection, TenantStore},
};

/// The cookie that ties a sign-in to one browser. It comes back with a POST of another site, so it cannot be
/// SameSite=Lax.
pub const COOKIE: &str = "__Host-sso";
/// How long a person may take at their identity provider.
const PENDING: SignedDuration = SignedDuration::from_mins(15);
/// How long an application may take to fetch the tokens.
const CODE: SignedDuration = SignedDuration::from_secs(60);

const REFUSED: ApiError =
    ApiError::Unauthenticated("the identity provider's answer was not accepted");

/// Who wants to sign in, and where they came from.
pub struct Start {
    pub tenant: Option<TenantId>,
    pub connection: Option<SsoConnectionId>,
    pub return_to: String,
    pub state: Option<String>,
    pub code_challenge: Option<String>,
    /// The browser's cookie, if it has one.
    pub browser: Option<String>,
}

/// Where the browser goes next, and the cookie that it must keep.
pub struct Started {
    pub location: String,
    pub cookie: String,
}

/// Where the parts of a connection are, for its identity provider.
pub struct ServiceProvider {
    pub entity_id: String,
    pub acs_url: String,
}

impl ServiceProvider {
    pub fn of(origin: &str, connection: SsoConnectionId) -> Self {
        let base = format!("{origin}/v1/auth/sso/saml/{connection}");
        Self {
            entity_id: format!("{base}/metadata"),
            acs_url: format!("{base}/acs"),
        }
    }
}

/// Whether the text is an X.509 certificate that signatures can be checked with.
pub fn certificate_fingerprint(text: &str) -> Option<String> {
    Certificate::parse(text).map(|certificate| certificate.fingerprint())
}

/// Sends a browser to its identity provider.
///
/// # Errors
/// `Invalid` when `return_to` is no place of ours; `NotFound` when there is no such connection, or none that
/// is in use.
pub async fn start(app: &App, at: &Entrance, start: Start) -> Result<Started, ApiError> {
    let now = app.clock.now();
    check_return_to(app, at, &start.return_to)?;
    let id = match (start.connection, start.tenant) {
        (Some(id), _) => Some(id),
        (None, Some(tenant)) => app.platform().only_sso_connection(tenant).await?,
        (None, None) => {
            return Err(ApiError::invalid(
                "tenant_id",
                "tenant_id or connection_id must be given",
            ));
        }
    };
    let found = app
        .platform()
        .sso_connection(id.ok_or(ApiError::NotFound)?)
        .await?;
    let (tenant, connection) = found
        .filter(|(_, connection)| connection.enabled)
        .ok_or(ApiError::NotFound)?;
    if start.tenant.is_some_and(|asked| asked != tenant) {
        return Err(ApiError::NotFound);
    }
    let state = secret();
    let browser = start
        .browser
        .filter(|browser| is_secret(browser))
        .unwrap_or_else(secret);
    let row = PendingSignIn {
        tenant_id: tenant,
        connection_id: connection.id,
        browser_hash: seal::sha256_hex(browser.as_bytes()),
        return_to: start.return_to,
        client_state: start.state,
        code_challenge: start.code_challenge,
        expires_at: later(now, PENDING),
    };
    app.platform().keep_pending(&state, &row).await?;
    Ok(Started {
        location: authn_request(&at.issuer, &connection, &state, now)?,
        cookie: format!(
            "{COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age={}",
            PENDING.as_secs()
        ),
    })
}

/// Takes an identity provider's answer from a browser; yields where the browser goes next.
///
/// # Errors
/// One refusal for whatever is not a good answer to this browser's question. The tenant's audit trail says why.
pub async fn finish_saml(
    app: &App,
    at: &Entrance,
    id: SsoConnectionId,
    body: &[u8],
    browser: Option<&str>,
) -> Result<String, ApiError> {
    let now = app.clock.now();
    let field = |wanted: &str| {
        form_urlencoded::parse(body)
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let (Some(state), Some(answer)) = (field("RelayState"), field("SAMLResponse")) else {
        return Err(ApiError::invalid(
            "SAMLResponse",
            "SAMLResponse and RelayState must be given",
        ));
    };
    // Taken first: an answer can be tried once.
    let pending = app
        .platform()
        .take_pending(&state, now.as_second())
        .await?
        .ok_or(REFUSED)?;
    let is_same_browser =
        browser.is_some_and(|browser| seal::sha256_hex(browser.as_bytes()) == pending.browser_hash);
    let store = sign_in::vouched(app, at, pending.tenant_id, Actor::System, now);
    let refuse = async |reason: &str| {
        tracing::info!(reason, connection.id = %id, "a sign-in by SAML was refused");
        store
            .refuse_sso(pending.connection_id, reason)
            .await
            .map_or_else(ApiError::from, |()| REFUSED)
    };
    if !is_same_browser || pending.connection_id != id {
        return Err(refuse("another browser or connection began this sign-in").await);
    }
    let found = app.platform().sso_connection(id).await?;
    let Some((_, connection)) =
        found.filter(|(tenant, connection)| *tenant == pending.tenant_id && connection.enabled)
    else {
        return Err(REFUSED);
    };
    let assertion = match assertion(&at.issuer, &connection, &state, &answer, now) {
        Ok(assertion) => assertion,
        Err(reason) => return Err(refuse(&reason).await),
    };
    let until = assertion.usable_until.as_second();
    if app
        .platform()
        .use_assertion(id, &assertion.id, until)
        .await?
        == Seen::Again
    {
        return Err(refuse("the assertion was used before").await);
    }
    let user = match member(app, &store, &connection, &assertion).await? {
        Ok(user) => user,
        Err(reason) => return Err(refuse(reason).await),
    };
    let code = secret();
    let row = SignInCode {
        tenant_id: pending.tenant_id,
        user_id: user,
        connection_id: id,
        code_challenge: pending.code_challenge,
        session_ends: assertion.session_ends.map(Timestamp::as_second),
        expires_at: later(now, CODE),
    };
    app.platform().keep_code(&code, &row).await?;
    Ok(with_code(
        &pending.return_to,
        &code,
        pending.client_state.as_deref(),
    ))
}

/// Exchanges a code for tokens, once.
///
/// # Errors
/// One refusal for an unknown, used or late code, a wrong verifier, and a member who may not sign in.
pub async fn exchange(
    app: &App,
    at: &Entrance,
    code: &Secret<String>,
    verifier: Option<&Secret<String>>,
) -> Result<SignedIn, ApiError> {
    const REFUSED: ApiError = ApiError::Unauthenticated("the code is not valid");
    let now = app.clock.now();
    let row = app
        .platform()
        .take_code(code.expose(), now.as_second())
        .await?
        .ok_or(REFUSED)?;
    // RFC 7636 section 4.6, S256 only: whoever has begun must have ended.
    let holds = match (&row.code_challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let hash = digest::digest(&digest::SHA256, verifier.expose().as_bytes());
            verify_slices_are_equal(
                URL_SAFE_NO_PAD.encode(hash).as_bytes(),
                challenge.as_bytes(),
            )
            .is_ok()
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    if !holds {
        return Err(REFUSED);
    }
    sign_in::by_sso(app, at, &row, now).await?.ok_or(REFUSED)
}

/// The SAML metadata of our side of a connection (saml-metadata-2.0 section 2.4.4).
pub async fn metadata(app: &App, origin: &str, id: SsoConnectionId) -> Result<String, ApiError> {
    app.platform()
        .sso_connection(id)
        .await?
        .ok_or(ApiError::NotFound)?;
    let sp = ServiceProvider::of(origin, id);
    let (entity, acs) = (escaped(&sp.entity_id), escaped(&sp.acs_url));
    Ok(format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{entity}\">\
         <md:SPSSODescriptor AuthnRequestsSigned=\"false\" WantAssertionsSigned=\"true\" protocolSupportEnumeration=\"{}\">\
         <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>\
         <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>\
         <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{acs}\" index=\"0\" isDefault=\"true\"/>\
         </md:SPSSODescriptor></md:EntityDescriptor>",
        saml::PROTOCOL
    ))
}

fn assertion(
    origin: &str,
    connection: &SsoConnection,
    state: &str,
    answer: &str,
    now: Timestamp,
) -> Result<Assertion, String> {
    let answer: String = answer.split_ascii_whitespace().collect();
    let xml = STANDARD
        .decode(answer)
        .map_err(|_| "SAMLResponse is not base64".to_owned())?;
    let sp = ServiceProvider::of(origin, connection.id);
    let certificates: Vec<Certificate> = connection
        .saml
        .certificates
        .iter()
        .filter_map(|text| Certificate::parse(text))
        .collect();
    let expected = Expected {
        idp_entity_id: &connection.saml.idp_entity_id,
        sp_entity_id: &sp.entity_id,
        acs_url: &sp.acs_url,
        request_id: Some(&request_id(state)),
        certificates: &certificates,
        now,
    };
    saml::read(&xml, &expected).map_err(|error| error.to_string())
}

/// The member whom the assertion is about: by their subject if it is known, else by their address, if
/// somebody with it is a member already.
async fn member(
    app: &App,
    store: &TenantStore,
    connection: &SsoConnection,
    assertion: &Assertion,
) -> Result<Result<UserId, &'static str>, ApiError> {
    let address = match &connection.saml.email_attribute {
        Some(name) => assertion
            .attributes
            .get(name)
            .and_then(|values| values.first()),
        None => Some(&assertion.name_id),
    };
    let address = address
        .filter(|address| rules::email(address, &()).is_ok())
        .map(|address| rules::normal_email(address));
    // A transient name is another one each time: the address has to do.
    let subject = if assertion.is_transient {
        address.clone()
    } else {
        Some(assertion.name_id.clone())
    };
    let Some(subject) = subject else {
        return Ok(Err(
            "the assertion has neither a lasting NameID nor an e-mail address",
        ));
    };
    if let Some(user) = store.sso_link(connection.id, &subject).await? {
        return Ok(Ok(user));
    }
    let Some(address) = address else {
        return Ok(Err("the assertion has no e-mail address"));
    };
    let identity = app.platform().identity(&address).await?;
    let identity = identity.map(|identity| identity.value);
    let Some(identity) = identity.filter(|identity| identity.tenants.contains(&store.tenant_id()))
    else {
        return Ok(Err(
            "no member of the tenant has the assertion's e-mail address",
        ));
    };
    match store.link_sso(connection.id, &subject, identity.id).await {
        // Another tab has linked it at the same moment.
        Ok(()) | Err(crate::store::StoreError::Conflict { .. }) => Ok(Ok(identity.id)),
        Err(error) => Err(error.into()),
    }
}

/// saml-bindings-2.0 section 3.4: the request, deflated, in the identity provider's URL.
fn authn_request(
    origin: &str,
    connection: &SsoConnection,
    state: &str,
    now: Timestamp,
) -> Result<String, ApiError> {
    let sp = ServiceProvider::of(origin, connection.id);
    let instant = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let xml = format!(
        "<samlp:AuthnRequest xmlns:samlp=\"{}\" xmlns:saml=\"{}\" ID=\"{}\" Version=\"2.0\" IssueInstant=\"{instant}\" Destination=\"{}\" \
         AssertionConsumerServiceURL=\"{}\" ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\">\
         <saml:Issuer>{}</saml:Issuer></samlp:AuthnRequest>",
        saml::PROTOCOL,
        saml::ASSERTION,
        request_id(state),
        escaped(&connection.saml.sso_url),
        escaped(&sp.acs_url),
        escaped(&sp.entity_id),
    );
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
    let bytes = deflated
        .write_all(xml.as_bytes())
        .and_then(|()| deflated.finish());
    let bytes = bytes.map_err(|error| ApiError::Internal(error.into()))?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("SAMLRequest", &STANDARD.encode(bytes))
        .append_pair("RelayState", state)
        .finish();
    let separator = if connection.saml.sso_url.contains('?') {
        '&'
    } else {
        '?'
    };
    Ok(format!("{}{separator}{query}", connection.saml.sso_url))
}

/// The request's id follows from its state, which therefore need not be stored.
fn request_id(state: &str) -> String {
    let hash = seal::sha256_hex(format!("saml request {state}").as_bytes());
    format!("_{}", hash.get(..40).unwrap_or_default())
}

/// No open redirect: a place of the API's own origin, or of an application that the deployment names.
fn check_return_to(app: &App, at: &Entrance, return_to: &str) -> Result<(), ApiError> {
    let is_plain = return_to.len() <= 2_000
        && return_to.bytes().all(|byte| byte.is_ascii_graphic())
        && !return_to.contains(['\\', '#', '@']);
    let is_below = |origin: &str| {
        let rest = return_to.strip_prefix(origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    if is_plain && (is_below(&at.issuer) || app.config.app_origins().any(is_below)) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "return_to",
        "must be a URL of an application of this deployment, without a fragment",
    ))
}

fn with_code(return_to: &str, code: &str, state: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", code);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    let separator = if return_to.contains('?') { '&' } else { '?' };
    format!("{return_to}{separator}{}", query.finish())
}

/// 256 random bits in 43 letters.
fn secret() -> String {
    URL_SAFE_NO_PAD.encode(seal::random::<32>())
}

fn is_secret(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn later(now: Timestamp, by: SignedDuration) -> i64 {
    now.saturating_add(by).unwrap_or(Timestamp::MAX).as_second()
}
