//! The tenant itself: one row, also the place that counts its owners.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    audit::{self, Action},
    id::TenantId,
    store::{
        Change, Conflict, StoreError, TenantStore, Versioned,
        change::{IntoWrite, number},
        db::{Table, Write},
        key::{Key, Sort},
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TenantStatus {
    Active,
    Suspended,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub status: TenantStatus,
    /// Kept in step with the members by the same transactions that change them.
    pub owners: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a caller may change of its tenant; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct TenantPatch {
    pub name: Option<String>,
}

impl TenantStore {
    pub fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    pub async fn tenant(&self) -> Result<Versioned<Tenant>, StoreError> {
        self.platform_row(&Sort::Tenant).await
    }

    /// The patch applied to `from`; yields the row as it will be.
    pub fn change_tenant(
        &self,
        from: Versioned<Tenant>,
        patch: TenantPatch,
    ) -> Result<Change<Versioned<Tenant>>, StoreError> {
        let before = shown(&from.value);
        let to = Tenant {
            name: patch.name.unwrap_or(from.value.name),
            updated_at: self.now,
            ..from.value
        };
        let key = Key::new(self.tenant, &Sort::Tenant);
        let write = self.db().writer(Table::Platform)?.replace(
            &key,
            from.version,
            &to,
            Conflict::Version,
        )?;
        Ok(Change {
            action: Action::TenantUpdated,
            target: to.id.to_string(),
            changes: audit::differences(&before, &shown(&to)),
            writes: vec![write],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
    }

    /// Counts an owner in or out; the last one cannot be counted out.
    pub(crate) fn count_owner(&self, by: OwnerCount) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::Tenant);
        let (step, at_least) = match by {
            OwnerCount::Add => (1, 0),
            OwnerCount::Remove => (-1, 2),
        };
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(&key, "ADD owners :step, version :one")
            .condition_expression("owners >= :at_least")
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":at_least", number(at_least))
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::LastOwner,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerCount {
    Add,
    Remove,
}

/// What the audit trail shows of a tenant.
pub(crate) fn shown(tenant: &Tenant) -> serde_json::Value {
    serde_json::json!({ "name": tenant.name, "status": tenant.status })
}
