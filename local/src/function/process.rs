//! A compiled function as a child process, driven over the Lambda Runtime API. The process ends with its handle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, oneshot};

use crate::function::runtime_api::{Invocation, RuntimeApi};
use crate::function::{Invoke, Launch};
use crate::server::{self, Server};
use crate::template::function_arn;

/// Lambda gives a function ten seconds to ask for its first event.
const START_WITHIN: Duration = Duration::from_secs(10);

/// Launches functions as the binaries of this folder.
pub fn binaries(folder: PathBuf) -> Launch {
    Arc::new(move |binary, environment| {
        let path = folder.join(binary);
        let binary = binary.to_owned();
        async move {
            let process = Process::start(&path, &binary, environment).await?;
            Ok(Arc::new(process) as Arc<dyn Invoke>)
        }
        .boxed()
    })
}

pub struct Process {
    api: RuntimeApi,
    server: Server,
    /// One event at a time, as one Lambda environment works.
    child: Mutex<Child>,
    started_in: Duration,
    has_ended: AtomicBool,
}

impl Process {
    pub async fn start(
        path: &Path,
        binary: &str,
        environment: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let api = RuntimeApi::new(function_arn(binary));
        let server = Server::start(server::bind(0).await?, api.router())?;
        let mut command = Command::new(path);
        command
            .env_clear()
            .envs(environment)
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                format!("127.0.0.1:{}", server.port()),
            )
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "local")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let spawned = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("start {}", path.display()))?;
        let polled = tokio::select! {
            polled = tokio::time::timeout(START_WITHIN, api.first_poll()) => polled,
            status = child.wait() => bail!("{binary} ended before its first event: {}", status?),
        };
        let polled = polled.with_context(|| {
            format!(
                "{binary} asked for no event within {} s",
                START_WITHIN.as_secs()
            )
        })??;
        Ok(Self {
            api,
            server,
            child: Mutex::new(child),
            started_in: polled.duration_since(spawned),
            has_ended: AtomicBool::new(false),
        })
    }

    /// From the spawn to the first request for an event.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.try_lock().ok()?.id()
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        self.child.into_inner().kill().await?;
        self.server.stop().await;
        Ok(())
    }
}

impl Invoke for Process {
    fn invoke(&self, event: Value, deadline: Duration) -> BoxFuture<'_, anyhow::Result<Value>> {
        async move {
            let mut child = self.child.lock().await;
            let (reply, answer) = oneshot::channel();
            self.api.push(Invocation {
                event,
                deadline,
                reply,
            })?;
            tokio::select! {
                answer = answer => answer.context("the function gave no answer")?,
                status = child.wait() => {
                    self.has_ended.store(true, Ordering::SeqCst);
                    self.api.fail("the function's process ended");
                    bail!("the function's process ended: {}", status?)
                }
            }
        }
        .boxed()
    }

    fn is_alive(&self) -> bool {
        !self.has_ended.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests;
