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
        ("adyen_standard", 6),
        ("asana", 5),
        ("atlassian_connect_jwt", 10),
        ("aws_sns", 10),
        ("bitbucket", 5),
        ("calendly", 6),
        ("circleci", 5),
        ("clerk", 12),
        ("contentful", 8),
        ("customerio", 6),
        ("discord", 6),
        ("dropbox", 5),
        ("github", 7),
        ("gitlab_signing_token", 3),
        ("gitlab_token", 4),
        ("gocardless", 4),
        ("hubspot", 11),
        ("intercom", 5),
        ("jira_admin", 5),
        ("launchdarkly", 5),
        ("linear", 7),
        ("mailgun", 5),
        ("meta", 5),
        ("monday", 3),
        ("openai", 17),
        ("paddle", 8),
        ("paypal", 5),
        ("plaid", 6),
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
        ("twilio", 9),
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
            "twilio_sharedkey",
            "hubspot_v3",
            "typeform",
            "workos",
            "notion",
            "airtable",
            "docusign",
            "box",
            "plaid_sandbox",
            "netlify",
            "atlassian_connect_install",
            "jira_oauth",
            "fusionauth",
            "google_pubsub",
            "okta",
            "auth0",
            "datadog",
            "braze",
            "salesforce",
            "microsoft_graph",
            "bearer_token",
            "static_header",
            "basic_auth",
            "query_token",
            "unsigned",
        ]
    );
}

#[test]
fn the_schemes_with_published_values_are_listed_as_such() {
    let file: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let published = |name: &str| {
        let vectors = file["vendors"][name].as_array();
        vectors.is_some_and(|vectors| vectors.iter().any(|vector| vector["class"] == "published"))
    };
    for scheme in presets::all() {
        assert_eq!(
            presets::matches_published_values(scheme),
            published(&scheme.name),
            "{}",
            scheme.name
        );
    }
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
