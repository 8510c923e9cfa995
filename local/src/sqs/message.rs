//! What a producer may put into a message, and its MD5 digests. Nothing unchecked reaches the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::sqs::error::{ErrorKind, SqsError};

const MAX_ATTRIBUTES: usize = 10;
const MAX_NAME_CHARS: usize = 256;
const MAX_GROUP_CHARS: usize = 128;

/// A message attribute as it travels and as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageAttribute {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    /// Base64, as the JSON protocol sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

pub(super) type MessageAttributes = BTreeMap<String, MessageAttribute>;

pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

/// The digest over all attributes in the order of their names: each of name, type and value with its
/// length before it, and one byte that tells text (1) from binary (2). `None` without attributes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(super) fn attributes_md5(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    let mut part = |bytes: &[u8], transport: Option<u8>| {
        if let Some(transport) = transport {
            digest.update([transport]);
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        digest.update(length.to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in attributes {
        part(name.as_bytes(), None);
        part(attribute.data_type.as_bytes(), None);
        match &attribute.string_value {
            Some(text) => part(text.as_bytes(), Some(1)),
            None => part(&attribute.binary().unwrap_or_default(), Some(2)),
        }
    }
    Some(hex(&digest.finalize()))
}

/// Bytes that count against the size limit: body, and every attribute's name, type and value.
pub(super) fn message_bytes(body: &str, attributes: &MessageAttributes) -> usize {
    let attribute_bytes: usize = attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.value_bytes())
        .sum();
    body.len() + attribute_bytes
}

/// Checks a body's characters: XML 1.0 text, which is what every SQS protocol can carry.
pub(super) fn check_body(body: &str) -> Result<(), SqsError> {
    if body.is_empty() {
        return Err(SqsError::missing("MessageBody"));
    }
    match body.chars().find(|c| !is_allowed(*c)) {
        None => Ok(()),
        Some(c) => Err(SqsError::new(
            ErrorKind::InvalidMessageContents,
            format!(
                "MessageBody must hold only tab, line feed, carriage return and U+0020 to U+FFFD or above \
                 U+FFFF, got U+{:04X}",
                u32::from(c)
            ),
        )),
    }
}

pub(super) fn check_attributes(attributes: &MessageAttributes) -> Result<(), SqsError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(SqsError::invalid_parameter(format!(
            "a message may have up to {MAX_ATTRIBUTES} attributes, got {}",
            attributes.len()
        )));
    }
    for (name, attribute) in attributes {
        check_attribute_name(name)?;
        attribute.check(name)?;
    }
    Ok(())
}

/// The only system attribute a producer may set is the trace header, as text.
pub(super) fn trace_header(attributes: &MessageAttributes) -> Result<Option<String>, SqsError> {
    let mut header = None;
    for (name, attribute) in attributes {
        match (name.as_str(), &attribute.string_value) {
            ("AWSTraceHeader", Some(text)) if attribute.data_type == "String" => {
                header = Some(text.clone());
            }
            ("AWSTraceHeader", _) => {
                return Err(SqsError::invalid_parameter(
                    "the system attribute AWSTraceHeader must be a String",
                ));
            }
            _ => {
                return Err(SqsError::invalid_parameter(format!(
                    "the only message system attribute is AWSTraceHeader, got `{name}`"
                )));
            }
        }
    }
    Ok(header)
}

/// Message groups and deduplication ids: 1 to 128 letters, digits and ASCII punctuation.
pub(super) fn check_fifo_id(parameter: &str, id: &str) -> Result<(), SqsError> {
    let is_valid =
        (1..=MAX_GROUP_CHARS).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic());
    if is_valid {
        return Ok(());
    }
    Err(SqsError::invalid_parameter(format!(
        "{parameter} must be 1 to {MAX_GROUP_CHARS} letters, digits or punctuation characters, got `{id}`"
    )))
}

impl MessageAttribute {
    fn check(&self, name: &str) -> Result<(), SqsError> {
        let base_type = self.data_type.split('.').next().unwrap_or_default();
        let bad = |allowed: &str| {
            SqsError::invalid_parameter(format!("the message attribute `{name}` {allowed}"))
        };
        if self.data_type.len() > MAX_NAME_CHARS {
            return Err(bad("has a type longer than 256 characters"));
        }
        match (base_type, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) if text.is_empty() => {
                Err(bad("must not have an empty value"))
            }
            ("String", Some(text), None) if !text.chars().all(is_allowed) => {
                Err(bad("holds a character that a message cannot carry"))
            }
            ("Number", Some(text), None) if text.parse::<f64>().is_err() => {
                Err(bad("must be a decimal number"))
            }
            ("String" | "Number", Some(_), None) => Ok(()),
            ("Binary", None, Some(_)) => match self.binary() {
                Some(bytes) if !bytes.is_empty() => Ok(()),
                Some(_) => Err(bad("must not have an empty value")),
                None => Err(bad("must be base64")),
            },
            _ => Err(bad(
                "must be a String or Number with a StringValue, or a Binary with a BinaryValue",
            )),
        }
    }

    fn binary(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.binary_value.as_ref()?).ok()
    }

    fn value_bytes(&self) -> usize {
        match &self.string_value {
            Some(text) => text.len(),
            None => self.binary().map_or(0, |bytes| bytes.len()),
        }
    }
}

fn check_attribute_name(name: &str) -> Result<(), SqsError> {
    let lower = name.to_ascii_lowercase();
    let is_valid = (1..=MAX_NAME_CHARS).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.");
    if is_valid {
        return Ok(());
    }
    Err(SqsError::invalid_parameter(format!(
        "a message attribute's name must be 1 to {MAX_NAME_CHARS} letters, digits, hyphens, underscores and \
         single periods inside, without the prefixes AWS. and Amazon., got `{name}`"
    )))
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
