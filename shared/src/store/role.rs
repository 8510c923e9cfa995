//! Custom roles. A role's set of permissions stands twice: in its row, for people, and in the gate, by
//! which callers are let in; one transaction writes both.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    access::{Permissions, Role},
    audit::{self, Action},
    id::RoleId,
    problem::ApiError,
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::{IntoWrite, number},
        db::{Filter, Table, Write},
        gate::GateChange,
        key::{Key, List, Sort},
        list::Listing,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomRole {
    pub id: RoleId,
    pub name: String,
    pub description: Option<String>,
    pub permissions: Permissions,
    /// Kept in step with the members by the same transactions that change them.
    pub members: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct NewRole {
    pub name: String,
    pub description: Option<String>,
    pub permissions: Permissions,
}

/// `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct RolePatch {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub permissions: Option<Permissions>,
}

impl TenantStore {
    pub async fn role(&self, id: RoleId) -> Result<Versioned<CustomRole>, StoreError> {
        self.platform_row(&Sort::Role(id)).await
    }

    /// In the order in which they were made.
    pub async fn roles(&self, page: &PageRequest) -> Result<Page<CustomRole>, ApiError> {
        self.page(Listing::all(List::Roles), &Filter::default(), page)
            .await
    }

    pub async fn create_role(&self, new: NewRole) -> Result<Versioned<CustomRole>, StoreError> {
        let role = CustomRole {
            id: self.app.ids.make(self.now),
            name: new.name,
            description: new.description,
            permissions: new.permissions,
            members: 0,
            created_at: self.now,
            updated_at: self.now,
        };
        let key = Key::new(self.tenant, &Sort::Role(role.id));
        let platform = self.db().writer(Table::Platform)?;
        let gate = GateChange::default().new_role(role.id, role.permissions);
        self.commit(Change {
            action: Action::RoleCreated,
            target: role.id.to_string(),
            changes: audit::differences(&json!(null), &shown(&role)),
            writes: vec![
                platform.insert(&key, &role, Conflict::Exists)?,
                self.change_gate(gate)?,
            ],
            value: Versioned {
                version: 1,
                value: role,
            },
        })
        .await
    }

    pub async fn update_role(
        &self,
        from: Versioned<CustomRole>,
        patch: RolePatch,
    ) -> Result<Versioned<CustomRole>, StoreError> {
        let old = from.value;
        let to = CustomRole {
            name: patch.name.unwrap_or_else(|| old.name.clone()),
            description: patch.description.unwrap_or_else(|| old.description.clone()),
            permissions: patch.permissions.unwrap_or(old.permissions),
            updated_at: self.now,
            ..old.clone()
        };
        let key = Key::new(self.tenant, &Sort::Role(to.id));
        let platform = self.db().writer(Table::Platform)?;
        let gate = GateChange::default().role(to.id, to.permissions);
        self.commit(Change {
            action: Action::RoleUpdated,
            target: to.id.to_string(),
            changes: audit::differences(&shown(&old), &shown(&to)),
            writes: vec![
                platform.replace(&key, from.version, &to, Conflict::Version)?,
                self.change_gate(gate)?,
            ],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }

    /// # Errors
    /// `Conflict` while a member has the role.
    pub async fn delete_role(&self, from: Versioned<CustomRole>) -> Result<(), StoreError> {
        let role = from.value;
        if role.members > 0 {
            return Err(StoreError::Conflict {
                conflict: Conflict::RoleInUse,
                old: None,
            });
        }
        let key = Key::new(self.tenant, &Sort::Role(role.id));
        let platform = self.db().writer(Table::Platform)?;
        self.commit(Change {
            action: Action::RoleDeleted,
            target: role.id.to_string(),
            changes: audit::differences(&shown(&role), &json!(null)),
            writes: vec![
                // A member who got the role meanwhile has moved its version.
                platform.remove(&key, from.version, Conflict::Version)?,
                self.change_gate(GateChange::default().without_role(role.id))?,
            ],
            value: (),
        })
        .await
    }

    /// Counts a member of `role` in or out; built-in roles are not counted, owners are elsewhere.
    pub(crate) fn count_role_member(
        &self,
        role: Role,
        step: i32,
    ) -> Result<Option<Write>, StoreError> {
        let Role::Custom(id) = role else {
            return Ok(None);
        };
        let key = Key::new(self.tenant, &Sort::Role(id));
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(&key, "ADD members :step, version :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":one", number(1))
            .into_write()?;
        Ok(Some(Write {
            item,
            conflict: Conflict::NoSuchRole,
        }))
    }
}

fn shown(role: &CustomRole) -> serde_json::Value {
    json!({ "name": role.name, "description": role.description, "permissions": role.permissions })
}
