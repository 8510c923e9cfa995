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

/// What is signed beside the body.
pub(super) struct Head<'a> {
    host: &'a str,
    /// Temporary credentials have one.
    session_token: Option<&'a str>,
    now: Timestamp,
    /// `now` in the form of the signature.
    at: String,
}

impl<'a> Head<'a> {
    pub(super) fn new(host: &'a str, session_token: Option<&'a str>, now: Timestamp) -> Self {
        Self {
            host,
            session_token,
            now,
            at: now.strftime("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    /// The signed header lines, in the order of their names.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let token = self
            .session_token
            .map(|token| ("x-amz-security-token", token));
        [
            ("content-type", CONTENT_TYPE),
            ("host", self.host),
            ("x-amz-date", &self.at),
        ]
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

    /// The value of `Authorization`.
    pub(super) fn authorization(&self, head: &Head<'_>, body_sha256: &str) -> String {
        let at = &head.at;
        let day = at.get(..8).unwrap_or_default();
        let (mut canonical, mut names) = ("POST\n/\n\n".to_owned(), String::new());
        for (name, value) in head.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(canonical, "{name}:{value}");
            names.push_str(if names.is_empty() { "" } else { ";" });
            names.push_str(name);
        }
        let _ = write!(canonical, "\n{names}\n{body_sha256}");
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let hash = sha256_hex(canonical.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hash}");
        let tag = hmac::sign(&self.key(day, head.now), text.as_bytes());
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.key_id,
            encode_hex(tag.as_ref())
        )
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
