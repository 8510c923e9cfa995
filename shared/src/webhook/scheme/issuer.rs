//! The vendors whose keys are fetched, and the only hosts that they are fetched from. A request says which
//! key it wants, and never where that is.

use serde::{Deserialize, Serialize};

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// A certificate of Amazon SNS, at the URL that the message names.
    AwsSns,
    /// A chain up to a public root, at the URL that a header names.
    PayPal,
    /// A JWK that Plaid gives to who has credentials.
    Plaid,
    PlaidSandbox,
    /// A public key for the callbacks of an app's installation.
    AtlassianInstall,
    /// The keys of Google's service accounts.
    Google,
}

/// How a key is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Get(String),
    /// With the endpoint's `client_id:secret` and the key's id as JSON.
    PlaidPost(&'static str),
}

/// The longest `kid` and the longest URL of a certificate.
const LONGEST_KID: usize = 128;
const LONGEST_URL: usize = 512;

impl Issuer {
    /// Where a person would look it up.
    pub fn place(self) -> &'static str {
        match self {
            Self::AwsSns => "https://sns.<region>.amazonaws.com",
            Self::PayPal => "https://api.paypal.com",
            Self::Plaid => "https://production.plaid.com",
            Self::PlaidSandbox => "https://sandbox.plaid.com",
            Self::AtlassianInstall => "https://connect-install-keys.atlassian.com",
            Self::Google => "https://www.googleapis.com",
        }
    }

    /// Whether the vendor can have a key of this name: a `kid`, or a URL on one of its hosts.
    pub(crate) fn may_have(self, name: &str) -> bool {
        match self {
            Self::AwsSns => {
                sns_host(name).is_some_and(|(_, path)| path.len() > 5 && path.ends_with(".pem"))
            }
            Self::PayPal => ["api.paypal.com", "api.sandbox.paypal.com"]
                .into_iter()
                .filter_map(|host| https_path(name, host))
                .any(|path| path.starts_with("v1/notifications/certs/")),
            Self::Plaid | Self::PlaidSandbox | Self::AtlassianInstall | Self::Google => {
                (1..=LONGEST_KID).contains(&name.len())
                    && !name.starts_with('.')
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            }
        }
    }

    pub(crate) fn ask(self, name: &str) -> Ask {
        match self {
            Self::AwsSns | Self::PayPal => Ask::Get(name.to_owned()),
            Self::AtlassianInstall => Ask::Get(format!("{}/{name}", self.place())),
            Self::Google => Ask::Get("https://www.googleapis.com/oauth2/v3/certs".to_owned()),
            Self::Plaid => {
                Ask::PlaidPost("https://production.plaid.com/webhook_verification_key/get")
            }
            Self::PlaidSandbox => {
                Ask::PlaidPost("https://sandbox.plaid.com/webhook_verification_key/get")
            }
        }
    }
}

/// Region and path of a URL of Amazon SNS, in China too. Anything that a second parser could read
/// otherwise is refused: a user, a port, a query, an escape.
fn sns_host(url: &str) -> Option<(&str, &str)> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let region = sns_region(host)?;
    is_plain(path).then_some((region, path))
}

/// The region of `sns.<region>.amazonaws.com` and `sns.<region>.amazonaws.com.cn`.
pub(crate) fn sns_region(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("sns.")?;
    let region = rest
        .strip_suffix(".amazonaws.com")
        .or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    let is_region = (3..=32).contains(&region.len())
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_region.then_some(region)
}

fn https_path<'a>(url: &'a str, host: &str) -> Option<&'a str> {
    let path = url
        .strip_prefix("https://")?
        .strip_prefix(host)?
        .strip_prefix('/')?;
    is_plain(path).then_some(path)
}

fn is_plain(path: &str) -> bool {
    path.len() <= LONGEST_URL
        && !path.contains("..")
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

#[cfg(test)]
mod tests;
