//! Forms as vendors send them, and as nobody should.

use proptest::prelude::*;

use crate::webhook::form_body::{fields, find};

fn pairs(encoded: &str) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    fields(encoded.as_bytes())
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

#[test]
fn names_and_values_are_decoded_in_their_order() {
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        pairs("b=1&a=Zo%C3%AB+%26%20bye&&a=2&empty=&flag&=x"),
        [
            owned("b", "1"),
            owned("a", "Zoë & bye"),
            owned("a", "2"),
            owned("empty", ""),
            owned("flag", ""),
            owned("", "x"),
        ]
    );
}

#[test]
fn an_escape_that_is_none_stands_for_itself() {
    assert_eq!(find(b"a=100%&b=%zz&c=%4", "a").as_deref(), Some("100%"));
    assert_eq!(find(b"b=%zz", "b").as_deref(), Some("%zz"));
    assert_eq!(find(b"c=%4", "c").as_deref(), Some("%4"));
    assert_eq!(find(b"c=%ff", "c"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_grow(encoded: Vec<u8>) {
        let decoded: usize = fields(&encoded).map(|(name, value)| name.len() + value.len()).sum();
        prop_assert!(decoded <= encoded.len());
    }
}
