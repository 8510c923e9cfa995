//! The figures as a table and as JSON, and their comparison with earlier ones.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::{instructions::Counts, load::Level};

/// How much a count may grow before the check fails, in per cent.
const TOLERANCE_PERCENT: u64 = 25;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) profile: String,
    pub(crate) counts: Vec<Counts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) load: Vec<Level>,
}

impl Report {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Ratios to the yardstick of the same build, so that another compiler or machine moves both.
    pub(crate) fn check(&self, before: &Self) -> anyhow::Result<()> {
        let (now, then) = (self.ratios()?, before.ratios()?);
        let mut grown = Vec::new();
        for ((what, now), (_, then)) in now.iter().zip(&then) {
            let bound = then * (100 + TOLERANCE_PERCENT) as f64 / 100.0;
            println!(
                "{what}: {now:.2}x the bare function's, {then:.2}x before, {bound:.2}x allowed"
            );
            if *now > bound {
                grown.push(*what);
            }
        }
        match grown.as_slice() {
            [] => Ok(()),
            grown => bail!(
                "instructions have grown: {}. If that is meant, write the file anew with --json",
                grown.join(", ")
            ),
        }
    }

    fn ratios(&self) -> anyhow::Result<[(&'static str, f64); 2]> {
        let find = |name: &str| {
            let found = self.counts.iter().find(|counts| counts.name == name);
            found.with_context(|| format!("there are no counts of {name}"))
        };
        let (bare, receiver) = (find("hello")?, find("webhooks")?);
        Ok([
            ("start", receiver.start as f64 / bare.start as f64),
            (
                "accepted request",
                receiver.per_request as f64 / bare.per_request as f64,
            ),
        ])
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "profile {}\n", self.profile)?;
        writeln!(f, "{:<10}{:>16}{:>16}", "", "instructions", "instructions")?;
        writeln!(f, "{:<10}{:>16}{:>16}", "binary", "to start", "per request")?;
        for Counts {
            name,
            start,
            per_request,
        } in &self.counts
        {
            writeln!(f, "{name:<10}{start:>16}{per_request:>16}")?;
        }
        if let Ok(ratios) = self.ratios() {
            for (what, ratio) in ratios {
                writeln!(f, "{what}: {ratio:.2}x the bare function's")?;
            }
        }
        if self.load.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\n{:<10}{:>10}{:>12}{:>10}{:>10}{:>12}{:>14}",
            "binary", "instances", "per second", "p50 ms", "p99 ms", "start ms", "peak memory"
        )?;
        for level in &self.load {
            writeln!(
                f,
                "{:<10}{:>10}{:>12.0}{:>10.2}{:>10.2}{:>12.1}{:>11} KB",
                level.name,
                level.instances,
                level.per_second,
                level.p50_ms,
                level.p99_ms,
                level.start_ms,
                level.peak_memory_kb
            )?;
        }
        Ok(())
    }
}
