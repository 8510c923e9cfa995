//! Instructions by callgrind, user space only: of a start, and of each further request.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use local::function::Invoke as _;
use serde::{Deserialize, Serialize};

use crate::stage::{SlowQueue, Stage};

const VALGRIND: &str = "/usr/bin/valgrind";
/// The first requests fill caches and open connections.
const WARM: u64 = 20;
const COUNTED: u64 = 200;
const DEADLINE: Duration = Duration::from_secs(60);

/// One binary.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) name: String,
    /// From the spawn until it waits for its first event.
    pub(crate) start: u64,
    pub(crate) per_request: u64,
}

/// The yardstick first, then the receiver.
pub(crate) async fn measure(
    stage: &Stage,
    binaries: &Path,
    keep: Option<&Path>,
) -> anyhow::Result<Vec<Counts>> {
    ensure!(
        Path::new(VALGRIND).exists(),
        "{VALGRIND} is missing: install valgrind"
    );
    let queue = SlowQueue::start(Duration::ZERO).await?;
    let mut counts = Vec::new();
    for name in ["hello", "webhooks"] {
        let binary = fs::canonicalize(binaries.join(name)).with_context(|| name.to_owned())?;
        let run = |requests| run(stage, &queue, &binary, requests, keep);
        let start = run(0).await?;
        let warm = run(WARM).await?;
        let all = run(WARM + COUNTED).await?;
        counts.push(Counts {
            name: name.to_owned(),
            start,
            per_request: all.saturating_sub(warm) / COUNTED,
        });
    }
    queue.stop().await;
    Ok(counts)
}

/// The instructions of one process that answers so many requests.
async fn run(
    stage: &Stage,
    queue: &SlowQueue,
    binary: &Path,
    requests: u64,
    keep: Option<&Path>,
) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let counted = Counted::new(folder.path(), binary)?;
    let process = stage.process(&counted.program, Some(queue)).await?;
    let event = stage.event()?;
    for _ in 0..requests {
        let answer = process.invoke(event.clone(), DEADLINE).await?;
        ensure!(
            answer.get("statusCode").is_some_and(|status| status == 202),
            "it answered {answer}"
        );
    }
    let count = counted.end().await;
    drop(process);
    if let (Some(keep), Some(name)) = (keep, binary.file_name()) {
        let kept = keep.join(format!("{}.{requests}.callgrind", name.to_string_lossy()));
        fs::copy(&counted.totals, kept).context("keep callgrind's file")?;
    }
    count
}

/// A program that runs a binary under callgrind.
struct Counted {
    program: PathBuf,
    pid: PathBuf,
    totals: PathBuf,
}

impl Counted {
    fn new(folder: &Path, binary: &Path) -> anyhow::Result<Self> {
        let counted = Self {
            program: folder.join("run"),
            pid: folder.join("pid"),
            totals: folder.join("totals"),
        };
        let script = format!(
            "#!/bin/sh\necho $$ > {}\nexec {VALGRIND} -q --tool=callgrind --callgrind-out-file={} {} >/dev/null\n",
            counted.pid.display(),
            counted.totals.display(),
            binary.display(),
        );
        fs::write(&counted.program, script)?;
        fs::set_permissions(&counted.program, fs::Permissions::from_mode(0o755))?;
        Ok(counted)
    }

    /// Asks the process to end, which makes callgrind write its totals.
    async fn end(&self) -> anyhow::Result<u64> {
        let pid = fs::read_to_string(&self.pid)?;
        let status = tokio::process::Command::new("/bin/kill")
            .args(["-TERM", pid.trim()])
            .status()
            .await?;
        ensure!(status.success(), "kill ended with {status}");
        for _ in 0..600 {
            let totals = fs::read_to_string(&self.totals).unwrap_or_default();
            if let Some(total) = totals
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("totals: "))
            {
                return Ok(total.trim().parse()?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("callgrind wrote no totals")
    }
}
