//! Grants: what a vendor's authorization server has given a connection, sealed, in a row of its own that is
//! also the lock under which it is replaced.
//!
//! **Invariant:** a grant is replaced only by whoever holds the row's latest fence: of two instances that
//! refresh at once, the later lock wins, and the earlier one's tokens are not written over it.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Action},
    id::ConnectionId,
    seal::Sealed,
    store::{
        Change, Conflict, Connection, ConnectionStatus, NewDelivery, StoreError, TenantStore,
        Versioned,
        change::{IntoWrite, number, read, text},
        db::{Table, Write},
        key::{Key, Sort},
        keyed,
    },
};

/// A grant as it is stored. The default is one that was never given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct GrantRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed: Option<Sealed<Vec<u8>>>,
    /// Unix seconds; `None` for a token that the vendor gave no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_s: Option<i64>,
    /// When it is time to ask for the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_s: Option<i64>,
    /// One more with each grant.
    pub(crate) generation: u64,
    /// One more with each lock.
    pub(crate) fence: u64,
}

/// A grant in place of the present one.
pub(crate) struct NewGrant {
    pub(crate) sealed: Sealed<Vec<u8>>,
    pub(crate) expires_s: Option<i64>,
    pub(crate) refresh_s: Option<i64>,
}

/// What became of an attempt to lock a grant.
pub(crate) enum Locked {
    /// It is ours until the lock ends; the row with our fence.
    Ours(GrantRow),
    /// There is another grant by now, or somebody else holds the lock.
    Theirs(GrantRow),
}

impl TenantStore {
    pub(crate) async fn grant(&self, id: ConnectionId) -> Result<GrantRow, StoreError> {
        let key = Key::new(self.tenant, &Sort::Grant(id));
        let row = self
            .db()
            .get(Table::Platform, key.attributes(), true)
            .await?;
        row.map_or(Ok(GrantRow::default()), read)
    }

    /// Locks the grant of this generation until `until`. One write; what stood against it comes back.
    pub(crate) async fn lock_grant(
        &self,
        id: ConnectionId,
        generation: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Locked, StoreError> {
        let key = Key::new(self.tenant, &Sort::Grant(id));
        let answer = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(key.attributes()))
            .update_expression("SET locked_ms = :until ADD fence :one")
            .condition_expression(
                "generation = :generation AND (attribute_not_exists(locked_ms) OR locked_ms <= :now)",
            )
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":generation", number(generation))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => return Ok(Locked::Ours(read(answer.attributes.unwrap_or_default())?)),
            Err(error) => error,
        };
        if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        {
            let present = failed.item().cloned();
            return Ok(Locked::Theirs(
                present.map_or(Ok(GrantRow::default()), read)?,
            ));
        }
        Err(error.into())
    }

    /// Replaces the grant and gives the lock back. `NotFound`: the fence is an earlier one.
    pub(crate) async fn replace_grant(
        &self,
        id: ConnectionId,
        fence: u64,
        new: &NewGrant,
    ) -> Result<GrantRow, StoreError> {
        let key = Key::new(self.tenant, &Sort::Grant(id));
        let mut set = "SET sealed = :sealed".to_owned();
        let mut request = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(key.attributes()))
            .condition_expression("fence = :fence")
            .expression_attribute_values(":fence", number(fence))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":sealed", text(new.sealed.clone().into_text()))
            .return_values(ReturnValue::AllNew);
        let mut removed = "REMOVE locked_ms".to_owned();
        for (name, value) in [("expires_s", new.expires_s), ("refresh_s", new.refresh_s)] {
            match value {
                Some(value) => {
                    set += &format!(", {name} = :{name}");
                    request =
                        request.expression_attribute_values(format!(":{name}"), number(value));
                }
                None => removed += &format!(", {name}"),
            }
        }
        let answer = request
            .update_expression(format!("{set} {removed} ADD generation :one"))
            .send()
            .await;
        match answer {
            Ok(answer) => read(answer.attributes.unwrap_or_default()),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(UpdateItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Err(StoreError::NotFound)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the lock back: the grant is as it was. If this fails the lock ends by itself.
    pub(crate) async fn unlock_grant(&self, id: ConnectionId, fence: u64) {
        let unlock = async {
            let key = Key::new(self.tenant, &Sort::Grant(id));
            self.db()
                .client()
                .update_item()
                .table_name(self.db().table(Table::Platform)?)
                .set_key(Some(key.attributes()))
                .update_expression("REMOVE locked_ms")
                .condition_expression("fence = :fence")
                .expression_attribute_values(":fence", number(fence))
                .send()
                .await?;
            Ok::<_, StoreError>(())
        };
        if let Err(error) = unlock.await {
            tracing::info!(%error, "a grant's lock was not given back");
        }
    }

    /// A person's consent: the connection is active, whatever it was, and no refresh under way counts.
    pub(crate) async fn authorize_connection(
        &self,
        from: Versioned<Connection>,
        new: NewGrant,
    ) -> Result<Versioned<Connection>, StoreError> {
        let id = from.value.id;
        let present = self.grant(id).await?;
        let row = GrantRow {
            sealed: Some(new.sealed),
            expires_s: new.expires_s,
            refresh_s: new.refresh_s,
            generation: present.generation + 1,
            fence: present.fence + 1,
        };
        let key = Key::new(self.tenant, &Sort::Grant(id));
        let item = crate::store::change::put(self.db().table(Table::Platform)?, &key, &row)?
            .condition_expression("fence = :fence")
            .expression_attribute_values(":fence", number(present.fence))
            .into_write()?;
        let grant = Write {
            item,
            conflict: Conflict::Version,
        };
        self.turn_connection(
            from,
            ConnectionStatus::Active,
            Action::ConnectionAuthorized,
            None,
            vec![grant],
        )
        .await
    }

    /// The vendor has ended the grant: what is left is to ask a person again. Nothing happens if the fence is
    /// an earlier one.
    pub(crate) async fn end_grant(
        &self,
        from: Versioned<Connection>,
        fence: u64,
        reason: &str,
        notices: &[NewDelivery],
    ) -> Result<(), StoreError> {
        let key = Key::new(self.tenant, &Sort::Grant(from.value.id));
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(
                &key,
                "REMOVE sealed, expires_s, refresh_s, locked_ms ADD generation :one, fence :one",
            )
            .condition_expression("fence = :fence")
            .expression_attribute_values(":fence", number(fence))
            .expression_attribute_values(":one", number(1))
            .into_write()?;
        let mut writes = vec![Write {
            item,
            conflict: Conflict::Version,
        }];
        for notice in notices {
            writes.push(self.delivery_write(notice)?);
        }
        self.turn_connection(
            from,
            ConnectionStatus::NeedsReconnect,
            Action::ConnectionNeedsReconnect,
            Some(reason),
            writes,
        )
        .await?;
        keyed::settle(self.db()).await
    }

    async fn turn_connection(
        &self,
        from: Versioned<Connection>,
        status: ConnectionStatus,
        action: Action,
        reason: Option<&str>,
        mut writes: Vec<Write>,
    ) -> Result<Versioned<Connection>, StoreError> {
        let before = from.value.status;
        let to = Connection {
            status,
            status_reason: reason.map(str::to_owned),
            updated_at: self.now,
            ..from.value
        };
        let key = Key::new(self.tenant, &Sort::Connection(to.id));
        writes.push(self.db().writer(Table::Platform)?.replace(
            &key,
            from.version,
            &to,
            Conflict::Version,
        )?);
        self.commit(Change {
            action,
            target: to.id.to_string(),
            changes: audit::differences(
                &json!({ "status": before }),
                &json!({ "status": status, "reason": reason }),
            ),
            writes,
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }
}
