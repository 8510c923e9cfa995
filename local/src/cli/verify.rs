//! `cargo local verify`: the signature doctor. Runs the production verifier and explains it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use shared::webhook::doctor;
use shared::webhook::request::{Headers, RawRequest};
use shared::webhook::vendor_key::VendorKeys;

use super::send::find;
use crate::progress::Progress;

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// A file of test vectors to run, each with its own clock.
    #[arg(long, value_name = "FILE", conflicts_with = "request")]
    vectors: Option<PathBuf>,
    /// The scheme of the captured request.
    #[arg(long, requires = "request")]
    scheme: Option<String>,
    /// A secret of the endpoint; may be given several times.
    #[arg(long, value_name = "SECRET", requires = "request")]
    secret: Vec<String>,
    /// The public URL that the vendor was given, for schemes that sign it.
    #[arg(long, value_name = "URL", default_value = "")]
    url: String,
    /// What the vendor publishes, where its own key is needed: a certificate in PEM, or a JWK.
    #[arg(long, value_name = "FILE", requires = "request")]
    vendor_key: Option<PathBuf>,
    /// One captured HTTP request: request line, headers, an empty line, the body.
    #[arg(value_name = "REQUEST.http", required_unless_present = "vectors")]
    request: Option<PathBuf>,
}

pub(super) fn run(verify: &Verify) -> anyhow::Result<()> {
    match (&verify.vectors, &verify.request) {
        (Some(file), _) => run_vectors(file),
        (None, Some(file)) => explain(verify, file),
        (None, None) => bail!("give --vectors FILE or a captured request"),
    }
}

fn run_vectors(file: &Path) -> anyhow::Result<()> {
    let json = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let outcomes = doctor::run_vectors(&json)?;
    let progress = Progress::stdout();
    for outcome in &outcomes {
        let doctor::VectorOutcome {
            scheme,
            name,
            expected,
            got,
        } = outcome;
        progress.line(format!("{scheme} {name} {expected} {got}"));
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    let failed = outcomes.len() - passed;
    progress.line(format!("{passed} passed, {failed} failed"));
    if failed > 0 {
        bail!("{failed} vectors did not get the verdict that they expect");
    }
    Ok(())
}

fn explain(verify: &Verify, file: &Path) -> anyhow::Result<()> {
    let scheme = find(verify.scheme.as_deref().context("--scheme is needed")?)?;
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let captured = Captured::parse(&bytes)?;
    let request = RawRequest {
        method: captured.method,
        url: &verify.url,
        headers: Headers::Pairs(&captured.headers),
        body: captured.body,
    };
    let now = jiff::Timestamp::now().as_second();
    let published = match &verify.vendor_key {
        Some(file) => {
            let read = std::fs::read_to_string(file);
            Some(read.with_context(|| format!("read {}", file.display()))?)
        }
        None => None,
    };
    let vendor_keys = match published {
        Some(text) => VendorKeys::given(scheme, &request, now, |_| Some(text)),
        None => VendorKeys::none(),
    };
    let text = doctor::explain(scheme, &request, &verify.secret, &vendor_keys, now);
    Progress::stdout().line(text.trim_end());
    Ok(())
}

/// A request as a tool such as `curl -v` or a proxy shows it.
struct Captured<'a> {
    method: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Captured<'a> {
    fn parse(bytes: &'a [u8]) -> anyhow::Result<Self> {
        let blank = |mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
        let end = match (blank(b"\r\n\r\n"), blank(b"\n\n")) {
            (Some(at), _) => at..at + 4,
            (None, Some(at)) => at..at + 2,
            (None, None) => bail!("a captured request has an empty line between headers and body"),
        };
        let head = bytes.get(..end.start).unwrap_or_default();
        let head = std::str::from_utf8(head).context("the headers must be text")?;
        let mut lines = head.lines();
        let method = lines.next().and_then(|line| line.split_whitespace().next());
        let header = |line: &'a str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim(), value.trim().as_bytes()))
        };
        Ok(Self {
            method: method.context("the first line must be a request line")?,
            headers: lines.filter_map(header).collect(),
            body: bytes.get(end.end..).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
