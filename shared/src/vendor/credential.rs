//! The header by which a connection signs in at its vendor. Opened for one call, marked as sensitive.

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    app::App,
    store::{Connection, Credentials, TenantStore},
    vendor::Connector,
};

pub(crate) async fn credential(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
    now: Timestamp,
) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let keyring = app.keyring(now).await?;
    let credentials = store.open_credentials(&keyring, connection)?;
    let (name, text) = match credentials {
        Credentials::ApiKey { key } => {
            let auth = connector.auth.api_key.as_ref();
            let auth = auth.context("the connector takes no key")?;
            let text = format!("{}{}", auth.prefix, key.expose());
            (auth.header.parse()?, Zeroizing::new(text))
        }
        Credentials::Basic { username, password } => {
            let pair = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
            let text = format!("Basic {}", STANDARD.encode(pair.as_bytes()));
            (header::AUTHORIZATION, Zeroizing::new(text))
        }
    };
    let mut value = HeaderValue::from_str(&text).context("the credential is no header value")?;
    value.set_sensitive(true);
    Ok((name, value))
}
