//! What a new password must not be: one that is tried first. Decided offline, from a list in the binary.

use crate::{problem::ApiError, seal::Secret};

/// The passwords of ten letters and more among the 20,000 of Django's list and the 30,000 of zxcvbn's, both
/// made from passwords that were breached; in lower case, sorted.
const COMMON: &str = include_str!("common.txt");

/// # Errors
/// `Invalid` at `pointer`.
pub(crate) fn check(
    password: &Secret<String>,
    email: &str,
    pointer: &'static str,
) -> Result<(), ApiError> {
    let lower = password.expose().to_lowercase();
    let detail = if is_common(&lower) {
        "must not be among the passwords that are known from breaches"
    } else if is_repeated(&lower) || is_sequence(&lower) {
        "must not be a few characters repeated or counted up"
    } else if is_address(&lower, email) {
        "must not be the e-mail address or a part of it"
    } else {
        return Ok(());
    };
    Err(ApiError::invalid(pointer, detail))
}

/// Also with digits or signs put behind a common password.
fn is_common(lower: &str) -> bool {
    let without_signs = lower.trim_end_matches(|last: char| !last.is_alphanumeric());
    let without_digits = without_signs.trim_end_matches(|last: char| !last.is_alphabetic());
    let forms = [lower, without_signs, without_digits];
    COMMON.lines().any(|line| forms.contains(&line))
}

/// One to four characters, again and again.
fn is_repeated(lower: &str) -> bool {
    let letters: Vec<char> = lower.chars().collect();
    (1..=4).any(|period| {
        let shifted = letters.iter().skip(period);
        letters.iter().zip(shifted).all(|(one, other)| one == other)
    })
}

/// Each character follows the one before, up or down, but for one jump at most: `1234567890`, `zyxwvutsrq`.
fn is_sequence(lower: &str) -> bool {
    let codes: Vec<u32> = lower.chars().map(u32::from).collect();
    let steps = codes.windows(2);
    let jumps = |step: i64| {
        let follows = |pair: &&[u32]| match pair {
            [one, other] => i64::from(*other) - i64::from(*one) != step,
            _ => false,
        };
        steps.clone().filter(follows).count()
    };
    jumps(1) <= 1 || jumps(-1) <= 1
}

fn is_address(lower: &str, email: &str) -> bool {
    let email = email.to_lowercase();
    let local = email.split('@').next().unwrap_or_default();
    let bare = lower.trim_end_matches(|last: char| !last.is_alphabetic());
    lower == email || (!local.is_empty() && (lower == local || bare == local))
}

#[cfg(test)]
mod tests;
