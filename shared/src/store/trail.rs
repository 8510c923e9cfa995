//! Reading the audit trail. Writing it is part of every change; nothing can update or delete it.

use jiff::Timestamp;

use crate::{
    audit::{Action, Entry},
    id::AuditId,
    problem::ApiError,
    store::{
        Cursor, Page, PageRequest, StoreError, TenantStore,
        change::read,
        db::{Filter, Table},
        key::{Key, List, Sort},
        list::{Listing, sort_key},
    },
};

/// Entries of one part of an export.
const MOST_EXPORTED: i32 = 1_000;

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

    /// Entries from `since` on and before `until`, oldest first, as many as one read of a megabyte holds, and the cursor
    /// of what follows.
    ///
    /// # Errors
    /// `Invalid` naming `cursor` when it is not of this export.
    pub async fn audit_export(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        cursor: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>), ApiError> {
        const LIST: &str = "audit-export";
        let keyring = self.app.keyring(self.now).await;
        let keyring = keyring.map_err(ApiError::Unavailable)?;
        let page = PageRequest::new(None, cursor)?;
        let after = page.after(keyring.cursor_key(), self.tenant, LIST)?;
        let first = AuditId::first_at(since.unwrap_or(Timestamp::UNIX_EPOCH)).to_string();
        let end = AuditId::first_at(until.unwrap_or(Timestamp::MAX)).to_string();
        if first >= end {
            return Ok((Vec::new(), None));
        }
        let start = after.map(|sk| List::Audit.start(self.tenant, &sk));
        let answer = self.audit_rows(&first, &end, MOST_EXPORTED, start).await?;
        let next = answer.last_evaluated_key.as_ref().and_then(sort_key);
        let next = next.map(|sk| Cursor::new(keyring.cursor_key(), self.tenant, LIST, &sk));
        let entries = answer.items.unwrap_or_default().into_iter().map(read);
        let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        // A key range includes its end.
        entries.retain(|entry| entry.id.to_string() < end);
        Ok((entries, next.map(Cursor::into_text)))
    }

    pub async fn audit_entry(&self, id: AuditId) -> Result<Entry, StoreError> {
        let key = Key::new(self.tenant, &Sort::Audit(id));
        let item = self.db().get(Table::Audit, key.attributes(), true).await?;
        read(item.ok_or(StoreError::NotFound)?)
    }
}
