//! Only an endpoint that waits takes an unsigned request, and only the one that it waits for.

use crate::webhook::handshake::{Arrival, Handshake, handshake_pending};
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};

const WAITING: Arrival = Arrival {
    without_secret: true,
    just_changed: true,
};
const SETTLED: Arrival = Arrival {
    without_secret: false,
    just_changed: false,
};

fn arrives(
    scheme: &str,
    arrival: Arrival,
    headers: &[(&str, &[u8])],
    body: &str,
) -> Option<Handshake> {
    let request = RawRequest {
        method: "POST",
        url: "https://hooks.example.test/hooks/abc",
        headers: Headers::Pairs(headers),
        body: body.as_bytes(),
    };
    handshake_pending(presets::find(scheme).unwrap(), arrival, &request)
}

#[test]
fn asana_plants_a_secret_once() {
    let headers: [(&str, &[u8]); 1] = [("X-Hook-Secret", b"b537207f20cbfa02357cf448134da559")];
    let Some(Handshake::PlantSecret { secret, answer }) = arrives("asana", WAITING, &headers, "{}")
    else {
        panic!("the secret was not taken");
    };
    assert_eq!(secret.expose(), "b537207f20cbfa02357cf448134da559");
    assert!(
        answer
            .headers
            .contains(&("x-hook-secret", secret.expose().clone()))
    );
    assert!(arrives("asana", SETTLED, &headers, "{}").is_none());
    for value in [b"".as_slice(), b"a\r\nb", b"a b", b"<a>"] {
        assert!(arrives("asana", WAITING, &[("X-Hook-Secret", value)], "").is_none());
    }
    let twice = [headers[0], headers[0]];
    assert!(arrives("asana", WAITING, &twice, "{}").is_none());
}

#[test]
fn notions_token_is_shown_and_not_echoed() {
    let body = r#"{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}"#;
    let Some(Handshake::ShowToken { token, answer }) = arrives("notion", WAITING, &[], body) else {
        panic!("the token was not taken");
    };
    assert!(token.expose().starts_with("secret_"));
    assert_eq!(answer.body, "");
    assert!(arrives("notion", SETTLED, &[], body).is_none());
    assert!(arrives("notion", WAITING, &[], r#"{"verification_token":""}"#).is_none());
    assert!(arrives("notion", WAITING, &[], r#"{"verification_token":1}"#).is_none());
}

#[test]
fn woocommerces_ping_is_nothing_but_a_number() {
    let is_ping = |arrival, headers: &[(&str, &[u8])], body| {
        arrives("woocommerce", arrival, headers, body).is_some()
    };
    assert!(is_ping(WAITING, &[], "webhook_id=17"));
    assert!(!is_ping(SETTLED, &[], "webhook_id=17"));
    for body in ["webhook_id=", "webhook_id=1&x=2", "webhook_id=x", "", "{}"] {
        assert!(!is_ping(WAITING, &[], body), "{body}");
    }
    assert!(!is_ping(
        WAITING,
        &[("x-wc-webhook-signature", b"x")],
        "webhook_id=17"
    ));
}

#[test]
fn no_other_scheme_takes_an_unsigned_request() {
    let headers: [(&str, &[u8]); 1] = [("X-Hook-Secret", b"abc")];
    let others = presets::all()
        .filter(|scheme| !["asana", "notion", "woocommerce"].contains(&&*scheme.name));
    for scheme in others {
        for body in [r#"{"verification_token":"abc"}"#, "webhook_id=17"] {
            assert!(arrives(&scheme.name, WAITING, &headers, body).is_none());
        }
    }
}
