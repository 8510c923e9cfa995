//! What a key may look like.

use super::parse;

#[test]
fn a_key_is_taken_in_quotes_or_bare() {
    assert_eq!(parse("\"8e03978e-40d5\"").unwrap(), "8e03978e-40d5");
    assert_eq!(parse("8e03978e-40d5").unwrap(), "8e03978e-40d5");
    assert_eq!(parse(&"k".repeat(255)).unwrap().len(), 255);
}

#[test]
fn what_is_no_key_is_refused() {
    for bad in ["", "\"\"", "\"open", "a\"b", "a\\b", "schl\u{fc}ssel"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    assert!(parse(&"k".repeat(256)).is_err());
}
