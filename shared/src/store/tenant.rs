//! The tenant itself: one row, also the place that counts its owners.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    audit::{self, Action},
    id::TenantId,
    plan::Terms,
    store::{
        Change, Conflict, PlatformStore, StoreError, TenantStore, Versioned,
        change::{IntoWrite, number, read, text},
        db::{Filter, Query, Range, Table, Write},
        gate::{self, GateChange},
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

    /// Closes or opens every door of the tenant. Nothing is written for one that is so already.
    pub(crate) async fn set_tenant_status(
        &self,
        from: Versioned<Tenant>,
        status: TenantStatus,
        reason: &str,
    ) -> Result<Versioned<Tenant>, StoreError> {
        if from.value.status == status {
            return Ok(from);
        }
        let before = serde_json::json!({ "status": from.value.status });
        let to = Tenant {
            status,
            updated_at: self.now,
            ..from.value
        };
        let key = Key::new(self.tenant, &Sort::Tenant);
        let row = self.db().writer(Table::Platform)?.replace(
            &key,
            from.version,
            &to,
            Conflict::Version,
        )?;
        let after = serde_json::json!({ "status": status, "reason": reason });
        self.commit(Change {
            action: match status {
                TenantStatus::Active => Action::TenantReactivated,
                TenantStatus::Suspended => Action::TenantSuspended,
            },
            target: to.id.to_string(),
            changes: audit::differences(&before, &after),
            writes: vec![row, self.change_gate(GateChange::default().status(status))?],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }

    /// How much the tenant may ask of the platform from now on.
    pub(crate) async fn set_terms(&self, from: &Terms, to: &Terms) -> Result<(), StoreError> {
        if from == to {
            return Ok(());
        }
        let shown =
            |terms: &Terms| serde_json::json!({ "plan": terms.plan, "limits": terms.overrides });
        self.commit(Change {
            action: Action::TermsUpdated,
            target: self.tenant.to_string(),
            changes: audit::differences(&shown(from), &shown(to)),
            writes: vec![self.change_gate(GateChange::default().terms(to)?)?],
            value: (),
        })
        .await
    }

    /// The tenant's terms as they are now.
    pub(crate) async fn terms(&self) -> Result<Terms, StoreError> {
        Ok(self.app.gate_now(self.tenant, self.now).await?.terms)
    }

    /// An entry in this tenant's log about what is about to be done elsewhere.
    pub(crate) async fn note(
        &self,
        action: Action,
        target: TenantId,
        details: &serde_json::Value,
    ) -> Result<(), StoreError> {
        self.commit(Change {
            action,
            target: target.to_string(),
            changes: audit::differences(&serde_json::Value::Null, details),
            writes: Vec::new(),
            value: (),
        })
        .await
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

/// What the operators' list holds of a tenant. Names and terms are read where they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ListedTenant {
    id: TenantId,
}

/// The partition of the operators' list: it grows by a row with each registration.
const LIST: &str = "P#TENANTS";

impl PlatformStore {
    /// The row by which operators find a new tenant.
    pub(super) fn list_tenant(&self, id: TenantId) -> Result<Write, StoreError> {
        let key = Key {
            pk: LIST.to_owned(),
            sk: id.to_string(),
        };
        let row = ListedTenant { id };
        self.db()
            .writer(Table::Platform)?
            .insert(&key, &row, Conflict::Exists)
    }

    /// Tenants with their gates after the one at `after`, in the order of their making, and the sort key to go on from.
    pub(crate) async fn tenants(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(Tenant, Terms)>, Option<String>), StoreError> {
        let after = after.map(|sk| {
            [("pk".to_owned(), text(LIST)), ("sk".to_owned(), text(sk))]
                .into_iter()
                .collect()
        });
        let query = Query {
            table: Table::Platform,
            index: None,
            partition: LIST.to_owned(),
            range: Range::Prefix("ten_".to_owned()),
            after,
            newest_first: false,
            limit,
            filter: &Filter::default(),
        };
        let (rows, next) = self.db().query(query).await?;
        let listed: Vec<ListedTenant> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        let ids: Vec<TenantId> = listed.into_iter().map(|row| row.id).collect();
        let keys = ids.iter().flat_map(|id| {
            [Sort::Tenant, Sort::Gate].map(|sort| Key::new(*id, &sort).attributes())
        });
        let (mut found, mut terms) = (HashMap::new(), HashMap::new());
        for item in self.db().get_many(Table::Platform, keys.collect()).await? {
            let name = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
            if name("sk").is_some_and(|sk| sk == "GATE") {
                let pk = name("pk").cloned().unwrap_or_default();
                terms.insert(pk, gate::parsed(&item).terms);
            } else {
                let tenant: Tenant = read(item)?;
                found.insert(tenant.id, tenant);
            }
        }
        let with_terms = |id: TenantId| {
            let tenant = found.remove(&id)?;
            let terms = terms.remove(&Key::new(id, &Sort::Gate).pk);
            Some((tenant, terms.unwrap_or_default()))
        };
        let tenants = ids.into_iter().filter_map(with_terms).collect();
        let next = next.as_ref().and_then(crate::store::list::sort_key);
        Ok((tenants, next))
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
