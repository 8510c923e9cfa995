//! Operators of the platform: people of the one tenant that the deployment names, who may act on the others.
//!
//! **Invariant:** what an operator changes is in both logs: first in the operators', then, with the change, in the
//! tenant's.

use serde_json::json;

use crate::{
    access::{Caller, Permission, Strict},
    audit::Action,
    id::TenantId,
    plan::{Overrides, Plan, Terms},
    problem::ApiError,
    store::{Cursor, Page, PageRequest, Tenant, TenantStatus, TenantStore, Versioned},
};

/// Names the operators' list inside a cursor's signature.
const LIST: &str = "platform-tenants";

/// An operator, held against the gate as it is now.
pub struct Operator(Caller);

/// What an operator sees of a tenant.
pub struct TenantFile {
    pub tenant: Tenant,
    pub terms: Terms,
}

impl Operator {
    pub fn new(caller: Strict) -> Self {
        Self(caller.0)
    }

    /// Every tenant, in the order of their making.
    pub async fn tenants(&self, page: &PageRequest) -> Result<Page<TenantFile>, ApiError> {
        self.0.authorize(Permission::PlatformRead)?;
        let (app, own) = (self.0.app(), self.0.tenant());
        let keyring = app.keyring(self.0.now()).await;
        let keyring = keyring.map_err(ApiError::Unavailable)?;
        let after = page.after(keyring.cursor_key(), own, LIST)?;
        let found = app.platform().tenants(after.as_deref(), page.limit()).await;
        let (tenants, next) = found?;
        let cursor = next.map(|sk| Cursor::new(keyring.cursor_key(), own, LIST, &sk));
        let file = |(tenant, terms)| TenantFile { tenant, terms };
        Ok(Page {
            data: tenants.into_iter().map(file).collect(),
            next_cursor: cursor.map(Cursor::into_text),
        })
    }

    pub async fn tenant(&self, id: TenantId) -> Result<TenantFile, ApiError> {
        let store = self.0.oversee(Permission::PlatformRead, id)?;
        Ok(TenantFile {
            tenant: store.tenant().await?.value,
            terms: store.terms().await?,
        })
    }

    /// A plan or limits in place of the present ones; `None` leaves them.
    pub async fn set_terms(
        &self,
        id: TenantId,
        plan: Option<Option<Plan>>,
        limits: Option<Option<Overrides>>,
    ) -> Result<TenantFile, ApiError> {
        let store = self.0.oversee(Permission::PlatformWrite, id)?;
        let tenant = store.tenant().await?.value;
        let from = store.terms().await?;
        let to = Terms {
            plan: plan.unwrap_or(from.plan),
            overrides: limits.map_or(from.overrides, Option::unwrap_or_default),
        };
        if from != to {
            let details = json!({ "plan": to.plan, "limits": to.overrides });
            self.note(Action::PlatformTermsUpdated, id, &details)
                .await?;
        }
        store.set_terms(&from, &to).await?;
        Ok(TenantFile { tenant, terms: to })
    }

    /// Closes every door of the tenant within the staleness of its gate.
    pub async fn suspend(&self, id: TenantId, reason: &str) -> Result<TenantFile, ApiError> {
        if id == self.0.tenant() {
            return Err(ApiError::NotAllowed(
                "the operators' own tenant cannot be suspended: nobody could reactivate it",
            ));
        }
        let (action, status) = (Action::PlatformTenantSuspended, TenantStatus::Suspended);
        self.set_status(id, action, status, reason).await
    }

    pub async fn reactivate(&self, id: TenantId, reason: &str) -> Result<TenantFile, ApiError> {
        let (action, status) = (Action::PlatformTenantReactivated, TenantStatus::Active);
        self.set_status(id, action, status, reason).await
    }

    async fn set_status(
        &self,
        id: TenantId,
        action: Action,
        status: TenantStatus,
        reason: &str,
    ) -> Result<TenantFile, ApiError> {
        let store: TenantStore = self.0.oversee(Permission::PlatformWrite, id)?;
        let tenant: Versioned<Tenant> = store.tenant().await?;
        if tenant.value.status != status {
            self.note(action, id, &json!({ "reason": reason })).await?;
        }
        let tenant = store.set_tenant_status(tenant, status, reason).await?.value;
        let terms = store.terms().await?;
        Ok(TenantFile { tenant, terms })
    }

    async fn note(
        &self,
        action: Action,
        id: TenantId,
        details: &serde_json::Value,
    ) -> Result<(), ApiError> {
        let own = self.0.authorize(Permission::PlatformWrite)?;
        Ok(own.note(action, id, details).await?)
    }
}
