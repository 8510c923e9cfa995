//! The signature doctor. It runs the production verifier and explains it; it never prints a secret, nor
//! the signature that would have been right.

mod explain;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{KeyFormat, Scheme};
use crate::webhook::vendor_key::{KeyRef, VendorKeys};
use crate::webhook::verify::{self, VerifyError};

pub use explain::{explain, remarks};

/// What one vector expects and what the verifier said, in the words of the vector file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorOutcome {
    pub scheme: String,
    pub name: String,
    pub expected: String,
    pub got: &'static str,
}

impl VectorOutcome {
    pub fn passed(&self) -> bool {
        self.expected == self.got
    }
}

/// Why a vector file cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    #[error("the vector file is not in the expected format")]
    Format(#[from] serde_json::Error),
    #[error("vector `{scheme}/{name}`: body_base64 is not standard base64")]
    Body { scheme: String, name: String },
}

#[derive(Deserialize)]
struct VectorFile {
    vendors: BTreeMap<String, Vec<Vector>>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body_base64: String,
    secret: String,
    now_unix: i64,
    expect: String,
    /// What a vendor would answer, where its own key is needed.
    #[serde(default)]
    extra: Value,
}

/// Runs every vector of a file under the vector's own clock, schemes in alphabetical order.
/// A scheme without a preset gets `unknown_scheme`.
pub fn run_vectors(json: &str) -> Result<Vec<VectorOutcome>, VectorError> {
    let file: VectorFile = serde_json::from_str(json)?;
    let mut outcomes = Vec::new();
    for (scheme, vectors) in file.vendors {
        for vector in vectors {
            let Ok(body) = STANDARD.decode(&vector.body_base64) else {
                return Err(VectorError::Body {
                    scheme,
                    name: vector.name,
                });
            };
            let got = run(&scheme, &vector, &body);
            outcomes.push(VectorOutcome {
                scheme: scheme.clone(),
                name: vector.name,
                expected: vector.expect,
                got,
            });
        }
    }
    Ok(outcomes)
}

fn run(scheme: &str, vector: &Vector, body: &[u8]) -> &'static str {
    let Some(scheme) = presets::find(scheme) else {
        return "unknown_scheme";
    };
    let headers: Vec<(&str, &[u8])> = vector
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: &vector.method,
        url: &vector.url,
        headers: Headers::Pairs(&headers),
        body,
    };
    let vendor_keys = VendorKeys::given(scheme, &request, vector.now_unix, |wanted| {
        published(&vector.extra, wanted)
    });
    let result = Keys::prepare(scheme, &secrets(scheme, vector))
        .and_then(|keys| verify::verify(scheme, &request, &keys, &vendor_keys, vector.now_unix));
    match result {
        Ok(_) => "ok",
        Err(error) => word(&error),
    }
}

/// The certificate at a URL, or the JWK of a `kid`.
fn published(extra: &Value, wanted: &KeyRef) -> Option<String> {
    let of = |member: &str| extra.get(member)?.get(wanted.name());
    match of("cert_fetch").or_else(|| of("jwks"))? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        key @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(key.to_string())
        }
    }
}

/// The vector's secret, or what stands in its place: the pinned topic, and credentials to fetch keys with
/// that are fetched already.
fn secrets(scheme: &Scheme, vector: &Vector) -> Vec<String> {
    let pinned = match vector.extra.get("allowed_topic_arn") {
        Some(Value::String(topic)) => vec![topic.clone()],
        Some(Value::Array(topics)) => topics
            .iter()
            .filter_map(|topic| topic.as_str().map(str::to_owned))
            .collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
            Vec::new()
        }
    };
    let is_fetched = vector.extra.get("jwks").is_some();
    match (pinned.is_empty(), scheme.key_format) {
        (false, KeyFormat::TopicArn) => pinned,
        (true, KeyFormat::ClientCredentials) if is_fetched && vector.secret.is_empty() => {
            vec!["client_id:secret".to_owned()]
        }
        (true | false, _) => vec![vector.secret.clone()],
    }
}

fn word(error: &VerifyError) -> &'static str {
    error.verdict().as_str()
}

#[cfg(test)]
mod tests;
