//! `cargo local audit verify`: what was done to an exported audit log. Ends with 0 only if nothing was.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use shared::audit::verify_export;

use crate::progress::Progress;

#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verifies an export offline.
    Verify(Verify),
}

#[derive(Args, Debug)]
struct Verify {
    /// JSON Lines: pages of `GET /v1/audit` and of `GET /v1/audit/checkpoints`, one a line.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The key that checkpoints must be signed with. Without it the one in the export is believed.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A checkpoint that was kept earlier; may be given several times. Finds a tail that was cut off.
    #[arg(long, value_name = "NOTE")]
    seen: Vec<PathBuf>,
}

pub(super) fn run(audit: &Audit) -> anyhow::Result<()> {
    let Command::Verify(verify) = &audit.command;
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
    };
    let seen: Vec<String> = verify
        .seen
        .iter()
        .map(read)
        .collect::<anyhow::Result<_>>()?;
    let report = verify_export(&read(&verify.file)?, verify.key.as_deref(), &seen)?;
    let progress = Progress::stdout();
    for finding in &report.findings {
        progress.line(finding);
    }
    if verify.key.is_none() {
        for key in &report.keys {
            progress.line(format!("key, not checked: {key}"));
        }
    }
    progress.line(format!(
        "{} entries sealed, {} too young, {} findings",
        report.sealed,
        report.pending,
        report.findings.len()
    ));
    if !report.findings.is_empty() {
        bail!("the log is not as it was sealed");
    }
    Ok(())
}
