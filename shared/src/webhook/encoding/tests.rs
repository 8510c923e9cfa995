//! One value, one accepted spelling.

use proptest::prelude::*;

use crate::webhook::encoding::{decode, encode, hex_key, spells};
use crate::webhook::scheme::Encoding;

#[test]
fn only_the_exact_spelling_is_accepted() {
    let bytes = [0xab; 20];
    let lower = "ab".repeat(20);
    let upper = lower.to_uppercase();
    assert!(spells(Encoding::Hex, &lower, &bytes));
    assert!(!spells(Encoding::Hex, &upper, &bytes));
    assert!(spells(Encoding::HexAnyCase, &upper, &bytes));
    assert!(!spells(Encoding::Hex, &format!("{lower}zz"), &bytes));
    assert!(!spells(Encoding::Hex, lower.trim_end_matches('b'), &bytes));
    assert!(!spells(Encoding::Hex, "", &bytes));

    assert!(spells(Encoding::Base64, "+/8=", &[0xfb, 0xff]));
    // Without padding, with stray bits, in the URL alphabet, with white space.
    for text in ["+/8", "+/9=", "-_8=", "+/8= ", "+/8=\n"] {
        assert!(!spells(Encoding::Base64, text, &[0xfb, 0xff]), "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(bytes in prop::collection::vec(any::<u8>(), 1..=72)) {
        for encoding in [Encoding::Hex, Encoding::HexAnyCase, Encoding::Base64] {
            let text = encode(encoding, &bytes);
            prop_assert!(spells(encoding, &text, &bytes));
        }
        prop_assert_eq!(hex_key(&encode(Encoding::Hex, &bytes)), Some(bytes));
    }

    #[test]
    fn no_text_makes_decoding_panic(text in ".{0,200}") {
        for encoding in [Encoding::Hex, Encoding::HexAnyCase, Encoding::Base64] {
            let length = decode(encoding, &text).map_or(0, |decoded| decoded.bytes().len());
            prop_assert!(length <= text.len());
        }
    }
}
