//! The header by which a connection signs in at its vendor. Opened for one call, marked as sensitive.

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use zeroize::Zeroizing;

use crate::{
    app::App,
    store::{AuthKind, Connection, Credentials, TenantStore},
    vendor::{Connector, VendorError, oauth},
};

pub(crate) struct Signed {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    /// Of the grant that the token is from.
    pub(crate) generation: Option<u64>,
}

/// `refused` is the generation of a token that the vendor has just refused.
pub(crate) async fn credential(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
    refused: Option<u64>,
) -> Result<Signed, VendorError> {
    let (name, text, generation) = match connection.auth {
        AuthKind::Oauth2 | AuthKind::ClientCredentials => {
            let access = oauth::access(app, store, connector, connection, refused).await?;
            let text = format!("Bearer {}", access.token.expose());
            let text = Zeroizing::new(text);
            (header::AUTHORIZATION, text, Some(access.generation))
        }
        AuthKind::ApiKey | AuthKind::Basic => {
            let kept = kept(app, store, connector, connection).await;
            let (name, text) = kept.map_err(VendorError::Internal)?;
            (name, text, None)
        }
    };
    let value = HeaderValue::from_str(&text).context("the credential is no header value");
    let mut value = value.map_err(VendorError::Internal)?;
    value.set_sensitive(true);
    Ok(Signed {
        name,
        value,
        generation,
    })
}

/// What was given once and is sent as it is.
async fn kept(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
) -> anyhow::Result<(HeaderName, Zeroizing<String>)> {
    let keyring = app.keyring(app.clock.now()).await?;
    match store.open_credentials(&keyring, connection)? {
        Credentials::ApiKey { key } => {
            let auth = connector.auth.api_key.as_ref();
            let auth = auth.context("the connector takes no key")?;
            let text = format!("{}{}", auth.prefix, key.expose());
            Ok((auth.header.parse()?, Zeroizing::new(text)))
        }
        Credentials::Basic { username, password } => {
            let pair = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
            let text = format!("Basic {}", STANDARD.encode(pair.as_bytes()));
            Ok((header::AUTHORIZATION, Zeroizing::new(text)))
        }
        Credentials::Oauth2 { .. } | Credentials::ClientCredentials { .. } => {
            anyhow::bail!("a client's credentials are not sent with a call")
        }
    }
}
