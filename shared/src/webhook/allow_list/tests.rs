//! Canonical form, membership, and what is refused.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{AllowList, Network, NetworkError};

fn list(networks: &[&str]) -> AllowList {
    AllowList::new(networks.iter().map(|text| text.parse().unwrap()).collect())
}

fn allows(list: &AllowList, address: &str) -> bool {
    list.allows(Some(address.parse().unwrap()))
}

#[test]
fn a_network_has_one_spelling() {
    for (given, canonical) in [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ] {
        let network: Network = given.parse().unwrap();
        assert_eq!(network.to_string(), canonical);
    }
}

#[test]
fn what_is_no_network_is_refused() {
    for text in [
        "",
        " ",
        "192.0.2.0/33",
        "192.0.2/24",
        "192.0.2.0/-1",
        "192.0.2.0/",
        "/24",
        "2001:db8::/129",
        "example.com",
        "192.0.2.0/24 ",
        "010.0.0.1",
        "fe80::1%eth0",
        "*",
    ] {
        assert_eq!(
            text.parse::<Network>(),
            Err(NetworkError::Malformed),
            "{text}"
        );
    }
    let error = "192.0.2.7/24".parse::<Network>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "has bits set behind its prefix: 192.0.2.0/24 is the network"
    );
}

#[test]
fn an_address_inside_ipv6_is_the_ipv4_address() {
    let v4 = list(&["192.0.2.0/24"]);
    assert!(allows(&v4, "192.0.2.9") && allows(&v4, "::ffff:192.0.2.9"));
    assert!(!allows(&v4, "192.0.3.9") && !allows(&v4, "2001:db8::1"));
    let mapped = list(&["::ffff:192.0.2.0/120"]);
    assert!(allows(&mapped, "192.0.2.9"));
    // An IPv6 network, however wide, is about IPv6 clients.
    assert!(!allows(&list(&["::/0"]), "192.0.2.9"));
}

#[test]
fn an_empty_list_takes_all_and_another_none_without_an_address() {
    assert!(AllowList::default().allows(None));
    assert!(!list(&["0.0.0.0/0", "::/0"]).allows(None));
}

#[test]
fn a_network_counts_once() {
    let networks = list(&["192.0.2.7", "192.0.2.7/32", "::ffff:192.0.2.7"]);
    assert_eq!(networks.networks().len(), 1);
}

proptest! {
    /// Membership is equality of the first `prefix` bits.
    #[test]
    fn a_network_holds_the_addresses_that_share_its_prefix(
        base in any::<u32>(), other in any::<u32>(), prefix in 0_u32..=32
    ) {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        let network = format!("{}/{prefix}", Ipv4Addr::from(base & mask));
        let expected = base & mask == other & mask;
        let address = IpAddr::V4(Ipv4Addr::from(other));
        prop_assert_eq!(list(&[&network]).allows(Some(address)), expected);
    }
}
