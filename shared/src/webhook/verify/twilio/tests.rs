//! What Twilio signs, what it does not, and that the algorithm cannot be chosen by a request.

use crate::webhook::sign::Dispatch;
use crate::webhook::tests::dispatched::{check, sent, verdict};
use crate::webhook::verify::Verdict;

const URL: &str = "https://hooks.example.test/hooks/abc?a=b";
const FORM: &str = "To=%2B15005550009&Body=hi+there&MessageSid=SM1";

fn with_header(mut sent: Dispatch, name: &str, value: &str) -> Dispatch {
    sent.headers.retain(|(header, _)| header != name);
    sent.headers.push((name.to_owned(), value.to_owned()));
    sent
}

#[test]
fn no_field_of_a_form_can_change_and_their_order_can() {
    let good = sent("twilio", "token", URL, FORM);
    assert_eq!(check("twilio", &["old", "token"], &good), Ok(Some(1)));
    let reordered = "MessageSid=SM1&Body=hi%20there&To=%2B15005550009";
    let changed = |body: &str| Dispatch {
        body: body.as_bytes().to_vec(),
        ..good.clone()
    };
    assert_eq!(verdict("twilio", "token", &changed(reordered)), None);
    for body in [
        "To=%2B15005550008&Body=hi+there&MessageSid=SM1",
        "To=%2B15005550009&Body=hi+there&MessageSid=SM1&extra=1",
        "To=%2B15005550009&Body=hi+there",
        "",
    ] {
        assert_eq!(
            verdict("twilio", "token", &changed(body)),
            Some(Verdict::BadSignature),
            "{body}"
        );
    }
}

#[test]
fn a_repeated_field_counts_once_per_value() {
    let good = sent("twilio", "token", URL, "a=2&a=1&a=2");
    let once = Dispatch {
        body: b"a=1&a=2".to_vec(),
        ..good
    };
    assert_eq!(verdict("twilio", "token", &once), None);
}

#[test]
fn a_json_body_is_good_only_with_its_hash_in_the_signed_url() {
    let good = sent("twilio", "token", URL, "{\"a\":1}");
    assert!(good.url.contains("&bodySHA256="));
    assert_eq!(verdict("twilio", "token", &good), None);
    let other = Dispatch {
        body: b"{\"a\":2}".to_vec(),
        ..good.clone()
    };
    assert_eq!(
        verdict("twilio", "token", &other),
        Some(Verdict::BadSignature)
    );
    // A good signature over the URL alone must not let any body through.
    let bare = sent("twilio", "token", URL, "");
    let uncovered = with_header(
        Dispatch {
            body: b"{\"a\":2}".to_vec(),
            ..bare
        },
        "Content-Type",
        "application/json",
    );
    assert_eq!(
        verdict("twilio", "token", &uncovered),
        Some(Verdict::Malformed)
    );
}

#[test]
fn the_default_port_may_be_written_or_not() {
    for (signed, received) in [
        ("https://a.test/x?y=1", "https://a.test:443/x?y=1"),
        ("https://a.test:443/x", "https://a.test/x"),
        ("http://a.test:80", "http://a.test"),
        ("https://a.test?x=:8", "https://a.test:443?x=:8"),
    ] {
        let good = sent("twilio", "token", signed, FORM);
        let moved = Dispatch {
            url: received.to_owned(),
            ..good
        };
        assert_eq!(verdict("twilio", "token", &moved), None, "{received}");
    }
    let elsewhere = Dispatch {
        url: "https://a.test:444/x".to_owned(),
        ..sent("twilio", "token", "https://a.test/y", FORM)
    };
    assert_eq!(
        verdict("twilio", "token", &elsewhere),
        Some(Verdict::BadSignature)
    );
}

#[test]
fn no_header_chooses_the_algorithm() {
    let settings = "X-Twilio-Webhooks-Signature-Settings";
    let strong = sent("twilio_sharedkey", "s", URL, FORM);
    let weak = sent("twilio", "s", URL, FORM);
    assert_eq!(verdict("twilio_sharedkey", "s", &strong), None);
    assert_eq!(verdict("twilio", "s", &weak), None);
    assert_eq!(verdict("twilio", "s", &strong), Some(Verdict::BadSignature));
    for value in [
        "",
        "key=k,algorithm=HMAC_SHA1",
        "key=k,algorithm=HMAC_SHA256",
    ] {
        let claimed = with_header(weak.clone(), settings, value);
        assert_eq!(
            verdict("twilio_sharedkey", "s", &claimed),
            Some(Verdict::BadSignature)
        );
        let claimed = with_header(strong.clone(), settings, value);
        assert_eq!(
            verdict("twilio", "s", &claimed),
            Some(Verdict::BadSignature)
        );
    }
}

#[test]
fn a_header_on_two_lines_is_refused() {
    for name in [
        "X-Twilio-Signature",
        "Content-Type",
        "X-Twilio-Webhooks-Signature-Settings",
    ] {
        let mut twice = sent("twilio_sharedkey", "s", URL, FORM);
        let (_, value) = twice
            .headers
            .iter()
            .find(|(header, _)| header == name)
            .unwrap();
        let again = (name.to_owned(), value.clone());
        twice.headers.push(again);
        assert_eq!(
            verdict("twilio_sharedkey", "s", &twice),
            Some(Verdict::Malformed),
            "{name}"
        );
    }
}
