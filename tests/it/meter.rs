//! A DynamoDB that tells what each request has used: it stands between the platform and the embedded one and
//! asks for `ConsumedCapacity`.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use local::{
    dynamodb::Engine,
    server::{self, Server},
};
use serde_json::{Value, json};

const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "TransactGetItems"];
const WRITES: [&str; 5] = [
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
];

/// Capacity units, as AWS bills them on demand.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) reads: f64,
    pub(crate) writes: f64,
}

pub(crate) struct Meter {
    server: Server,
    used: Arc<Mutex<Units>>,
    _engine: Engine,
}

#[derive(Clone)]
struct Wire {
    http: reqwest::Client,
    url: String,
    used: Arc<Mutex<Units>>,
}

impl Meter {
    pub(crate) async fn start() -> Self {
        let engine = Engine::start(None).await.unwrap();
        let used = Arc::new(Mutex::new(Units::default()));
        let wire = Wire {
            http: reqwest::Client::new(),
            url: engine.url().to_owned(),
            used: used.clone(),
        };
        let listener = server::bind(0).await.unwrap();
        let router = Router::new().fallback(pass).with_state(wire);
        Self {
            server: Server::start(listener, router).unwrap(),
            used,
            _engine: engine,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// What is used while `work` runs.
    pub(crate) async fn read<T>(&self, work: impl Future<Output = T>) -> Units {
        *self.used.lock().unwrap() = Units::default();
        work.await;
        *self.used.lock().unwrap()
    }
}

async fn pass(
    State(wire): State<Wire>,
    headers: HeaderMap,
    body: Bytes,
) -> (
    StatusCode,
    [(axum::http::HeaderName, &'static str); 1],
    Bytes,
) {
    let target = headers["x-amz-target"].to_str().unwrap();
    let (_, operation) = target.split_once('.').unwrap();
    let is_read = READS.contains(&operation);
    let is_metered = is_read || WRITES.contains(&operation);
    let mut input: Value = serde_json::from_slice(&body).unwrap();
    if is_metered {
        input["ReturnConsumedCapacity"] = json!("TOTAL");
    }
    let request = wire.http.post(&wire.url).body(input.to_string());
    let request = [
        "x-amz-target",
        "x-amz-date",
        "authorization",
        "content-type",
    ]
    .iter()
    .fold(request, |request, name| {
        request.header(*name, &headers[*name])
    });
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    if is_metered && status.is_success() {
        let output: Value = serde_json::from_slice(&body).unwrap();
        let units = units(&output["ConsumedCapacity"]);
        let mut used = wire.used.lock().unwrap();
        let sum = if is_read {
            &mut used.reads
        } else {
            &mut used.writes
        };
        *sum += units;
    }
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body)
}

/// Of one table, or of each that a request has touched.
fn units(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}
