//! Signature Version 4 of one kind of request: a POST to `/` of SQS, in the JSON protocol.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! The general signer derives its key anew for each request; here the key of the day is kept. The tests hold every
//! signature against the general signer's.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use aws_sigv4::sign::v4::generate_signing_key;
use jiff::Timestamp;

use crate::seal::{encode_hex, sha256_hex};

const SERVICE: &str = "sqs";
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const TARGET: &str = "AmazonSQS.SendMessage";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What is signed beside the time and the body's hash.
pub(super) struct Head<'a> {
    pub(super) host: &'a str,
    /// Temporary credentials have one.
    pub(super) session_token: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// The header lines that do not change from request to request, by name.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        let token = self
            .session_token
            .map(|token| ("x-amz-security-token", token));
        [("content-type", CONTENT_TYPE), ("host", self.host)]
            .into_iter()
            .chain(token)
            .chain([("x-amz-target", TARGET)])
    }
}

/// Signs under one set of credentials.
pub(super) struct Signature {
    key_id: String,
    secret: String,
    region: String,
    of_the_day: Mutex<Option<(String, Key)>>,
}

impl Signature {
    pub(super) fn new(key_id: &str, secret: &str, region: &str) -> Self {
        Self {
            key_id: key_id.to_owned(),
            secret: secret.to_owned(),
            region: region.to_owned(),
            of_the_day: Mutex::new(None),
        }
    }

    /// The values of `X-Amz-Date` and `Authorization`.
    pub(super) fn lines(&self, head: &Head<'_>, body_sha256: &str, now: Timestamp) -> [String; 2] {
        let at = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = at.get(..8).unwrap_or_default();
        let (mut canonical, mut names) = ("POST\n/\n\n".to_owned(), String::new());
        for (name, value) in with_date(head, &at) {
            // Writing to a string cannot fail.
            let _ = writeln!(canonical, "{name}:{value}");
            names.push_str(if names.is_empty() { "" } else { ";" });
            names.push_str(name);
        }
        let _ = write!(canonical, "\n{names}\n{body_sha256}");
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let hash = sha256_hex(canonical.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hash}");
        let tag = hmac::sign(&self.key(day, now), text.as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.key_id,
            encode_hex(tag.as_ref())
        );
        [at, authorization]
    }

    fn key(&self, day: &str, now: Timestamp) -> Key {
        let mut kept = self
            .of_the_day
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, key)) if of == day => key.clone(),
            _ => {
                let bytes = generate_signing_key(
                    &self.secret,
                    SystemTime::from(now),
                    &self.region,
                    SERVICE,
                );
                let key = Key::new(HMAC_SHA256, bytes.as_ref());
                *kept = Some((day.to_owned(), key.clone()));
                key
            }
        }
    }
}

/// All signed lines, sorted by name: the date comes before the token.
fn with_date<'a>(head: &Head<'a>, at: &'a str) -> impl Iterator<Item = (&'static str, &'a str)> {
    let (before, after): (Vec<_>, Vec<_>) =
        head.lines().partition(|(name, _)| *name < "x-amz-date");
    before.into_iter().chain([("x-amz-date", at)]).chain(after)
}
