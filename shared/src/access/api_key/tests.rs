//! A key's text: ours reads back, and no single typing error passes.

use proptest::prelude::*;

use super::*;
use crate::id::IdGen;

fn token() -> KeyToken {
    let ids = IdGen::default();
    KeyToken::new(
        ids.make(Timestamp::UNIX_EPOCH),
        ids.make(Timestamp::UNIX_EPOCH),
    )
}

#[test]
fn a_key_reads_back_as_what_it_was_made_of() {
    let token = token();
    let text = token.text();
    assert_eq!(text.len(), 3 + 96);
    assert!(KeyToken::parse(&text) == Some(token));
}

#[test]
fn two_keys_of_one_id_have_different_hashes() {
    let first = token();
    let second = KeyToken::new(first.tenant, first.id);
    assert_ne!(first.hash(), second.hash());
}

#[test]
fn the_hash_covers_the_tenant() {
    let first = token();
    let other = KeyToken {
        tenant: IdGen::default().make(Timestamp::UNIX_EPOCH),
        ..first.clone()
    };
    assert_ne!(first.hash(), other.hash());
}

proptest! {
    #[test]
    fn one_wrong_letter_is_found(at in 3_usize..99, letter in "[0-9a-zA-Z_-]") {
        let text = token().text();
        let mut wrong = text.clone();
        wrong.replace_range(at..=at, &letter);
        prop_assert!(wrong == text || KeyToken::parse(&wrong).is_none());
    }

    #[test]
    fn two_exchanged_neighbours_are_found(at in 3_usize..98) {
        let text = token().text();
        let mut letters: Vec<char> = text.chars().collect();
        letters.swap(at, at + 1);
        let wrong: String = letters.into_iter().collect();
        prop_assert!(wrong == text || KeyToken::parse(&wrong).is_none());
    }

    #[test]
    fn what_is_no_key_is_refused(text in "(pk_)?[ -~]{0,120}") {
        prop_assert!(KeyToken::parse(&text).is_none());
    }
}
