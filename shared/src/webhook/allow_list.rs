//! Where an endpoint's requests may come from. Every network is held in one canonical form, so that
//! an IPv4 client matches whether or not its address is written inside IPv6.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// Networks in a list at most.
pub const MOST_NETWORKS: usize = 100;

/// One network: `192.0.2.0/24`, `2001:db8::/32`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// The networks from which an endpoint takes requests; an empty list takes them from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowList(Vec<Network>);

/// Text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error(
        "must be an IP address or a network in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32"
    )]
    Malformed,
    #[error("has bits set behind its prefix: {canonical} is the network")]
    HostBits { canonical: Network },
}

impl AllowList {
    /// The networks in the order given, each once.
    pub fn new(networks: Vec<Network>) -> Self {
        let mut once = Vec::with_capacity(networks.len());
        for network in networks {
            if !once.contains(&network) {
                once.push(network);
            }
        }
        Self(once)
    }

    /// Whether requests from this address are taken. Without an address only an empty list does.
    pub fn allows(&self, client: Option<IpAddr>) -> bool {
        self.0.is_empty()
            || client
                .map(|address| address.to_canonical())
                .is_some_and(|address| self.0.iter().any(|network| network.0.contains(&address)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn networks(&self) -> &[Network] {
        &self.0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let given = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => text
                .parse::<IpAddr>()
                .map(IpNet::from)
                .map_err(|_| NetworkError::Malformed)?,
        };
        let canonical = Self(unmapped(given.trunc()));
        if given.trunc() == given {
            Ok(canonical)
        } else {
            Err(NetworkError::HostBits { canonical })
        }
    }
}

/// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(inner) = network else {
        return network;
    };
    let mapped = inner.addr().to_ipv4_mapped();
    let narrower = mapped.zip(inner.prefix_len().checked_sub(96));
    narrower
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
        .map_or(network, IpNet::V4)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests;
