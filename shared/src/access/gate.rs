//! The tenant's gate: one row that says what a token cannot know of its own future. Each instance
//! keeps a copy for [`GATE_STALENESS`]; strict routes read it anew.
//!
//! A mark in the gate lives as long as the tokens that it corrects: after that, every token in use
//! was made from rows that already say the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    access::{ACCESS_TOKEN_LIFETIME_S, Permissions, Role},
    app::App,
    id::{RoleId, SessionId, TenantId, UserId},
    plan::Terms,
    store::{StoreError, TenantStatus},
};

/// How long an instance may answer by a copy of the gate: what a suspended tenant or member, a
/// changed role and an ended session can still be seen as.
pub const GATE_STALENESS: SignedDuration = SignedDuration::from_secs(5);

/// Seconds for which a mark stays: the longest life of a token, and twice the clocks' leeway.
pub(crate) const MARK_LIFETIME_S: i64 = ACCESS_TOKEN_LIFETIME_S + 10;

/// Tenants whose gates one instance keeps.
const CAPACITY: usize = 10_000;

/// What the gate says of a member in place of their token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Member(Role),
    /// Removed or suspended.
    Out,
}

/// A tenant's gate. Without a row it is open: active, without custom roles and marks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    pub(crate) status: TenantStatus,
    /// Sessions that began under an earlier one have ended.
    pub(crate) epoch: u64,
    pub(crate) roles: HashMap<RoleId, Permissions>,
    /// With the Unix second at which the mark has done its work.
    pub(crate) members: HashMap<UserId, (Standing, i64)>,
    pub(crate) sessions: HashMap<SessionId, i64>,
    /// How much the tenant may ask of the platform.
    pub(crate) terms: Terms,
}

/// Why a token that verifies is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TurnedAway {
    #[error("the tenant is suspended")]
    TenantSuspended,
    #[error("the user is suspended or is no member any more")]
    MemberOut,
    #[error("the session has ended")]
    SessionEnded,
}

/// What the gate has to know of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) epoch: u64,
}

impl Gate {
    pub(crate) fn open() -> Self {
        Self {
            status: TenantStatus::Active,
            epoch: 0,
            roles: HashMap::new(),
            members: HashMap::new(),
            sessions: HashMap::new(),
            terms: Terms::default(),
        }
    }

    /// The role in which a token's bearer is let in.
    pub(crate) fn admit(&self, ticket: &Ticket, now: Timestamp) -> Result<Role, TurnedAway> {
        let now_s = now.as_second();
        if self.status != TenantStatus::Active {
            return Err(TurnedAway::TenantSuspended);
        }
        let is_marked = |until: &i64| *until > now_s;
        if ticket.epoch < self.epoch || self.sessions.get(&ticket.session).is_some_and(is_marked) {
            return Err(TurnedAway::SessionEnded);
        }
        match self.members.get(&ticket.user) {
            Some((Standing::Out, until)) if is_marked(until) => Err(TurnedAway::MemberOut),
            Some((Standing::Member(role), until)) if is_marked(until) => Ok(*role),
            Some(_) | None => Ok(ticket.role),
        }
    }

    /// An API key has no role, epoch or session of which a mark could speak.
    pub(crate) fn admit_key(&self) -> Result<(), TurnedAway> {
        match self.status {
            TenantStatus::Active => Ok(()),
            TenantStatus::Suspended => Err(TurnedAway::TenantSuspended),
        }
    }

    /// What a role allows here. `None` for a custom role that this tenant does not have.
    pub(crate) fn permissions(&self, role: Role) -> Option<Permissions> {
        match role {
            Role::Custom(id) => self.roles.get(&id).map(|set| set.union(Permissions::SELF)),
            Role::User | Role::Admin | Role::Owner => Some(Permissions::built_in(role)),
        }
    }
}

/// One instance's copies.
#[derive(Default)]
pub(crate) struct GateCache {
    held: Mutex<HashMap<TenantId, (Arc<Gate>, Timestamp)>>,
}

impl GateCache {
    pub(crate) fn get(&self, tenant: TenantId, now: Timestamp) -> Option<Arc<Gate>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (gate, read_at) = held.get(&tenant)?;
        (now.duration_since(*read_at).abs() < GATE_STALENESS).then(|| Arc::clone(gate))
    }

    pub(crate) fn put(&self, tenant: TenantId, gate: &Arc<Gate>, now: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, (_, read_at)| now.duration_since(*read_at).abs() < GATE_STALENESS);
        }
        if held.len() < CAPACITY {
            held.insert(tenant, (Arc::clone(gate), now));
        }
    }

    /// The next request of this instance sees what was written.
    pub(crate) fn forget(&self, tenant: TenantId) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&tenant);
    }
}

impl App {
    /// The tenant's gate, at most [`GATE_STALENESS`] old. If the store does not answer, nobody is let
    /// in by an older copy.
    pub(crate) async fn gate(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Arc<Gate>, StoreError> {
        match self.gates.get(tenant, now) {
            Some(gate) => Ok(gate),
            None => self.gate_now(tenant, now).await,
        }
    }

    /// The tenant's gate as it is now.
    pub(crate) async fn gate_now(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Arc<Gate>, StoreError> {
        let gate = Arc::new(self.platform().gate(tenant).await?);
        self.gates.put(tenant, &gate, now);
        Ok(gate)
    }
}

#[cfg(test)]
mod tests;
