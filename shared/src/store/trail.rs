//! Reading the audit trail. Writing it is part of every change; nothing can update or delete it.

use jiff::Timestamp;

use crate::{
    audit::{Action, Entry},
    id::AuditId,
    problem::ApiError,
    store::{
        Page, PageRequest, StoreError, TenantStore,
        change::read,
        db::{Filter, Table},
        key::{Key, List, Sort},
        list::Listing,
    },
};

/// `since` and `until` are served by the key; the others narrow what was read within them.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub action: Option<Action>,
    pub target: Option<String>,
    /// Included.
    pub since: Option<Timestamp>,
    /// Excluded.
    pub until: Option<Timestamp>,
}

impl TenantStore {
    /// Latest first.
    pub async fn audit_entries(
        &self,
        filter: AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<Entry>, ApiError> {
        let from = AuditId::first_at(filter.since.unwrap_or(Timestamp::UNIX_EPOCH));
        let to = AuditId::first_at(filter.until.unwrap_or(Timestamp::MAX));
        let listing = Listing::between(List::Audit, from.to_string(), to.to_string());
        let rest = Filter::default()
            .equals("actor", filter.actor)
            .equals("action", filter.action.map(Action::name))
            .equals("target", filter.target);
        self.page(listing, &rest, page).await
    }

    pub async fn audit_entry(&self, id: AuditId) -> Result<Entry, StoreError> {
        let key = Key::new(self.tenant, &Sort::Audit(id));
        let item = self.db().get(Table::Audit, key.attributes(), true).await?;
        read(item.ok_or(StoreError::NotFound)?)
    }
}
