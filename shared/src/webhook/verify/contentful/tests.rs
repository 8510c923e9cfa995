//! The list of signed headers is itself signed, and nothing outside it counts.

use crate::webhook::sign::Dispatch;
use crate::webhook::tests::dispatched::{check, sent, verdict};
use crate::webhook::verify::Verdict;

const URL: &str = "https://hooks.example.test/hooks/abc";
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn edited(good: &Dispatch, name: &str, edit: impl Fn(&str) -> String) -> Dispatch {
    let mut sent = good.clone();
    for (header, value) in &mut sent.headers {
        if header == name {
            *value = edit(value);
        }
    }
    sent
}

#[test]
fn time_list_path_and_body_are_held() {
    let good = sent("contentful", SECRET, URL, "{}");
    assert_eq!(check("contentful", &[SECRET], &good), Ok(Some(0)));
    let other_time = edited(&good, "x-contentful-timestamp", |_| {
        "1760000000001".to_owned()
    });
    let other_path = Dispatch {
        url: format!("{URL}?x=1"),
        ..good.clone()
    };
    let other_body = Dispatch {
        body: b"[]".to_vec(),
        ..good.clone()
    };
    for changed in [other_time, other_path, other_body] {
        assert_eq!(
            verdict("contentful", SECRET, &changed),
            Some(Verdict::BadSignature)
        );
    }
}

#[test]
fn the_list_must_cover_itself_and_the_time() {
    let good = sent("contentful", SECRET, URL, "{}");
    for list in [
        "",
        "x-contentful-timestamp",
        "x-contentful-signed-headers",
        "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-timestamp",
        "x-contentful-signed-headers,x-contentful-timestamp,x-absent",
    ] {
        let changed = edited(&good, "x-contentful-signed-headers", |_| list.to_owned());
        assert_eq!(
            verdict("contentful", SECRET, &changed),
            Some(Verdict::Malformed),
            "{list}"
        );
    }
}

#[test]
fn a_url_is_signed_as_the_vendor_encodes_it() {
    for (url, path) in [
        ("https://a.test", "/"),
        ("https://a.test/a b/%41", "/a%20b/%2541"),
        ("https://a.test/x?a=1&b=2", "/x?a%253D1%2526b%253D2"),
        ("https://a.test/x?", "/x"),
    ] {
        assert_eq!(super::signed_path(url), path);
    }
}
