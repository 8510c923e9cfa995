//! How the text of a secret becomes key bytes, and which texts never do.

use crate::webhook::keys::decode;
use crate::webhook::scheme::KeyFormat;

fn bytes(format: KeyFormat, text: &str) -> Option<Vec<u8>> {
    decode(format, text.as_bytes()).map(|bytes| bytes.to_vec())
}

#[test]
fn the_same_prefix_is_text_to_one_vendor_and_base64_to_another() {
    assert_eq!(
        bytes(KeyFormat::Utf8, "whsec_aGk="),
        Some(b"whsec_aGk=".to_vec())
    );
    assert_eq!(bytes(KeyFormat::Whsec, "whsec_aGk="), Some(b"hi".to_vec()));
    assert_eq!(bytes(KeyFormat::Whsec, "aGk="), Some(b"hi".to_vec()));
    assert_eq!(
        bytes(KeyFormat::WhsecOrUtf8, "whsec_aGk="),
        Some(b"hi".to_vec())
    );
    assert_eq!(
        bytes(KeyFormat::WhsecOrUtf8, "aGk="),
        Some(b"aGk=".to_vec())
    );
    assert_eq!(bytes(KeyFormat::Hex, "6869"), Some(b"hi".to_vec()));
    assert_eq!(bytes(KeyFormat::Hex, "6A6b"), Some(b"jk".to_vec()));
}

#[test]
fn nothing_empty_or_undecodable_is_a_key() {
    for (format, text) in [
        (KeyFormat::Utf8, ""),
        (KeyFormat::Base64, ""),
        (KeyFormat::Base64, "aGk"),
        (KeyFormat::Base64, "aG k="),
        (KeyFormat::Hex, "686"),
        (KeyFormat::Hex, "zz"),
        (KeyFormat::Whsec, "whsec_"),
        (KeyFormat::WhsecOrUtf8, "whsec_"),
        (KeyFormat::WhsecOrUtf8, ""),
        (KeyFormat::Whpk, "AAAA"),
        (KeyFormat::Whpk, "whpk_AAAA"),
        (KeyFormat::Ed25519Hex, "00"),
        (KeyFormat::SpkiBase64, ""),
        (KeyFormat::TopicArn, ""),
        (
            KeyFormat::TopicArn,
            "arn:aws:sqs:us-east-1:123456789012:MyTopic",
        ),
        (
            KeyFormat::TopicArn,
            "arn:aws:sns:us-east-1:12345678901:MyTopic",
        ),
        (KeyFormat::TopicArn, "arn:aws:sns:us-east-1:123456789012:"),
        (KeyFormat::TopicArn, "arn:aws:sns:US:123456789012:MyTopic"),
        (KeyFormat::ClientCredentials, "client_id"),
        (KeyFormat::ClientCredentials, ":secret"),
    ] {
        assert_eq!(bytes(format, text), None, "{format:?} {text}");
    }
}
