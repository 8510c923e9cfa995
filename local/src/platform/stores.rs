//! The two stores, each behind its front. Whatever serves them, functions reach them through the front only.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;

use crate::access::Access;
use crate::clock::Clock;
use crate::dynamodb::{self, Engine};
use crate::fault::Faults;
use crate::front::{Calls, Front};
use crate::platform::data::DataDirectory;
use crate::platform::options::Options;
use crate::queues::Queues;
use crate::server::{self, Server};
use crate::sqs::{self, SqsServer};
use crate::sts::{Sessions, Sts};
use crate::template::Template;
use crate::upstream::Upstream;
use crate::witness::Witness;

/// What both fronts share.
pub(super) struct Doors {
    pub(super) access: Arc<Access>,
    sessions: Sessions,
    pub(super) faults: Faults,
    pub(super) calls: Calls,
    witness: Witness,
}

/// The embedded engine, if that is what serves the tables, and its front.
pub(super) struct TableStore {
    pub(super) front: Server,
    _engine: Option<Engine>,
}

/// The embedded server, if that is what serves the queues, its front, and the queues on it.
pub(super) struct QueueStore {
    pub(super) front: Server,
    pub(super) server: Option<SqsServer>,
    pub(super) queues: Queues,
}

impl Doors {
    pub(super) fn new(template: &Template, clock: Clock, witness: Witness) -> Self {
        Self {
            access: Arc::new(Access::new(template)),
            sessions: Sessions::new(clock),
            faults: Faults::default(),
            calls: Calls::default(),
            witness,
        }
    }

    fn before(&self, upstream: &Upstream) -> Router {
        let (access, sessions) = (self.access.clone(), self.sessions.clone());
        let (faults, calls) = (self.faults.clone(), self.calls.clone());
        let witness = self.witness.clone();
        Front::new(access, sessions, faults, calls, witness, upstream.clone()).router()
    }

    /// What issues the sessions that the fronts know.
    pub(super) async fn start_sts(&self) -> anyhow::Result<Server> {
        let (access, sessions) = (self.access.clone(), self.sessions.clone());
        let sts = Sts::new(access, sessions, self.faults.clone(), self.calls.clone());
        let listener = server::bind(0).await.context("take a port for sts")?;
        Ok(Server::start(listener, sts.router())?)
    }
}

impl TableStore {
    pub(super) async fn start(
        options: &Options,
        template: &Template,
        data: Option<&DataDirectory>,
        doors: &Doors,
    ) -> anyhow::Result<Self> {
        let (engine, upstream) = match &options.dynamodb_url {
            Some(url) => (None, Upstream::signed(url, "dynamodb")?),
            None => {
                let file = data.map(DataDirectory::dynamodb_file);
                let engine = Engine::start(file.as_deref()).await?;
                let upstream = Upstream::plain(engine.url())?;
                (Some(engine), upstream)
            }
        };
        dynamodb::create_tables(&upstream, &template.tables).await?;
        let listener = server::bind(0).await.context("take a port for dynamodb")?;
        let front = Server::start(listener, doors.before(&upstream))?;
        Ok(Self {
            front,
            _engine: engine,
        })
    }

    pub(super) async fn stop(self) {
        self.front.stop().await;
    }
}

impl QueueStore {
    /// `listener` is the front's; the template was read with its address.
    pub(super) async fn start(
        options: &Options,
        template: &Template,
        data: Option<&DataDirectory>,
        doors: &Doors,
        listener: TcpListener,
    ) -> anyhow::Result<Self> {
        let (server, upstream) = match &options.sqs_url {
            Some(url) => (None, Upstream::signed(url, "sqs")?),
            None => {
                let memory = sqs::Storage::Memory;
                let storage = data.map_or(memory, |data| sqs::Storage::File(data.sqs_file()));
                let clock = options.clock.clone();
                let clock = sqs::Clock::new(move || clock.now_ms());
                let server = SqsServer::open(storage, clock)?;
                let upstream = Upstream::Router(server.router());
                (Some(server), upstream)
            }
        };
        let front = Server::start(listener, doors.before(&upstream))?;
        let queues = Queues::create(upstream, &template.queues).await?;
        Ok(Self {
            front,
            server,
            queues,
        })
    }

    pub(super) async fn stop(self) {
        if let Some(server) = &self.server {
            // Otherwise the longest of the long polls would hold the stop up.
            server.close();
        }
        self.front.stop().await;
    }
}
