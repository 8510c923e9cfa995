//! What no well-behaved vendor sends, as bytes on the wire: each gets a clear answer, and nothing that was cut off
//! or changed on its way becomes an event.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Client, Endpoint, Stack, text};

const BODY: &[u8] = br#"{"id":"evt_1","type":"invoice.paid"}"#;

/// Whether the sender keeps the connection open for the answer, or is gone after the last byte.
#[derive(PartialEq)]
enum Then {
    Waits,
    HangsUp,
}

/// Sends the bytes and reads what comes back: a status and all of the answer.
async fn wire(url: &str, request: &[u8], then: Then) -> (Option<u16>, String) {
    let address = url.strip_prefix("http://").unwrap();
    let host = address.split_once('/').unwrap().0;
    let mut socket = TcpStream::connect(host).await.unwrap();
    // A server that has seen enough may answer and hang up before all is sent.
    let _ = socket.write_all(request).await;
    if then == Then::HangsUp {
        let _ = socket.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status, answer)
}

/// The head of a POST to the endpoint, without the empty line that ends it.
fn head(url: &str, headers: &[(String, String)]) -> String {
    let path = url.strip_prefix("http://").unwrap();
    let (host, path) = path.split_once('/').unwrap();
    let mut head = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

async fn stripe() -> (Stack, Client, Endpoint) {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    (stack, owner, endpoint)
}

/// All events of the tenant, after the queue has run dry.
async fn events(stack: &Stack, owner: &Client) -> Vec<Value> {
    stack.drain().await;
    let page = owner.get("/v1/events").await.status(200);
    page["data"].as_array().unwrap().clone()
}

async fn last_rejection(owner: &Client, endpoint: &Endpoint) -> Value {
    let path = format!("/v1/webhook-endpoints/{}/rejections", endpoint.id);
    owner.get(&path).await.status(200)["data"][0].clone()
}

#[tokio::test]
async fn a_body_in_chunks_is_read_whole() {
    let (stack, owner, endpoint) = stripe().await;
    let mut headers = endpoint.sign("evt_1", stack.now_s(), BODY);
    headers.push(header("content-type", "application/json"));
    headers.push(header("transfer-encoding", "chunked"));
    let mut request = format!("{}\r\n", head(&endpoint.url, &headers)).into_bytes();
    for chunk in BODY.chunks(7) {
        request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    let cut_off = request.clone();
    request.extend(b"0\r\n\r\n");
    // Without the last chunk nobody knows that this was all.
    let (status, _) = wire(&endpoint.url, &cut_off, Then::HangsUp).await;
    assert!(matches!(status, None | Some(400)), "{status:?}");
    assert!(events(&stack, &owner).await.is_empty());
    let (status, answer) = wire(&endpoint.url, &request, Then::Waits).await;
    assert_eq!(status, Some(202), "{answer}");
    let events = events(&stack, &owner).await;
    assert_eq!(events.len(), 1);
    let path = format!("/v1/events/{}", text(&events[0]["id"]));
    let event = owner.get(&path).await.status(200);
    assert_eq!(event["payload"]["type"], "invoice.paid");
}

#[tokio::test]
async fn a_body_shorter_or_longer_than_it_says_is_no_event() {
    let (stack, owner, endpoint) = stripe().await;
    let signed = endpoint.sign("evt_1", stack.now_s(), BODY);
    let with_length = |length: usize| {
        let mut headers = signed.clone();
        headers.push(header("content-type", "application/json"));
        headers.push(header("content-length", &length.to_string()));
        let head = format!("{}\r\n", head(&endpoint.url, &headers));
        [head.as_bytes(), BODY].concat()
    };
    let (status, _) = wire(&endpoint.url, &with_length(BODY.len() + 1), Then::HangsUp).await;
    assert!(matches!(status, None | Some(400)), "{status:?}");
    // What follows the declared length is not the body: the signature covers more than there is.
    let (status, answer) = wire(&endpoint.url, &with_length(BODY.len() - 1), Then::Waits).await;
    assert_eq!(status, Some(401), "{answer}");
    // Two lengths are a smuggling attempt (RFC 9112 section 6.3).
    let mut twice = signed.clone();
    twice.push(header("content-length", "3"));
    twice.push(header("content-length", &BODY.len().to_string()));
    let request = format!("{}\r\n", head(&endpoint.url, &twice));
    let (status, answer) = wire(
        &endpoint.url,
        &[request.as_bytes(), BODY].concat(),
        Then::Waits,
    )
    .await;
    assert_eq!(status, Some(400), "{answer}");
    assert!(events(&stack, &owner).await.is_empty());
}

#[tokio::test]
async fn an_empty_body_is_refused_or_dead_as_its_scheme_says() {
    let (stack, owner, stripe) = stripe().await;
    // Stripe never sends one.
    let answer = stack.send_body(&stripe, "x", b"").await;
    answer.problem(401, "not-verified");
    let rejection = last_rejection(&owner, &stripe).await;
    assert_eq!(rejection["detail"], "the body must be non-empty");
    let github = Endpoint::create(&owner, "github").await;
    let answer = stack.post_raw(&github.url, &[], b"").await;
    answer.problem(401, "not-verified");
    stack.send_body(&github, "x", b"").await.status(202);
    let events = events(&stack, &owner).await;
    assert_eq!(events.len(), 1, "{events:?}");
    let path = format!("/v1/events/{}", text(&events[0]["id"]));
    let event = owner.get(&path).await.status(200);
    assert_eq!(event["state"], "dead", "{event}");
    assert!(text(&event["attempts"][0]["detail"]).contains("declared as JSON"));
}

#[tokio::test]
async fn six_megabytes_are_refused_by_the_function_or_before_it() {
    let (stack, owner, endpoint) = stripe().await;
    for (length, status) in [
        (4 << 20, 202),
        ((4 << 20) + 1, 413),
        (6 << 20, 413),
        (11 << 20, 413),
    ] {
        let mut body = vec![b' '; length];
        body[..BODY.len()].copy_from_slice(BODY);
        let answer = stack.send_body(&endpoint, "x", &body).await;
        assert_eq!(answer.code.as_u16(), status, "{length}: {}", answer.body);
    }
    assert_eq!(events(&stack, &owner).await.len(), 1);
}

#[tokio::test]
async fn the_content_type_changes_nothing_that_is_signed() {
    let (stack, owner, endpoint) = stripe().await;
    let types = [
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "nonsense",
    ];
    for (number, content_type) in types.into_iter().enumerate() {
        let body = format!(r#"{{"id":"evt_{number}","type":"t"}}"#);
        let mut headers = endpoint.sign("x", stack.now_s(), body.as_bytes());
        headers.push(header("content-type", content_type));
        let answer = stack
            .post_with(&endpoint.url, &headers, body.as_bytes())
            .await;
        let id = text(&answer.status(202)["id"]);
        stack.drain().await;
        let event = owner.get(&format!("/v1/events/{id}")).await.status(200);
        assert_eq!(event["state"], "processed", "{content_type}: {event}");
        assert_eq!(event["vendor_event_id"], format!("evt_{number}"));
    }
    // Without one, too.
    let signed = endpoint.sign("x", stack.now_s(), BODY);
    stack
        .post_with(&endpoint.url, &signed, BODY)
        .await
        .status(202);
}

#[tokio::test]
async fn a_signature_that_comes_twice_is_refused() {
    let (stack, owner, endpoint) = stripe().await;
    let good = endpoint.sign("evt_1", stack.now_s(), BODY);
    let forged = header("stripe-signature", "t=1,v1=00");
    for headers in [
        [good.clone(), good.clone()].concat(),
        [good.clone(), vec![forged.clone()]].concat(),
        [vec![forged], good].concat(),
    ] {
        let answer = stack.post_raw(&endpoint.url, &headers, BODY).await;
        answer.problem(401, "not-verified");
        stack.advance_s(1);
    }
    assert_eq!(
        last_rejection(&owner, &endpoint).await["reason"],
        "malformed"
    );
    assert!(events(&stack, &owner).await.is_empty());
}

#[tokio::test]
async fn bytes_that_are_no_text_are_verified_and_kept_as_they_are() {
    let (stack, owner, endpoint) = stripe().await;
    let body = [b"{\"id\":\"".as_slice(), &[0xff, 0xfe, 0x00], b"\"}"].concat();
    let accepted = stack.send_body(&endpoint, "x", &body).await.status(202);
    stack.drain().await;
    let path = format!("/v1/events/{}", text(&accepted["id"]));
    let event = owner.get(&path).await.status(200);
    assert_eq!(event["state"], "dead", "{event}");
    assert_eq!(event["payload"], json!(null));
    assert_eq!(event["payload_base64"], "eyJpZCI6Iv/+ACJ9");
    // One changed byte, and the signature is another's.
    let signed = endpoint.sign("x", stack.now_s(), &body);
    let mut changed = body.clone();
    changed[8] = 0xfd;
    let answer = stack.post_raw(&endpoint.url, &signed, &changed).await;
    answer.problem(401, "not-verified");
}

#[tokio::test]
async fn a_compressed_body_is_refused_in_clear_words() {
    let (stack, owner, endpoint) = stripe().await;
    // The first half of a gzip stream (RFC 1952).
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\xca\x4c";
    let send = async |signed_body: &[u8], coding: &str| {
        let mut headers = endpoint.sign("x", stack.now_s(), signed_body);
        headers.push(header("content-encoding", coding));
        stack.advance_s(1);
        stack.post_raw(&endpoint.url, &headers, gzip).await
    };
    let answer = send(gzip, "gzip").await;
    let problem = answer.problem(415, "unsupported-media-type");
    assert!(text(&problem["detail"]).contains("Content-Encoding"));
    assert_eq!(answer.header("accept-encoding"), "identity");
    let rejection = last_rejection(&owner, &endpoint).await;
    assert_eq!(rejection["reason"], "content_encoding");
    // A vendor that signs what it compressed afterwards: the sender learns nothing, the owner all.
    send(BODY, "gzip").await.problem(401, "not-verified");
    let rejection = last_rejection(&owner, &endpoint).await;
    assert_eq!(rejection["reason"], "bad_signature");
    assert!(rejection["hints"].to_string().contains("compressed (gzip)"));
    assert!(events(&stack, &owner).await.is_empty());
    send(gzip, "identity").await.status(202);
}

#[tokio::test]
async fn ten_thousand_headers_are_too_many() {
    let (stack, owner, endpoint) = stripe().await;
    let mut headers = endpoint.sign("evt_1", stack.now_s(), BODY);
    headers.push(header("content-length", &BODY.len().to_string()));
    headers.extend((0..10_000).map(|number| header(&format!("x-{number}"), "1")));
    let request = format!("{}\r\n", head(&endpoint.url, &headers));
    let (status, answer) = wire(
        &endpoint.url,
        &[request.as_bytes(), BODY].concat(),
        Then::Waits,
    )
    .await;
    assert!(matches!(status, None | Some(431)), "{answer}");
    let long = vec![header("x-long", &"a".repeat(20_000))];
    let request = format!("{}\r\n", head(&endpoint.url, &long));
    let (status, answer) = wire(&endpoint.url, request.as_bytes(), Then::Waits).await;
    assert_eq!(status, Some(431), "{answer}");
    assert!(events(&stack, &owner).await.is_empty());
}
