//! The local command. It says what it does line by line, and ends with 0 exactly when all went well.

mod audit;
mod environments;
mod send;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::clock::Clock;
use crate::function;
use crate::openapi;
use crate::platform::{LOOPBACK, Options, Platform, Pumps, Source, Storage, data};
use crate::progress::Progress;
use crate::pump::Redeliver;
use crate::registry::Registry;
use crate::witness::Witness;

/// Runs the whole platform on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "cargo local",
    bin_name = "cargo local",
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deletes the data directory.
    Reset(Reset),
    /// Starts each compiled function against a platform in memory and sends it its sample events.
    Smoke(Smoke),
    /// Signs and posts events as a vendor would.
    Send(send::Send),
    /// The signature doctor: runs test vectors, or explains one captured request.
    Verify(verify::Verify),
    /// Verifies an exported audit log, without a platform.
    Audit(audit::Audit),
    /// Prints the OpenAPI document.
    Openapi,
}

#[derive(Args, Debug)]
struct Run {
    /// Port of the API; 0 takes a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Where tables and queues are kept.
    #[arg(long, value_name = "DIR", default_value = ".portico")]
    data: PathBuf,
    /// Keep nothing: tables and queues live in memory.
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// Start no simulated vendors; otherwise they are on the port after the API's.
    #[arg(long)]
    no_vendors: bool,
    /// Use this DynamoDB instead of the embedded one.
    #[arg(long, value_name = "URL")]
    dynamodb_url: Option<String>,
    /// Use this SQS instead of the embedded one.
    #[arg(long, value_name = "URL")]
    sqs_url: Option<String>,
    /// Which of the functions' log lines go to standard error, for example info.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
    /// The SAM template that everything is created from.
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
    /// Write what each function is started with here, as JSON; see docs/sam-local.md.
    #[arg(long, value_name = "FILE")]
    environments: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Reset {
    #[arg(long, value_name = "DIR", default_value = ".portico")]
    data: PathBuf,
}

#[derive(Args, Debug)]
struct Smoke {
    /// Folder of the compiled functions.
    #[arg(long, value_name = "DIR")]
    bin_dir: PathBuf,
    /// Folder with at least one sample event for each function.
    #[arg(long, value_name = "DIR", default_value = "events")]
    events: PathBuf,
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
}

/// Runs the command line.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => run(cli.run).await,
        Some(Command::Reset(reset)) => run_reset(&reset),
        Some(Command::Smoke(smoke)) => run_smoke(smoke).await,
        Some(Command::Send(send)) => send::run(send).await,
        Some(Command::Verify(verify)) => verify::run(&verify),
        Some(Command::Audit(audit)) => audit::run(&audit),
        Some(Command::Openapi) => {
            openapi::text().map(|text| Progress::stdout().line(text.trim_end()))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Stderr may be closed; the exit code still tells.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("error: {error:#}\n"),
            );
            ExitCode::FAILURE
        }
    }
}

async fn run(run: Run) -> anyhow::Result<()> {
    let progress = Progress::stdout();
    start_logging(&run.log)?;
    // Before anything starts: a signal during the start must stop cleanly as well.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let clock = Clock::new();
    let options = Options {
        template: Source::Path(run.template),
        parameters: BTreeMap::new(),
        port: run.port,
        storage: if run.memory {
            Storage::Memory
        } else {
            Storage::Dir(run.data)
        },
        dynamodb_url: run.dynamodb_url,
        sqs_url: run.sqs_url,
        launch: Registry::new(clock.clone()).launch(),
        clock,
        pumps: Pumps::Running,
        redeliver: Redeliver::Never,
        egress_allow: LOOPBACK.to_owned(),
        vendors_url: None,
        simulated_vendors: !run.no_vendors,
        progress: progress.clone(),
        witness: Witness::default(),
    };
    let start = async {
        let platform = Platform::start(options).await?;
        platform.warm().await?;
        if let Some(path) = &run.environments {
            environments::write(&platform, path)?;
        }
        anyhow::Ok(platform)
    };
    let platform = tokio::select! {
        platform = start => platform?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    progress.line(format!("ready {}", platform.url()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    platform.stop().await;
    progress.line("stopped");
    Ok(())
}

fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("--log must be a filter such as info")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    lines.with_writer(std::io::stderr).compact().init();
    Ok(())
}

fn run_reset(reset: &Reset) -> anyhow::Result<()> {
    let shown = reset.data.display();
    let line = if data::reset(&reset.data)? {
        format!("deleted {shown}")
    } else {
        format!("{shown} does not exist")
    };
    Progress::stdout().line(line);
    Ok(())
}

async fn run_smoke(smoke: Smoke) -> anyhow::Result<()> {
    let launch = function::process::binaries(smoke.bin_dir.clone());
    let mut options = Options::memory(Source::Path(smoke.template), launch);
    options.progress = Progress::stdout();
    let platform = Platform::start(options).await?;
    let outcome = match read_events(&smoke.events) {
        Ok(events) => function::smoke(&platform, &smoke.bin_dir, &events).await,
        Err(error) => Err(error),
    };
    platform.stop().await;
    outcome
}

/// The sample events of a folder, by file name.
fn read_events(folder: &Path) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut events = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let event = serde_json::from_slice(&text);
            let event = event.with_context(|| format!("read {}", path.display()))?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            events.insert(name, event);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests;
