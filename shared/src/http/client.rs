//! Who a request came from: the address that the gateway saw. What a client writes into a header
//! of its own (`X-Forwarded-For`, `Forwarded`, …) is never read.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use lambda_http::request::RequestContext;

use crate::app::App;

/// The client's address, an IPv4 one as such even when it is written inside IPv6; `None` when the
/// gateway did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    pub(crate) fn of(parts: &Parts) -> Self {
        let address = Self::text(parts).and_then(|text| text.parse::<IpAddr>().ok());
        Self(address.map(|address| address.to_canonical()))
    }

    /// As the gateway wrote it.
    pub(crate) fn text(parts: &Parts) -> Option<&str> {
        match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        }
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
