//! However rows are spread over lanes and read in pieces, they come out once each and in order.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;

use super::*;

fn row(key: &str) -> Item {
    HashMap::from([("sk".to_owned(), AttributeValue::S(key.to_owned()))])
}

/// What a table answers for one lane: at most `step` rows after `after`.
fn read(
    lane: &[String],
    after: Option<&str>,
    step: usize,
    direction: Direction,
) -> (Vec<Item>, Option<String>) {
    let comes_after = |key: &&String| match (after, direction) {
        (None, _) => true,
        (Some(after), Direction::Ascending) => key.as_str() > after,
        (Some(after), Direction::Descending) => key.as_str() < after,
    };
    let mut keys: Vec<&String> = lane.iter().filter(comes_after).collect();
    keys.sort();
    if direction == Direction::Descending {
        keys.reverse();
    }
    let has_more = keys.len() > step;
    keys.truncate(step);
    let next = keys.last().filter(|_| has_more).map(|key| (*key).clone());
    (keys.into_iter().map(|key| row(key)).collect(), next)
}

/// All rows, a page of `limit` at a time, each page from the last one's cursor alone.
fn walked(lanes: &[Vec<String>], limit: usize, step: usize, direction: Direction) -> Vec<String> {
    let (mut found, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let count = u8::try_from(lanes.len()).unwrap();
        let mut merge = Merge::new(count, direction, cursor.as_deref());
        let mut page = Vec::new();
        while page.len() < limit {
            for (at, after) in merge.hungry() {
                let (rows, next) = read(&lanes[usize::from(at)], after.as_deref(), step, direction);
                merge.feed(at, rows, next);
            }
            let Some(row) = merge.next() else { break };
            page.push(sort_key(Some(&row)).to_owned());
        }
        cursor = page.last().cloned();
        let is_last = !merge.has_more();
        found.extend(page);
        if is_last {
            return found;
        }
    }
}

proptest! {
    #[test]
    fn every_row_comes_once_and_in_order(
        keys in prop::collection::btree_map("[a-z]{1,6}", 0_usize..4, 0..60),
        limit in 1_usize..12,
        step in 1_usize..12,
        is_descending in any::<bool>(),
    ) {
        let mut lanes = vec![Vec::new(); 4];
        for (key, lane) in &keys {
            lanes[*lane].push(key.clone());
        }
        let direction = if is_descending { Direction::Descending } else { Direction::Ascending };
        let mut expected: Vec<String> = keys.into_keys().collect();
        if is_descending {
            expected.reverse();
        }
        prop_assert_eq!(walked(&lanes, limit, step, direction), expected);
    }
}

#[test]
fn a_step_is_never_more_than_the_page() {
    assert_eq!(step(25, 1), 25);
    assert_eq!(step(1, 16), 1);
    assert_eq!(step(100, 16), 14);
    assert_eq!(step(100, 4), 41);
}
