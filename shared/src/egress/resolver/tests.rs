//! Answers of the name system, and which of them are refused.

use std::{net::IpAddr, sync::Arc};

use reqwest::dns::Resolve;

use super::{AddressRule, CheckedResolver};
use crate::egress::target::Reach;

fn rule(reach: Reach, allowed: &str) -> AddressRule {
    AddressRule {
        allowed: Arc::new(allowed.parse().unwrap()),
        reach,
    }
}

fn admits(rule: &AddressRule, found: &[&str]) -> bool {
    let found: Vec<IpAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
    rule.check(&found).is_ok()
}

#[test]
fn public_answers_are_admitted() {
    let rule = rule(Reach::Public, "");
    assert!(admits(&rule, &["93.184.216.34"]));
    assert!(admits(
        &rule,
        &["93.184.216.34", "2606:4700:4700::1111", "1.1.1.1"]
    ));
}

#[test]
fn one_private_address_refuses_the_whole_answer() {
    let rule = rule(Reach::Public, "");
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(!admits(&rule, &[private]));
        assert!(!admits(&rule, &["93.184.216.34", private]));
        assert!(!admits(&rule, &[private, "2606:4700:4700::1111"]));
    }
}

#[test]
fn an_empty_or_an_endless_answer_is_refused() {
    let rule = rule(Reach::Public, "");
    assert!(!admits(&rule, &[]));
    assert!(admits(&rule, &["93.184.216.34"; 64]));
    assert!(!admits(&rule, &["93.184.216.34"; 65]));
}

#[test]
fn the_allow_list_admits_its_ranges_and_no_other_private_ones() {
    let rule = rule(Reach::Public, "127.0.0.0/8,fd12::/16");
    assert!(admits(&rule, &["127.0.0.1", "93.184.216.34", "fd12::1"]));
    assert!(!admits(&rule, &["10.0.0.1"]));
    assert!(!admits(&rule, &["127.0.0.1", "10.0.0.1"]));
    assert!(!admits(&rule, &["::1"]));
}

#[test]
fn what_is_not_https_on_443_is_admitted_by_the_allow_list_only() {
    let rule = rule(Reach::AllowListed, "127.0.0.0/8");
    assert!(admits(&rule, &["127.0.0.1"]));
    assert!(!admits(&rule, &["93.184.216.34"]));
    assert!(!admits(&rule, &["127.0.0.1", "93.184.216.34"]));
}

#[tokio::test]
async fn a_name_that_leads_here_is_checked_after_it_was_resolved() {
    let name = || "localhost".parse().unwrap();
    let strict = CheckedResolver(rule(Reach::Public, ""));
    assert!(strict.resolve(name()).await.is_err());
    let allowing = CheckedResolver(rule(Reach::Public, "127.0.0.0/8,::1"));
    let found = allowing.resolve(name()).await.unwrap();
    assert!(found.count() > 0);
}
