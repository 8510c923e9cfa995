//! The embedded DynamoDB and the tables in it. The engine lives on a thread of its own, because every call of
//! it blocks, and is gone with its handle.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use dynoxide::Database;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::template::{IndexSpec, KeyPart, TableSpec};
use crate::upstream::{CallError, Upstream};

const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// AWS creates a table in a few seconds.
const ACTIVE_WITHIN: Duration = Duration::from_secs(60);
const ACTIVE_POLL: Duration = Duration::from_millis(500);

/// A running engine. Dropping it stops the thread and closes the file.
#[derive(Debug)]
pub struct Engine {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts an engine in memory, or on a file that it creates if need be.
    pub async fn start(file: Option<&Path>) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("take a port for dynamodb")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let (opened, open) = oneshot::channel();
        let file = file.map(Path::to_owned);
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                run(listener, file.as_deref(), opened, stopped);
            })?;
        let engine = Self {
            url,
            stop: Some(stop),
            thread: Some(thread),
        };
        open.await.context("the dynamodb thread ended early")??;
        Ok(engine)
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread leaves its loop at once; after this the file is closed.
            let _ = thread.join();
        }
    }
}

/// The thread's body: everything it starts ends with its runtime.
fn run(
    listener: TcpListener,
    file: Option<&Path>,
    opened: oneshot::Sender<anyhow::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let start = || -> anyhow::Result<_> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok((runtime, open(file)?))
    };
    let (runtime, database) = match start() {
        Ok(started) => started,
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                let _ = opened.send(Err(error.into()));
                return;
            }
        };
        let _ = opened.send(Ok(()));
        tokio::select! {
            _ = dynoxide::server::serve_with_shutdown(listener, database.clone(), std::future::pending()) => {}
            () = sweep(database) => {}
            _ = stopped => {}
        }
    });
}

fn open(file: Option<&Path>) -> anyhow::Result<Database> {
    match file {
        None => Database::memory().map_err(|error| anyhow!("open dynamodb in memory: {error}")),
        Some(file) => {
            let path = file
                .to_str()
                .with_context(|| format!("{} is not utf-8", file.display()))?;
            Database::new(path).map_err(|error| anyhow!("open dynamodb at {path}: {error}"))
        }
    }
}

/// The engine deletes expired items only when it is told to.
async fn sweep(database: Database) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A failed sweep is tried again a second later, and reads filter expired items anyhow.
        let _ = database.sweep_ttl();
    }
}

/// Creates what is missing and checks what is there. The endpoint may be anybody's.
pub async fn create_tables(upstream: &Upstream, tables: &[TableSpec]) -> anyhow::Result<()> {
    for table in tables {
        create_table(upstream, table)
            .await
            .with_context(|| format!("create the table {}", table.logical_id))?;
    }
    Ok(())
}

async fn create_table(upstream: &Upstream, table: &TableSpec) -> anyhow::Result<()> {
    match upstream
        .call("DynamoDB_20120810.CreateTable", &definition(table))
        .await
    {
        Ok(answer) if is_active(answer.get("TableDescription")) => {}
        Ok(_) => {
            wait_until_active(upstream, table).await?;
        }
        Err(error) if CallError::is(&error, "ResourceInUseException") => {
            let description = wait_until_active(upstream, table).await?;
            return check(table, &description);
        }
        Err(error) => return Err(error),
    }
    if let Some(attribute) = &table.ttl {
        let specification = json!({"AttributeName": attribute, "Enabled": true});
        let input =
            json!({"TableName": table.logical_id, "TimeToLiveSpecification": specification});
        upstream
            .call("DynamoDB_20120810.UpdateTimeToLive", &input)
            .await?;
    }
    Ok(())
}

fn definition(table: &TableSpec) -> Value {
    let attributes: Vec<Value> = table
        .attributes
        .iter()
        .map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind}))
        .collect();
    let mut definition = json!({
        "TableName": table.logical_id,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": schema(&table.keys),
    });
    let indexes: Vec<Value> = table.indexes.iter().map(index_definition).collect();
    if let Some(definition) = definition.as_object_mut().filter(|_| !indexes.is_empty()) {
        definition.insert("GlobalSecondaryIndexes".to_owned(), Value::Array(indexes));
    }
    definition
}

fn index_definition(index: &IndexSpec) -> Value {
    json!({"IndexName": index.name, "KeySchema": schema(&index.keys), "Projection": index.projection})
}

fn schema(keys: &[KeyPart]) -> Value {
    keys.iter()
        .map(|key| json!({"AttributeName": key.attribute, "KeyType": key.role}))
        .collect()
}

async fn wait_until_active(upstream: &Upstream, table: &TableSpec) -> anyhow::Result<Value> {
    let input = json!({"TableName": table.logical_id});
    let wait = async {
        loop {
            let answer = upstream
                .call("DynamoDB_20120810.DescribeTable", &input)
                .await?;
            let description = answer.get("Table").cloned().unwrap_or_default();
            if is_active(Some(&description)) {
                return Ok(description);
            }
            tokio::time::sleep(ACTIVE_POLL).await;
        }
    };
    tokio::time::timeout(ACTIVE_WITHIN, wait)
        .await
        .with_context(|| format!("it was not active within {} s", ACTIVE_WITHIN.as_secs()))?
}

fn is_active(description: Option<&Value>) -> bool {
    description
        .and_then(|description| description.get("TableStatus"))
        .is_some_and(|status| status == "ACTIVE")
}

/// An old table with other keys would fail in ways that are hard to read, so it is refused here.
fn check(table: &TableSpec, description: &Value) -> anyhow::Result<()> {
    if description.get("KeySchema") != Some(&schema(&table.keys)) {
        bail!("it exists with other keys than the template's; `cargo local reset` starts afresh");
    }
    let existing = description
        .get("GlobalSecondaryIndexes")
        .and_then(Value::as_array);
    for index in &table.indexes {
        let found = existing.into_iter().flatten().find(|found| {
            found
                .get("IndexName")
                .is_some_and(|name| *name == *index.name)
        });
        if found.and_then(|found| found.get("KeySchema")) != Some(&schema(&index.keys)) {
            bail!(
                "it exists without the template's index {}; `cargo local reset` starts afresh",
                index.name
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
