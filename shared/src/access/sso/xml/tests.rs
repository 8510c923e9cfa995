//! Canonical form, and what is refused.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn canonical(xml: &str) -> String {
    let element = parse(xml.as_bytes()).unwrap();
    String::from_utf8(element.canonical(None, &BTreeSet::new())).unwrap()
}

#[test]
fn canonical_form_sorts_expands_and_keeps_used_namespaces_only() {
    let xml = "<?xml version=\"1.0\"?>\n<a:r xmlns:b='urn:b' xmlns:a='urn:a' z='1' b:y=\"2\" a='&#10;&lt;'><c xmlns='urn:c'/>x<!-- - -->y&gt;\r\n</a:r>";
    let expected = "<a:r xmlns:a=\"urn:a\" xmlns:b=\"urn:b\" a=\"&#xA;&lt;\" z=\"1\" b:y=\"2\"><c xmlns=\"urn:c\"></c>xy&gt;\n</a:r>";
    assert_eq!(canonical(xml), expected);
}

#[test]
fn an_inner_element_brings_the_namespaces_it_uses_and_those_it_is_told_to() {
    let root = parse(b"<r xmlns='urn:r' xmlns:xs='urn:xs'><i t='xs:string'><j xmlns=''/></i></r>")
        .unwrap();
    let inner = root.elements().next().unwrap();
    let plain = inner.canonical(None, &BTreeSet::new());
    assert_eq!(
        plain,
        b"<i xmlns=\"urn:r\" t=\"xs:string\"><j xmlns=\"\"></j></i>"
    );
    let told = inner.canonical(None, &BTreeSet::from(["xs".to_owned()]));
    assert_eq!(
        told,
        b"<i xmlns=\"urn:r\" xmlns:xs=\"urn:xs\" t=\"xs:string\"><j xmlns=\"\"></j></i>"
    );
}

#[test]
fn whatever_two_parsers_could_read_differently_is_refused() {
    for xml in [
        "<!DOCTYPE a><a/>",
        "<a>&b;</a>",
        "<a><![CDATA[x]]></a>",
        "<a><?p x?></a>",
        "<a b='1' b='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<p:a/>",
        "<a/><b/>",
        "<a>",
        "<a></b>",
        "x<a/>",
        "<a>&#0;</a>",
        "<a b='<'/>",
        "<a b='&#xZZ;'/>",
        "<a:b:c xmlns:a='u'/>",
        "<?xml version='1.0' encoding='utf-16'?><a/>",
        "",
    ] {
        assert!(parse(xml.as_bytes()).is_err(), "{xml}");
    }
    let deep = "<a>".repeat(50) + &"</a>".repeat(50);
    assert!(parse(deep.as_bytes()).is_err());
    assert!(parse(b"<a>\xff</a>").is_err());
    assert!(parse(format!("<a>{}</a>", " ".repeat(MAX_LEN)).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn what_was_written_is_read_back_the_same(text in "[ -~\t\n\r\u{a0}-\u{2000}]{0,40}", value in "[ -~\t\n]{0,40}") {
        let xml = format!("<a v=\"{}\">{}</a>", escaped(&value), escaped(&text));
        let element = parse(xml.as_bytes()).unwrap();
        let bytes = element.canonical(None, &BTreeSet::new());
        let again = parse(&bytes).unwrap();
        prop_assert_eq!(again.attribute("v"), Some(value.as_str()));
        prop_assert_eq!(again.text().unwrap(), text.trim());
        prop_assert_eq!(again.canonical(None, &BTreeSet::new()), bytes);
    }

    #[test]
    fn no_text_makes_the_reader_panic(xml in "[<>a-c/='\"&;!?#x \\-\\[\\]]{0,60}") {
        let _ = parse(xml.as_bytes());
    }
}
