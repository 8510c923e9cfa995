//! Whom this process believes to be AWS: Amazon Trust Services' roots, and nobody else's.
//!
//! The roots of every public authority would be read and decoded on each cold start: three quarters of all
//! instructions of a start, for authorities that sign no AWS endpoint.
//! <https://docs.aws.amazon.com/general/latest/gr/rande.html> names the five roots that clients must trust.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Connector, ConnectorBuilder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};

/// <https://www.amazontrust.com/repository/>, valid until 2037 at the earliest.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("trust/Amazon_Root_CA_1.pem"),
    include_bytes!("trust/Amazon_Root_CA_2.pem"),
    include_bytes!("trust/Amazon_Root_CA_3.pem"),
    include_bytes!("trust/Amazon_Root_CA_4.pem"),
    include_bytes!("trust/Starfield_Services_Root_CA_G2.pem"),
];

/// As the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// The way out of a function in Lambda. One for all calls to AWS: the roots are decoded once, and every
/// service's client finds the connections that are open.
pub(crate) fn amazon_only() -> anyhow::Result<SharedHttpConnector> {
    let mut store = TrustStore::empty();
    for root in AMAZON_ROOTS {
        store.add_pem_certificate(root);
    }
    let context = TlsContext::builder().with_trust_store(store).build()?;
    let connector = plain()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build();
    Ok(SharedHttpConnector::new(connector))
}

/// Without TLS: to an emulator on the same machine.
pub(crate) fn unsecured() -> SharedHttpConnector {
    SharedHttpConnector::new(plain().build_http())
}

fn plain() -> ConnectorBuilder {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    Connector::builder()
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
}

#[cfg(test)]
mod tests;
