//! The direct request is the one that the SDK would have made.

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use jiff::ToSpan as _;
use proptest::prelude::*;

use super::*;

#[test]
fn a_queues_url_names_its_service() {
    let url = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/events";
    assert_eq!(origin(url), Some("https://sqs.cn-north-1.amazonaws.com.cn"));
    assert_eq!(origin("http://127.0.0.1:9"), Some("http://127.0.0.1:9"));
    assert_eq!(origin("events"), None);
}

/// What the general signer says of the same request.
fn by_the_library(
    head: &Head<'_>,
    [host, token, key_id, secret, region]: [&str; 5],
    body: &[u8],
    now: Timestamp,
) -> String {
    let token = (!token.is_empty()).then(|| token.to_owned());
    let identity = Credentials::new(key_id, secret, token, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sqs")
        .time(now.into())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    // It adds the time and the token itself.
    let mut lines: Vec<(&str, &str)> = head.lines().collect();
    lines.retain(|(name, _)| !["x-amz-date", "x-amz-security-token"].contains(name));
    let url = format!("https://{host}/");
    let request =
        SignableRequest::new("POST", url, lines.into_iter(), SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let (signed, _) = instructions.into_parts();
    let line = signed.iter().find(|line| line.name() == "authorization");
    line.unwrap().value().to_owned()
}

proptest! {
    #[test]
    fn each_signature_is_the_librarys(
        secret in "[A-Za-z0-9/+]{40}",
        token in proptest::option::of("[A-Za-z0-9/+=]{1,200}"),
        host in "[a-z0-9]{1,10}(\\.[a-z]{2,5}){1,3}(:[1-9][0-9]{2,3})?",
        body: Vec<u8>,
        days in prop::collection::vec(0_i64..4, 1..4),
    ) {
        let (key_id, region) = ("AKIDEXAMPLE", "eu-central-1");
        let signature = Signature::new(key_id, &secret, region);
        let names = [&host, token.as_deref().unwrap_or_default(), key_id, &secret, region];
        // The kept key changes with the day, forwards and backwards.
        for day in days {
            let now = Timestamp::UNIX_EPOCH + (day * 24 * 3_600 + 1_760_000_000).seconds();
            let head = Head::new(&host, token.as_deref(), now);
            let line = signature.authorization(&head, &sha256_hex(&body));
            prop_assert_eq!(line, by_the_library(&head, names, &body, now));
        }
    }
}
