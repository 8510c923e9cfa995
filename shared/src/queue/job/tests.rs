//! Jobs: what is sent is what is read, and what is unknown does not parse.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_body_survives_the_queue_byte_for_byte(bytes: Vec<u8>) {
        let text = serde_json::to_string(&Body::of(&bytes).unwrap()).unwrap();
        let read: Body = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.bytes().unwrap(), bytes);
    }

    #[test]
    fn every_letter_of_a_message_is_one_that_sqs_takes(text in "\\PC{0,50}[\u{fffe}\u{ffff}\u{0}\u{b}]{0,2}") {
        let message = serde_json::to_string(&Body::of(text.as_bytes()).unwrap()).unwrap();
        let taken = |letter: char| matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        prop_assert!(message.chars().all(taken));
    }
}

#[test]
fn a_long_body_is_compressed() {
    let long = "invoice ".repeat(10_000);
    let Body::Deflated(text) = Body::of(long.as_bytes()).unwrap() else {
        panic!("not compressed")
    };
    assert!(text.len() < long.len() / 10);
}

#[test]
fn an_unknown_job_or_version_does_not_parse() {
    for text in [
        "{}",
        r#"{"job":"delivery.v2"}"#,
        r#"{"job":"delete_everything"}"#,
        "not json",
        "null",
    ] {
        assert!(Job::parse(text).is_err(), "{text}");
    }
}
