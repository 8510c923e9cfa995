//! One-time codes by time (RFC 6238: six digits, SHA-1, 30 seconds), and recovery codes. Pure: which step a code
//! is good for; that a step is used once is the store's to say.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

use crate::seal;

pub(crate) const SECRET_LEN: usize = 20;

const STEP_S: i64 = 30;

/// Steps before and after the present one: people are slow and their clocks are off.
const DRIFT: i64 = 1;

const RECOVERY_CODES: usize = 10;

/// The step for which `code` is good at this time. RFC 6238 section 5.2: never one that was used, or an earlier one.
pub(crate) fn step_of(secret: &[u8], code: &str, now_s: i64, last_used: i64) -> Option<i64> {
    let present = now_s.div_euclid(STEP_S);
    let mut found = None;
    for step in present - DRIFT..=present + DRIFT {
        let expected = code_at(secret, step);
        let is_it = verify_slices_are_equal(expected.as_bytes(), code.as_bytes()).is_ok();
        if is_it && step > last_used {
            found = Some(step);
        }
    }
    found
}

/// RFC 4226 section 5.3.
pub(crate) fn code_at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = tag.last().map_or(0, |last| usize::from(last & 15));
    let four = tag.get(offset..offset + 4).unwrap_or(&[0; 4]);
    let number = four
        .iter()
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// RFC 4648 section 6, without padding, as authenticator apps read it.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = bytes.len() * 8;
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let letter = |first: usize| {
        let index = (first..first + 5).fold(0_u8, |index, at| index << 1 | bit(at));
        char::from(LETTERS.get(usize::from(index)).copied().unwrap_or(b'A'))
    };
    (0..bits).step_by(5).map(letter).collect()
}

/// What an authenticator app takes as a QR code (the Key URI format).
pub(crate) fn uri(secret: &[u8], email: &str) -> String {
    let label: String = form_urlencoded::byte_serialize(email.as_bytes()).collect();
    let secret = base32(secret);
    format!(
        "otpauth://totp/Portico:{label}?secret={secret}&issuer=Portico&algorithm=SHA1&digits=6&period=30"
    )
}

/// Codes for who has lost their device: 50 random bits each.
pub(crate) fn recovery_codes() -> Vec<String> {
    let code = |_| {
        let letters: String = crate::id::encode_base32(&seal::random::<10>());
        format!(
            "{}-{}",
            letters.get(..5).unwrap_or_default(),
            letters.get(5..10).unwrap_or_default()
        )
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// What is stored of a recovery code: a MAC, because its bits are too few for a bare hash.
pub(crate) fn recovery_hash(key: &hmac::Key, code: &str) -> String {
    let normal: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    seal::encode_hex(hmac::sign(key, normal.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests;
