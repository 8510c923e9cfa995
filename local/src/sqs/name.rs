//! Queue names, their ARNs and URLs, and receipt handles. Only text that passed its parser gets a type.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::sqs::error::{ErrorKind, SqsError};

pub(super) const ACCOUNT: &str = "000000000000";
const ARN_PREFIX: &str = "arn:aws:sqs:us-east-1:000000000000:";
const MAX_NAME_CHARS: usize = 80;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueueName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum QueueKind {
    Standard,
    Fifo,
}

impl QueueName {
    pub(super) fn parse(text: &str) -> Result<Self, SqsError> {
        let stem = text.strip_suffix(".fifo").unwrap_or(text);
        let is_valid = !stem.is_empty()
            && text.len() <= MAX_NAME_CHARS
            && stem
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(SqsError::invalid_parameter(format!(
                "QueueName must be 1 to {MAX_NAME_CHARS} letters, digits, hyphens or underscores, \
                 with .fifo at the end for a FIFO queue, got `{text}`"
            )))
        }
    }

    /// Reads the path of a queue URL; the host is whatever name the caller reached this server by.
    pub(super) fn from_url(url: &str) -> Result<Self, SqsError> {
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let invalid = || {
            SqsError::new(
                ErrorKind::InvalidAddress,
                format!("QueueUrl must end in /{ACCOUNT}/name, got `{url}`"),
            )
        };
        let (_, path) = after_scheme.split_once('/').ok_or_else(invalid)?;
        let (account, name) = path
            .trim_end_matches('/')
            .split_once('/')
            .ok_or_else(invalid)?;
        if account != ACCOUNT {
            return Err(SqsError::no_such_queue(name));
        }
        Self::parse(name).map_err(|_| SqsError::no_such_queue(name))
    }

    pub(super) fn from_arn(arn: &str) -> Result<Self, SqsError> {
        arn.strip_prefix(ARN_PREFIX)
            .ok_or_else(|| {
                SqsError::invalid_parameter(format!(
                    "a queue ARN must start with {ARN_PREFIX}, got `{arn}`"
                ))
            })
            .and_then(Self::parse)
    }

    pub(super) fn arn(&self) -> String {
        format!("{ARN_PREFIX}{}", self.0)
    }

    pub(super) fn url(&self, host: &str) -> String {
        format!("http://{host}/{ACCOUNT}/{}", self.0)
    }

    pub(super) fn kind(&self) -> QueueKind {
        if self.0.ends_with(".fifo") {
            QueueKind::Fifo
        } else {
            QueueKind::Standard
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One receive of one message: a later receive of the same message makes an earlier handle stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReceiptHandle {
    pub(super) queue: i64,
    pub(super) message: i64,
    pub(super) receive_count: i64,
}

impl ReceiptHandle {
    pub(super) fn parse(text: &str, queue: i64) -> Result<Self, SqsError> {
        let handle = Self::decode(text).ok_or_else(|| {
            SqsError::new(
                ErrorKind::ReceiptHandleIsInvalid,
                format!("the receipt handle `{text}` was not issued by this service"),
            )
        })?;
        if handle.queue != queue {
            return Err(SqsError::new(
                ErrorKind::ReceiptHandleIsInvalid,
                format!("the receipt handle `{text}` belongs to another queue"),
            ));
        }
        Ok(handle)
    }

    pub(super) fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(format!(
            "receipt:{}:{}:{}",
            self.queue, self.message, self.receive_count
        ))
    }

    fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = plain.strip_prefix("receipt:")?.split(':');
        let handle = Self {
            queue: parts.next()?.parse().ok()?,
            message: parts.next()?.parse().ok()?,
            receive_count: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(handle)
    }
}

#[cfg(test)]
mod tests;
