//! The spelling of a URL that may be called. What two parsers could read in two ways is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Longer URLs are cut by servers on the way.
const MAX_URL_LEN: usize = 2_048;
/// The longest name of DNS, and the longest of its labels.
const MAX_HOST_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;

/// Last labels that no public name has.
const PRIVATE_SUFFIXES: [&str; 10] = [
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "svc",
];

/// A URL of an allowed spelling, whose addresses are still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: Url,
    /// `None` for a name.
    pub(crate) address: Option<IpAddr>,
    pub(crate) reach: Reach,
}

/// Which addresses a target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// HTTPS on port 443: public ones, and those of the allow-list.
    Public,
    /// Plain HTTP, another port or a private name: those of the allow-list only.
    AllowListed,
}

/// What is wrong with a URL; the text is for the person who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the URL must have at most {MAX_URL_LEN} characters")]
    TooLong,
    #[error("the URL must consist of visible ASCII characters without spaces, `\\` and `#`")]
    Character,
    #[error("the URL must start with `https://`")]
    Scheme,
    #[error("the URL must not contain a user name or password")]
    UserInfo,
    #[error("the URL must name a host: letters, digits, hyphens and dots, without a trailing dot")]
    Host,
    #[error(
        "an IP address in a URL must be written in full: four decimal numbers, or IPv6 in brackets without a zone"
    )]
    Address,
    #[error("the URL's port must be a number from 1 to 65535 without leading zeros")]
    Port,
    #[error("the URL must use https on port 443 and name a host of the public internet")]
    NotPublic,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_LEN {
            return Err(UrlError::TooLong);
        }
        // Parsers drop tabs and line ends, and read `\` as `/`: neither may come that far.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '#']) {
            return Err(UrlError::Character);
        }
        let (is_https, rest) = split_scheme(text).ok_or(UrlError::Scheme)?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let host = Host::parse(host)?;
        let url = Url::parse(text).map_err(|_| UrlError::Host)?;
        // The parser that the request is sent with must have read the same host and port.
        let agrees = url.host_str() == Some(host.text().as_str())
            && url.port_or_known_default() == Some(port.unwrap_or(if is_https { 443 } else { 80 }));
        if !agrees {
            return Err(UrlError::Host);
        }
        let is_usual = is_https && port.is_none_or(|port| port == 443) && !host.is_private_name();
        Ok(Self {
            url,
            address: host.address(),
            reach: if is_usual {
                Reach::Public
            } else {
                Reach::AllowListed
            },
        })
    }
}

enum Host {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Host {
    fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or(UrlError::Address)?;
            return inner.parse().map(Self::V6).map_err(|_| UrlError::Address);
        }
        // The standard library reads four decimal numbers without leading zeros and nothing else.
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        let is_label = |label: &str| {
            (1..=MAX_LABEL_LEN).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() > MAX_HOST_LEN || !text.split('.').all(is_label) {
            return Err(UrlError::Host);
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        // `2130706433`, `127.1`, `0x7f.1`, `0177.0.0.1`: no top-level domain begins with a digit.
        if last.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(UrlError::Address);
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    fn text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::V4(address) => address.to_string(),
            // As the WHATWG's URL standard writes it, which differs for embedded IPv4 addresses.
            Self::V6(address) => Url::parse(&format!("https://[{address}]"))
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default(),
        }
    }

    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    fn is_private_name(&self) -> bool {
        match self {
            // Without a dot: a host of the own network, a container, a service of a cluster.
            Self::Name(name) => name
                .rsplit_once('.')
                .is_none_or(|(_, last)| PRIVATE_SUFFIXES.contains(&last)),
            Self::V4(_) | Self::V6(_) => false,
        }
    }
}

fn split_scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    if scheme.eq_ignore_ascii_case("https") {
        Some((true, rest))
    } else {
        scheme.eq_ignore_ascii_case("http").then_some((false, rest))
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    // The colons of an IPv6 address stand within its brackets.
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (_, tail) = authority.split_at(end);
    let Some(colon) = tail.find(':') else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(end + colon);
    let digits = port.strip_prefix(':').unwrap_or_default();
    let is_canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|_| is_canonical);
    Ok((host, Some(port.ok_or(UrlError::Port)?)))
}

#[cfg(test)]
mod tests;
