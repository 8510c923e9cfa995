//! Digests against independently computed values, and the limits of bodies and attributes.

use proptest::prelude::*;

use super::*;

fn text(data_type: &str, value: &str) -> MessageAttribute {
    MessageAttribute {
        data_type: data_type.to_owned(),
        string_value: Some(value.to_owned()),
        binary_value: None,
    }
}

fn binary(base64: &str) -> MessageAttribute {
    MessageAttribute {
        data_type: "Binary".to_owned(),
        string_value: None,
        binary_value: Some(base64.to_owned()),
    }
}

fn one(name: &str, attribute: MessageAttribute) -> MessageAttributes {
    MessageAttributes::from([(name.to_owned(), attribute)])
}

#[test]
fn body_digest_is_plain_md5() {
    assert_eq!(md5_hex(b"hello"), "5d41402abc4b2a76b9719d911017c592");
}

#[test]
fn attribute_digest_covers_name_type_and_value_in_the_order_of_names() {
    let attributes = MessageAttributes::from([
        ("k".to_owned(), text("String", "v")),
        ("n".to_owned(), text("Number", "42")),
        ("bin".to_owned(), binary("AQID")),
    ]);
    assert_eq!(
        attributes_md5(&attributes).unwrap(),
        "3198ec4c41c6f666d206582016be633e"
    );
}

#[test]
fn no_attributes_have_no_digest() {
    assert_eq!(attributes_md5(&MessageAttributes::new()), None);
}

#[test]
fn attributes_count_towards_the_message_size() {
    let attributes = one("name", binary("AQID"));
    assert_eq!(message_bytes("body", &attributes), 4 + 4 + 6 + 3);
}

#[test]
fn control_characters_are_refused_but_white_space_and_emoji_pass() {
    assert!(check_body("a\tb\nc\rd é 🙂").is_ok());
    for bad in ["\u{0}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        let error = check_body(bad).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidMessageContents, "{bad:?}");
    }
}

#[test]
fn attribute_names_follow_the_rules_of_the_service() {
    for good in ["a", "A_b-c.d", "awsome"] {
        assert!(
            check_attributes(&one(good, text("String", "v"))).is_ok(),
            "{good}"
        );
    }
    for bad in ["", ".a", "a.", "a..b", "aws.a", "Amazon.a", "a b", "ä"] {
        assert!(
            check_attributes(&one(bad, text("String", "v"))).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn attribute_values_must_match_their_type() {
    let good = [
        text("String", "v"),
        text("String.custom", "v"),
        text("Number", "-1.5e3"),
        binary("AQID"),
    ];
    for attribute in good {
        assert!(
            check_attributes(&one("a", attribute.clone())).is_ok(),
            "{attribute:?}"
        );
    }
    let bad = [
        text("String", ""),
        text("String", "\u{b}"),
        text("Number", "many"),
        text("Text", "v"),
        text("Binary", "v"),
        binary(""),
        binary("not base64!"),
    ];
    for attribute in bad {
        assert!(
            check_attributes(&one("a", attribute.clone())).is_err(),
            "{attribute:?}"
        );
    }
}

#[test]
fn a_message_has_up_to_ten_attributes() {
    let attributes = |count: usize| -> MessageAttributes {
        (0..count)
            .map(|i| (format!("a{i}"), text("String", "v")))
            .collect()
    };
    assert!(check_attributes(&attributes(10)).is_ok());
    assert!(check_attributes(&attributes(11)).is_err());
}

#[test]
fn group_ids_have_1_to_128_printable_characters() {
    assert!(check_fifo_id("MessageGroupId", &"a".repeat(128)).is_ok());
    for bad in [String::new(), "a".repeat(129), "a b".to_owned()] {
        assert!(check_fifo_id("MessageGroupId", &bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_change_of_any_part_changes_the_digest(
        name in "[a-z]{1,8}",
        value in "[a-z]{1,8}",
        other in "[a-z]{1,8}",
    ) {
        prop_assume!(value != other);
        let digest = |name: &str, attribute| attributes_md5(&one(name, attribute));
        let original = digest(&name, text("String", &value));
        prop_assert_ne!(&original, &digest(&name, text("String", &other)));
        prop_assert_ne!(&original, &digest(&name, text("Number", &value)));
        prop_assert_ne!(&original, &digest(&format!("{name}x"), text("String", &value)));
    }
}
