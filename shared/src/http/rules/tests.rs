//! Rules: what people write is taken, what breaks mail or logs is not.

use proptest::prelude::*;

use super::*;

#[test]
fn ordinary_addresses_are_taken() {
    for text in [
        "ada@example.com",
        "a.b+tag@mail.example.co.uk",
        "jürgen@bücher.example",
        "x@1.de",
    ] {
        assert!(email(text, &()).is_ok(), "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let long = format!("{}@example.com", "a".repeat(65));
    for text in [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@@example.com",
        "a da@example.com",
        ".a@example.com",
        "a..b@example.com",
        "ada@-x.com",
        "ada@ex_ample.com",
        "ada@example..com",
        "ada\n@example.com",
        "ada@example.com\r\nBcc: x",
        &long,
    ] {
        assert!(email(text, &()).is_err(), "{text:?}");
    }
}

#[test]
fn a_password_of_nine_characters_is_too_short() {
    let of = |letters: usize| Secret::new("ä".repeat(letters));
    assert!(password(&of(9), &()).is_err());
    assert!(password(&of(10), &()).is_ok());
    assert!(password(&of(256), &()).is_ok());
    assert!(password(&of(257), &()).is_err());
}

#[test]
fn a_name_has_letters_and_no_control_characters() {
    assert!(name("Zoë 李", &()).is_ok());
    for text in ["", "  ", "a\nb", "a\u{0}"] {
        assert!(name(text, &()).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_taken_address_holds_a_line_break_or_a_space(local in "[a-z]{1,5}.{0,2}", domain in "[a-z]{1,5}.{0,2}") {
        let text = format!("{local}@{domain}.example");
        let is_clean = !text.contains(char::is_whitespace) && text.matches('@').count() == 1;
        prop_assert!(is_clean || email(&text, &()).is_err(), "{text:?}");
    }
}
