//! Sealing: what was sealed opens for its purpose and owner, and for nothing else.

use proptest::prelude::*;

use super::*;

fn key(byte: u8) -> SealingKey {
    SealingKey::new(&[byte; 32]).unwrap()
}

proptest! {
    #[test]
    fn a_sealed_value_opens_to_itself(plain: Vec<u8>, owner in "[a-z_/0-9]{0,40}") {
        let sealed = key(1).seal(Purpose::WebhookSecret, &owner, &plain).unwrap();
        let opened = key(1).open(Purpose::WebhookSecret, &owner, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plain);
    }

    #[test]
    fn one_flipped_bit_does_not_open(plain: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
        let sealed = key(1).seal(Purpose::SigningKey, "o", &plain).unwrap();
        let mut bytes = STANDARD.decode(&sealed.text).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let altered: Sealed<Vec<u8>> = Sealed { text: STANDARD.encode(bytes), of: PhantomData };
        prop_assert!(key(1).open(Purpose::SigningKey, "o", &altered).is_err());
    }

    #[test]
    fn hex_survives(bytes: Vec<u8>) {
        prop_assert_eq!(decode_hex(&encode_hex(&bytes)), Some(bytes));
    }
}

#[test]
fn another_owner_purpose_or_key_does_not_open() {
    let sealed = key(1)
        .seal(Purpose::WebhookSecret, "ten_a", &b"s3cret".to_vec())
        .unwrap();
    assert!(
        key(1)
            .open(Purpose::WebhookSecret, "ten_b", &sealed)
            .is_err()
    );
    assert!(key(1).open(Purpose::SigningKey, "ten_a", &sealed).is_err());
    assert!(
        key(2)
            .open(Purpose::WebhookSecret, "ten_a", &sealed)
            .is_err()
    );
}

#[test]
fn neither_a_secret_nor_a_sealed_value_shows_in_debug() {
    let sealed = key(1)
        .seal(Purpose::WebhookSecret, "o", &b"s3cret".to_vec())
        .unwrap();
    assert_eq!(
        format!("{:?} {sealed:?}", Secret::new("s3cret".to_owned())),
        "Secret(redacted) Sealed(redacted)"
    );
}

#[test]
fn hex_refuses_odd_lengths_and_other_letters() {
    assert_eq!(decode_hex("abc"), None);
    assert_eq!(decode_hex("zz"), None);
}
