//! Refresh tokens: only ours parse, and a successor is the same each time it is asked for.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::id::IdGen;

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"refresh")
}

fn token() -> RefreshToken {
    let ids = IdGen::default();
    let now = Timestamp::UNIX_EPOCH;
    RefreshToken::first(ids.make(now), ids.make(now), ids.make(now))
}

#[test]
fn a_token_survives_its_text_form() {
    let token = token();
    assert!(RefreshToken::parse(&token.text(&key()), &key()) == Some(token));
}

#[test]
fn a_successor_is_the_same_each_time_and_differs_from_its_parent() {
    let token = token();
    assert!(token.successor(&key()) == token.successor(&key()));
    assert_ne!(token.successor(&key()).hash(), token.hash());
    assert_ne!(
        token.successor(&key()).hash(),
        token.successor(&key()).successor(&key()).hash()
    );
}

#[test]
fn a_token_made_with_another_key_does_not_parse() {
    let other = hmac::Key::new(hmac::HMAC_SHA256, b"other");
    assert!(RefreshToken::parse(&token().text(&other), &key()).is_none());
}

proptest! {
    #[test]
    fn an_altered_letter_does_not_parse(at: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
        let text = token().text(&key());
        let at = at.index(text.len());
        let altered = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
        prop_assert!(altered == text || RefreshToken::parse(&altered, &key()).is_none());
    }

    #[test]
    fn arbitrary_text_does_not_parse(text in ".{0,200}") {
        prop_assert!(RefreshToken::parse(&text, &key()).is_none());
    }
}
