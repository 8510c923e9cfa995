//! Ranges as people write them.

use super::IpRanges;

fn holds(ranges: &str, address: &str) -> bool {
    let ranges: IpRanges = ranges.parse().unwrap();
    ranges.contains(address.parse().unwrap())
}

#[test]
fn a_range_holds_its_addresses_and_no_other() {
    assert!(holds("192.0.2.0/24", "192.0.2.255"));
    assert!(!holds("192.0.2.0/24", "192.0.3.0"));
    assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(!holds("2001:db8::/32", "2001:db9::1"));
    assert!(holds("0.0.0.0/0", "8.8.8.8"));
    assert!(!holds("0.0.0.0/0", "::1"));
}

#[test]
fn a_single_address_is_a_range_of_one() {
    assert!(holds(" 192.0.2.7 , ::1 ", "192.0.2.7"));
    assert!(holds("192.0.2.7,::1", "::1"));
    assert!(!holds("192.0.2.7,::1", "192.0.2.8"));
}

#[test]
fn bits_behind_the_prefix_do_not_count() {
    assert!(holds("192.0.2.77/24", "192.0.2.1"));
}

#[test]
fn an_ipv4_address_written_in_ipv6_is_the_ipv4_one() {
    assert!(holds("192.0.2.0/24", "::ffff:192.0.2.1"));
    assert!(!holds("192.0.2.0/24", "::ffff:192.0.3.1"));
}

#[test]
fn nothing_is_in_no_ranges() {
    assert!("".parse::<IpRanges>().unwrap().is_empty());
    assert!(!holds(" , ", "127.0.0.1"));
}

#[test]
fn what_is_no_range_is_named() {
    for text in ["localhost", "192.0.2.0/33", "192.0.2", "0x7f.1", "::1/129"] {
        let error = format!("127.0.0.1,{text}").parse::<IpRanges>().unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("`{text}` ")),
            "{error}"
        );
    }
}
