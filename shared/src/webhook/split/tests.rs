//! Unit and property tests of the splitter.

use std::borrow::Cow::Borrowed;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::webhook::tests::mutations::rounds;

const ROOT: &[Text] = &[Borrowed("")];
const EVENTS: &[Text] = &[Borrowed("/data/events")];
const NESTED: &[Text] = &[Borrowed("/companies"), Borrowed("/change/entities")];

fn bodies(body: &str, levels: &[Text]) -> Vec<String> {
    let Split::Items(items) = split(body.as_bytes(), levels).unwrap() else {
        panic!("{body} is not a batch");
    };
    let text = |item: &Item| String::from_utf8(item.body(body.as_bytes())).unwrap();
    items.iter().map(text).collect()
}

#[test]
fn each_item_keeps_what_surrounds_the_array() {
    assert_eq!(
        bodies(r#"[ {"a":1} , 2 ]"#, ROOT),
        [r#"[ {"a":1} ]"#, "[ 2 ]"]
    );
    assert_eq!(
        bodies(r#"{"x":[0],"data":{"events":[1,"b"],"n":2}}"#, EVENTS),
        [
            r#"{"x":[0],"data":{"events":[1],"n":2}}"#,
            r#"{"x":[0],"data":{"events":["b"],"n":2}}"#
        ]
    );
    let alone = r#" {"data":{"events":[ {"id":1} ]}} "#;
    assert_eq!(bodies(alone, EVENTS), [alone]);
}

#[test]
fn arrays_within_items_are_cut_too_and_items_without_one_stay() {
    let body =
        r#"{"companies":[{"r":1,"change":{"entities":[10,11]}},{"r":2,"change":{"entities":[]}}]}"#;
    assert_eq!(
        bodies(body, NESTED),
        [
            r#"{"companies":[{"r":1,"change":{"entities":[10]}}]}"#,
            r#"{"companies":[{"r":1,"change":{"entities":[11]}}]}"#,
            r#"{"companies":[{"r":2,"change":{"entities":[]}}]}"#,
        ]
    );
    let Split::Items(items) = split(body.as_bytes(), NESTED).unwrap() else {
        panic!("it is a batch");
    };
    assert_eq!(
        items[1].core(body.as_bytes()),
        br#"{"r":1,"change":{"entities":[11]}}"#
    );
}

#[test]
fn what_has_no_array_at_the_place_is_one_event() {
    for body in [
        "",
        "{}",
        "null",
        "7",
        r#"{"data":{"events":{}}}"#,
        r#"{"data":[{"events":[1]}]}"#,
        r#"{"data":{"events":[1]}"#,
        r#"{"data":{"events":[1]}}}"#,
        r#"{"data":{"events":[1],"events":[2]}}"#,
        "\u{feff}{\"data\":{\"events\":[1]}}",
    ] {
        assert_eq!(split(body.as_bytes(), EVENTS), Ok(Split::Whole), "{body}");
    }
    assert_eq!(split(b"[1,\xff]", ROOT), Ok(Split::Whole));
    assert_eq!(
        split(br#"{"data":{"events":[]}}"#, EVENTS),
        Ok(Split::Empty)
    );
}

#[test]
fn a_batch_over_the_limits_is_not_cut() {
    let many = format!("[{}1]", "1,".repeat(MOST_ITEMS));
    assert_eq!(split(many.as_bytes(), ROOT), Err(TooMuch::Items));
    let most = format!("[{}1]", "1,".repeat(MOST_ITEMS - 1));
    assert_eq!(bodies(&most, ROOT).len(), MOST_ITEMS);
    let wide = json!({ "data": { "events": [1, 2] }, "noise": "x".repeat(MOST_AROUND) });
    assert_eq!(
        split(wide.to_string().as_bytes(), EVENTS),
        Err(TooMuch::Around)
    );
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[ -~\u{e9}\u{1f600}\"\\\\]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Each part is the whole with one item, the parts are as many as the items, and in their order.
    #[test]
    fn the_parts_are_the_whole(items in prop::collection::vec(value(), 1..8), beside in value(), pretty: bool) {
        let whole = json!({ "a": beside, "data": { "events": items, "z": beside } });
        let text = if pretty {
            serde_json::to_string_pretty(&whole).unwrap()
        } else {
            whole.to_string()
        };
        let parts = bodies(&text, EVENTS);
        prop_assert_eq!(parts.len(), items.len());
        for (part, item) in parts.iter().zip(&items) {
            let mut wanted = whole.clone();
            wanted["data"]["events"] = json!([item]);
            prop_assert_eq!(serde_json::from_str::<Value>(part).unwrap(), wanted);
        }
        let Ok(Split::Items(cut)) = split(text.as_bytes(), EVENTS) else { panic!("it is a batch") };
        for (cut, item) in cut.iter().zip(&items) {
            let core = cut.core(text.as_bytes());
            prop_assert_eq!(&serde_json::from_slice::<Value>(&core).unwrap(), item);
        }
    }
}

/// The splitter's fuzz target. Damaged batches, from a fixed seed: never a panic, and whatever is cut is JSON
/// again. `PORTICO_FUZZ_ROUNDS` runs it for longer.
#[test]
fn no_bytes_make_it_panic_or_cut_what_is_not_json() {
    let sound = br#"{"data":{"events":[{"id":"1","t":[1,2]},"x",null,{"data":{"events":[1]}}]},"n":-1.5e3}"#;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let letters = b"[]{}\",:\\0e-. \n\xff\x00ntf/~";
    let mut cut = 0;
    for _ in 0..300 * rounds() {
        let mut body = sound.to_vec();
        for _ in 0..next(4) {
            let at = next(body.len());
            match next(3) {
                0 => drop(body.remove(at)),
                1 => body[at] = letters[next(letters.len())],
                _ => body.insert(at, letters[next(letters.len())]),
            }
        }
        for levels in [ROOT, EVENTS, NESTED] {
            let Ok(Split::Items(items)) = split(&body, levels) else {
                continue;
            };
            for item in items {
                let part = item.body(&body);
                assert!(serde_json::from_slice::<Value>(&part).is_ok(), "{body:?}");
                cut += 1;
            }
        }
    }
    assert!(cut > 1_000, "{cut}");
}
