//! The vectors of RFC 6238, and that a code is good once.

use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"12345678901234567890";

#[test]
fn the_vectors_of_the_rfc_hold() {
    // RFC 6238 appendix B has eight digits; six are the last of them.
    for (second, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(code_at(SECRET, second / 30), code);
        assert_eq!(step_of(SECRET, code, second, -1), Some(second / 30));
    }
}

#[test]
fn a_secret_is_written_as_apps_read_it() {
    assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let uri = uri(SECRET, "ada+x@acme.example");
    assert!(uri.starts_with("otpauth://totp/Portico:ada%2Bx%40acme.example?secret=GEZD"));
}

#[test]
fn recovery_codes_differ_and_are_read_however_they_are_typed() {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
    let codes = recovery_codes();
    assert_eq!(codes.len(), 10);
    let mut hashes: Vec<String> = codes.iter().map(|code| recovery_hash(&key, code)).collect();
    let typed = codes[0].to_uppercase().replace('-', " ");
    assert_eq!(recovery_hash(&key, &typed), hashes[0]);
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 10);
}

proptest! {
    #[test]
    fn a_code_is_good_for_one_step_either_way_and_never_twice(second in 60_i64..4_000_000_000, off in -4_i64..=4) {
        let step = second / 30;
        let code = code_at(SECRET, step + off);
        let found = step_of(SECRET, &code, second, -1);
        if off.abs() <= 1 {
            // Two neighbouring steps may have one code.
            let used = found.unwrap();
            prop_assert!(step_of(SECRET, &code, second, used).is_none());
        } else if found.is_some() {
            prop_assert_eq!(code_at(SECRET, found.unwrap()), code);
        }
    }

    #[test]
    fn what_is_no_code_is_refused(text in "[0-9a-z]{0,5}|[0-9]{7,9}") {
        prop_assert!(step_of(SECRET, &text, 1_000, -1).is_none());
    }
}
