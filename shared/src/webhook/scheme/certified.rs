//! Vendors that sign under a certificate which the request only names. What is signed is put together by
//! code; what is known of it without running that is here.

use serde::{Deserialize, Serialize};

use crate::webhook::scheme::{EventField, Issuer, Text, Window};
use crate::webhook::verify::{paypal, sns};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certified {
    /// The members of an SNS message in sorted order.
    AwsSns,
    /// Id, time, webhook id and the CRC-32 of the body.
    PayPal,
}

impl Certified {
    pub fn issuer(self) -> Issuer {
        match self {
            Self::AwsSns => Issuer::AwsSns,
            Self::PayPal => Issuer::PayPal,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::AwsSns => "RSA with SHA-1 or SHA-256",
            Self::PayPal => "RSA with SHA-256",
        }
    }

    pub fn content(self) -> &'static str {
        match self {
            Self::AwsSns => {
                "name and value, each with a line feed, of Message, MessageId, Subject or SubscribeURL, Timestamp, Token, TopicArn and Type"
            }
            Self::PayPal => {
                "{transmission id}|{transmission time}|{webhook id}|{crc32 of the body}"
            }
        }
    }

    pub fn form(self) -> &'static str {
        match self {
            Self::AwsSns => "<base64> in Signature of the body",
            Self::PayPal => "<base64>",
        }
    }

    pub(crate) fn headers(self) -> Vec<Text> {
        match self {
            Self::AwsSns => Vec::new(),
            Self::PayPal => vec![
                paypal::SIGNATURE,
                paypal::ID,
                paypal::TIME_HEADER,
                paypal::CERTIFICATE,
                paypal::ALGORITHM,
            ],
        }
    }

    pub(crate) fn window(self) -> Window {
        let time = match self {
            Self::AwsSns => &sns::TIME,
            Self::PayPal => &paypal::TIME,
        };
        Window {
            past_s: time.past_s,
            future_s: time.future_s,
        }
    }

    /// A CRC-32 covers nothing that somebody wants to change.
    pub(crate) fn covers_body(self) -> bool {
        match self {
            Self::AwsSns => true,
            Self::PayPal => false,
        }
    }

    pub(crate) fn covers(self, field: &EventField) -> bool {
        match (self, field) {
            (Self::AwsSns, EventField::Pointer(pointer)) => sns::SIGNED.contains(&&**pointer),
            (Self::PayPal, EventField::Header(name)) => name.eq_ignore_ascii_case(&paypal::ID),
            (Self::AwsSns | Self::PayPal, _) => false,
        }
    }
}
