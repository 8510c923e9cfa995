//! The inverse of the canonical verifiers: what each vendor would send.

use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};

use crate::webhook::encoding::{encode, hex};
use crate::webhook::keys::PreparedKey;
use crate::webhook::scheme::{Canonical, Encoding, KeyFormat};
use crate::webhook::sign::{Dispatch, Outgoing, SignError, mac_key};
use crate::webhook::verify::{adyen, contentful, mailgun, twilio};

/// The proof's headers and whatever of it lies in the URL or the body.
pub(super) fn prove(
    canonical: Canonical,
    key_format: KeyFormat,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Dispatch, SignError> {
    let unusable = SignError::UnusableSecret {
        expected: key_format.expected(),
    };
    let key = match mac_key(key_format, canonical.algorithm(), secret)? {
        PreparedKey::Hmac(key) => key,
        PreparedKey::Text(_) | PreparedKey::Public(_) | PreparedKey::Unsigned => {
            return Err(unusable);
        }
    };
    match canonical {
        Canonical::Twilio | Canonical::TwilioSharedKey => Ok(of_twilio(&key, outgoing)),
        Canonical::AdyenStandard => of_adyen(&key, outgoing),
        Canonical::Contentful => Ok(of_contentful(&key, outgoing)),
        Canonical::Mailgun => of_mailgun(&key, outgoing),
    }
}

/// JSON is hashed into the URL; everything else is a form.
fn of_twilio(key: &hmac::Key, outgoing: &Outgoing<'_>) -> Dispatch {
    let is_json = outgoing.body.starts_with(b"{") || outgoing.body.starts_with(b"[");
    let (media_type, url, fields) = if is_json {
        let hash = hex(digest::digest(&digest::SHA256, outgoing.body).as_ref());
        let joint = if outgoing.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}{}={hash}", outgoing.url, twilio::BODY_HASH);
        ("application/json", url, Vec::new())
    } else {
        let fields = twilio::sorted_fields(outgoing.body);
        (twilio::FORM, outgoing.url.to_owned(), fields)
    };
    let tag = twilio::mac(key, &url, &fields);
    Dispatch {
        headers: vec![
            ("Content-Type".to_owned(), media_type.to_owned()),
            (
                twilio::SIGNATURE.into_owned(),
                encode(Encoding::Base64, tag.as_ref()),
            ),
        ],
        url,
        body: outgoing.body.to_vec(),
    }
}

fn of_adyen(key: &hmac::Key, outgoing: &Outgoing<'_>) -> Result<Dispatch, SignError> {
    let unusable = |_| SignError::UnusableBody {
        expected: "JSON with notificationItems",
    };
    let mut body: Value = serde_json::from_slice(outgoing.body).map_err(unusable)?;
    let notification: adyen::Notification =
        serde_json::from_slice(outgoing.body).map_err(unusable)?;
    for (at, wrapped) in notification.notification_items.iter().enumerate() {
        let content = wrapped.notification_request_item.content();
        let tag = hmac::sign(key, content.unwrap_or_default().as_bytes());
        let place = format!("/notificationItems/{at}/NotificationRequestItem");
        let item = body.pointer_mut(&place).and_then(Value::as_object_mut);
        if let Some(item) = item {
            let data = item.entry("additionalData").or_insert(json!({}));
            if let Some(data) = data.as_object_mut() {
                let signature = encode(Encoding::Base64, tag.as_ref());
                data.insert("hmacSignature".to_owned(), Value::from(signature));
            }
        }
    }
    Ok(in_body(outgoing, &body))
}

fn of_contentful(key: &hmac::Key, outgoing: &Outgoing<'_>) -> Dispatch {
    let time = outgoing.timestamp_unix_s.saturating_mul(1_000).to_string();
    let list = format!("{},{}", contentful::SIGNED_HEADERS, contentful::TIMESTAMP);
    let headers = [
        (contentful::SIGNED_HEADERS.into_owned(), list.as_str()),
        (contentful::TIMESTAMP.into_owned(), time.as_str()),
    ];
    let tag = contentful::mac(key, &outgoing.request(), &headers);
    Dispatch {
        headers: vec![
            (contentful::SIGNATURE.into_owned(), hex(tag.as_ref())),
            (contentful::SIGNED_HEADERS.into_owned(), list),
            (contentful::TIMESTAMP.into_owned(), time),
        ],
        url: outgoing.url.to_owned(),
        body: outgoing.body.to_vec(),
    }
}

fn of_mailgun(key: &hmac::Key, outgoing: &Outgoing<'_>) -> Result<Dispatch, SignError> {
    let mut body: Value = serde_json::from_slice(outgoing.body)
        .ok()
        .filter(Value::is_object)
        .ok_or(SignError::UnusableBody {
            expected: "a JSON object",
        })?;
    let time = outgoing.timestamp_unix_s.to_string();
    let named = format!("{time} {}", outgoing.id);
    let mut token = hex(digest::digest(&digest::SHA256, named.as_bytes()).as_ref());
    token.truncate(50);
    let signature = hex(mailgun::mac(key, &time, &token).as_ref());
    if let Some(members) = body.as_object_mut() {
        let signed = json!({ "timestamp": time, "token": token, "signature": signature });
        members.insert("signature".to_owned(), signed);
    }
    Ok(in_body(outgoing, &body))
}

fn in_body(outgoing: &Outgoing<'_>, body: &Value) -> Dispatch {
    Dispatch {
        headers: Vec::new(),
        url: outgoing.url.to_owned(),
        body: body.to_string().into_bytes(),
    }
}
