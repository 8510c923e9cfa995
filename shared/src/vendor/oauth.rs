//! OAuth 2.0 for connections: a person's consent (RFC 6749 section 4.1, with PKCE, RFC 7636), client
//! credentials (section 4.4), and refreshing (section 6) by one instance at a time.
//!
//! **Invariant:** a new grant is stored before it is used, and by whoever holds the lock's latest fence.

mod consent;
mod tokens;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub use consent::{Authorization, Returned, begin, complete, returned};

use crate::{
    app::App,
    id::ConnectionId,
    outbound::{Notice, announce, notices},
    seal::{Purpose, Secret},
    store::{
        AuthKind, Connection, ConnectionStatus, Credentials, GrantRow, Locked, NewGrant,
        StoreError, TenantStore, credential_owner,
    },
    vendor::{
        Connector, VendorError,
        oauth::tokens::{Answer, Tokens},
    },
};

/// Longer than a refresh takes: an instance that dies holds nobody up for more.
const LOCK: SignedDuration = SignedDuration::from_secs(30);
/// What destinations are told when a vendor has ended a grant.
const ENDED: &str = "portico.connection.needs_reconnect";
/// Connections whose turns one instance keeps in mind.
const CAPACITY: usize = 10_000;

/// An access token, and the generation of its grant.
pub(crate) struct Access {
    pub(crate) token: Secret<String>,
    pub(crate) generation: u64,
}

/// One refresh of a connection at a time within an instance: who waits finds the new grant.
#[derive(Default)]
pub(crate) struct RefreshTurns(Mutex<HashMap<ConnectionId, Arc<tokio::sync::Mutex<()>>>>);

impl RefreshTurns {
    fn of(&self, connection: ConnectionId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= CAPACITY {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(connection).or_default())
    }
}

/// A token that is good now. `refused` is the generation of one that the vendor has just refused.
///
/// One read while the grant is fresh. A token that will end soon is refreshed ahead of its end, so that while
/// one instance refreshes, the others go on with what they have.
///
/// # Errors
/// The connection is not authorized any more, or the vendor gives no token now.
pub(crate) async fn access(
    app: &App,
    store: &TenantStore,
    connector: &Connector,
    connection: &Connection,
    refused: Option<u64>,
) -> Result<Access, VendorError> {
    match connection.status {
        ConnectionStatus::Active => {}
        ConnectionStatus::Unauthorized | ConnectionStatus::NeedsReconnect => {
            return Err(VendorError::NotConnected(connection.status));
        }
    }
    let held = Held {
        app,
        store,
        connector,
        connection,
        refused,
    };
    let row = store.grant(connection.id).await.map_err(unreadable)?;
    let now = app.clock.now();
    if !held.is_due(&row, now) {
        return held.open(&row).await;
    }
    let turn = app.refreshes.of(connection.id);
    let _turn = turn.lock().await;
    let now = app.clock.now();
    let until = now.saturating_add(LOCK).unwrap_or(now);
    let locked = store.lock_grant(connection.id, row.generation, now, until);
    match locked.await.map_err(unreadable)? {
        Locked::Ours(row) => held.refresh(row).await,
        Locked::Theirs(row) if held.is_good(&row, now) => held.open(&row).await,
        Locked::Theirs(_) => Err(VendorError::Refreshing),
    }
}

struct Held<'a> {
    app: &'a App,
    store: &'a TenantStore,
    connector: &'a Connector,
    connection: &'a Connection,
    refused: Option<u64>,
}

impl Held<'_> {
    /// Whether the vendor would take this grant's token now.
    fn is_good(&self, row: &GrantRow, now: Timestamp) -> bool {
        let has_ended = row.expires_s.is_some_and(|at| at <= now.as_second());
        row.sealed.is_some() && !has_ended && self.refused != Some(row.generation)
    }

    fn is_due(&self, row: &GrantRow, now: Timestamp) -> bool {
        let is_old = row.refresh_s.is_some_and(|at| at <= now.as_second());
        is_old || !self.is_good(row, now)
    }

    async fn open(&self, row: &GrantRow) -> Result<Access, VendorError> {
        let tokens = self.tokens(row).await?;
        let tokens = tokens.ok_or(VendorError::Refreshing)?;
        Ok(Access {
            token: tokens.access_token,
            generation: row.generation,
        })
    }

    async fn tokens(&self, row: &GrantRow) -> Result<Option<Tokens>, VendorError> {
        let Some(sealed) = &row.sealed else {
            return Ok(None);
        };
        let open = async {
            let keyring = self.app.keyring(self.app.clock.now()).await?;
            let owner = credential_owner(self.store.tenant_id(), self.connection.id);
            let plain = keyring.root().open(Purpose::VendorGrant, &owner, sealed)?;
            anyhow::Ok(Tokens::read(plain.expose())?)
        };
        open.await.map(Some).map_err(VendorError::Internal)
    }

    /// Under the lock: asks the vendor, stores what it gave, and only then uses it.
    async fn refresh(&self, row: GrantRow) -> Result<Access, VendorError> {
        let (id, fence) = (self.connection.id, row.fence);
        let present = self.tokens(&row).await?;
        let asked = self.ask(present.as_ref()).await;
        let given = match asked {
            Ok(Answer::Given(tokens)) => tokens,
            Ok(Answer::Ended(reason)) => {
                self.end(fence, &reason).await?;
                return Err(VendorError::NotConnected(ConnectionStatus::NeedsReconnect));
            }
            Err(error) => {
                // The vendor may have rotated all the same: the next attempt shows its refresh token again.
                self.store.unlock_grant(id, fence).await;
                let now = self.app.clock.now();
                if self.is_good(&row, now) {
                    return self.open(&row).await;
                }
                return Err(error);
            }
        };
        let tokens = given.after(present);
        let new = seal(self.app, self.store, id, &tokens).await?;
        match self.store.replace_grant(id, fence, &new).await {
            Ok(row) => Ok(Access {
                token: tokens.access_token,
                generation: row.generation,
            }),
            // Another lock came after ours: its holder's grant counts.
            Err(StoreError::NotFound) => Err(VendorError::Refreshing),
            Err(error) => Err(unreadable(error)),
        }
    }

    async fn ask(&self, present: Option<&Tokens>) -> Result<Answer, VendorError> {
        let credentials = tokens::client(self.app, self.store, self.connection).await?;
        let (kind, scope) = match &credentials {
            Credentials::Oauth2 { .. } => (AuthKind::Oauth2, None),
            Credentials::ClientCredentials { scope, .. } => {
                (AuthKind::ClientCredentials, scope.clone())
            }
            Credentials::ApiKey { .. } | Credentials::Basic { .. } => {
                return Err(VendorError::Internal(anyhow::anyhow!(
                    "a connection without OAuth has no grant"
                )));
            }
        };
        let refresh_token = present.and_then(|tokens| tokens.refresh_token.as_ref());
        let form: Vec<(&str, &str)> = match (kind, refresh_token) {
            (AuthKind::Oauth2, Some(token)) => vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", token.expose()),
            ],
            (AuthKind::ClientCredentials, _) => {
                let scope = scope.as_deref().map(|scope| ("scope", scope));
                let kind = ("grant_type", "client_credentials");
                [kind].into_iter().chain(scope).collect()
            }
            _ => {
                let reason = "the vendor's token has ended, and it gave none to renew it with";
                return Ok(Answer::Ended(reason.to_owned()));
            }
        };
        tokens::ask(self.app, self.connector, &credentials, &form).await
    }

    async fn end(&self, fence: u64, reason: &str) -> Result<(), VendorError> {
        tracing::warn!(connection.id = %self.connection.id, "a vendor has ended a connection's grant");
        let from = self.store.connection(self.connection.id).await;
        let from = from.map_err(unreadable)?;
        let outlets = self.store.outlets().await.map_err(unreadable)?;
        let now = self.app.clock.now();
        let notice = Notice {
            event: self.app.ids.make(now),
            kind: ENDED,
            data: json!({
                "connection_id": from.value.id,
                "name": from.value.name,
                "connector": from.value.connector,
                "reason": reason,
            }),
            except: None,
        };
        let notices = notices(&outlets, &notice, now);
        match self.store.end_grant(from, fence, reason, &notices).await {
            Ok(()) => {
                // What is not sent now stands among the deliveries, from where it can be retried.
                if let Err(error) = announce(self.app, self.store, &notices).await {
                    tracing::error!(%error, "an operational event was kept and not sent");
                }
                Ok(())
            }
            // The next call finds the same, or the connection authorized anew.
            Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(unreadable(error)),
        }
    }
}

/// A grant as it is stored.
async fn seal(
    app: &App,
    store: &TenantStore,
    connection: ConnectionId,
    tokens: &Tokens,
) -> Result<NewGrant, VendorError> {
    let now = app.clock.now();
    let sealing = async {
        let keyring = app.keyring(now).await?;
        let owner = credential_owner(store.tenant_id(), connection);
        let plain = tokens.write()?;
        anyhow::Ok(keyring.root().seal(Purpose::VendorGrant, &owner, &*plain)?)
    };
    let lifetime_s = tokens.expires_in;
    let at = |after_s: i64| now.as_second().saturating_add(after_s);
    Ok(NewGrant {
        sealed: sealing.await.map_err(VendorError::Internal)?,
        expires_s: lifetime_s.map(at),
        // A fifth of its time ahead of its end, a minute at most.
        refresh_s: lifetime_s.map(|lifetime_s| at(lifetime_s - (lifetime_s / 5).min(60))),
    })
}

fn unreadable(error: StoreError) -> VendorError {
    VendorError::Internal(error.into())
}
