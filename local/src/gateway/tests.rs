//! Events and answers as API Gateway makes them, and the gateway's own answers.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::gateway::answer;
use crate::gateway::event::{EventContext, build, decoded_path, raw_path};
use crate::gateway::route::Routes;
use crate::server::Peer;
use crate::template::Route;
use crate::testing::{get, send, small};

/// The event of a request to `GET /hooks/{proxy+}`-like routes, without its random trace id.
fn event(request: Request<&[u8]>) -> Value {
    let (parts, body) = request.into_parts();
    let parameters = BTreeMap::from([("proxy", "parameter-value".to_owned())]);
    let context = EventContext {
        route_key: "ANY /my/{proxy+}",
        path: &decoded_path(parts.uri.path()),
        path_parameters: &parameters,
        peer: Some(Peer("192.0.2.1:4711".parse().unwrap())),
        port: 9000,
        request_id: "JKJaXmPLvHcESHA=".to_owned(),
        now_ms: 1_583_348_638_390,
    };
    let mut event = build(&parts, &Bytes::copy_from_slice(body), &context);
    let trace = event["headers"]
        .as_object_mut()
        .unwrap()
        .remove("x-amzn-trace-id")
        .unwrap();
    assert!(
        trace.as_str().unwrap().starts_with("Root=1-5e5ffb9e-"),
        "{trace}"
    );
    event
}

fn encoded(content_type: Option<&str>, body: &[u8]) -> (Value, Value) {
    let request = Request::post("/my/path").extension(());
    let request = match content_type {
        Some(content_type) => request.header("content-type", content_type),
        None => request,
    };
    let event = event(request.body(body).unwrap());
    (event["body"].clone(), event["isBase64Encoded"].clone())
}

#[test]
fn a_request_becomes_the_event_of_payload_format_two() {
    let request = Request::post("/my/path?parameter1=value1&parameter1=value2&parameter2=a%20b")
        .header("host", "api.example.com:9000")
        .header("cookie", "cookie1=a; cookie2=b")
        .header("Header1", "value1")
        .header("Header2", "value1")
        .header("Header2", "value2")
        .header("content-type", "text/plain")
        .header("user-agent", "agent")
        .body(b"Hello from Lambda".as_slice())
        .unwrap();
    let expected = json!({
        "version": "2.0",
        "routeKey": "ANY /my/{proxy+}",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=a%20b",
        "cookies": ["cookie1=a", "cookie2=b"],
        "headers": {
            "host": "api.example.com:9000",
            "header1": "value1",
            "header2": "value1,value2",
            "content-type": "text/plain",
            "user-agent": "agent",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "9000",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "a b"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /my/{proxy+}",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64,
        },
        "body": "Hello from Lambda",
        "pathParameters": {"proxy": "parameter-value"},
        "isBase64Encoded": false,
    });
    assert_eq!(event(request), expected);
}

#[test]
fn the_source_address_is_never_the_clients_word() {
    let request = Request::get("/my/path")
        .header("x-forwarded-for", "10.9.8.7")
        .body(b"".as_slice())
        .unwrap();
    let event = event(request);
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.1");
    assert_eq!(event["headers"]["x-forwarded-for"], "10.9.8.7, 192.0.2.1");
}

#[test]
fn what_a_request_lacks_the_event_lacks() {
    let event = event(Request::get("/my/path").body(b"".as_slice()).unwrap());
    for name in ["cookies", "queryStringParameters", "body"] {
        assert_eq!(event.get(name), None, "{name}");
    }
    assert_eq!(event["isBase64Encoded"], false);
}

#[test]
fn a_body_is_text_only_by_its_content_type() {
    let text = (json!("{}"), json!(false));
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "TEXT/html",
        "application/xml",
        "application/scim+json",
    ];
    for content_type in types {
        assert_eq!(encoded(Some(content_type), b"{}"), text, "{content_type}");
    }
    let base64 = (json!(STANDARD.encode("{}")), json!(true));
    for content_type in [
        None,
        Some("application/octet-stream"),
        Some("application/x-www-form-urlencoded"),
    ] {
        assert_eq!(encoded(content_type, b"{}"), base64, "{content_type:?}");
    }
    assert_eq!(
        encoded(Some("text/plain"), b"\xff"),
        (json!("/w=="), json!(true))
    );
}

#[test]
fn paths_come_decoded_and_end_at_a_question_mark() {
    assert_eq!(decoded_path("/a%20b/%C3%A9%2Fc"), "/a b/é/c");
    assert_eq!(decoded_path("/a%3Fb"), "/a?b");
    assert_eq!(raw_path("/a?b"), "/a");
}

fn routes() -> Routes {
    let paths = [
        ("ANY", "/{proxy+}"),
        ("GET", "/pets/{proxy+}"),
        ("GET", "/pets/dog/{id}"),
        ("GET", "/pets/dog/1"),
        ("ANY", "/pets/dog/1"),
        ("ANY", "/pets/dog/{id}/toys"),
    ];
    Routes::new(paths.map(|(method, path)| {
        (
            Route {
                method: method.to_owned(),
                path: path.to_owned(),
            },
            "pets".to_owned(),
        )
    }))
}

#[test]
fn the_most_specific_route_is_taken() {
    let routes = routes();
    let chosen = |method: &str, path: &str| {
        routes
            .choose(method, path)
            .map(|chosen| chosen.route_key.to_owned())
    };
    // The examples of AWS's page on routes.
    assert_eq!(
        chosen("GET", "/pets/dog/1").as_deref(),
        Some("GET /pets/dog/1")
    );
    assert_eq!(
        chosen("GET", "/pets/dog/2").as_deref(),
        Some("GET /pets/dog/{id}")
    );
    assert_eq!(
        chosen("GET", "/pets/cat/1").as_deref(),
        Some("GET /pets/{proxy+}")
    );
    assert_eq!(chosen("POST", "/test/5").as_deref(), Some("ANY /{proxy+}"));
    assert_eq!(
        chosen("PUT", "/pets/dog/1").as_deref(),
        Some("ANY /pets/dog/1")
    );
    assert_eq!(
        chosen("GET", "/pets/dog/2/toys").as_deref(),
        Some("ANY /pets/dog/{id}/toys")
    );
    assert_eq!(chosen("GET", "/"), None);
}

#[test]
fn a_greedy_variable_takes_one_segment_or_more() {
    let routes = routes();
    assert_eq!(
        routes.choose("GET", "/pets/a/b").unwrap().parameters["proxy"],
        "a/b"
    );
    assert_eq!(
        routes.choose("GET", "/pets").unwrap().route_key,
        "ANY /{proxy+}"
    );
    assert_eq!(
        routes.choose("GET", "/pets/dog/7").unwrap().parameters["id"],
        "7"
    );
}

async fn answered(value: Value) -> (StatusCode, http::HeaderMap, Bytes) {
    let (parts, body) = answer::read("f", &value).unwrap().into_parts();
    (
        parts.status,
        parts.headers,
        to_bytes(body, usize::MAX).await.unwrap(),
    )
}

#[tokio::test]
async fn an_answer_becomes_a_response() {
    let (status, headers, body) = answered(json!({
        "statusCode": 201,
        "headers": {"X-One": "1", "content-length": "999", "content-type": "application/json"},
        "multiValueHeaders": {"x-two": ["a", "b"]},
        "cookies": ["a=1", "b=2"],
        "body": STANDARD.encode(b"\x00\xff"),
        "isBase64Encoded": true,
    }))
    .await;
    assert_eq!(
        (status, body.as_ref()),
        (StatusCode::CREATED, b"\x00\xff".as_slice())
    );
    let all = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(all("x-one"), ["1"]);
    assert_eq!(all("x-two"), ["a", "b"]);
    assert_eq!(all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(all("content-length"), [""; 0]);
}

#[tokio::test]
async fn an_answer_without_a_status_is_the_body_of_a_200() {
    let (status, headers, body) = answered(json!({"message": "hi"})).await;
    assert_eq!(
        (status, body.as_ref()),
        (StatusCode::OK, br#"{"message":"hi"}"#.as_slice())
    );
    assert_eq!(headers["content-type"], "application/json");
}

#[test]
fn an_answer_that_api_gateway_would_not_take_is_an_error() {
    let answers = [
        json!({"statusCode": 99}),
        json!({"statusCode": "ok"}),
        json!({"statusCode": 200, "body": {"a": 1}}),
        json!({"statusCode": 200, "body": "%%", "isBase64Encoded": true}),
        json!({"statusCode": 200, "headers": {"a b": "x"}}),
        json!({"statusCode": 200, "headers": {"a": "x\r\ny: z"}}),
    ];
    for refused in answers {
        assert!(answer::read("f", &refused).is_err(), "{refused}");
    }
}

#[tokio::test]
async fn a_function_is_reached_and_answers() {
    let platform = small(|binary, event| {
        Ok(json!({"statusCode": 200, "body": format!("{binary} {}", event["rawPath"])}))
    })
    .await;
    let request = Request::get(format!("{}/door/a%20b", platform.url()))
        .body(Full::default())
        .unwrap();
    let (status, headers, body) = send(request).await;
    assert_eq!(
        (status, body.as_ref()),
        (StatusCode::OK, b"door \"/door/a b\"".as_slice())
    );
    assert_eq!(headers["content-type"], "text/plain;charset=UTF-8");
    assert!(headers.contains_key("apigw-requestid"));
    platform.stop().await;
}

#[tokio::test]
async fn the_gateway_has_its_own_answers() {
    let platform = small(|_, event| match event["rawPath"].as_str() {
        Some("/door/panics") => panic!("as asked"),
        Some("/door/fails") => anyhow::bail!("as asked"),
        _ => Ok(json!({"statusCode": 204})),
    })
    .await;
    let url = platform.url();
    let message = |text: &str| json!({"message": text});
    assert_eq!(
        get(format!("{url}/elsewhere")).await,
        (StatusCode::NOT_FOUND, message("Not Found"))
    );
    let failed = (
        StatusCode::INTERNAL_SERVER_ERROR,
        message("Internal Server Error"),
    );
    assert_eq!(get(format!("{url}/door/fails")).await, failed);
    assert_eq!(get(format!("{url}/door/panics")).await, failed);
    assert_eq!(
        get(format!("{url}/door/works")).await.0,
        StatusCode::NO_CONTENT
    );
    platform.stop().await;
}

#[tokio::test]
async fn what_is_over_the_gateways_limits_is_refused() {
    let platform = small(|_, _| Ok(json!({"statusCode": 204}))).await;
    let url = format!("{}/door/x", platform.url());
    let post = |length: usize| {
        Request::post(&url)
            .body(Full::from(vec![b'x'; length]))
            .unwrap()
    };
    let (status, _, body) = send(post(10 * 1024 * 1024 + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body.as_ref(), br#"{"message":"Request Entity Too Large"}"#);
    // Base64 makes this one larger than Lambda takes.
    assert_eq!(
        send(post(5 * 1024 * 1024)).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(send(post(4 * 1024 * 1024)).await.0, StatusCode::NO_CONTENT);
    let request = Request::get(&url)
        .header("x-long", "x".repeat(10_240))
        .body(Full::default())
        .unwrap();
    assert_eq!(
        send(request).await.0,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    platform.stop().await;
}

#[tokio::test]
async fn faults_can_be_ordered_over_http() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let url = format!("{}/local/faults", platform.url());
    let fault = |text: &'static str| Request::post(&url).body(Full::from(text)).unwrap();
    let (status, _, body) = send(fault(
        r#"{"operation": "PutItem", "answer": "throttling", "times": 1}"#,
    ))
    .await;
    assert_eq!(
        (status, body.as_ref()),
        (StatusCode::CREATED, br#"{"id":1}"#.as_slice())
    );
    assert_eq!(
        send(fault(r#"{"answer": "sulking"}"#)).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(get(url.clone()).await.1[0]["operation"], "PutItem");
    let remove = |path: &str| {
        Request::delete(format!("{url}{path}"))
            .body(Full::default())
            .unwrap()
    };
    assert_eq!(send(remove("/1")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(send(remove("/1")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(send(remove("")).await.0, StatusCode::NO_CONTENT);
    platform.stop().await;
}

proptest! {
    #[test]
    fn no_path_query_or_body_makes_the_gateway_panic(
        path in "(/[!$-;=@-Z_a-z~%]{0,9}){1,4}",
        query in "[!$-;=?-Z_a-z~%]{0,20}",
        content_type in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let request = Request::post(format!("{path}?{query}")).header("content-type", content_type);
        if let Ok(request) = request.body(body.as_slice()) {
            let event = event(request);
            let sent = event["body"].as_str().unwrap_or_default();
            let received = match event["isBase64Encoded"].as_bool() {
                Some(true) => STANDARD.decode(sent).unwrap(),
                _ => sent.as_bytes().to_vec(),
            };
            prop_assert_eq!(received, body);
        }
    }
}
