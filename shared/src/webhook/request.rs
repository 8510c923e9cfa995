//! The request as it arrived: raw bytes, headers in wire order, duplicates kept. Nothing is parsed here.

use http::HeaderMap;

/// What a verifier may look at. `url` is the public URL that the vendor was given.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: Headers<'a>,
    pub body: &'a [u8],
}

/// A borrowed view over header lines.
#[derive(Debug, Clone, Copy)]
pub enum Headers<'a> {
    Map(&'a HeaderMap),
    Pairs(&'a [(&'a str, &'a [u8])]),
}

/// How many lines a header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines<'a> {
    None,
    One(&'a [u8]),
    Several,
}

impl<'a> Headers<'a> {
    /// The lines of one header; its name in any case.
    pub fn lines(self, name: &str) -> Lines<'a> {
        match self {
            Self::Map(map) => count(map.get_all(name).iter().map(|value| value.as_bytes())),
            Self::Pairs(pairs) => count(
                pairs
                    .iter()
                    .filter(|(header, _)| header.eq_ignore_ascii_case(name))
                    .map(|(_, value)| *value),
            ),
        }
    }

    pub fn contains(self, name: &str) -> bool {
        match self.lines(name) {
            Lines::None => false,
            Lines::One(_) | Lines::Several => true,
        }
    }

    /// The value of a header that has exactly one line of text.
    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.lines(name) {
            Lines::One(value) => std::str::from_utf8(value).ok(),
            Lines::None | Lines::Several => None,
        }
    }

    /// How the body is compressed, as `Content-Encoding` says (RFC 9110 section 8.4); `None` when it is not.
    pub(crate) fn coding(self) -> Option<String> {
        let coding = match self.lines("content-encoding") {
            Lines::None => return None,
            Lines::One(value) => String::from_utf8_lossy(value).trim().to_ascii_lowercase(),
            Lines::Several => "several codings".to_owned(),
        };
        (!coding.is_empty() && coding != "identity").then(|| coding.chars().take(40).collect())
    }
}

impl<'a> From<&'a HeaderMap> for Headers<'a> {
    fn from(map: &'a HeaderMap) -> Self {
        Self::Map(map)
    }
}

impl<'a> From<&'a [(&'a str, &'a [u8])]> for Headers<'a> {
    fn from(pairs: &'a [(&'a str, &'a [u8])]) -> Self {
        Self::Pairs(pairs)
    }
}

fn count<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Lines<'a> {
    match (values.next(), values.next()) {
        (None, _) => Lines::None,
        (Some(value), None) => Lines::One(value),
        (Some(_), Some(_)) => Lines::Several,
    }
}
