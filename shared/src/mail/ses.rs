//! One call of the SES API (v2, SendEmail), signed with SigV4.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>

use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use jiff::Timestamp;
use serde_json::json;

use crate::{app::App, egress::EgressRequest, mail::letter::Letter};

const DEADLINE: Duration = Duration::from_secs(10);
const MAX_ANSWER_LEN: usize = 16 * 1_024;

/// # Errors
/// SES did not take the letter: trying again later may help.
pub(crate) async fn send(app: &App, letter: &Letter, now: Timestamp) -> anyhow::Result<()> {
    let utf8 = |text: &str| json!({ "Data": text, "Charset": "UTF-8" });
    let body = json!({
        "FromEmailAddress": app.config.mail_from()?,
        "Destination": { "ToAddresses": [letter.to] },
        "Content": { "Simple": {
            "Subject": utf8(&letter.subject),
            "Body": { "Text": utf8(&letter.text) },
        } },
        "EmailTags": [{ "Name": "kind", "Value": letter.kind }],
    })
    .to_string();
    let base = match app.config.endpoint_url("SESV2") {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("https://email.{}.amazonaws.com", app.config.region()),
    };
    let url = format!("{base}/v2/email/outbound-emails");
    let request = EgressRequest {
        method: Method::POST,
        headers: signed(app, &url, &body, now)?,
        url: &url,
        body: body.into(),
        deadline: DEADLINE,
        max_answer_len: MAX_ANSWER_LEN,
    };
    let answer = app.egress.send(request).await.context("call SES")?;
    if !answer.status.is_success() {
        let kind = answer.headers.get("x-amzn-errortype");
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("an error");
        bail!("SES answered {} {kind}", answer.status.as_u16());
    }
    tracing::info!(mail.kind = letter.kind, "sent a letter");
    Ok(())
}

fn signed(app: &App, url: &str, body: &str, now: Timestamp) -> anyhow::Result<HeaderMap> {
    let (key_id, secret, token) = app
        .config
        .credentials()
        .context("there are no credentials to sign with")?;
    let identity = Credentials::from_keys(key_id, secret, token.map(str::to_owned)).into();
    let settings = v4::SigningParams::builder()
        .identity(&identity)
        .region(app.config.region())
        .name("ses")
        .time(SystemTime::from(now))
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri: Uri = url.parse()?;
    let host = uri
        .authority()
        .context("the endpoint has no host")?
        .as_str();
    let pairs = [("host", host), ("content-type", "application/json")];
    let signable = SignableRequest::new(
        "POST",
        url,
        pairs.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (instructions, _) = sign(signable, &settings)?.into_parts();
    let mut headers = HeaderMap::new();
    for (name, value) in instructions.headers() {
        headers.insert(
            http::HeaderName::from_bytes(name.as_bytes())?,
            value.parse()?,
        );
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(headers)
}
