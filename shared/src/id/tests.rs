//! Ids: the text form is exact, ordered and of one kind.

use proptest::prelude::*;

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

proptest! {
    #[test]
    fn every_id_survives_its_text_form(bits: u128) {
        let id = UserId::from_bits(bits);
        prop_assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
    }

    #[test]
    fn text_order_is_id_order(a: u128, b: u128) {
        let (a, b) = (UserId::from_bits(a), UserId::from_bits(b));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn parsing_accepts_only_what_printing_makes(text in "usr_[0-9a-zA-Z]{24,28}") {
        if let Ok(id) = text.parse::<UserId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn an_id_knows_when_it_was_made(ms in 0_i64..4_000_000_000_000) {
        let id: UserId = IdGen::default().make(at(ms));
        prop_assert_eq!(id.made_at(), at(ms));
        prop_assert!(UserId::first_at(at(ms)) <= id);
        prop_assert!(id < UserId::first_at(at(ms + 1)));
    }
}

#[test]
fn an_id_of_another_kind_does_not_parse() {
    let id: UserId = IdGen::default().make(at(1));
    let error = id.to_string().parse::<TenantId>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "must be a tenant id: `ten_` and 26 characters of 0-9 a-z"
    );
}

#[test]
fn a_body_over_128_bits_does_not_parse() {
    assert!("usr_80000000000000000000000000".parse::<UserId>().is_err());
    assert!("usr_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<UserId>().is_ok());
}

#[test]
fn ids_are_version_7_variant_2() {
    let bits = IdGen::default()
        .make::<UserKind>(at(1_700_000_000_000))
        .bits;
    assert_eq!((bits >> 76) & 0xf, 7);
    assert_eq!((bits >> 62) & 3, 2);
}
