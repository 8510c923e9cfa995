//! A queue's attributes: parsed once from their text, so that every stored value is within its range.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::name::{QueueKind, QueueName};

pub(super) const MAX_MESSAGE_BYTES: i64 = 1_048_576;
pub(super) const MAX_DELAY_SECONDS: i64 = 900;
pub(super) const MAX_WAIT_SECONDS: i64 = 20;
pub(super) const MAX_VISIBILITY_SECONDS: i64 = 43_200;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) kind: QueueKind,
    pub(super) delay_seconds: i64,
    pub(super) max_message_bytes: i64,
    pub(super) retention_seconds: i64,
    pub(super) wait_seconds: i64,
    pub(super) visibility_seconds: i64,
    pub(super) redrive: Option<RedrivePolicy>,
    pub(super) redrive_allow: Option<RedriveAllowPolicy>,
    pub(super) content_based_deduplication: bool,
    pub(super) deduplication_scope: DeduplicationScope,
    throughput_limit: ThroughputLimit,
    policy: Option<String>,
    kms_key: Option<String>,
    kms_reuse_seconds: i64,
    is_encrypted_by_sqs: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_target_arn: String,
    pub(super) max_receive_count: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "redrivePermission")]
pub(super) enum RedriveAllowPolicy {
    AllowAll,
    DenyAll,
    #[serde(rename_all = "camelCase")]
    ByQueue {
        source_queue_arns: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DeduplicationScope {
    Queue,
    MessageGroup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ThroughputLimit {
    PerQueue,
    PerMessageGroup,
}

impl Settings {
    pub(super) fn defaults(kind: QueueKind) -> Self {
        Self {
            kind,
            delay_seconds: 0,
            max_message_bytes: MAX_MESSAGE_BYTES,
            retention_seconds: 345_600,
            wait_seconds: 0,
            visibility_seconds: 30,
            redrive: None,
            redrive_allow: None,
            content_based_deduplication: false,
            deduplication_scope: DeduplicationScope::Queue,
            throughput_limit: ThroughputLimit::PerQueue,
            policy: None,
            kms_key: None,
            kms_reuse_seconds: 300,
            is_encrypted_by_sqs: true,
        }
    }

    /// The settings of a new queue. `FifoQueue` is fixed at creation and must agree with the name.
    pub(super) fn create(
        name: &QueueName,
        attributes: &BTreeMap<String, String>,
    ) -> Result<Self, SqsError> {
        Self::check_kind(name, attributes)?;
        Self::defaults(name.kind()).with(attributes)
    }

    pub(super) fn check_kind(
        name: &QueueName,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), SqsError> {
        match (name.kind(), attributes.get("FifoQueue").map(String::as_str)) {
            (QueueKind::Fifo, Some("true")) | (QueueKind::Standard, None) => Ok(()),
            (QueueKind::Fifo, None) => Err(SqsError::invalid_parameter(
                "a QueueName that ends in .fifo needs the attribute FifoQueue with the value true",
            )),
            (QueueKind::Standard, Some("true")) => Err(SqsError::invalid_parameter(
                "the QueueName of a FIFO queue must end in .fifo",
            )),
            (_, Some(value)) => Err(SqsError::new(
                ErrorKind::InvalidAttributeValue,
                format!("FifoQueue must be true or absent, got `{value}`"),
            )),
        }
    }

    /// A copy with the given attributes changed; `FifoQueue` is skipped, see [`Settings::create`].
    pub(super) fn with(&self, attributes: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        let mut changed = self.clone();
        for (name, value) in attributes {
            changed.set(name, value)?;
        }
        if changed.throughput_limit == ThroughputLimit::PerMessageGroup
            && changed.deduplication_scope == DeduplicationScope::Queue
        {
            return Err(SqsError::new(
                ErrorKind::InvalidAttributeValue,
                "FifoThroughputLimit may be perMessageGroupId only with a DeduplicationScope of messageGroup",
            ));
        }
        Ok(changed)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "DelaySeconds" => self.delay_seconds = number(name, value, 0..=MAX_DELAY_SECONDS)?,
            "MaximumMessageSize" => {
                self.max_message_bytes = number(name, value, 1_024..=MAX_MESSAGE_BYTES)?;
            }
            "MessageRetentionPeriod" => {
                self.retention_seconds = number(name, value, 60..=1_209_600)?;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.wait_seconds = number(name, value, 0..=MAX_WAIT_SECONDS)?;
            }
            "VisibilityTimeout" => {
                self.visibility_seconds = number(name, value, 0..=MAX_VISIBILITY_SECONDS)?;
            }
            "RedrivePolicy" => self.redrive = unless_empty(value, RedrivePolicy::parse)?,
            "RedriveAllowPolicy" => {
                self.redrive_allow = unless_empty(value, RedriveAllowPolicy::parse)?;
            }
            "Policy" => self.policy = unless_empty(value, parse_policy)?,
            "KmsMasterKeyId" => {
                self.kms_key = unless_empty(value, |key| Ok(key.to_owned()))?;
                self.is_encrypted_by_sqs = self.kms_key.is_none();
            }
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_reuse_seconds = number(name, value, 60..=86_400)?;
            }
            "SqsManagedSseEnabled" => self.is_encrypted_by_sqs = boolean(name, value)?,
            "FifoQueue" if self.kind == QueueKind::Fifo => {}
            "ContentBasedDeduplication" if self.kind == QueueKind::Fifo => {
                self.content_based_deduplication = boolean(name, value)?;
            }
            "DeduplicationScope" if self.kind == QueueKind::Fifo => {
                self.deduplication_scope = match value {
                    "queue" => DeduplicationScope::Queue,
                    "messageGroup" => DeduplicationScope::MessageGroup,
                    _ => return Err(bad_value(name, value, "queue or messageGroup")),
                };
            }
            "FifoThroughputLimit" if self.kind == QueueKind::Fifo => {
                self.throughput_limit = match value {
                    "perQueue" => ThroughputLimit::PerQueue,
                    "perMessageGroupId" => ThroughputLimit::PerMessageGroup,
                    _ => return Err(bad_value(name, value, "perQueue or perMessageGroupId")),
                };
            }
            _ => {
                return Err(SqsError::new(
                    ErrorKind::InvalidAttributeName,
                    format!("the attribute `{name}` cannot be set on this queue"),
                ));
            }
        }
        Ok(())
    }

    /// The attributes as they are read back; optional ones only where they are set.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut list = vec![
            ("DelaySeconds", self.delay_seconds.to_string()),
            ("MaximumMessageSize", self.max_message_bytes.to_string()),
            ("MessageRetentionPeriod", self.retention_seconds.to_string()),
            (
                "ReceiveMessageWaitTimeSeconds",
                self.wait_seconds.to_string(),
            ),
            ("VisibilityTimeout", self.visibility_seconds.to_string()),
            ("SqsManagedSseEnabled", self.is_encrypted_by_sqs.to_string()),
        ];
        if let Some(redrive) = &self.redrive {
            list.push(("RedrivePolicy", redrive.to_json()));
        }
        if let Some(allow) = &self.redrive_allow {
            list.push(("RedriveAllowPolicy", allow.to_json()));
        }
        if let Some(policy) = &self.policy {
            list.push(("Policy", policy.clone()));
        }
        if let Some(key) = &self.kms_key {
            list.push(("KmsMasterKeyId", key.clone()));
            list.push((
                "KmsDataKeyReusePeriodSeconds",
                self.kms_reuse_seconds.to_string(),
            ));
        }
        if self.kind == QueueKind::Fifo {
            list.extend(self.fifo_attributes());
        }
        list
    }

    fn fifo_attributes(&self) -> [(&'static str, String); 4] {
        let scope = match self.deduplication_scope {
            DeduplicationScope::Queue => "queue",
            DeduplicationScope::MessageGroup => "messageGroup",
        };
        let limit = match self.throughput_limit {
            ThroughputLimit::PerQueue => "perQueue",
            ThroughputLimit::PerMessageGroup => "perMessageGroupId",
        };
        [
            ("FifoQueue", "true".to_owned()),
            (
                "ContentBasedDeduplication",
                self.content_based_deduplication.to_string(),
            ),
            ("DeduplicationScope", scope.to_owned()),
            ("FifoThroughputLimit", limit.to_owned()),
        ]
    }
}

/// The attributes that `GetQueueAttributes` accepts by name although they may be unset.
pub(super) const ATTRIBUTE_NAMES: [&str; 21] = [
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "CreatedTimestamp",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "VisibilityTimeout",
];

impl RedrivePolicy {
    /// Accepts the count as a number or as text, as AWS does.
    fn parse(text: &str) -> Result<Self, SqsError> {
        let bad = || {
            SqsError::invalid_parameter(format!(
                "RedrivePolicy must be a JSON object with deadLetterTargetArn and a maxReceiveCount of 1 to 1000, got `{text}`"
            ))
        };
        let policy: serde_json::Value = serde_json::from_str(text).map_err(|_| bad())?;
        let dead_letter_target_arn = policy
            .get("deadLetterTargetArn")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(bad)?;
        let count = policy.get("maxReceiveCount").ok_or_else(bad)?;
        let max_receive_count = count
            .as_i64()
            .or_else(|| count.as_str()?.parse().ok())
            .filter(|count| (1..=1_000).contains(count))
            .ok_or_else(bad)?;
        Ok(Self {
            dead_letter_target_arn: QueueName::from_arn(dead_letter_target_arn)?.arn(),
            max_receive_count,
        })
    }

    fn to_json(&self) -> String {
        serde_json::json!({
            "deadLetterTargetArn": self.dead_letter_target_arn,
            "maxReceiveCount": self.max_receive_count,
        })
        .to_string()
    }
}

impl RedriveAllowPolicy {
    fn parse(text: &str) -> Result<Self, SqsError> {
        let policy: Self = serde_json::from_str(text).map_err(|_| {
            SqsError::invalid_parameter(format!(
                "RedriveAllowPolicy must be a JSON object with a redrivePermission of allowAll, denyAll, \
                 or byQueue with sourceQueueArns, got `{text}`"
            ))
        })?;
        match &policy {
            Self::ByQueue { source_queue_arns } if !(1..=10).contains(&source_queue_arns.len()) => {
                Err(SqsError::invalid_parameter(format!(
                    "sourceQueueArns must hold 1 to 10 ARNs, got {}",
                    source_queue_arns.len()
                )))
            }
            Self::AllowAll | Self::DenyAll | Self::ByQueue { .. } => Ok(policy),
        }
    }

    fn to_json(&self) -> String {
        match self {
            Self::AllowAll => serde_json::json!({ "redrivePermission": "allowAll" }),
            Self::DenyAll => serde_json::json!({ "redrivePermission": "denyAll" }),
            Self::ByQueue { source_queue_arns } => serde_json::json!({
                "redrivePermission": "byQueue",
                "sourceQueueArns": source_queue_arns,
            }),
        }
        .to_string()
    }

    pub(super) fn allows(&self, source: &QueueName) -> bool {
        match self {
            Self::AllowAll => true,
            Self::DenyAll => false,
            Self::ByQueue { source_queue_arns } => source_queue_arns.contains(&source.arn()),
        }
    }
}

fn number(name: &str, value: &str, range: RangeInclusive<i64>) -> Result<i64, SqsError> {
    value
        .parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            bad_value(
                name,
                value,
                &format!("a number from {} to {}", range.start(), range.end()),
            )
        })
}

fn boolean(name: &str, value: &str) -> Result<bool, SqsError> {
    value
        .parse()
        .map_err(|_| bad_value(name, value, "true or false"))
}

fn bad_value(name: &str, value: &str, allowed: &str) -> SqsError {
    SqsError::new(
        ErrorKind::InvalidAttributeValue,
        format!("{name} must be {allowed}, got `{value}`"),
    )
}

/// An empty value removes the attribute.
fn unless_empty<T>(
    value: &str,
    parse: impl FnOnce(&str) -> Result<T, SqsError>,
) -> Result<Option<T>, SqsError> {
    if value.is_empty() {
        Ok(None)
    } else {
        parse(value).map(Some)
    }
}

fn parse_policy(text: &str) -> Result<String, SqsError> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(bad_value("Policy", text, "a JSON object")),
    }
}

#[cfg(test)]
mod tests;
