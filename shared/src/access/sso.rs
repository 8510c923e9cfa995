//! Single sign-on: what another party's word about a person is worth. Only a connection that a tenant's
//! owner has made is listened to, only for that tenant, and only about addresses of its own domains.

mod certificate;
mod flow;
mod saml;
mod signature;
mod xml;

pub use flow::{
    COOKIE, ServiceProvider, Start, Started, certificate_fingerprint, exchange, finish_saml,
    metadata, start,
};

pub(crate) use certificate::Certificate;
