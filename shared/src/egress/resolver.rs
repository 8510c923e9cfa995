//! Names to addresses. Only checked addresses come out, and a connection is made to nothing else.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    egress::{address::is_public, target::Reach},
    ip_ranges::IpRanges,
};

/// More than any vendor publishes for one name.
const MAX_ADDRESSES: usize = 64;

/// Which addresses may be called.
#[derive(Debug, Clone)]
pub(super) struct AddressRule {
    pub(super) allowed: Arc<IpRanges>,
    pub(super) reach: Reach,
}

/// No address of a host may be called. What it resolved to is for the log, not for a tenant.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the name has no address")]
    NoAddress,
    #[error("the name has {0} addresses")]
    TooMany(usize),
    #[error("the address {0} may not be called")]
    Address(IpAddr),
}

impl AddressRule {
    /// All of `found`, or none: a name with one private address is not a public name.
    pub(super) fn check(&self, found: &[IpAddr]) -> Result<(), Refused> {
        match found.len() {
            0 => return Err(Refused::NoAddress),
            1..=MAX_ADDRESSES => {}
            count => return Err(Refused::TooMany(count)),
        }
        let refused = found.iter().find(|address| !self.admits(**address));
        refused.map_or(Ok(()), |address| Err(Refused::Address(*address)))
    }

    fn admits(&self, address: IpAddr) -> bool {
        let is_public = match self.reach {
            Reach::Public => is_public(address),
            Reach::AllowListed => false,
        };
        is_public || self.allowed.contains(address)
    }
}

/// The system's resolver behind an [`AddressRule`]. Each look-up is checked anew, and what was
/// checked is what is connected to: an answer that changes afterwards has no effect.
pub(super) struct CheckedResolver(pub(super) AddressRule);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = match found {
                Ok(found) => found.collect(),
                Err(error) => {
                    tracing::debug!(%error, "a name was not resolved");
                    Vec::new()
                }
            };
            let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            rule.check(&addresses)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
