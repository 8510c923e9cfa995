//! A collection's name: safe inside a key and a path.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MAX_NAME: usize = 40;

/// 1 to 40 of a-z, 0-9 and `_`, a letter first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CollectionName {
    letters: [u8; MAX_NAME],
    len: usize,
}

impl CollectionName {
    pub fn as_str(&self) -> &str {
        let letters = self.letters.get(..self.len).unwrap_or_default();
        std::str::from_utf8(letters).unwrap_or_default()
    }
}

impl FromStr for CollectionName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let starts = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        let mut letters = [0; MAX_NAME];
        let Some(place) = letters.get_mut(..text.len()).filter(|_| starts) else {
            return Err("must be 1 to 40 of a-z, 0-9 and _, a letter first");
        };
        if !text.bytes().all(letter) {
            return Err("must be 1 to 40 of a-z, 0-9 and _, a letter first");
        }
        place.copy_from_slice(text.as_bytes());
        Ok(Self {
            letters,
            len: text.len(),
        })
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CollectionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CollectionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
