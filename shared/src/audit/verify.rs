//! The offline verifier: says what was done to an exported audit log since it was sealed. It believes the
//! signing key and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    audit::{
        Checkpoint, Entry, MARGIN, hash_of,
        merkle::{self, Peaks},
    },
    id::AuditId,
    store::SealedPart,
};

/// How much younger than the last seal an entry must be to be still on its way.
const PENDING: SignedDuration = SignedDuration::from_mins(20);

/// Something that an untouched log does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("entry {0} is not as it was sealed: it was edited")]
    Edited(AuditId),
    #[error("entry {0} was sealed and is not here: it was deleted, or the export is not whole")]
    Deleted(AuditId),
    #[error("entry {0} is older than what was sealed last, and is not sealed: it was put in later")]
    Inserted(AuditId),
    #[error("the checkpoint of {0} entries is not signed by the log's key")]
    Forged(u64),
    #[error(
        "the leaves up to {0} do not have the root that was signed: some were altered or moved"
    )]
    Root(u64),
    #[error("the checkpoint of {0} entries does not follow the one before it")]
    Chain(u64),
    #[error("the checkpoint after {0} entries is missing")]
    Gap(u64),
    #[error(
        "a checkpoint of {seen} entries was seen before, and the log ends at {now}: its tail was cut off"
    )]
    CutOff { seen: u64, now: u64 },
    #[error("another checkpoint of {0} entries was seen before: the log was written anew")]
    Rewritten(u64),
}

/// What the verifier has found.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries that are sealed, as the last checkpoint says.
    pub sealed: u64,
    /// Entries that are too young to be sealed.
    pub pending: usize,
    /// The keys that the checkpoints name. Compare them with the one that you trust.
    pub keys: BTreeSet<String>,
    pub findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Line {
    data: Vec<Value>,
}

/// Verifies an export: JSON Lines, each an answer of `GET /v1/audit` or `GET /v1/audit/checkpoints`, in
/// any order. `key` is the trusted key, `seen` are checkpoints that were kept earlier.
///
/// # Errors
/// The export is not of this form.
pub fn verify_export(lines: &str, key: Option<&str>, seen: &[String]) -> anyhow::Result<Report> {
    let (entries, parts) = read(lines)?;
    let mut report = Report::default();
    let mut peaks = Peaks::default();
    let mut previous = merkle::sha256(&[]);
    let mut sealed = BTreeSet::new();
    let mut bodies = BTreeMap::new();
    for part in parts.values() {
        report.keys.insert(part.key.clone());
        if part.first != peaks.size {
            report.findings.push(Finding::Gap(peaks.size));
            let hashes: anyhow::Result<Vec<_>> =
                part.peaks.iter().map(|hash| hash_of(hash)).collect();
            peaks =
                Peaks::new(part.first, hashes?).context("a part's peaks do not fit its size")?;
        }
        for (id, leaf) in part.entries.iter().zip(&part.leaves) {
            let leaf = hash_of(leaf)?;
            match entries.get(id) {
                None => report.findings.push(Finding::Deleted(*id)),
                Some(entry) if entry.leaf() != leaf => report.findings.push(Finding::Edited(*id)),
                Some(_) => {}
            }
            peaks.push(leaf);
            sealed.insert(*id);
        }
        let Ok(checkpoint) = Checkpoint::open(&part.checkpoint, key.unwrap_or(&part.key)) else {
            report.findings.push(Finding::Forged(part.size));
            continue;
        };
        if (checkpoint.size, checkpoint.root) != (peaks.size, peaks.root()) {
            report.findings.push(Finding::Root(part.size));
        }
        if checkpoint.previous != previous {
            report.findings.push(Finding::Chain(part.size));
        }
        previous = checkpoint.hash();
        bodies.insert(checkpoint.size, previous);
    }
    report.sealed = peaks.size;
    let last = parts.values().next_back().map(|part| part.sealed_at);
    for id in entries.keys().filter(|id| !sealed.contains(*id)) {
        if last.is_some_and(|last| id.made_at() < last - PENDING - MARGIN) {
            report.findings.push(Finding::Inserted(*id));
        } else {
            report.pending += 1;
        }
    }
    for note in seen {
        let trusted = key.or(report.keys.first().map(String::as_str));
        let seen = Checkpoint::open(note, trusted.unwrap_or_default())
            .context("read a checkpoint that was seen before")?;
        if seen.size > peaks.size {
            let (seen, now) = (seen.size, peaks.size);
            report.findings.push(Finding::CutOff { seen, now });
        } else if bodies.get(&seen.size) != Some(&seen.hash()) {
            report.findings.push(Finding::Rewritten(seen.size));
        }
    }
    Ok(report)
}

type Export = (BTreeMap<AuditId, Entry>, BTreeMap<u64, SealedPart>);

fn read(lines: &str) -> anyhow::Result<Export> {
    let (mut entries, mut parts) = (BTreeMap::new(), BTreeMap::new());
    for (at, line) in lines.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let at = at + 1;
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("line {at} is no page of a list"))?;
        for item in line.data {
            if item.get("checkpoint").is_some() {
                let part: SealedPart =
                    serde_json::from_value(item).with_context(|| format!("line {at}"))?;
                parts.insert(part.first, part);
            } else {
                let entry: Entry =
                    serde_json::from_value(item).with_context(|| format!("line {at}"))?;
                entries.insert(entry.id, entry);
            }
        }
    }
    Ok((entries, parts))
}
