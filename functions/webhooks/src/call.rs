//! A vendor's request without its body, as the gateway passed it on. Extracted after the path, because it
//! takes the headers with it.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderMap, Method, request::Parts},
};
use shared::{App, access::Origin, http::ClientAddress, webhook::Incoming};

pub(crate) struct Call {
    pub(crate) client: Option<IpAddr>,
    pub(crate) headers: HeaderMap,
    method: Method,
    /// The full URL that the vendor was given.
    url: String,
}

impl Call {
    pub(crate) fn incoming<'a>(&'a self, address: &'a str, body: &'a [u8]) -> Incoming<'a> {
        Incoming {
            address,
            client: self.client,
            url: &self.url,
            method: self.method.as_str(),
            headers: &self.headers,
            body,
        }
    }
}

impl FromRequestParts<App> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let Ok(ClientAddress(client)) = ClientAddress::from_request_parts(parts, app).await;
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, app).await;
        let Ok(Origin(mut url)) = Origin::from_request_parts(parts, app).await;
        url.push_str(uri.path_and_query().map_or("", |path| path.as_str()));
        Ok(Self {
            client,
            url,
            method: parts.method.clone(),
            headers: std::mem::take(&mut parts.headers),
        })
    }
}
