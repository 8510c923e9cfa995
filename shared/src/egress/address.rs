//! Which addresses may be called: public ones, and none through which a private one can be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Everything of IANA's special-purpose registry, multicast, and the metadata services of clouds
/// that lie outside of it.
const REFUSED_V4: [Ipv4Net; 17] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    // Carriers' shared space; Alibaba's metadata service is 100.100.100.200.
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Azure's metadata service.
    v4([168, 63, 129, 16], 32),
    // Link-local: 169.254.169.254 is EC2's metadata service, 169.254.170.2 that of containers.
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    // Protocol assignments; Oracle's metadata service is 192.0.0.192.
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    // Relays of 6to4.
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    v4([255, 255, 255, 255], 32),
];

/// The only space that is handed out. Outside of it lie loopback, link-local, unique local,
/// multicast, and the embeddings of IPv4: mapped, compatible, NAT64.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);

/// Inside of [`GLOBAL_V6`] and still not public.
const REFUSED_V6: [Ipv6Net; 5] = [
    // Protocol assignments, with Teredo, benchmarking and ORCHID.
    v6([0x2001, 0], 23),
    v6([0x2001, 0x0db8], 32),
    // 6to4 holds an IPv4 address, and that may be a private one.
    v6([0x2002, 0], 16),
    v6([0x3ffe, 0], 16),
    v6([0x3fff, 0], 20),
];

/// Whether `address` belongs to the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !REFUSED_V6.iter().any(|range| range.contains(&address))
        }
    }
}

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b]: [u16; 2], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests;
