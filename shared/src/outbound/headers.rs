//! Headers that a tenant adds to its deliveries: a credential of the destination's, mostly. None of them
//! can stand in for one that Portico or the connection sets.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};

use crate::{egress, problem::ApiError, seal::Secret};

/// Headers of one destination at most.
pub const MOST_HEADERS: usize = 20;

const LONGEST_NAME: usize = 100;
const LONGEST_VALUE: usize = 1_000;

/// Set by us, or telling a server where the request comes from.
const RESERVED: [&str; 6] = [
    "accept-encoding",
    "content-encoding",
    "content-type",
    "forwarded",
    "keep-alive",
    "user-agent",
];
const RESERVED_PREFIXES: [&str; 4] = ["portico-", "proxy-", "webhook-", "x-forwarded-"];

/// Checked headers, by lower-case name.
#[derive(Debug, Default)]
pub struct CustomHeaders(BTreeMap<String, Secret<String>>);

impl CustomHeaders {
    /// # Errors
    /// `Invalid`, with the header's name in the pointer.
    pub fn new(given: BTreeMap<String, Secret<String>>) -> Result<Self, ApiError> {
        if given.len() > MOST_HEADERS {
            let detail = format!(
                "must be at most {MOST_HEADERS} headers, got {}",
                given.len()
            );
            return Err(ApiError::invalid("/headers", detail));
        }
        let mut headers = BTreeMap::new();
        for (name, value) in given {
            let lower = name.to_ascii_lowercase();
            if let Err(detail) = check(&lower, value.expose()) {
                return Err(ApiError::invalid(pointer(&name), detail));
            }
            if headers.insert(lower, value).is_some() {
                return Err(ApiError::invalid(pointer(&name), "is given twice"));
            }
        }
        Ok(Self(headers))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Secret<String>)> {
        self.0.iter()
    }
}

/// RFC 6901 section 3.
fn pointer(name: &str) -> String {
    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn check(name: &str, value: &str) -> Result<(), String> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let Some(parsed) = parsed.ok().filter(|_| name.len() <= LONGEST_NAME) else {
        return Err(format!(
            "must be a header's name of at most {LONGEST_NAME} characters"
        ));
    };
    let is_reserved = egress::is_refused_header(&parsed)
        || RESERVED.contains(&name)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    if is_reserved {
        return Err("may not be set: Portico or the connection sets it".to_owned());
    }
    let is_text = HeaderValue::from_str(value).is_ok() && value.is_ascii();
    if !is_text || value.trim() != value || !(1..=LONGEST_VALUE).contains(&value.len()) {
        return Err(format!(
            "must have a value of 1 to {LONGEST_VALUE} ASCII characters, without spaces around it"
        ));
    }
    Ok(())
}
