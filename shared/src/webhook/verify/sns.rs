//! Amazon SNS: a JSON message that names its own certificate. Any customer of AWS can have a message
//! signed, so the topic is pinned: it is what an endpoint has in place of a secret.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::webhook::keys::PreparedKey;
use crate::webhook::scheme::{
    Algorithm, Issuer, Text, TimeUnit, Timestamp, TimestampSource, sns_region,
};
use crate::webhook::timestamp;
use crate::webhook::vendor_key::{KeyRef, VendorKeys};
use crate::webhook::verify::{Authentic, VerifyError};

pub(crate) const TIME: Timestamp = Timestamp {
    source: TimestampSource::Body {
        pointer: Text::Borrowed("/Timestamp"),
    },
    unit: TimeUnit::Rfc3339,
    digits: None,
    past_s: 3_600,
    future_s: 3_600,
};

/// The members that a signature covers, as pointers.
pub(crate) const SIGNED: [&str; 8] = [
    "/Message",
    "/MessageId",
    "/Subject",
    "/SubscribeURL",
    "/Timestamp",
    "/Token",
    "/TopicArn",
    "/Type",
];

// The derived reader refuses a member that appears twice: a later reader might take the other one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Message {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    message: String,
    subject: Option<String>,
    timestamp: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
}

pub(super) fn verify(
    body: &[u8],
    keys: &[PreparedKey],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let message = read(body)?;
    let wanted = message.wanted()?;
    let signed = message.canonical()?;
    let signed_ms = timestamp::parse(&TIME, &message.timestamp)
        .ok_or(malformed("an SNS message with an RFC 3339 `Timestamp`"))?;
    let algorithm = match message.signature_version.as_str() {
        "1" => Algorithm::RsaSha1,
        "2" => Algorithm::RsaSha256,
        _ => return Err(malformed("an SNS message of `SignatureVersion` 1 or 2")),
    };
    let signature = STANDARD.decode(&message.signature);
    let key = vendor_keys.get(&wanted)?;
    let is_good =
        signature.is_ok_and(|signature| key.verifies(algorithm, signed.as_bytes(), &signature));
    if !is_good {
        return Err(VerifyError::SignatureMismatch);
    }
    let topic = keys.iter().position(|key| match key {
        PreparedKey::Text(topic) => {
            verify_slices_are_equal(topic, message.topic_arn.as_bytes()).is_ok()
        }
        PreparedKey::Hmac(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    });
    let Some(topic) = topic else {
        return Err(VerifyError::OtherSender { name: "TopicArn" });
    };
    timestamp::check_fresh(&TIME, signed_ms, now_unix_s)?;
    Ok(Authentic {
        matched_secret: Some(topic),
        signed_at_unix_s: Some(signed_ms.div_euclid(1_000)),
    })
}

pub(crate) fn wanted(body: &[u8]) -> Result<KeyRef, VerifyError> {
    read(body)?.wanted()
}

/// The URL that confirms the subscription which a verified message announces.
pub(crate) fn confirmation(body: &[u8]) -> Option<String> {
    let message = read(body).ok()?;
    (message.kind == SUBSCRIPTION).then_some(())?;
    message.subscribe_url().map(str::to_owned)
}

const NOTIFICATION: &str = "Notification";
const SUBSCRIPTION: &str = "SubscriptionConfirmation";
const END_OF_SUBSCRIPTION: &str = "UnsubscribeConfirmation";

pub(crate) fn read(body: &[u8]) -> Result<Message, VerifyError> {
    serde_json::from_slice(body).map_err(|_| malformed("an SNS message as JSON"))
}

fn malformed(expected: &'static str) -> VerifyError {
    VerifyError::MalformedBody { expected }
}

impl Message {
    fn wanted(&self) -> Result<KeyRef, VerifyError> {
        KeyRef::new(Issuer::AwsSns, &self.signing_cert_url).ok_or(malformed(
            "an SNS message whose `SigningCertURL` is a .pem of https://sns.<region>.amazonaws.com",
        ))
    }

    /// Names in the order of their bytes; a subject only where there is one.
    pub(crate) fn canonical(&self) -> Result<String, VerifyError> {
        let needed = |member: &Option<String>| {
            let member = member.clone();
            member.ok_or(malformed("an SNS message with `Token` and `SubscribeURL`"))
        };
        let mut pairs = vec![
            ("Message", self.message.clone()),
            ("MessageId", self.message_id.clone()),
        ];
        match self.kind.as_str() {
            NOTIFICATION => {
                pairs.extend(self.subject.clone().map(|subject| ("Subject", subject)));
                pairs.push(("Timestamp", self.timestamp.clone()));
            }
            SUBSCRIPTION | END_OF_SUBSCRIPTION => {
                pairs.push(("SubscribeURL", needed(&self.subscribe_url)?));
                pairs.push(("Timestamp", self.timestamp.clone()));
                pairs.push(("Token", needed(&self.token)?));
            }
            _ => {
                return Err(malformed(
                    "an SNS message of type Notification, SubscriptionConfirmation or UnsubscribeConfirmation",
                ));
            }
        }
        pairs.push(("TopicArn", self.topic_arn.clone()));
        pairs.push(("Type", self.kind.clone()));
        Ok(pairs
            .iter()
            .map(|(name, value)| format!("{name}\n{value}\n"))
            .collect())
    }

    /// SNS's own host in the topic's region: a confirmation goes nowhere else.
    fn subscribe_url(&self) -> Option<&str> {
        let url = self.subscribe_url.as_deref()?;
        let host = url.strip_prefix("https://")?.split(['/', '?']).next()?;
        let region = self.topic_arn.split(':').nth(3)?;
        let asks = url.contains("?Action=ConfirmSubscription&");
        (asks && sns_region(host)? == region).then_some(url)
    }
}

#[cfg(test)]
mod tests;
