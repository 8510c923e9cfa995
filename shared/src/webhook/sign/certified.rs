//! What Amazon SNS and PayPal would send, under the certificate that stands in for theirs.

use serde_json::{Map, Value, json};

use crate::webhook::encoding::encode;
use crate::webhook::scheme::{Algorithm, Certified, Encoding, KeyFormat, TokenAlgorithm};
use crate::webhook::sign::{Dispatch, Outgoing, SignError, credential_text, stand_in};
use crate::webhook::verify::{paypal, sns};

pub(super) fn prove(
    certified: Certified,
    key_format: KeyFormat,
    secret: &[u8],
    outgoing: &Outgoing<'_>,
) -> Result<Dispatch, SignError> {
    let secret = credential_text(key_format, secret)?;
    let unix_s = outgoing.timestamp_unix_s;
    let time = jiff::Timestamp::from_second(unix_s)
        .map_err(|_| SignError::UnusableTime { unix_s })?
        .to_string();
    match certified {
        Certified::AwsSns => of_sns(secret, &time, outgoing),
        Certified::PayPal => of_paypal(secret, time, outgoing),
    }
}

/// A message of SNS's own shape is taken as it is; any other body travels inside a notification.
fn of_sns(topic: &str, time: &str, outgoing: &Outgoing<'_>) -> Result<Dispatch, SignError> {
    let region = topic.split(':').nth(3).unwrap_or_default();
    let given = serde_json::from_slice::<Map<String, Value>>(outgoing.body).ok();
    let mut message = given
        .filter(|message| message.contains_key("TopicArn"))
        .unwrap_or_else(|| {
            let body = String::from_utf8_lossy(outgoing.body);
            Map::from_iter([
                ("Type".to_owned(), json!("Notification")),
                ("Message".to_owned(), json!(body)),
            ])
        });
    let certificate = format!("https://sns.{region}.amazonaws.com/{}.pem", stand_in::NAME);
    for (name, value) in [
        ("MessageId", outgoing.id),
        ("TopicArn", topic),
        ("Timestamp", time),
        ("SignatureVersion", "2"),
        ("SigningCertURL", &certificate),
        ("Signature", ""),
    ] {
        message.insert(name.to_owned(), json!(value));
    }
    let text = |message: &Map<String, Value>| json!(message).to_string().into_bytes();
    let canonical = sns::read(&text(&message))
        .and_then(|message| message.canonical())
        .map_err(|_| SignError::UnusableBody {
            expected: "an SNS message, or any text without `TopicArn`",
        })?;
    let signature = signature(canonical.as_bytes())?;
    message.insert("Signature".to_owned(), json!(signature));
    Ok(Dispatch {
        headers: vec![(
            "Content-Type".to_owned(),
            "text/plain; charset=UTF-8".to_owned(),
        )],
        url: outgoing.url.to_owned(),
        body: text(&message),
    })
}

fn of_paypal(webhook: &str, time: String, outgoing: &Outgoing<'_>) -> Result<Dispatch, SignError> {
    let signed = paypal::content(outgoing.id, &time, webhook.as_bytes(), outgoing.body);
    let certificate = format!(
        "https://api.paypal.com/v1/notifications/certs/{}",
        stand_in::NAME
    );
    let headers = [
        (paypal::ID, outgoing.id.to_owned()),
        (paypal::TIME_HEADER, time),
        (paypal::SIGNATURE, signature(&signed)?),
        (paypal::CERTIFICATE, certificate),
        (paypal::ALGORITHM, paypal::SHA256_WITH_RSA.to_owned()),
    ];
    Ok(Dispatch {
        headers: headers
            .map(|(name, value)| (name.into_owned(), value))
            .into(),
        url: outgoing.url.to_owned(),
        body: outgoing.body.to_vec(),
    })
}

fn signature(message: &[u8]) -> Result<String, SignError> {
    let signature = stand_in::sign(TokenAlgorithm::Rs256, message);
    let signature = signature.ok_or(SignError::VerifyOnly {
        algorithm: Algorithm::RsaSha256,
    })?;
    Ok(encode(Encoding::Base64, &signature))
}
