//! Mailed tokens: ours read back; none is good for another purpose, row, sending or deployment.

use jiff::Timestamp;

use super::*;
use crate::id::IdGen;

fn key(seed: u8) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[seed; 32])
}

fn all() -> [MailToken; 3] {
    let (ids, now) = (IdGen::default(), Timestamp::UNIX_EPOCH);
    let user = ids.make(now);
    let request = ids.make(now);
    [
        MailToken::Invitation {
            tenant: ids.make(now),
            invitation: ids.make(now),
            sending: 3,
        },
        MailToken::Reset { user, request },
        MailToken::Verification { user, request },
    ]
}

#[test]
fn a_token_reads_back_under_its_own_key_only() {
    for token in all() {
        let text = token.text(&key(1));
        assert_eq!(text.len(), 100);
        assert_eq!(MailToken::parse(&text, &key(1)), Some(token));
        assert_eq!(MailToken::parse(&text, &key(2)), None);
    }
}

#[test]
fn a_token_of_one_purpose_is_none_of_another() {
    for token in all() {
        let text = token.text(&key(1));
        for prefix in ["piv_", "ppr_", "pev_", "prt_"] {
            let other = format!("{prefix}{}", &text[4..]);
            assert!(other == text || MailToken::parse(&other, &key(1)).is_none());
        }
    }
}

#[test]
fn every_letter_counts() {
    for token in all() {
        let text = token.text(&key(1));
        for at in 0..text.len() {
            let mut wrong = text.clone();
            let letter = if &text[at..=at] == "0" { "1" } else { "0" };
            wrong.replace_range(at..=at, letter);
            assert_eq!(MailToken::parse(&wrong, &key(1)), None, "letter {at}");
        }
        for cut in ["", "piv_", &text[..99], &format!("{text}0")] {
            assert_eq!(MailToken::parse(cut, &key(1)), None);
        }
    }
}
