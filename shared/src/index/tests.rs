//! Text order is value order; a list gets its rows, all of them, from one range, or is refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Direction, FieldPath, Index, Question, ValueKind, check, row_prefixes, value};
use crate::problem::ApiError;

fn index(fields: &[(&str, &str)]) -> Index {
    let fields: Vec<Value> = fields
        .iter()
        .map(|(path, kind)| json!({ "path": path, "type": kind }))
        .collect();
    serde_json::from_value(json!({ "fields": fields })).unwrap()
}

fn question(parameters: &[(&str, &str)]) -> Question {
    let mut question = Question::default();
    for (name, text) in parameters {
        question
            .add(name, text)
            .map_err(|error| error.detail)
            .unwrap();
    }
    question
}

fn encoded(kind: ValueKind, value: &Value) -> String {
    value::of_json(kind, Some(value)).unwrap()
}

proptest! {
    #[test]
    fn numbers_are_in_their_order(a in -9e15..9e15_f64, b in -9e15..9e15_f64) {
        let text = |number: f64| encoded(ValueKind::Number, &json!(number));
        prop_assert_eq!(a.partial_cmp(&b).unwrap(), text(a).cmp(&text(b)));
    }

    #[test]
    fn strings_are_in_their_order_and_an_ending_keeps_it(a in "[ -~à-ÿ]{0,20}", b in "[ -~à-ÿ]{0,20}") {
        let text = |text: &str| encoded(ValueKind::String, &json!(text)) + "#";
        prop_assert_eq!(a.cmp(&b), text(&a).cmp(&text(&b)));
    }

    #[test]
    fn times_are_in_their_order_whatever_their_offset(a in -9_000_000_000_i64..9_000_000_000, b in -9_000_000_000_i64..9_000_000_000, hours in -12_i32..12) {
        let at = |second: i64| jiff::Timestamp::from_second(second).unwrap();
        let utc = encoded(ValueKind::Time, &json!(at(a).to_string()));
        let offset = jiff::tz::Offset::from_seconds(hours * 3_600).unwrap();
        let there = encoded(ValueKind::Time, &json!(at(b).display_with_offset(offset).to_string()));
        prop_assert_eq!(a.cmp(&b), utc.cmp(&there));
    }

    #[test]
    fn a_range_holds_what_the_comparisons_say(age in -1_000_i32..1_000, low in -1_000_i32..1_000, high in -1_000_i32..1_000) {
        let indexes = [index(&[("status", "string"), ("age", "number")])];
        let row = row_prefixes(&indexes, &json!({ "status": "open", "age": age })).unwrap().remove(0) + "rec_x";
        let holds = |low_name: &str, high_name: &str| {
            let asked = question(&[("status", "open"), (low_name, &low.to_string()), (high_name, &high.to_string())]);
            asked.plan(&indexes).unwrap().holds(&row)
        };
        prop_assume!(low < high);
        prop_assert_eq!(holds("age:gte", "age:lte"), (low..=high).contains(&age));
        prop_assert_eq!(holds("age:gte", "age:lt"), (low..high).contains(&age));
        prop_assert_eq!(holds("age:gt", "age:lte"), low < age && age <= high);
    }

    #[test]
    fn a_prefix_holds_the_strings_that_start_so(name in "[a-c]{0,4}", prefix in "[a-c]{0,3}") {
        let indexes = [index(&[("name", "string")])];
        let row = row_prefixes(&indexes, &json!({ "name": name })).unwrap().remove(0) + "rec_x";
        let plan = question(&[("name:prefix", &prefix)]).plan(&indexes).unwrap();
        prop_assert_eq!(plan.holds(&row), name.starts_with(&prefix));
    }
}

#[test]
fn two_ways_to_write_the_same_letters_are_one_value() {
    let composed = encoded(ValueKind::String, &json!("Jürgen"));
    assert_eq!(
        composed,
        encoded(ValueKind::String, &json!("Ju\u{308}rgen"))
    );
}

#[test]
fn what_is_missing_or_null_comes_first_and_is_in_no_range() {
    let indexes = [index(&[("age", "number")])];
    let none = row_prefixes(&indexes, &json!({})).unwrap().remove(0) + "rec_x";
    let null = row_prefixes(&indexes, &json!({ "age": null }))
        .unwrap()
        .remove(0)
        + "rec_x";
    let least = row_prefixes(&indexes, &json!({ "age": -1e300 }))
        .unwrap()
        .remove(0)
        + "rec_x";
    assert_eq!(none, null);
    assert!(none < least);
    assert!(
        question(&[("sort", "age")])
            .plan(&indexes)
            .unwrap()
            .holds(&none)
    );
    assert!(
        !question(&[("age:lt", "5")])
            .plan(&indexes)
            .unwrap()
            .holds(&none)
    );
    assert!(
        !question(&[("age", "0")])
            .plan(&indexes)
            .unwrap()
            .holds(&none)
    );
}

#[test]
fn a_list_is_served_by_an_index_or_refused() {
    let indexes = [
        index(&[("status", "string"), ("age", "number")]),
        index(&[("age", "number")]),
        index(&[("address.city", "string")]),
    ];
    let place =
        |parameters: &[(&str, &str)]| question(parameters).plan(&indexes).map(|plan| plan.index);
    for (parameters, expected) in [
        (&[][..], None),
        (&[("sort", "-created_at")], None),
        (&[("sort", "age")], Some(1)),
        (&[("sort", "-age"), ("age:gte", "3")], Some(1)),
        (&[("status", "open")], Some(0)),
        (&[("status", "open"), ("sort", "age")], Some(0)),
        (
            &[("status", "open"), ("age", "3"), ("sort", "created_at")],
            Some(0),
        ),
        (&[("age", "3"), ("sort", "-created_at")], Some(1)),
        (&[("address.city", "Paris")], Some(2)),
    ] {
        assert_eq!(place(parameters).unwrap(), expected, "{parameters:?}");
    }
    for (parameters, pointer) in [
        (&[("colour", "red")][..], "colour"),
        (&[("sort", "colour")], "sort"),
        (&[("address.city", "Paris"), ("age", "3")], "address.city"),
        (&[("status", "open"), ("sort", "address.city")], "status"),
        (&[("status:gte", "a"), ("age", "3")], "age"),
        (&[("status", "open"), ("sort", "created_at")], "status"),
        (&[("age", "young")], "age"),
        (&[("age:prefix", "1")], "age:prefix"),
        (&[("sort", "-id")], "sort"),
    ] {
        let Err(ApiError::Invalid(errors)) = place(parameters) else {
            panic!("{parameters:?} is served")
        };
        assert_eq!(
            errors[0].pointer, pointer,
            "{parameters:?}: {}",
            errors[0].detail
        );
    }
    let descending = question(&[("sort", "-age")]).plan(&indexes).unwrap();
    assert_eq!(descending.direction, Direction::Descending);
}

#[test]
fn a_parameter_stands_once_and_its_operator_is_known() {
    let mut question = question(&[("age:gte", "1"), ("sort", "age"), ("status", "a")]);
    for (name, text) in [
        ("age:gte", "2"),
        ("sort", "status"),
        ("status", "b"),
        ("age:like", "1"),
    ] {
        assert!(question.add(name, text).is_err(), "{name}");
    }
}

#[test]
fn a_value_of_another_type_is_named_by_its_place() {
    let indexes = [
        index(&[("status", "string"), ("address.since", "time")]),
        index(&[("status", "string"), ("age", "number")]),
    ];
    let bad =
        json!({ "status": 1, "age": 9_007_199_254_740_992_u64, "address": { "since": "today" } });
    let errors = row_prefixes(&indexes, &bad).unwrap_err();
    let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/data/address/since", "/data/age", "/data/status"]
    );
    let long = json!({ "status": "x".repeat(129) });
    assert!(row_prefixes(&indexes, &long).is_err());
}

#[test]
fn indexes_that_contradict_each_other_are_refused() {
    let twice = index(&[("a", "string"), ("a", "string")]);
    let pointers = |indexes: &[Index]| -> Vec<String> {
        check(indexes)
            .into_iter()
            .map(|error| error.pointer)
            .collect()
    };
    assert_eq!(pointers(&[twice]), ["/indexes/0/fields/1"]);
    let (text, number) = (index(&[("a", "string")]), index(&[("a", "number")]));
    assert_eq!(pointers(&[text.clone(), text.clone()]), ["/indexes/1"]);
    assert_eq!(
        pointers(&[text, number]),
        ["/indexes/0/fields/0/type", "/indexes/1/fields/0/type"]
    );
    let many: Vec<Index> = (0..9)
        .map(|at| index(&[(&format!("f{at}"), "string")]))
        .collect();
    assert_eq!(pointers(&many), ["/indexes"]);
}

#[test]
fn a_path_is_names_joined_by_dots() {
    for good in ["a", "_a1", "address.city", "a.b.c.d"] {
        good.parse::<FieldPath>().unwrap();
    }
    for bad in [
        "",
        "1a",
        "a.",
        ".a",
        "a b",
        "a:gte",
        "a.b.c.d.e",
        "limit",
        "sort",
        &"x".repeat(41),
    ] {
        assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
    }
}
