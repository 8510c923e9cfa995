//! Measures the compiled receiver against a bare `lambda_http` function of the same build: instructions by
//! callgrind, which repeat, and times, which are only ratios within one run.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the machine's clock and waits as a queue does, and prints what it found"
)]

mod accept;
mod instructions;
mod load;
mod report;
mod stage;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, bail};
use clap::Parser;

use crate::report::Report;

/// Builds the functions, measures them and prints a table. Needs valgrind for the counts.
#[derive(Debug, Parser)]
#[command(name = "cargo measure", bin_name = "cargo measure")]
struct Cli {
    /// The cargo profile of the measured binaries: `release` ships, `smoke` is quick to build.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measures the binaries of this folder, as they are.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Keeps callgrind's files in this folder, for `callgrind_annotate`.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Only the instruction counts.
    #[arg(long)]
    counts_only: bool,
    /// Compares the counts with those of this file and fails when a ratio to the bare function has grown by more than a quarter.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Writes the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Requests for each load level.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let binaries = match cli.bin_dir {
        Some(folder) => folder,
        None => build(&cli.profile)?,
    };
    let stage = stage::Stage::start().await?;
    let mut report = Report {
        profile: cli.profile.clone(),
        ..Report::default()
    };
    report.counts = instructions::measure(&stage, &binaries, cli.keep.as_deref()).await?;
    if !cli.counts_only {
        report.load = load::measure(&stage, &binaries, cli.requests).await?;
    }
    stage.stop().await;
    print!("{report}");
    if let Some(path) = &cli.json {
        report.write(path)?;
    }
    match &cli.check {
        Some(path) => report.check(&Report::read(path)?),
        None => Ok(()),
    }
}

/// The folder of the built binaries. Without `local` among the packages they get the features that ship.
fn build(profile: &str) -> anyhow::Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--locked", "--profile", profile])
        .args(["-p", "hello", "-p", "webhooks"])
        .status()
        .context("run cargo")?;
    if !status.success() {
        bail!("cargo build ended with {status}");
    }
    let target = option_env!("CARGO_TARGET_DIR").unwrap_or("target");
    Ok(Path::new(target).join(profile))
}
