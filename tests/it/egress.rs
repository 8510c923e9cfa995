//! Calls to URLs that others choose, against real servers on this machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, header::HeaderMap};
use shared::{
    config::Config,
    egress::{Egress, EgressAnswer, EgressError, EgressRequest, UrlError},
    telemetry::Calls,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::harness::{Stack, root};

/// A server that gives every connection the same bytes and keeps what it was sent.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<String>,
}

/// What the server does after it has answered.
#[derive(Clone, Copy)]
enum After {
    Close,
    /// Says nothing more and keeps the connection open.
    Hang,
    /// Goes on for as long as somebody reads.
    Flood,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>, after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = mpsc::unbounded_channel();
        let (answer, count) = (answer.into(), connections.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, sender) = (answer.clone(), sender.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 8_192];
                    let len = socket.read(&mut request).await.unwrap_or(0);
                    let _ = sender.send(String::from_utf8_lossy(&request[..len]).into_owned());
                    let _ = socket.write_all(&answer).await;
                    match after {
                        After::Close => {}
                        After::Hang => std::future::pending().await,
                        After::Flood => while socket.write_all(&[b'x'; 4_096]).await.is_ok() {},
                    }
                });
            }
        });
        Self {
            port,
            connections,
            requests,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn egress(allowed: &str) -> Egress {
    Egress::new(allowed.parse().unwrap(), Calls::default())
}

fn request(url: &str) -> EgressRequest<'_> {
    EgressRequest {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Default::default(),
        deadline: Duration::from_secs(20),
        max_answer_len: 1_000,
    }
}

async fn get(egress: &Egress, url: &str) -> Result<EgressAnswer, EgressError> {
    egress.send(request(url)).await
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_allow_listed_address_is_called_by_address_and_by_name() {
    let mut server = Server::start(OK, After::Close).await;
    let calls = Calls::default();
    let egress = Egress::new("127.0.0.0/8,::1".parse().unwrap(), calls.clone());
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/a?b=c", server.port);
        let answer = get(&egress, &url).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (200, &b"ok"[..])
        );
        let sent = server.requests.recv().await.unwrap();
        assert!(sent.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{sent}");
        assert!(
            sent.contains(&format!("host: {host}:{}\r\n", server.port)),
            "{sent}"
        );
        assert!(!sent.contains("accept-encoding"), "{sent}");
    }
    assert_eq!(calls.counts(), [("egress:GET".to_owned(), 2)].into());
}

#[tokio::test]
async fn without_the_allow_list_nothing_here_is_called() {
    let server = Server::start(OK, After::Close).await;
    let calls = Calls::default();
    let egress = Egress::new("".parse().unwrap(), calls.clone());
    for (url, expected) in [
        (
            format!("http://127.0.0.1:{}/", server.port),
            UrlError::NotPublic.into(),
        ),
        (
            format!("https://127.0.0.1:{}/", server.port),
            UrlError::NotPublic.into(),
        ),
        (
            format!("http://localhost:{}/", server.port),
            UrlError::NotPublic.into(),
        ),
        ("https://localhost/".to_owned(), UrlError::NotPublic.into()),
        (
            "https://metadata.google.internal/".to_owned(),
            UrlError::NotPublic.into(),
        ),
        (
            "https://127.0.0.1/".to_owned(),
            EgressError::NoPublicAddress,
        ),
        (
            "https://169.254.169.254/latest/meta-data/".to_owned(),
            EgressError::NoPublicAddress,
        ),
        ("https://[::1]/".to_owned(), EgressError::NoPublicAddress),
        (
            "https://[::ffff:127.0.0.1]/".to_owned(),
            EgressError::NoPublicAddress,
        ),
        ("https://2130706433/".to_owned(), UrlError::Address.into()),
    ] {
        assert_eq!(get(&egress, &url).await.unwrap_err(), expected, "{url}");
        assert_eq!(egress.check(&url).unwrap_err(), expected, "{url}");
    }
    assert_eq!(server.connections(), 0);
    assert!(calls.counts().is_empty());
}

#[tokio::test]
async fn an_allow_list_opens_its_own_ranges_only() {
    let server = Server::start(OK, After::Close).await;
    let egress = egress("127.0.0.2/32");
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/", server.port);
        assert_eq!(
            get(&egress, &url).await.unwrap_err(),
            EgressError::NoPublicAddress
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_like_one_that_is_private() {
    let url = "https://there-is-no-such-name.invalid/";
    let error = get(&egress("127.0.0.0/8"), url).await.unwrap_err();
    assert_eq!(error, EgressError::NoPublicAddress);
    assert_eq!(error.to_string(), "the URL's host has no public address");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inner = Server::start(OK, After::Close).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
        inner.port
    );
    let outer = Server::start(redirect, After::Close).await;
    let url = format!("http://127.0.0.1:{}/", outer.port);
    let answer = get(&egress("127.0.0.0/8"), &url).await.unwrap();
    assert_eq!(answer.status.as_u16(), 302);
    assert_eq!((outer.connections(), inner.connections()), (1, 0));
}

#[tokio::test]
async fn an_answer_is_cut_off_at_its_limit() {
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n";
    let unannounced = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n";
    for head in [announced, unannounced, chunked] {
        let server = Server::start(head, After::Flood).await;
        let url = format!("http://127.0.0.1:{}/", server.port);
        let answer = get(&egress("127.0.0.0/8"), &url).await;
        assert_eq!(answer.unwrap_err(), EgressError::TooLarge(1_000), "{head}");
    }
    let whole = format!("{}{}", announced.replace("1001", "1000"), "x".repeat(1_000));
    let server = Server::start(whole, After::Close).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let answer = get(&egress("127.0.0.0/8"), &url).await.unwrap();
    assert_eq!(answer.body.len(), 1_000);
}

#[tokio::test]
async fn a_compressed_answer_stays_compressed() {
    let bomb =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\x08";
    let server = Server::start(*bomb, After::Close).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let answer = get(&egress("127.0.0.0/8"), &url).await.unwrap();
    assert_eq!(answer.body[..], b"\x1f\x8b\x08"[..]);
}

#[tokio::test]
async fn a_server_that_hangs_is_left_at_the_deadline() {
    let silent = Server::start("", After::Hang).await;
    let half = Server::start(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        After::Hang,
    )
    .await;
    for server in [silent, half] {
        let url = format!("http://127.0.0.1:{}/", server.port);
        let deadline = Duration::from_millis(200);
        let request = EgressRequest {
            deadline,
            ..request(&url)
        };
        let answer = egress("127.0.0.0/8").send(request).await;
        assert_eq!(answer.unwrap_err(), EgressError::Timeout(deadline));
    }
}

#[tokio::test]
async fn failures_of_the_connection_name_no_address() {
    let egress = egress("127.0.0.0/8");
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let half = Server::start(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        After::Close,
    )
    .await;
    let no_http = Server::start("SSH-2.0-OpenSSH_9.2\r\n", After::Close).await;
    for (url, expected) in [
        (format!("http://127.0.0.1:{gone}/"), EgressError::Connect),
        (
            format!("https://127.0.0.1:{}/", half.port),
            EgressError::Connect,
        ),
        (
            format!("http://127.0.0.1:{}/", half.port),
            EgressError::Broken,
        ),
        (
            format!("http://127.0.0.1:{}/", no_http.port),
            EgressError::Broken,
        ),
    ] {
        let error = get(&egress, &url).await.unwrap_err();
        assert_eq!(error, expected, "{url}");
        let text = error.to_string();
        assert!(
            !text.contains("127.0.0.1") && !text.contains("localhost"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_request_cannot_name_another_host_or_become_a_tunnel() {
    let server = Server::start(OK, After::Close).await;
    let egress = egress("127.0.0.0/8");
    let url = format!("http://127.0.0.1:{}/", server.port);
    for name in [
        "host",
        "connection",
        "transfer-encoding",
        "content-length",
        "upgrade",
    ] {
        let mut refused = request(&url);
        refused.headers.insert(name, "x".parse().unwrap());
        let error = egress.send(refused).await.unwrap_err();
        assert!(
            matches!(error, EgressError::Header(_)) && error.is_permanent(),
            "{error}"
        );
    }
    for method in [
        Method::CONNECT,
        Method::TRACE,
        Method::from_bytes(b"X").unwrap(),
    ] {
        let refused = EgressRequest {
            method,
            ..request(&url)
        };
        let error = egress.send(refused).await.unwrap_err();
        assert!(
            matches!(error, EgressError::Method(_)) && error.is_permanent(),
            "{error}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_local_stack_may_call_this_machine_and_a_deployment_may_not() {
    let stack = Stack::start().await;
    for function in &stack.platform.template().functions {
        let own = function.env.keys().any(|name| name.contains("EGRESS"));
        assert!(!own, "{}", function.binary);
        let environment = stack.platform.environment(&function.binary).unwrap();
        let allowed = Config::from_vars(environment).egress_allow().unwrap();
        assert!(allowed.contains("127.0.0.1".parse().unwrap()));
        assert!(!allowed.contains("10.0.0.1".parse().unwrap()));
    }
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    assert!(!template.contains("PORTICO_EGRESS_ALLOW"));
    let strict = Stack::strict().await;
    let environment = strict.platform.environment("webhooks").unwrap();
    assert!(
        Config::from_vars(environment)
            .egress_allow()
            .unwrap()
            .is_empty()
    );
}
