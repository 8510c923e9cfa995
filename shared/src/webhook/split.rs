//! A body that carries several events, cut into one body for each: the vendor's own body with one item
//! in its array, byte for byte. A pure function; any bytes may come in.

use std::{fmt, ops::Range};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::webhook::{pointer::KeyIs, scheme::Text};

/// Items that one request may carry.
pub(crate) const MOST_ITEMS: usize = 5_000;

/// Bytes around the items, which each of them repeats: a few bytes must not become gigabytes.
pub(crate) const MOST_AROUND: usize = 16 * 1_024;

/// What a body holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// There is no array at that place: the body is one event.
    Whole,
    /// The array is empty: a sign of life.
    Empty,
    Items(Vec<Item>),
}

/// Why a batch is not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    #[error("the batch has more than {MOST_ITEMS} items")]
    Items,
    #[error("more than {MOST_AROUND} bytes stand around the items of the batch")]
    Around,
}

/// One item, as the stretches of the body that are left when its siblings are taken out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    stretches: Vec<Range<usize>>,
}

impl Item {
    /// The body with this item alone.
    pub(crate) fn body(&self, whole: &[u8]) -> Vec<u8> {
        join(&self.stretches, whole)
    }

    /// Without what surrounds the outermost array, which may differ from delivery to delivery.
    pub(crate) fn core(&self, whole: &[u8]) -> Vec<u8> {
        match &*self.stretches {
            [_, core @ .., _] => join(core, whole),
            _ => Vec::new(),
        }
    }
}

fn join(stretches: &[Range<usize>], whole: &[u8]) -> Vec<u8> {
    let pieces = stretches
        .iter()
        .filter_map(|range| whole.get(range.clone()));
    pieces.flatten().copied().collect()
}

/// `levels` are JSON pointers (RFC 6901) through objects: the first leads from the body to the array, each
/// further one from an item to an array within it. An item without such an array stays as it is.
///
/// # Errors
/// A batch over the limits.
pub(crate) fn split(body: &[u8], levels: &[Text]) -> Result<Split, TooMuch> {
    let Some((first, further)) = levels.split_first() else {
        return Ok(Split::Whole);
    };
    let whole = 0..body.len();
    match items_at(body, &whole, first) {
        None => Ok(Split::Whole),
        Some(items) if items.is_empty() => Ok(Split::Empty),
        Some(items) => {
            let mut cut = Vec::new();
            let around = Around::default();
            cut_into(&mut cut, body, &whole, &items, further, &around)?;
            Ok(Split::Items(cut))
        }
    }
}

/// What surrounds the array of a level: all before its first item, and all after its last one.
#[derive(Clone, Default)]
struct Around {
    before: Vec<Range<usize>>,
    after: Vec<Range<usize>>,
}

fn cut_into(
    cut: &mut Vec<Item>,
    body: &[u8],
    outer: &Range<usize>,
    items: &[Range<usize>],
    further: &[Text],
    around: &Around,
) -> Result<(), TooMuch> {
    let (Some(first), Some(last)) = (items.first(), items.last()) else {
        return Ok(());
    };
    let mut around = around.clone();
    around.before.push(outer.start..first.start);
    around.after.insert(0, last.end..outer.end);
    let repeated: usize = around
        .before
        .iter()
        .chain(&around.after)
        .map(Range::len)
        .sum();
    if items.len() > 1 && repeated > MOST_AROUND {
        return Err(TooMuch::Around);
    }
    for item in items {
        let inner = further.split_first().and_then(|(pointer, further)| {
            let items = items_at(body, item, pointer)?;
            (!items.is_empty()).then_some((items, further))
        });
        match inner {
            Some((items, further)) => cut_into(cut, body, item, &items, further, &around)?,
            None if cut.len() == MOST_ITEMS => return Err(TooMuch::Items),
            None => {
                let mut stretches = around.before.clone();
                stretches.push(item.clone());
                stretches.extend(around.after.iter().cloned());
                cut.push(Item { stretches });
            }
        }
    }
    Ok(())
}

/// Where in `body` the items of the array lie; `None` where `within` is not one JSON value, has no array at
/// the pointer, or names the way to it twice.
fn items_at(body: &[u8], within: &Range<usize>, pointer: &str) -> Option<Vec<Range<usize>>> {
    let text = body.get(within.clone())?;
    let path = match pointer {
        "" => None,
        _ => Some(pointer.strip_prefix('/')?),
    };
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let way = Way {
        path,
        found: &mut found,
    };
    way.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    let start = body.as_ptr().addr();
    let place = |raw: &&RawValue| {
        let at = raw.get().as_ptr().addr().checked_sub(start)?;
        Some(at..at + raw.get().len())
    };
    found?.iter().map(place).collect()
}

/// `path` is what is left of the pointer, without its leading slash; `None` at the array.
struct Way<'p, 'f, 'de> {
    path: Option<&'p str>,
    found: &'f mut Option<Vec<&'de RawValue>>,
}

impl<'de> DeserializeSeed<'de> for Way<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Way<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the way to an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some(path) = self.path else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let (step, rest) = match path.split_once('/') {
            Some((step, rest)) => (step, Some(rest)),
            None => (path, None),
        };
        let mut is_taken = false;
        while let Some(is_wanted) = map.next_key_seed(KeyIs(step))? {
            if !is_wanted {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut is_taken, true) {
                return Err(A::Error::custom("a key on the way appears twice"));
            }
            map.next_value_seed(Way {
                path: rest,
                found: self.found,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.path.is_some() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<&RawValue>()? {
            items.push(item);
        }
        *self.found = Some(items);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
