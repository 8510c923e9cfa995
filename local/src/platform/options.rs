//! How a platform is to be started. The defaults are a test's: in memory, on free ports, at rest until drained.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::clock::Clock;
use crate::function::Launch;
use crate::progress::Progress;
use crate::pump::Redeliver;
use crate::witness::Witness;

/// This machine: where the servers of a developer and of tests are.
pub const LOOPBACK: &str = "127.0.0.0/8,::1/128";

pub struct Options {
    pub template: Source,
    /// Values for the template's parameters, over their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The gateway's port; 0 takes a free one.
    pub port: u16,
    pub storage: Storage,
    /// Somebody else's endpoint instead of the embedded one.
    pub dynamodb_url: Option<String>,
    pub sqs_url: Option<String>,
    pub clock: Clock,
    pub pumps: Pumps,
    pub redeliver: Redeliver,
    /// Ranges that functions may call though they are private; empty for the rules of production.
    pub egress_allow: String,
    /// Somebody else's stand-in for the hosts of vendors, instead of the embedded one.
    pub vendors_url: Option<String>,
    /// Whether directory, payments and messaging are there.
    pub simulated_vendors: bool,
    pub launch: Launch,
    pub progress: Progress,
    pub witness: Witness,
}

#[derive(Clone, Debug)]
pub enum Source {
    Path(PathBuf),
    Text(String),
}

#[derive(Clone, Debug)]
pub enum Storage {
    Memory,
    Dir(PathBuf),
}

/// Whether queues are read all the time, or by `drain` only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pumps {
    Running,
    Stepped,
}

impl Options {
    /// A platform in memory on free ports, whose queues are read by `drain` only: what a test wants.
    pub fn memory(template: Source, launch: Launch) -> Self {
        Self {
            template,
            parameters: BTreeMap::new(),
            port: 0,
            storage: Storage::Memory,
            dynamodb_url: None,
            sqs_url: None,
            clock: Clock::new(),
            pumps: Pumps::Stepped,
            redeliver: Redeliver::Never,
            egress_allow: LOOPBACK.to_owned(),
            vendors_url: None,
            simulated_vendors: true,
            launch,
            progress: Progress::silent(),
            witness: Witness::default(),
        }
    }
}
