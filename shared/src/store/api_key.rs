//! API keys of a tenant. They belong to the tenant and not to who made them; the row holds hashes only.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    access::{KeyToken, Permissions},
    audit::{self, Action},
    id::{ApiKeyId, TenantId},
    problem::ApiError,
    seal::Secret,
    store::{
        Change, Conflict, Page, PageRequest, PlatformStore, StoreError, TenantStore, Versioned,
        change::{number, read},
        db::{Filter, Table},
        key::{Key, List, Sort},
        list::Listing,
    },
    webhook::AllowList,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub permissions: Permissions,
    #[serde(default)]
    pub allowed_ips: AllowList,
    pub(crate) hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<PreviousKey>,
    /// The key's last letters, by which people tell keys apart.
    pub hint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Unix seconds; up to an hour behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_s: Option<i64>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub rotated_at: Option<Timestamp>,
}

/// What the key was before its last rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousKey {
    hash: String,
    good_until: Timestamp,
}

#[derive(Debug, Clone)]
pub struct NewApiKey {
    pub name: String,
    pub permissions: Permissions,
    pub allowed_ips: AllowList,
    pub ends_at: Option<Timestamp>,
}

/// A key with its text, which is not seen again.
pub struct MadeApiKey {
    pub key: Versioned<ApiKey>,
    pub text: Secret<String>,
}

impl ApiKey {
    pub(crate) fn is_good(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    /// When the text before the last rotation ends; `None` if it has.
    pub fn previous_good_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.previous.as_ref().map(|previous| previous.good_until);
        until.filter(|until| now < *until)
    }

    /// Hashes of the texts that are this key now.
    pub(crate) fn hashes(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let previous = self.previous.iter();
        let previous = previous.filter(move |previous| now < previous.good_until);
        std::iter::once(self.hash.as_str()).chain(previous.map(|previous| previous.hash.as_str()))
    }
}

impl PlatformStore {
    /// A key by what its text says of itself: it is not believed yet. One read.
    pub(crate) async fn api_key(
        &self,
        tenant: TenantId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let key = Key::new(tenant, &Sort::ApiKey(id)).attributes();
        let item = self.db().get(Table::Platform, key, true).await?;
        item.map(read).transpose()
    }

    /// Notes that a key was used, unless another instance has since `before_s`. The version stays.
    pub(crate) async fn note_key_use(
        &self,
        tenant: TenantId,
        id: ApiKeyId,
        now_s: i64,
        before_s: i64,
    ) -> Result<(), StoreError> {
        let db = self.db().of(tenant);
        let request = db.client().update_item();
        let answer = request
            .table_name(db.table(Table::Platform)?)
            .set_key(Some(Key::new(tenant, &Sort::ApiKey(id)).attributes()))
            .update_expression("SET last_used_s = :now")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(last_used_s) OR last_used_s <= :before)",
            )
            .expression_attribute_values(":now", number(now_s))
            .expression_attribute_values(":before", number(before_s))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }
}

impl TenantStore {
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Versioned<ApiKey>, StoreError> {
        self.platform_row(&Sort::ApiKey(id)).await
    }

    /// In the order in which they were made.
    pub async fn api_keys(&self, page: &PageRequest) -> Result<Page<ApiKey>, ApiError> {
        self.page(Listing::all(List::ApiKeys), &Filter::default(), page)
            .await
    }

    pub async fn create_api_key(&self, new: NewApiKey) -> Result<MadeApiKey, StoreError> {
        let token = KeyToken::new(self.tenant, self.app.ids.make(self.now));
        let text = token.text();
        let key = ApiKey {
            id: token.id,
            name: new.name,
            permissions: new.permissions,
            allowed_ips: new.allowed_ips,
            hash: token.hash(),
            previous: None,
            hint: hint(&text),
            ends_at: new.ends_at,
            last_used_s: None,
            created_by: self.actor.to_string(),
            created_at: self.now,
            rotated_at: None,
        };
        let row = Key::new(self.tenant, &Sort::ApiKey(key.id));
        let write = self
            .db()
            .writer(Table::Platform)?
            .insert(&row, &key, Conflict::Exists)?;
        self.commit(Change {
            action: Action::ApiKeyCreated,
            target: key.id.to_string(),
            changes: audit::differences(&json!(null), &shown(&key)),
            writes: vec![write],
            value: MadeApiKey {
                key: Versioned {
                    version: 1,
                    value: key,
                },
                text: Secret::new(text),
            },
        })
        .await
    }

    /// A new text for the key. The present one stays good for `overlap`; one before that ends now.
    pub async fn rotate_api_key(
        &self,
        from: Versioned<ApiKey>,
        overlap: SignedDuration,
    ) -> Result<MadeApiKey, StoreError> {
        let old = from.value;
        let token = KeyToken::new(self.tenant, old.id);
        let text = token.text();
        let to = ApiKey {
            hash: token.hash(),
            previous: Some(PreviousKey {
                hash: old.hash.clone(),
                good_until: self.now.saturating_add(overlap).unwrap_or(Timestamp::MAX),
            }),
            hint: hint(&text),
            rotated_at: Some(self.now),
            ..old.clone()
        };
        let row = Key::new(self.tenant, &Sort::ApiKey(to.id));
        let write = self.db().writer(Table::Platform)?.replace(
            &row,
            from.version,
            &to,
            Conflict::Version,
        )?;
        self.app.api_keys.forget(to.id);
        self.commit(Change {
            action: Action::ApiKeyRotated,
            target: to.id.to_string(),
            changes: audit::differences(&shown(&old), &shown(&to)),
            writes: vec![write],
            value: MadeApiKey {
                key: Versioned {
                    version: from.version + 1,
                    value: to,
                },
                text: Secret::new(text),
            },
        })
        .await
    }

    /// No instance takes the key any more once its copy of the row has aged.
    pub async fn delete_api_key(&self, from: Versioned<ApiKey>) -> Result<(), StoreError> {
        let key = from.value;
        let row = Key::new(self.tenant, &Sort::ApiKey(key.id));
        let write =
            self.db()
                .writer(Table::Platform)?
                .remove(&row, from.version, Conflict::Version)?;
        self.app.api_keys.forget(key.id);
        self.commit(Change {
            action: Action::ApiKeyDeleted,
            target: key.id.to_string(),
            changes: audit::differences(&shown(&key), &json!(null)),
            writes: vec![write],
            value: (),
        })
        .await
    }
}

fn hint(text: &str) -> String {
    format!("…{}", text.get(text.len() - 4..).unwrap_or_default())
}

fn shown(key: &ApiKey) -> serde_json::Value {
    json!({
        "name": key.name,
        "permissions": key.permissions,
        "allowed_ips": key.allowed_ips,
        "expires_at": key.ends_at,
        "hint": key.hint,
        "rotated_at": key.rotated_at,
    })
}
