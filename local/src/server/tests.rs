//! Stopping with connections open.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::server::{self, Server};
use crate::testing::send;

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_stop() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (entered.clone(), release.clone());
    let router = Router::new().fallback(move || {
        let (enter, wait) = (enter.clone(), wait.clone());
        async move {
            enter.notify_one();
            wait.notified().await;
            StatusCode::NO_CONTENT
        }
    });
    let server = Server::start(server::bind(0).await.unwrap(), router).unwrap();
    let request = Request::get(server.url()).body(Full::default()).unwrap();
    let answer = tokio::spawn(send(request));
    entered.notified().await;
    let stopping = tokio::spawn(server.stop());
    release.notify_one();
    assert_eq!(answer.await.unwrap().0, StatusCode::NO_CONTENT);
    stopping.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_by_the_stop() {
    let server = Server::start(server::bind(0).await.unwrap(), Router::new()).unwrap();
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    server.stop().await;
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = idle.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    drop(idle);
    assert!(TcpListener::bind(&address).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_kept_alive_does_not_hold_the_stop_up() {
    let server = Server::start(server::bind(0).await.unwrap(), Router::new()).unwrap();
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut kept = TcpStream::connect(&address).await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 12];
    kept.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 404");
    let before = tokio::time::Instant::now();
    server.stop().await;
    // On the paused clock time passes only when the stop has to wait for its grace to end.
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let server = Server::start(server::bind(0).await.unwrap(), Router::new()).unwrap();
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut open = TcpStream::connect(&address).await.unwrap();
    drop(server);
    let mut rest = Vec::new();
    let _ = open.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}
