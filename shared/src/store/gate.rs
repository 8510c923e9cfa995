//! The gate's row: an attribute for each custom role, marked member and ended session, so that a mark
//! is one update that reads nothing first and two marks do not undo each other.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    access::{Gate, MARK_LIFETIME_S, Permissions, Standing},
    id::{RoleId, SessionId, TenantId, UserId},
    plan::Terms,
    store::{
        Conflict, PlatformStore, StoreError, TenantStatus, TenantStore,
        change::{IntoWrite, number, text},
        db::{Item, Table, Write},
        key::{Key, Sort},
    },
};

/// Custom roles that a tenant may have: their sets are in one row, which every function reads.
pub const MOST_ROLES: u64 = 50;

/// Marks that have done their work, taken away by the next write.
const SWEPT_AT_ONCE: usize = 50;

/// Marks of ended sessions in the row at a time; beyond, a session's tokens live out their minutes.
const MOST_SESSION_MARKS: usize = 4_000;

impl PlatformStore {
    pub(crate) async fn gate(&self, tenant: TenantId) -> Result<Gate, StoreError> {
        let key = Key::new(tenant, &Sort::Gate);
        let row = self
            .db()
            .get(Table::Platform, key.attributes(), true)
            .await?;
        Ok(row.as_ref().map_or_else(Gate::open, parsed))
    }
}

/// A row as the gate that it describes. What is not understood is not there.
pub(crate) fn parsed(row: &Item) -> Gate {
    let mut gate = Gate::open();
    for (name, value) in row {
        let (string, n) = (value.as_s().ok(), value.as_n().ok());
        let n = n.and_then(|n| n.parse::<i64>().ok());
        if name == "status" && string.is_some_and(|status| status != "active") {
            gate.status = TenantStatus::Suspended;
        } else if let ("plan", Some(plan)) = (name.as_str(), string) {
            gate.terms.plan = plan.parse().ok();
        } else if let ("limits", Some(limits)) = (name.as_str(), string) {
            gate.terms.overrides = serde_json::from_str(limits).unwrap_or_default();
        } else if name == "epoch" {
            gate.epoch = n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        } else if let (Ok(role), Some(set)) = (name.parse::<RoleId>(), string) {
            gate.roles.insert(role, Permissions::of_text(set));
        } else if let (Ok(user), Some(mark)) = (name.parse::<UserId>(), string) {
            gate.members.extend(mark_of(mark).map(|mark| (user, mark)));
        } else if let (Ok(session), Some(until)) = (name.parse::<SessionId>(), n) {
            gate.sessions.insert(session, until);
        }
    }
    gate
}

fn mark_of(text: &str) -> Option<(Standing, i64)> {
    let (until, standing) = text.split_once(' ')?;
    let standing = match standing {
        "out" => Standing::Out,
        role => Standing::Member(role.parse().ok()?),
    };
    Some((standing, until.parse().ok()?))
}

/// What is to be written into the gate: one update, because a transaction writes a row once.
#[derive(Default)]
pub(crate) struct GateChange {
    set: Vec<(String, AttributeValue)>,
    remove: Vec<String>,
    roles: i32,
}

impl GateChange {
    pub(crate) fn role(mut self, role: RoleId, permissions: Permissions) -> Self {
        self.set
            .push((role.to_string(), text(permissions.to_text())));
        self
    }

    pub(crate) fn new_role(mut self, role: RoleId, permissions: Permissions) -> Self {
        self.roles = 1;
        self.role(role, permissions)
    }

    pub(crate) fn without_role(mut self, role: RoleId) -> Self {
        self.roles = -1;
        self.remove.push(role.to_string());
        self
    }

    pub(crate) fn member(mut self, user: UserId, standing: Standing, now_s: i64) -> Self {
        let standing = match standing {
            Standing::Member(role) => role.to_string(),
            Standing::Out => "out".to_owned(),
        };
        let mark = format!("{} {standing}", now_s + MARK_LIFETIME_S);
        self.set.push((user.to_string(), text(mark)));
        self
    }

    pub(crate) fn status(mut self, status: TenantStatus) -> Self {
        let name = match status {
            TenantStatus::Active => "active",
            TenantStatus::Suspended => "suspended",
        };
        self.set.push(("status".to_owned(), text(name)));
        self
    }

    /// What is `None` goes back to the plan's, and the plan to the deployment's.
    pub(crate) fn terms(mut self, terms: &Terms) -> Result<Self, StoreError> {
        match terms.plan {
            Some(plan) => self.set.push(("plan".to_owned(), text(plan.name()))),
            None => self.remove.push("plan".to_owned()),
        }
        let limits = serde_json::to_string(&terms.overrides);
        let limits = limits.map_err(|error| StoreError::Internal(error.into()))?;
        self.set.push(("limits".to_owned(), text(limits)));
        Ok(self)
    }

    fn session(mut self, session: SessionId, now_s: i64) -> Self {
        let until = number(now_s + MARK_LIFETIME_S);
        self.set.push((session.to_string(), until));
        self
    }

    /// Expired marks of the copy at hand go with it.
    fn sweeping(mut self, gate: &Gate, now_s: i64) -> Self {
        let members = gate
            .members
            .iter()
            .map(|(user, (_, until))| (user.to_string(), *until));
        let sessions = gate
            .sessions
            .iter()
            .map(|(session, until)| (session.to_string(), *until));
        let expired = members
            .chain(sessions)
            .filter(|(name, until)| *until <= now_s && !self.set.iter().any(|(set, _)| set == name))
            .map(|(name, _)| name)
            .take(SWEPT_AT_ONCE);
        let expired: Vec<String> = expired.collect();
        self.remove.extend(expired);
        self
    }

    fn expression(&self) -> String {
        let sets: Vec<String> = (0..self.set.len())
            .map(|at| format!("#s{at} = :s{at}"))
            .collect();
        let removes: Vec<String> = (0..self.remove.len()).map(|at| format!("#r{at}")).collect();
        let mut clauses = Vec::new();
        if !sets.is_empty() {
            clauses.push(format!("SET {}", sets.join(", ")));
        }
        if !removes.is_empty() {
            clauses.push(format!("REMOVE {}", removes.join(", ")));
        }
        if self.roles != 0 {
            clauses.push("ADD role_count :roles".to_owned());
        }
        clauses.join(" ")
    }

    fn names(&self) -> std::collections::HashMap<String, String> {
        let sets = self
            .set
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (format!("#s{at}"), name.clone()));
        let removes = self
            .remove
            .iter()
            .enumerate()
            .map(|(at, name)| (format!("#r{at}"), name.clone()));
        sets.chain(removes).collect()
    }

    fn values(&self) -> Item {
        let sets = self.set.iter().enumerate();
        let mut values: Item = sets
            .map(|(at, (_, value))| (format!(":s{at}"), value.clone()))
            .collect();
        if self.roles != 0 {
            values.insert(":roles".to_owned(), number(self.roles));
        }
        if self.roles > 0 {
            values.insert(":most".to_owned(), number(MOST_ROLES));
        }
        values
    }
}

impl TenantStore {
    /// The gate's part of a transaction.
    pub(crate) fn change_gate(&self, change: GateChange) -> Result<Write, StoreError> {
        let change = match self.app.gates.get(self.tenant, self.now) {
            Some(gate) => change.sweeping(&gate, self.now.as_second()),
            None => change,
        };
        self.app.gates.forget(self.tenant);
        let key = Key::new(self.tenant, &Sort::Gate);
        let mut update = self
            .db()
            .writer(Table::Platform)?
            .update(&key, &change.expression())
            .set_expression_attribute_names(Some(change.names()))
            .set_expression_attribute_values(Some(change.values()));
        if change.roles > 0 {
            update = update
                .condition_expression("attribute_not_exists(role_count) OR role_count < :most");
        }
        Ok(Write {
            item: update.into_write()?,
            conflict: Conflict::TooManyRoles,
        })
    }

    /// Writes that say of a member what their tokens do not.
    pub(crate) fn mark_member(
        &self,
        user: UserId,
        standing: Standing,
    ) -> Result<Write, StoreError> {
        self.change_gate(GateChange::default().member(user, standing, self.now.as_second()))
    }

    /// Turns the sessions' access tokens away. An update of its own and no part of a transaction:
    /// members who sign out at the same moment must not stand in each other's way.
    pub(crate) async fn mark_sessions(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        let now_s = self.now.as_second();
        let held = self.app.gates.get(self.tenant, self.now);
        if held
            .as_ref()
            .is_some_and(|gate| gate.sessions.len() >= MOST_SESSION_MARKS)
        {
            tracing::warn!(tenant.id = %self.tenant, "a gate holds as many marks as it takes");
            return Ok(());
        }
        for sessions in sessions.chunks(100) {
            let marks = GateChange::default();
            let marks = sessions
                .iter()
                .fold(marks, |marks, id| marks.session(*id, now_s));
            let marks = match &held {
                Some(gate) => marks.sweeping(gate, now_s),
                None => marks,
            };
            self.db()
                .client()
                .update_item()
                .table_name(self.db().table(Table::Platform)?)
                .set_key(Some(Key::new(self.tenant, &Sort::Gate).attributes()))
                .update_expression(marks.expression())
                .set_expression_attribute_names(Some(marks.names()))
                .set_expression_attribute_values(Some(marks.values()))
                .send()
                .await?;
        }
        self.app.gates.forget(self.tenant);
        Ok(())
    }
}
