//! Every scheme through the front door: what a vendor would send is accepted, and nothing weaker is.

use serde_json::{Value, json};
use shared::webhook::{
    presets, sample,
    scheme::{KeyFormat, Reply, Scheme, Shape},
    sign::{Dispatch, Outgoing, dispatch},
};

use crate::harness::{Answer, Client, Stack, text};

/// What a vendor would send to this URL now.
fn sample_of(stack: &Stack, scheme: &Scheme, secret: &str, url: &str, id: &str) -> Dispatch {
    let now = stack.now_s();
    let body = sample::body(scheme, id, now);
    let outgoing = Outgoing {
        id,
        timestamp_unix_s: now,
        method: "POST",
        url,
        body: body.as_bytes(),
    };
    dispatch(scheme, secret.as_bytes(), &outgoing).unwrap()
}

async fn post(stack: &Stack, sent: &Dispatch) -> Answer {
    let mut headers = sent.headers.clone();
    let typed = headers.iter().any(|(name, _)| name == "Content-Type");
    if !typed {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    stack.post_with(&sent.url, &headers, &sent.body).await
}

async fn create(owner: &Client, scheme: &Scheme) -> Value {
    let mut new = json!({ "name": "Vendor", "scheme": scheme.name });
    if scheme.is_named_by_vendor() || scheme.challenge.brings_secret() {
        new["secret"] = json!(match scheme.key_format {
            KeyFormat::TopicArn => "arn:aws:sns:us-east-1:123456789012:0-topic",
            KeyFormat::ClientCredentials => "client:0-secret",
            _ => "00D000000000001EAA",
        });
    }
    owner.post("/v1/webhook-endpoints", new).await.status(201)
}

#[tokio::test]
async fn what_each_vendor_would_send_is_accepted_and_applied() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let mut accepted = Vec::new();
    for scheme in presets::all() {
        match scheme.shape() {
            Shape::PublicKey | Shape::Unsigned => continue,
            Shape::Mac
            | Shape::Canonical
            | Shape::Token
            | Shape::Certificate
            | Shape::Credential => {}
        }
        let endpoint = create(&owner, scheme).await;
        let (url, secret) = (text(&endpoint["url"]), text(&endpoint["secret"]));
        let sent = sample_of(&stack, scheme, &secret, &url, "evt_1");
        let answer = post(&stack, &sent).await;
        match scheme.reply {
            Reply::Accepted => accepted.push((scheme, text(&answer.status(202)["id"]))),
            Reply::Empty | Reply::AdyenAccepted | Reply::EmptyTwiml | Reply::SalesforceAck => {
                assert_eq!(answer.code.as_u16(), 200, "{} {}", scheme.name, answer.body);
            }
        }
        // Credentials with which keys are fetched are no part of any request.
        if scheme.key_format == KeyFormat::ClientCredentials {
            continue;
        }
        let other = sample_of(&stack, scheme, &swapped(&secret), &url, "evt_2");
        let answer = post(&stack, &other).await;
        assert_eq!(answer.code.as_u16(), 401, "{} {}", scheme.name, answer.body);
    }
    stack.drain().await;
    for (scheme, id) in accepted {
        let event = owner.get(&format!("/v1/events/{id}")).await.status(200);
        assert_eq!(event["state"], "processed", "{} {event}", scheme.name);
    }
}

/// Another secret of the same form: its first character behind any prefix is another one.
fn swapped(secret: &str) -> String {
    let at = secret.rfind(['_', ':']).map_or(0, |at| at + 1);
    let (prefix, rest) = secret.split_at(at);
    let first = if rest.starts_with('0') { '1' } else { '0' };
    format!("{prefix}{first}{}", &rest[1..])
}

#[tokio::test]
async fn a_mailgun_token_counts_once_whatever_event_comes_with_it() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let scheme = presets::find("mailgun").unwrap();
    let endpoint = create(&owner, scheme).await;
    let (url, secret) = (text(&endpoint["url"]), text(&endpoint["secret"]));
    let genuine = sample_of(&stack, scheme, &secret, &url, "evt_1");
    post(&stack, &genuine).await.status(202);
    stack.drain().await;
    let mut body: Value = serde_json::from_slice(&genuine.body).unwrap();
    body["event-data"] = json!({ "id": "evt_forged", "event": "unsubscribed" });
    let forged = Dispatch {
        body: body.to_string().into_bytes(),
        ..genuine
    };
    post(&stack, &forged).await.status(202);
    stack.drain().await;
    let events = owner.get("/v1/events?state=processed").await.status(200);
    let events = events["data"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["vendor_event_id"], "evt_1");
}

#[tokio::test]
async fn an_unsigned_endpoint_is_not_made_in_passing() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for new in [
        json!({ "name": "V", "scheme": "unsigned" }),
        json!({ "name": "V", "scheme": "unsigned", "secret": "anything" }),
    ] {
        let problem = owner
            .post("/v1/webhook-endpoints", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/allow_unsigned");
    }
}

#[tokio::test]
async fn each_scheme_tells_what_an_endpoint_needs() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let answer = owner.get("/v1/webhook-schemes").await.status(200);
    let schemes = answer["data"].as_array().unwrap();
    assert_eq!(schemes.len(), presets::all().count());
    let named = |name: &str| {
        schemes
            .iter()
            .find(|scheme| scheme["name"] == name)
            .unwrap()
            .clone()
    };
    let stripe = named("stripe");
    assert_eq!(stripe["shape"], "mac");
    assert_eq!(
        stripe["families"][0],
        json!({
            "batch": null,
            "signature_headers": ["Stripe-Signature"],
            "required_headers": [],
            "algorithm": "HMAC-SHA256",
            "form": "HMAC-SHA256, entries v1=<lower-case hex> separated by `,`",
            "signed_content": "{timestamp}.{body}",
            "keys_from": null,
            "covers_body": true,
            "tolerance": { "past_seconds": 300, "future_seconds": 300 },
            "event_id": "body /id",
            "event_type": "body /type",
            "dedupe_by": "body /id",
        })
    );
    let github = named("github");
    assert_eq!(
        github["families"][0]["event_id"],
        "header X-GitHub-Delivery"
    );
    assert_eq!(github["families"][0]["dedupe_by"], "hash of the body");
    assert!(text(&github["retries"]).contains("never repeated"));
    let sns = named("aws_sns");
    assert_eq!(sns["shape"], "certificate");
    assert_eq!(
        sns["families"][0]["keys_from"],
        "https://sns.<region>.amazonaws.com"
    );
    assert_eq!(named("monday")["families"][0]["covers_body"], false);
    assert_eq!(named("okta")["families"][0]["covers_body"], false);
    assert_eq!(
        named("paypal")["families"][0]["dedupe_by"],
        "header PAYPAL-TRANSMISSION-ID"
    );
    assert_eq!(github["verified_against_published_values"], true);
    assert_eq!(
        named("mailgun")["families"][0]["dedupe_by"],
        "body /signature/token"
    );
    assert_eq!(named("hubspot")["families"].as_array().unwrap().len(), 3);
    assert!(text(&named("slack")["handshake"]).contains("url_verification"));
    for scheme in schemes {
        for field in ["title", "secret", "secret_format", "rotation"] {
            assert!(!text(&scheme[field]).is_empty(), "{scheme}");
        }
    }
}
