//! Cursors: good for the tenant and list they were made for, and for nothing else.

use proptest::prelude::*;

use super::*;
use crate::id::IdGen;

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"cursor")
}

fn tenant() -> TenantId {
    IdGen::default().make(jiff::Timestamp::UNIX_EPOCH)
}

proptest! {
    #[test]
    fn a_cursor_opens_to_its_sort_key(sort_key in ".{0,80}") {
        let tenant = tenant();
        let cursor = Cursor::new(&key(), tenant, "users", &sort_key);
        prop_assert_eq!(cursor.open(&key(), tenant, "users").unwrap(), sort_key);
    }

    #[test]
    fn an_altered_cursor_does_not_open(sort_key in "USER#usr_[a-z0-9]{26}", at: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
        let tenant = tenant();
        let text = Cursor::new(&key(), tenant, "users", &sort_key).into_text();
        let at = at.index(text.len());
        let altered = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
        prop_assert!(altered == text || Cursor(altered).open(&key(), tenant, "users").is_err());
    }

    #[test]
    fn arbitrary_text_is_no_cursor(text in ".{0,120}") {
        prop_assert!(Cursor(text).open(&key(), tenant(), "users").is_err());
    }
}

#[test]
fn another_tenant_or_list_does_not_open_a_cursor() {
    let tenant_a = tenant();
    let cursor = Cursor::new(&key(), tenant_a, "users", "USER#x");
    assert!(cursor.open(&key(), tenant(), "users").is_err());
    assert!(cursor.open(&key(), tenant_a, "endpoints").is_err());
}

#[test]
fn a_limit_outside_1_to_100_is_refused() {
    assert!(PageRequest::new(Some(0), None).is_err());
    assert!(PageRequest::new(Some(101), None).is_err());
    assert_eq!(PageRequest::new(None, None).unwrap().limit(), 25);
}
