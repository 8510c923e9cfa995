//! The query string hash of Atlassian Connect: SHA-256 in hex of method, path and sorted query.
//! <https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/>

use std::collections::BTreeMap;

use aws_lc_rs::digest;

use crate::webhook::encoding::hex;
use crate::webhook::form_body;

/// The parameter in which a token may travel; it cannot be part of what it signs.
const TOKEN: &[u8] = b"jwt";

pub(crate) fn of(method: &str, url: &str) -> String {
    hex(digest::digest(&digest::SHA256, canonical(method, url).as_bytes()).as_ref())
}

fn canonical(method: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (_, path_and_query) = rest.split_at_checked(path_at).unwrap_or((rest, ""));
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    // An `&` in the path would read as the border to the query.
    let path = match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.replace('&', "%26"),
    };
    format!("{}&{path}&{}", method.to_ascii_uppercase(), sorted(query))
}

/// Names in order of their encoding, the values of one name sorted and joined with commas.
fn sorted(query: &str) -> String {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let fields = form_body::fields(query.as_bytes()).filter(|(name, _)| name != TOKEN);
    for (name, value) in fields {
        values
            .entry(escape(&name))
            .or_default()
            .push(escape(&value));
    }
    let pairs: Vec<String> = values
        .into_iter()
        .map(|(name, mut values)| {
            values.sort_unstable();
            format!("{name}={}", values.join(","))
        })
        .collect();
    pairs.join("&")
}

/// RFC 3986: all but the unreserved characters.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests;
