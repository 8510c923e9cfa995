//! Signed times. A timestamp has one canonical spelling, and too new is refused like too old.

use jiff::Timestamp as Instant;

use crate::webhook::scheme::{TimeUnit, Timestamp, Window};
use crate::webhook::verify::VerifyError;

/// Far beyond any date, and still inside an `i64`.
const MOST_DIGITS: usize = 18;

/// The time in milliseconds, or `None` for any spelling but the canonical one.
pub(crate) fn parse(rule: &Timestamp, text: &str) -> Option<i64> {
    match rule.unit {
        TimeUnit::Seconds => digits(rule, text)?.checked_mul(1_000),
        TimeUnit::Milliseconds => digits(rule, text),
        TimeUnit::Rfc3339 => {
            let instant: Instant = is_rfc3339(text).then(|| text.parse().ok())??;
            Some(instant.as_millisecond())
        }
    }
}

/// What a timestamp must look like, for messages.
pub(crate) fn expected(rule: &Timestamp) -> &'static str {
    match rule.unit {
        TimeUnit::Seconds => "unix time in whole seconds, digits only, no leading zero",
        TimeUnit::Milliseconds => "unix time in whole milliseconds, digits only, no leading zero",
        TimeUnit::Rfc3339 => "an RFC 3339 time such as 2026-01-31T08:00:00Z",
    }
}

/// Both directions: a signature from the future would outlive the replay window.
pub(crate) fn check_fresh(
    rule: &Timestamp,
    signed_ms: i64,
    now_unix_s: i64,
) -> Result<(), VerifyError> {
    let window = Window {
        past_s: rule.past_s,
        future_s: rule.future_s,
    };
    check_window(window, signed_ms, now_unix_s)
}

pub(crate) fn check_window(
    rule: Window,
    signed_ms: i64,
    now_unix_s: i64,
) -> Result<(), VerifyError> {
    let age_ms = now_unix_s.saturating_mul(1_000).saturating_sub(signed_ms);
    if age_ms > i64::from(rule.past_s) * 1_000 {
        return Err(VerifyError::Stale {
            by_s: whole_seconds(age_ms),
            tolerance_s: rule.past_s,
        });
    }
    if age_ms < i64::from(rule.future_s) * -1_000 {
        return Err(VerifyError::Future {
            by_s: whole_seconds(age_ms),
            tolerance_s: rule.future_s,
        });
    }
    Ok(())
}

/// Rounded away from zero, so that a refusal never reads as if it were inside the tolerance.
fn whole_seconds(milliseconds: i64) -> u64 {
    milliseconds.unsigned_abs().div_ceil(1_000)
}

fn digits(rule: &Timestamp, text: &str) -> Option<i64> {
    let canonical = text.len() <= MOST_DIGITS
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && rule
            .digits
            .is_none_or(|digits| text.len() == usize::from(digits));
    if canonical { text.parse().ok() } else { None }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`: the parser behind it accepts many more spellings.
fn is_rfc3339(text: &str) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|each: char| each.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - zone.len())) {
                return false;
            }
            zone
        }
        None => rest,
    };
    fits(date_time, "0000-00-00T00:00:00")
        && (zone == "Z" || fits(zone, "+00:00") || fits(zone, "-00:00"))
}

fn fits(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte == wanted,
            })
}

#[cfg(test)]
mod tests;
