//! One scalar out of a JSON body, without building the rest. Any bytes may come in; none make it panic.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a pointer may lead to. Everything else counts as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    Integer(i64),
}

/// The value at an RFC 6901 pointer. The first occurrence of a key counts, and reading stops there.
pub(crate) fn find(body: &[u8], pointer: &str) -> Option<Scalar> {
    let mut found = None;
    let step = Step {
        path: pointer.strip_prefix('/')?,
        found: &mut found,
    };
    // Stopping early makes the deserializer complain about the unread rest: `found` is the answer.
    let _ = step.deserialize(&mut serde_json::Deserializer::from_slice(body));
    found
}

/// `path` is what is left of the pointer, without its leading slash.
struct Step<'p, 'f> {
    path: &'p str,
    found: &'f mut Option<Scalar>,
}

impl<'p> Step<'p, '_> {
    fn split(&self) -> (&'p str, Option<&'p str>) {
        match self.path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (self.path, None),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (first, rest) = self.split();
        while let Some(is_wanted) = map.next_key_seed(KeyIs(first))? {
            if is_wanted {
                return match rest {
                    Some(path) => map.next_value_seed(Step {
                        path,
                        found: self.found,
                    }),
                    None => map.next_value_seed(Leaf(self.found)),
                };
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let (first, rest) = self.split();
        let is_canonical = first == "0" || first.starts_with(|each| ('1'..='9').contains(&each));
        let Some(index) = first.parse::<usize>().ok().filter(|_| is_canonical) else {
            return Ok(());
        };
        for _ in 0..index {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        match rest {
            Some(path) => seq.next_element_seed(Step {
                path,
                found: self.found,
            })?,
            None => seq.next_element_seed(Leaf(self.found))?,
        };
        Ok(())
    }
}

/// Compares a key without copying it.
pub(super) struct KeyIs<'p>(pub(super) &'p str);

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        if self.0.contains('~') {
            return Ok(self.0.replace("~1", "/").replace("~0", "~") == key);
        }
        Ok(self.0 == key)
    }
}

struct Leaf<'f>(&'f mut Option<Scalar>);

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a whole number")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.0 = Some(Scalar::Text(text.to_owned()));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        *self.0 = Some(Scalar::Integer(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        *self.0 = i64::try_from(value).ok().map(Scalar::Integer);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
