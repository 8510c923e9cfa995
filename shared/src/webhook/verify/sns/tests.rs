//! Amazon SNS beyond the vectors: whose topic it is, and which URL is visited.

use serde_json::{Value, json};

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::sign::{Outgoing, dispatch};
use crate::webhook::tests::published;
use crate::webhook::verify::sns::confirmation;
use crate::webhook::verify::{VerifyError, verify};

const NOW: i64 = 1_760_000_000;
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:MyTopic";
const URL: &str =
    "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=y";

fn sent(topic: &str, message: &Value) -> Vec<u8> {
    let body = message.to_string();
    let outgoing = Outgoing {
        id: "m-1",
        timestamp_unix_s: NOW,
        method: "POST",
        url: "https://hooks.example.test/hooks/abc",
        body: body.as_bytes(),
    };
    let scheme = presets::find("aws_sns").unwrap();
    dispatch(scheme, topic.as_bytes(), &outgoing).unwrap().body
}

fn check(body: &[u8], topics: &[&str]) -> Result<Option<usize>, VerifyError> {
    let scheme = presets::find("aws_sns").unwrap();
    let request = RawRequest {
        method: "POST",
        url: "https://hooks.example.test/hooks/abc",
        headers: Headers::Pairs(&[]),
        body,
    };
    let keys = Keys::prepare(scheme, topics)?;
    let vendor_keys = published(scheme, &request, NOW);
    verify(scheme, &request, &keys, &vendor_keys, NOW).map(|authentic| authentic.matched_secret())
}

fn subscription(url: &str) -> Value {
    json!({
        "TopicArn": "", "Type": "SubscriptionConfirmation", "Message": "You have chosen",
        "Token": "y", "SubscribeURL": url,
    })
}

#[test]
fn only_messages_of_a_pinned_topic_are_taken() {
    let body = sent(TOPIC, &json!({ "any": "thing" }));
    assert_eq!(check(&body, &[TOPIC]), Ok(Some(0)));
    let other = "arn:aws:sns:us-east-1:999999999999:MyTopic";
    assert_eq!(check(&body, &[other, TOPIC]), Ok(Some(1)));
    assert_eq!(
        check(&body, &[other]),
        Err(VerifyError::OtherSender { name: "TopicArn" })
    );
}

#[test]
fn a_member_that_appears_twice_is_refused() {
    let body = String::from_utf8(sent(TOPIC, &json!({}))).unwrap();
    assert!(check(body.as_bytes(), &[TOPIC]).is_ok());
    let doubled = body.replacen('{', r#"{"Message":"other","#, 1);
    assert_eq!(
        check(doubled.as_bytes(), &[TOPIC]),
        Err(VerifyError::MalformedBody {
            expected: "an SNS message as JSON"
        })
    );
}

#[test]
fn a_confirmation_is_signed_in_full() {
    let body = sent(TOPIC, &subscription(URL));
    assert_eq!(check(&body, &[TOPIC]), Ok(Some(0)));
    assert_eq!(confirmation(&body).as_deref(), Some(URL));
    for (member, value) in [
        (
            "SubscribeURL",
            "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=z",
        ),
        ("Token", "z"),
        ("Message", "z"),
        ("Type", "UnsubscribeConfirmation"),
    ] {
        let mut message: Value = serde_json::from_slice(&body).unwrap();
        message[member] = json!(value);
        let changed = message.to_string();
        assert_eq!(
            check(changed.as_bytes(), &[TOPIC]),
            Err(VerifyError::SignatureMismatch),
            "{member}"
        );
    }
}

#[test]
fn only_the_vendors_own_host_in_the_topics_region_is_visited() {
    for url in [
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=y",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=y",
        "https://sns.us-east-1.amazonaws.com@evil.test/?Action=ConfirmSubscription&Token=y",
        "https://sns.us-east-1.amazonaws.com.evil.test/?Action=ConfirmSubscription&Token=y",
        "https://sns.us-east-1.amazonaws.com:444/?Action=ConfirmSubscription&Token=y",
        "https://sns.us-east-1.amazonaws.com/?Action=Publish&Token=y",
        "https://169.254.169.254/?Action=ConfirmSubscription&Token=y",
    ] {
        assert_eq!(
            confirmation(&sent(TOPIC, &subscription(url))),
            None,
            "{url}"
        );
    }
    let ended = json!({
        "TopicArn": "", "Type": "UnsubscribeConfirmation", "Message": "", "Token": "y", "SubscribeURL": URL,
    });
    let body = sent(TOPIC, &ended);
    assert_eq!(check(&body, &[TOPIC]), Ok(Some(0)));
    assert_eq!(confirmation(&body), None);
    assert_eq!(confirmation(&sent(TOPIC, &json!({}))), None);
}
