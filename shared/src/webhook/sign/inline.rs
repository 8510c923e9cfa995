//! Credentials that travel in the URL or in the body of a request.

use serde_json::Value;

use crate::webhook::sample;
use crate::webhook::scheme::Credential;
use crate::webhook::sign::Dispatch;

/// Puts the credential where the scheme has it. An XML body without such a place stays as it is.
pub(super) fn put(credential: &Credential, secret: &str, mut sent: Dispatch) -> Dispatch {
    match credential {
        Credential::Query { name } => {
            let joint = if sent.url.contains('?') { '&' } else { '?' };
            sent.url = format!("{}{joint}{name}={}", sent.url, escape(secret));
        }
        Credential::Json { pointer } => {
            let body = serde_json::from_slice::<Value>(&sent.body).ok();
            if let Some(mut body) = body {
                sample::set(&mut body, pointer, Value::from(secret));
                sent.body = body.to_string().into_bytes();
            }
        }
        Credential::Xml { element } => {
            let empty = format!("<{element}></{element}>");
            let full = format!("<{element}>{secret}</{element}>");
            let body = String::from_utf8_lossy(&sent.body).replace(&empty, &full);
            sent.body = body.into_bytes();
        }
        Credential::Header { .. } | Credential::Basic => {}
    }
    sent
}

/// Percent-encodes all but letters and digits.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
