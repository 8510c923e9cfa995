//! Values as text whose order is the values': `0` for none, then a digit for the type and the value.
//! The digits of a value are `0-9 a-f` only, all above the `#` that ends it.

use icu_normalizer::ComposingNormalizerBorrowed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Of one string in an index; three of them fit a sort key.
pub(super) const MAX_STRING_BYTES: usize = 128;

/// 2⁵³ - 1: beyond, two integers can be the same number (RFC 8259 section 6).
const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// What an indexed field holds. `null` and absence go with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// By code points of its composed form (NFC). At most 128 bytes.
    String,
    /// Integers up to 2⁵³ - 1, and fractions.
    Number,
    Boolean,
    /// An RFC 3339 time, by instant and not by text.
    Time,
}

impl ValueKind {
    /// The first character of each value of this type.
    pub(super) fn tag(self) -> char {
        match self {
            Self::Boolean => '1',
            Self::Number => '2',
            Self::Time => '3',
            Self::String => '4',
        }
    }

    /// Comes after every value of this type.
    pub(super) fn after(self) -> char {
        match self {
            Self::Boolean => '2',
            Self::Number => '3',
            Self::Time => '4',
            Self::String => '5',
        }
    }
}

const NONE: &str = "0";

/// # Errors
/// What the value must be.
pub(super) fn of_json(kind: ValueKind, value: Option<&Value>) -> Result<String, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(NONE.to_owned());
    };
    match (kind, value) {
        (ValueKind::String, Value::String(text)) => string(text),
        (ValueKind::Number, Value::Number(number)) => {
            let is_safe = |integer: u64| integer <= MAX_SAFE_INTEGER;
            if !number.as_u64().is_none_or(is_safe)
                || !number
                    .as_i64()
                    .is_none_or(|integer| is_safe(integer.unsigned_abs()))
            {
                return Err("must be at most 2^53 - 1 in an indexed field".to_owned());
            }
            number
                .as_f64()
                .map(float)
                .ok_or_else(|| "must be a number".to_owned())
        }
        (ValueKind::Boolean, Value::Bool(value)) => Ok(boolean(*value)),
        (ValueKind::Time, Value::String(text)) => time(text),
        (ValueKind::String, _) => Err("must be a string or null: it is indexed".to_owned()),
        (ValueKind::Number, _) => Err("must be a number or null: it is indexed".to_owned()),
        (ValueKind::Boolean, _) => Err("must be true, false or null: it is indexed".to_owned()),
        (ValueKind::Time, _) => Err("must be an RFC 3339 time or null: it is indexed".to_owned()),
    }
}

/// A value as a query parameter has it.
///
/// # Errors
/// What it must be.
pub(super) fn of_text(kind: ValueKind, text: &str) -> Result<String, String> {
    match kind {
        ValueKind::String => string(text),
        ValueKind::Number => {
            let number: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
            if number.is_finite() {
                Ok(float(number))
            } else {
                Err("must be a number".to_owned())
            }
        }
        ValueKind::Boolean => match text {
            "true" => Ok(boolean(true)),
            "false" => Ok(boolean(false)),
            _ => Err("must be true or false".to_owned()),
        },
        ValueKind::Time => time(text),
    }
}

/// Two ways to write the same letters are the same value (Unicode Standard Annex 15).
pub(super) fn string(text: &str) -> Result<String, String> {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let len = text.len();
    if len > MAX_STRING_BYTES {
        return Err(format!(
            "must have at most {MAX_STRING_BYTES} bytes in an indexed field, got {len}"
        ));
    }
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}{digits}", ValueKind::String.tag()))
}

/// IEEE 754: the bits of positive numbers are in their order, those of negative ones in the opposite.
fn float(number: f64) -> String {
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    let is_negative = bits >> 63 == 1;
    let ordered = if is_negative { !bits } else { bits | (1 << 63) };
    format!("{}{ordered:016x}", ValueKind::Number.tag())
}

fn boolean(value: bool) -> String {
    format!("{}{}", ValueKind::Boolean.tag(), u8::from(value))
}

fn time(text: &str) -> Result<String, String> {
    let time: Timestamp = text
        .parse()
        .map_err(|_| "must be an RFC 3339 time such as 2026-01-31T12:00:00Z".to_owned())?;
    // Shifted so that times before 1970 come first.
    let shifted = i128::from(i64::MAX) + time.as_nanosecond() / 1_000;
    Ok(format!("{}{shifted:017x}", ValueKind::Time.tag()))
}
