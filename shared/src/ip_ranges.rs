//! A list of CIDR ranges, of IPv4 and IPv6. An IPv4 address that is written in IPv6 is the IPv4 one.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// Ranges of addresses, such as an allow-list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IpRanges(Vec<IpNet>);

/// What is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` must be an IP address or a range such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct IpRangeError(String);

impl IpRanges {
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One range, or one address as the range of itself.
pub fn parse_range(text: &str) -> Result<IpNet, IpRangeError> {
    let text = text.trim();
    let range = IpNet::from_str(text)
        .or_else(|_| IpAddr::from_str(text).map(IpNet::from))
        .map_err(|_| IpRangeError(text.to_owned()))?;
    Ok(range.trunc())
}

/// Separated by commas; an empty text has no ranges.
impl FromStr for IpRanges {
    type Err = IpRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        parts.map(parse_range).collect()
    }
}

impl FromIterator<IpNet> for IpRanges {
    fn from_iter<I: IntoIterator<Item = IpNet>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
