//! Whom this process believes to be AWS: Amazon Trust Services' roots, and nobody else's.
//!
//! The roots of every public authority would be read and decoded on each cold start: three quarters of all
//! instructions of a start, for authorities that sign no AWS endpoint.
//! <https://docs.aws.amazon.com/general/latest/gr/rande.html> names the five roots that clients must trust.

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// <https://www.amazontrust.com/repository/>, valid until 2037 at the earliest.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("trust/Amazon_Root_CA_1.pem"),
    include_bytes!("trust/Amazon_Root_CA_2.pem"),
    include_bytes!("trust/Amazon_Root_CA_3.pem"),
    include_bytes!("trust/Amazon_Root_CA_4.pem"),
    include_bytes!("trust/Starfield_Services_Root_CA_G2.pem"),
];

/// The client of a function in Lambda. One for all services, so that they share its connections.
pub(crate) fn amazon_only() -> anyhow::Result<SharedHttpClient> {
    let (provider, context) = amazon()?;
    Ok(Builder::new()
        .tls_provider(provider)
        .tls_context(context)
        .build_https())
}

/// How a connection to AWS is secured.
pub(crate) fn amazon() -> anyhow::Result<(Provider, TlsContext)> {
    let mut store = TrustStore::empty();
    for root in AMAZON_ROOTS {
        store.add_pem_certificate(root);
    }
    let context = TlsContext::builder().with_trust_store(store).build()?;
    Ok((Provider::Rustls(CryptoMode::AwsLc), context))
}

#[cfg(test)]
mod tests;
