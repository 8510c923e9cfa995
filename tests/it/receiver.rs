//! A destination's server: keeps what it was sent and answers as it was told, with 200 when it was told nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use crate::http_request::{self, Request};

#[derive(Default)]
struct State {
    answers: VecDeque<String>,
    requests: Vec<Request>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, shared.clone()));
            }
        });
        Self { url, state }
    }

    /// The next answer: a status, and further header lines.
    pub(crate) fn answer(&self, status: u16, headers: &str, body: &str) {
        let text = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.state.lock().unwrap().answers.push_back(text);
    }

    /// Answers with 200 from now on.
    pub(crate) fn forget(&self) {
        self.state.lock().unwrap().answers.clear();
    }

    /// What has arrived since the last call.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

async fn serve(mut socket: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = http_request::read(&mut socket).await else {
        return;
    };
    let answer = {
        let mut state = state.lock().unwrap();
        state.requests.push(request);
        state.answers.pop_front()
    };
    let answer = answer.unwrap_or_else(|| {
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok".to_owned()
    });
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}
