//! What counts as an element's text, and which messages are not read at all.

use proptest::prelude::*;

use crate::webhook::xml::texts;

#[test]
fn every_element_of_the_name_is_found_and_no_other() {
    let body = b"<a><Id>1</Id><sf:Id>x</sf:Id><IdList>y</IdList><Id xmlns=\"u\"> 2 </Id></a>";
    assert_eq!(texts(body, "Id"), Some(vec!["1", "2"]));
    assert_eq!(texts(body, "ActionId"), Some(vec![]));
}

#[test]
fn a_message_that_two_readers_could_read_differently_is_refused() {
    for body in [
        "<Id>1</Id><!-- <Id>2</Id> -->",
        "<Id><![CDATA[1]]></Id>",
        "<!DOCTYPE a [<!ENTITY e \"1\">]><Id>&e;</Id>",
        "<Id>&#49;</Id>",
        "<Id><b>1</b></Id>",
        "<Id>1",
        "<Id",
    ] {
        let read = texts(body.as_bytes(), "Id");
        assert!(read.is_none_or(|texts| texts.is_empty()), "{body}");
    }
    assert_eq!(texts(b"\xff<Id>1</Id>", "Id"), None);
}

proptest! {
    #[test]
    fn no_message_makes_it_panic(body in "(<Id>|</Id>|<|>|Id|[a-z &!]){0,40}") {
        let read = texts(body.as_bytes(), "Id");
        prop_assert!(read.unwrap_or_default().iter().all(|text| !text.contains('<')));
    }
}
