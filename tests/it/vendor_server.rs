//! A vendor's server: keeps what it was asked and answers as it was told, with `{"ok":true}` when it was
//! told nothing. It can be slow, break off, or answer anything at all.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::http_request;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and path.
    pub(crate) line: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// How one request is met.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Answer(String),
    /// The connection is closed without a byte.
    BreakOff,
    /// Nothing comes, until the other side gives up.
    Silence,
}

#[derive(Default)]
struct State {
    acts: VecDeque<Act>,
    always: Option<Act>,
    asked: Vec<Asked>,
}

pub(crate) struct VendorServer {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl VendorServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, shared.clone()));
            }
        });
        Self { url, state }
    }

    /// The next request's fate.
    pub(crate) fn next(&self, act: Act) {
        self.state.lock().unwrap().acts.push_back(act);
    }

    /// What happens to every request from now on that nothing else is said of.
    pub(crate) fn always(&self, act: Option<Act>) {
        self.state.lock().unwrap().always = act;
    }

    /// What has arrived since the last call.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

/// An answer with a status, further header lines and a body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Act {
    Act::Answer(format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn serve(mut socket: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = http_request::read(&mut socket).await else {
        return;
    };
    let Ok(body) = String::from_utf8(request.body) else {
        return;
    };
    let asked = Asked {
        line: request.line,
        headers: request.headers,
        body,
    };
    let act = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked);
        let next = state.acts.pop_front();
        next.or_else(|| state.always.clone())
    };
    match act.unwrap_or_else(|| answer(200, "", r#"{"ok":true}"#)) {
        Act::Answer(text) => drop(socket.write_all(text.as_bytes()).await),
        Act::BreakOff => {}
        Act::Silence => drop(socket.read(&mut [0; 1]).await),
    }
    let _ = socket.shutdown().await;
}
