//! What may be sent below a base URL, and what may be a base URL.

use serde_json::{Value, json};

use crate::{
    egress::Egress,
    ip_ranges::IpRanges,
    problem::ApiError,
    telemetry::Calls,
    vendor::{CallInput, Connector, Repeatable, VendorCall, chosen_base_url, connector},
};

fn rest() -> &'static Connector {
    connector("rest").unwrap()
}

fn input(method: &str, path: &str) -> CallInput {
    CallInput {
        method: method.to_owned(),
        path: path.to_owned(),
        ..CallInput::default()
    }
}

fn pointers(refused: Result<VendorCall, ApiError>) -> Vec<String> {
    let Err(ApiError::Invalid(errors)) = refused else {
        panic!("{refused:?}")
    };
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn a_path_stays_below_the_base_url() {
    for good in [
        "/",
        "/v1/customers?limit=3&a=/../b",
        "/a/b.c/d..e",
        "/@a",
        "/:x",
        "/a%20b",
    ] {
        assert!(
            VendorCall::parse(rest(), input("GET", good)).is_ok(),
            "{good}"
        );
    }
    for bad in [
        "",
        "v1",
        "//evil.example",
        "/a//b",
        "/../admin",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/%2e%2e/b",
        "/a/%2E%2E%2fb",
        "/a%2f..%2fb",
        "/a\\..\\b",
        "/a%5c..%5cb",
        "/a#b",
        "/a b",
        "/a\r\nb",
        "/ä",
        "@evil.example/",
        "/a/..;/b",
    ] {
        let refused = pointers(VendorCall::parse(rest(), input("GET", bad)));
        assert_eq!(refused, ["/path"], "{bad}");
    }
}

#[test]
fn what_may_not_be_said_is_refused_by_name() {
    let with = |change: fn(&mut CallInput)| {
        let mut input = input("POST", "/a");
        change(&mut input);
        pointers(VendorCall::parse(rest(), input))
    };
    assert_eq!(with(|input| input.method = "TRACE".to_owned()), ["/method"]);
    assert_eq!(with(|input| input.timeout_ms = Some(99)), ["/timeout_ms"]);
    assert_eq!(
        with(|input| input.timeout_ms = Some(20_001)),
        ["/timeout_ms"]
    );
    let both = with(|input| {
        input.body = Some(json!({}));
        input.text = Some("a".to_owned());
    });
    assert_eq!(both, ["/text"]);
    for name in [
        "Authorization",
        "cookie",
        "Host",
        "content-length",
        "transfer-encoding",
        "accept-encoding",
        "a b",
        "",
    ] {
        let mut input = input("POST", "/a");
        input.headers = [(name.to_owned(), "v".to_owned())].into();
        let refused = pointers(VendorCall::parse(rest(), input));
        assert_eq!(refused, [format!("/headers/{name}")]);
    }
    let mut split = input("POST", "/a");
    split.headers = [("x-a".to_owned(), "b\r\nhost: c".to_owned())].into();
    assert_eq!(pointers(VendorCall::parse(rest(), split)), ["/headers/x-a"]);
}

#[test]
fn a_body_is_written_in_the_vendors_format() {
    let body = |name: &str, value: Value| {
        let mut input = input("POST", "/a");
        input.body = Some(value);
        let call = VendorCall::parse(connector(name).unwrap(), input).unwrap();
        let kind = call
            .headers
            .get("content-type")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        (kind, String::from_utf8(call.body.to_vec()).unwrap())
    };
    let (kind, text) = body("rest", json!({ "a": 1 }));
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("application/json", r#"{"a":1}"#)
    );
    let (kind, text) = body("stripe", json!({ "a": { "b": 1 } }));
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert_eq!(text, "a%5Bb%5D=1");
    let mut input = input("POST", "/a");
    input.body = Some(json!([1]));
    let refused = VendorCall::parse(connector("stripe").unwrap(), input);
    assert_eq!(pointers(refused), ["/body"]);
}

#[test]
fn a_write_can_be_repeated_only_with_a_key_that_the_vendor_knows() {
    let repeatable = |name: &str, method: &str, key: Option<&str>| {
        let mut input = input(method, "/a");
        input.idempotency_key = key.map(str::to_owned);
        let connector = connector(name).unwrap();
        VendorCall::parse(connector, input)
            .unwrap()
            .repeatable(connector)
    };
    for (connector, method, key, expected) in [
        ("stripe", "GET", None, Repeatable::Yes),
        ("stripe", "PUT", None, Repeatable::Yes),
        ("stripe", "DELETE", None, Repeatable::Yes),
        ("stripe", "POST", None, Repeatable::No),
        ("stripe", "PATCH", None, Repeatable::No),
        ("stripe", "POST", Some("k"), Repeatable::Yes),
        ("hubspot", "POST", Some("k"), Repeatable::No),
    ] {
        assert_eq!(
            repeatable(connector, method, key),
            expected,
            "{connector} {method}"
        );
    }
}

#[test]
fn a_base_url_is_public_and_of_the_vendors_host() {
    let egress = Egress::new(IpRanges::default(), Calls::default());
    let chosen = |name: &str, url: Option<&str>| {
        chosen_base_url(&egress, connector(name).unwrap(), url.map(str::to_owned))
    };
    assert_eq!(chosen("stripe", None).unwrap(), "https://api.stripe.com");
    let own = "https://acme.my.salesforce.com";
    assert_eq!(chosen("salesforce", Some(own)).unwrap(), own);
    assert!(chosen("rest", Some("https://api.example.com/v2")).is_ok());
    for (name, url) in [
        ("stripe", Some("https://evil.example")),
        ("salesforce", None),
        ("salesforce", Some("https://evil.example")),
        ("salesforce", Some("https://evilsalesforce.com")),
        ("salesforce", Some("https://evil.example/.salesforce.com")),
        (
            "salesforce",
            Some("https://acme.my.salesforce.com@evil.example"),
        ),
        ("rest", Some("https://api.example.com/")),
        ("rest", Some("https://api.example.com?a=b")),
        ("rest", Some("https://api.example.com/a#b")),
        ("rest", Some("https://user:pw@api.example.com")),
        ("rest", Some("http://api.example.com")),
        ("rest", Some("https://127.0.0.1")),
        ("rest", Some("https://169.254.169.254/latest")),
        ("rest", Some("https://[::1]")),
        ("rest", Some("ftp://api.example.com")),
        ("rest", Some("")),
    ] {
        assert!(chosen(name, url).is_err(), "{name} {url:?}");
    }
}
