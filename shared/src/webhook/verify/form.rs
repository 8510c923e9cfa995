//! How signatures are laid out in a header value. Reading one borrows from it and copies nothing.

use crate::webhook::scheme::{Form, Signature, TimestampSource};

/// More entries than any rotation needs; bounds the work that a stranger can ask for.
const MOST_SIGNATURES: usize = 16;

/// Whether a signature header has the shape of its form. Whether an entry is a signature is decided
/// later: a wrong one is a mismatch, not a malformed header. A comma is no character of any encoding:
/// one that does not separate entries is where a gateway joined two lines.
pub(crate) fn check(rule: &Signature, value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Err("non-empty");
    }
    let entries = match &rule.form {
        Form::Plain { .. } if value.contains(',') => return Err("exactly one signature"),
        Form::Plain { .. } => 1,
        Form::KeyValues { separator, .. } => {
            let timestamp_key = timestamp_key(rule);
            let (mut timestamps, mut others) = (0, 0);
            for entry in entries(value, separator) {
                let (key, entry_value) = entry.split_once('=').unwrap_or_default();
                if key.is_empty() || key.contains([' ', ',']) || entry_value.contains(',') {
                    return Err("one list of key=value entries");
                }
                if timestamp_key == Some(key) {
                    timestamps += 1;
                } else {
                    others += 1;
                }
            }
            if timestamp_key.is_some() && timestamps != 1 {
                return Err("a list with exactly one timestamp");
            }
            others
        }
        Form::Versioned { separator, version } => {
            let mut count = 0;
            for entry in entries(value, separator) {
                let signature = entry.strip_prefix(&**version);
                if signature.is_some_and(|signature| signature.contains(',')) {
                    return Err("a list of version,signature entries on one line");
                }
                count += 1;
            }
            count
        }
    };
    match entries {
        0 => Err("a list with at least one signature"),
        1..=MOST_SIGNATURES => Ok(()),
        _ => Err("a list of at most 16 signatures"),
    }
}

/// Whether any entry that the scheme calls a signature satisfies `is_good`.
pub(crate) fn any_signature(
    form: &Form,
    line: &str,
    is_good: &mut impl FnMut(&str) -> bool,
) -> bool {
    match form {
        Form::Plain { prefix } => line.strip_prefix(&**prefix).is_some_and(is_good),
        Form::KeyValues {
            separator,
            signature_key,
        } => entries(line, separator)
            .filter_map(|entry| entry.split_once('='))
            .any(|(key, value)| key == signature_key && is_good(value)),
        Form::Versioned { separator, version } => entries(line, separator)
            .filter_map(|entry| entry.strip_prefix(&**version))
            .any(is_good),
    }
}

/// The value of a key in a key=value list.
pub(crate) fn value_of<'a>(form: &Form, line: &'a str, key: &str) -> Option<&'a str> {
    match form {
        Form::KeyValues { separator, .. } => entries(line, separator)
            .filter_map(|entry| entry.split_once('='))
            .find_map(|(name, value)| (name == key).then_some(value)),
        Form::Plain { .. } | Form::Versioned { .. } => None,
    }
}

fn timestamp_key(rule: &Signature) -> Option<&str> {
    match &rule.timestamp.as_ref()?.source {
        TimestampSource::SignatureKey { key } => Some(key),
        TimestampSource::Header { .. } | TimestampSource::Body { .. } => None,
    }
}

/// `str::split`, without the substring searcher that it sets up for each call.
fn entries<'a>(list: &'a str, separator: &str) -> impl Iterator<Item = &'a str> {
    let first = separator.bytes().next();
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.bytes().enumerate().position(|(at, byte)| {
            first == Some(byte)
                && text
                    .get(at..)
                    .is_some_and(|tail| tail.starts_with(separator))
        });
        let (entry, tail) = match end.and_then(|end| text.split_at_checked(end)) {
            Some((entry, tail)) => (entry, tail.strip_prefix(separator)),
            None => (text, None),
        };
        rest = tail;
        Some(entry)
    })
}
