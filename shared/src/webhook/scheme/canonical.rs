//! What is known of the canonical forms without running them: headers, window and what they cover.

use crate::webhook::scheme::proof::Canonical;
use crate::webhook::scheme::{Algorithm, Text, Timestamp, Window};
use crate::webhook::verify::{contentful, mailgun, twilio};

/// The fields of an item that Adyen signs.
const ADYEN_FIELDS: [&str; 8] = [
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "amount/value",
    "amount/currency",
    "eventCode",
    "success",
];

impl Canonical {
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::Twilio => Algorithm::HmacSha1,
            Self::TwilioSharedKey | Self::AdyenStandard | Self::Contentful | Self::Mailgun => {
                Algorithm::HmacSha256
            }
        }
    }

    /// What is signed, for a person.
    pub fn content(self) -> &'static str {
        match self {
            Self::Twilio | Self::TwilioSharedKey => {
                "{url}, then name and value of each form field in sorted order; a JSON body is hashed in the URL as bodySHA256"
            }
            Self::AdyenStandard => {
                "{pspReference}:{originalReference}:{merchantAccountCode}:{merchantReference}:{value}:{currency}:{eventCode}:{success} of each item"
            }
            Self::Contentful => {
                "{method}\\n{path}\\n{name}:{value};… of the listed headers\\n{body}"
            }
            Self::Mailgun => "{timestamp}{token}",
        }
    }

    /// Where the signature is, and how it is written.
    pub fn form(self) -> &'static str {
        match self {
            Self::Twilio | Self::TwilioSharedKey => "<base64>",
            Self::AdyenStandard => "<base64> in additionalData.hmacSignature of each item",
            Self::Contentful => "<lower-case hex>",
            Self::Mailgun => {
                "<lower-case hex> in signature.signature or signature.parent-signature"
            }
        }
    }

    pub(crate) fn headers(self) -> Vec<Text> {
        match self {
            Self::Twilio | Self::TwilioSharedKey => vec![twilio::SIGNATURE],
            Self::Contentful => vec![
                contentful::SIGNATURE,
                contentful::SIGNED_HEADERS,
                contentful::TIMESTAMP,
            ],
            Self::AdyenStandard | Self::Mailgun => Vec::new(),
        }
    }

    pub(crate) fn window(self) -> Option<Window> {
        let of = |time: &Timestamp| Window {
            past_s: time.past_s,
            future_s: time.future_s,
        };
        match self {
            Self::Contentful => Some(of(&contentful::TIME)),
            Self::Mailgun => Some(of(&mailgun::TIME)),
            Self::Twilio | Self::TwilioSharedKey | Self::AdyenStandard => None,
        }
    }

    pub(crate) fn covers_body(self) -> bool {
        match self {
            Self::Twilio | Self::TwilioSharedKey | Self::Contentful => true,
            Self::AdyenStandard | Self::Mailgun => false,
        }
    }

    pub(crate) fn covers_pointer(self, pointer: &str) -> bool {
        match self {
            Self::Twilio | Self::TwilioSharedKey | Self::Contentful => true,
            Self::AdyenStandard => ADYEN_FIELDS.iter().any(|field| {
                pointer
                    .strip_suffix(field)
                    .is_some_and(|item| item.ends_with("/NotificationRequestItem/"))
            }),
            Self::Mailgun => pointer == "/signature/token",
        }
    }
}
