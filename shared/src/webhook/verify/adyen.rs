//! Adyen's standard notifications: each item of the body carries a signature over eight of its fields.
//! Every item must verify, under one and the same key.

use aws_lc_rs::hmac;
use serde::Deserialize;

use crate::webhook::encoding::spells;
use crate::webhook::keys::PreparedKey;
use crate::webhook::scheme::Encoding;
use crate::webhook::verify::{Authentic, VerifyError};

const SIGNED_ITEMS: &str = "JSON with notificationItems, each with an hmacSignature";

// The derived readers refuse a member that appears twice: a later reader might take the other one.

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    pub(crate) notification_items: Vec<Wrapped>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Wrapped {
    pub(crate) notification_request_item: Item,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    psp_reference: Option<Plain>,
    original_reference: Option<Plain>,
    merchant_account_code: Option<Plain>,
    merchant_reference: Option<Plain>,
    amount: Option<Amount>,
    event_code: Option<Plain>,
    success: Option<Plain>,
    additional_data: Option<AdditionalData>,
}

#[derive(Deserialize)]
struct Amount {
    value: Option<Plain>,
    currency: Option<Plain>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdditionalData {
    hmac_signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Plain {
    Text(String),
    Number(i64),
    Flag(bool),
}

pub(super) fn verify(body: &[u8], keys: &[PreparedKey]) -> Result<Authentic, VerifyError> {
    let malformed = VerifyError::MalformedBody {
        expected: SIGNED_ITEMS,
    };
    let notification: Notification = serde_json::from_slice(body).map_err(|_| malformed.clone())?;
    let items: Option<Vec<(Option<String>, &str)>> = notification
        .notification_items
        .iter()
        .map(|wrapped| {
            let item = &wrapped.notification_request_item;
            Some((item.content(), item.signature()?))
        })
        .collect();
    let items = items.filter(|items| !items.is_empty()).ok_or(malformed)?;
    let matched = keys.iter().position(|key| match key {
        PreparedKey::Hmac(key) => items.iter().all(|(content, signature)| {
            content.as_ref().is_some_and(|content| {
                let tag = hmac::sign(key, content.as_bytes());
                spells(Encoding::Base64, signature, tag.as_ref())
            })
        }),
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => false,
    });
    match matched {
        Some(index) => Ok(Authentic {
            matched_secret: Some(index),
            signed_at_unix_s: None,
        }),
        None => Err(VerifyError::SignatureMismatch),
    }
}

impl Item {
    /// The eight fields, joined with colons and not escaped. `None` where the same text could stand
    /// for other fields: only the merchant's reference may contain a colon.
    pub(crate) fn content(&self) -> Option<String> {
        let text = |field: &Option<Plain>| match field {
            Some(Plain::Text(text)) => text.clone(),
            Some(Plain::Number(number)) => number.to_string(),
            Some(Plain::Flag(flag)) => flag.to_string(),
            None => String::new(),
        };
        let amount = self.amount.as_ref();
        let around = [
            text(&self.psp_reference),
            text(&self.original_reference),
            text(&self.merchant_account_code),
            amount.map(|amount| text(&amount.value)).unwrap_or_default(),
            amount
                .map(|amount| text(&amount.currency))
                .unwrap_or_default(),
            text(&self.event_code),
            text(&self.success),
        ];
        if around.iter().any(|field| field.contains(':')) {
            return None;
        }
        let [psp, original, account, value, currency, event, success] = around;
        let reference = text(&self.merchant_reference);
        Some(
            [
                psp, original, account, reference, value, currency, event, success,
            ]
            .join(":"),
        )
    }

    fn signature(&self) -> Option<&str> {
        let signature = self.additional_data.as_ref()?.hmac_signature.as_deref()?;
        (!signature.is_empty()).then_some(signature)
    }
}

#[cfg(test)]
mod tests;
