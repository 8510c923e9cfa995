//! The vectors through the production verifier. A scheme without vectors must be listed as such.

use std::collections::BTreeMap;

use crate::webhook::doctor::{VectorOutcome, run_vectors};
use crate::webhook::presets;

const VECTORS: &str = include_str!("../../../../tests/vectors/webhooks.json");

fn outcomes() -> Vec<VectorOutcome> {
    run_vectors(VECTORS).unwrap()
}

#[test]
fn every_vector_gets_the_verdict_it_expects() {
    let wrong: Vec<VectorOutcome> = outcomes()
        .into_iter()
        .filter(|outcome| !outcome.passed())
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn no_vector_has_gone_missing() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes() {
        *counts.entry(outcome.scheme).or_default() += 1;
    }
    let expected = [
        ("adyen_platform", 4),
        ("asana", 5),
        ("bitbucket", 5),
        ("calendly", 6),
        ("circleci", 5),
        ("clerk", 12),
        ("customerio", 6),
        ("discord", 6),
        ("dropbox", 5),
        ("github", 7),
        ("gitlab_signing_token", 3),
        ("gocardless", 4),
        ("hubspot", 11),
        ("intercom", 5),
        ("jira_admin", 5),
        ("launchdarkly", 5),
        ("linear", 7),
        ("meta", 5),
        ("openai", 17),
        ("paddle", 8),
        ("quickbooks", 5),
        ("razorpay", 4),
        ("segment", 5),
        ("sendgrid", 7),
        ("sentry", 5),
        ("shopify", 7),
        ("slack", 8),
        ("square", 6),
        ("standardwebhooks", 16),
        ("standardwebhooks_v1a", 6),
        ("stripe", 14),
        ("svix", 16),
        ("vercel", 5),
        ("webflow", 6),
        ("woocommerce", 5),
        ("zendesk", 5),
        ("zoom", 7),
    ];
    assert_eq!(
        counts,
        expected
            .map(|(scheme, count)| (scheme.to_owned(), count))
            .into()
    );
}

#[test]
fn a_scheme_without_vectors_is_known_to_have_none() {
    let with_vectors: Vec<String> = outcomes()
        .into_iter()
        .map(|outcome| outcome.scheme)
        .collect();
    let without: Vec<&str> = presets::all()
        .map(|scheme| scheme.name.as_ref())
        .filter(|name| !with_vectors.iter().any(|scheme| scheme == name))
        .collect();
    assert_eq!(
        without,
        [
            "resend",
            "xero",
            "pagerduty",
            "hubspot_v3",
            "typeform",
            "workos",
            "notion",
            "airtable",
            "docusign",
            "box",
        ]
    );
}

#[test]
fn a_scheme_that_we_lack_is_reported_as_unknown() {
    let vectors = VECTORS.replace("\"stripe\"", "\"strype\"");
    let outcomes = run_vectors(&vectors).unwrap();
    let unknown: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.scheme == "strype")
        .collect();
    assert_eq!(unknown.len(), 14);
    assert!(
        unknown
            .iter()
            .all(|outcome| outcome.got == "unknown_scheme")
    );
}
