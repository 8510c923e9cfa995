//! What has no tenant yet: people, the directory's look-ups, the keyring. Nothing outside this
//! crate can open it, and no tenant-facing handler gets one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    access::{Gate, KeyringRow},
    audit::{self, Action, Actor, Origin},
    id::{EndpointId, IdGen, TenantId, UserId},
    seal,
    store::{
        Change, Conflict, Db, Endpoint, Session, StoreError, Tenant, TenantStatus, User, Versioned,
        change::{IntoWrite, Signature, commit, number, read, read_versioned, text},
        db::{Item, Table, Write},
        gate,
        identity::Identity,
        key::{Key, Sort},
        tenant, user,
    },
};

/// Directory row: an e-mail address leads to a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoginRow {
    pub(crate) user_id: UserId,
}

/// Directory row: a webhook address leads to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddressRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) endpoint_id: EndpointId,
}

/// A new tenant with its first owner, who is signed in at once.
pub(crate) struct Registration {
    pub(crate) tenant: Tenant,
    pub(crate) user: User,
    pub(crate) password_hash: String,
    pub(crate) session: Session,
}

/// The door to what belongs to no tenant.
pub struct PlatformStore {
    db: Db,
}

impl PlatformStore {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// One transaction: tenant, owner, person, login, session, audit entry.
    pub(crate) async fn register(
        &self,
        new: Registration,
        origin: &Origin,
        ids: IdGen,
    ) -> Result<(), StoreError> {
        let Registration {
            tenant,
            user,
            password_hash,
            session,
        } = new;
        let platform = self.db.writer(Table::Platform)?;
        let identity = Identity {
            id: user.id,
            email: user.email.clone(),
            password_hash: Some(password_hash),
            tenants: vec![tenant.id],
            home: Some(tenant.id),
            email_verified: false,
            second_factor: None,
        };
        let login = LoginRow { user_id: user.id };
        let session_key = Key::new(tenant.id, &Sort::Session(user.id, session.id));
        let mut writes = vec![
            platform.insert(
                &Key::new(tenant.id, &Sort::Tenant),
                &tenant,
                Conflict::Exists,
            )?,
            platform.insert(
                &Key::new(tenant.id, &Sort::User(user.id)),
                &user,
                Conflict::Exists,
            )?,
            platform.insert(&identity_key(user.id), &identity, Conflict::Exists)?,
            platform.insert(&session_key, &session, Conflict::Exists)?,
            self.db.writer(Table::Directory)?.claim(
                &login_key(&user.email),
                &login,
                Conflict::EmailTaken,
            )?,
        ];
        writes.push(self.list_tenant(tenant.id)?);
        let mut changes = audit::differences(&json!(null), &tenant::shown(&tenant));
        changes.extend(
            audit::differences(&json!(null), &user::shown(&user))
                .into_iter()
                .map(|(name, change)| (format!("owner.{name}"), change)),
        );
        let by = Signature {
            tenant: tenant.id,
            actor: Actor::User(user.id),
            origin,
            now: tenant.created_at,
        };
        let change = Change {
            value: (),
            action: Action::TenantCreated,
            target: tenant.id.to_string(),
            changes,
            writes,
        };
        commit(&self.db, ids, &by, change).await
    }

    /// A tenant, one of its members and the tenant's gate in one call.
    pub(crate) async fn member(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<(Tenant, Versioned<User>, Gate)>, StoreError> {
        let keys = [Sort::Tenant, Sort::User(user), Sort::Gate]
            .map(|sort| Key::new(tenant, &sort).attributes());
        let (mut found_tenant, mut found_user, mut found_gate) = (None, None, Gate::open());
        for item in self.db.get_all(Table::Platform, keys.into()).await? {
            let sort = item.get("sk").and_then(|sort| sort.as_s().ok());
            if sort.is_some_and(|sort| sort == "GATE") {
                found_gate = gate::parsed(&item);
            } else if item.contains_key("owners") {
                found_tenant = Some(read(item)?);
            } else {
                found_user = Some(read_versioned(item)?);
            }
        }
        Ok(found_tenant
            .zip(found_user)
            .map(|(tenant, user)| (tenant, user, found_gate)))
    }

    /// The writes of a sign-in: the session, and the member unchanged since it was read.
    pub(crate) fn begin_session(
        &self,
        tenant: TenantId,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<Vec<Write>, StoreError> {
        let platform = self.db.writer(Table::Platform)?;
        let member = platform
            .update(
                &Key::new(tenant, &Sort::User(user.id)),
                "SET last_sign_in_at = :now ADD sign_ins :one",
            )
            .condition_expression("#role = :role AND #status = :active")
            .expression_attribute_names("#role", "role")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":role", text(user.role))
            .expression_attribute_values(":active", text("active"))
            .expression_attribute_values(":now", text(now))
            .expression_attribute_values(":one", number(1))
            .into_write()?;
        let key = Key::new(tenant, &Sort::Session(user.id, session.id));
        Ok(vec![
            platform.insert(&key, session, Conflict::Exists)?,
            Write {
                item: member,
                conflict: Conflict::Version,
            },
        ])
    }

    /// The endpoint that listens at an address, given the address's hash; none of a suspended tenant does. Two calls.
    pub(crate) async fn endpoint_at(
        &self,
        address_hash: &str,
    ) -> Result<Option<(TenantId, Endpoint)>, StoreError> {
        let pk = Item::from([("pk".to_owned(), text(address_key(address_hash)))]);
        let Some(row) = self.db.get(Table::Directory, pk, true).await? else {
            return Ok(None);
        };
        let row: AddressRow = read(row)?;
        let keys = [Sort::Endpoint(row.endpoint_id), Sort::Gate];
        let keys = keys.map(|sort| Key::new(row.tenant_id, &sort).attributes());
        let mut endpoint = None;
        for item in self.db.get_all(Table::Platform, keys.into()).await? {
            let sort = item.get("sk").and_then(|sort| sort.as_s().ok());
            if sort.is_none_or(|sort| sort != "GATE") {
                endpoint = Some(read(item)?);
            } else if gate::parsed(&item).status != TenantStatus::Active {
                return Ok(None);
            }
        }
        Ok(endpoint.map(|endpoint| (row.tenant_id, endpoint)))
    }

    pub(crate) async fn keyring(&self) -> Result<Option<Versioned<KeyringRow>>, StoreError> {
        let item = self
            .db
            .get(Table::Platform, keyring_key().attributes(), true)
            .await?;
        item.map(read_versioned).transpose()
    }

    /// Stores the keyring in place of the one that was read.
    pub(crate) async fn replace_keyring(
        &self,
        version: u64,
        row: &KeyringRow,
    ) -> Result<(), StoreError> {
        let platform = self.db.writer(Table::Platform)?;
        let write = platform.replace(&keyring_key(), version, row, Conflict::Version)?;
        self.db.transact(vec![write]).await
    }

    /// Stores the first keyring; of several instances that try, one wins and all get its row.
    pub(crate) async fn create_keyring(&self, row: KeyringRow) -> Result<KeyringRow, StoreError> {
        let write =
            self.db
                .writer(Table::Platform)?
                .insert(&keyring_key(), &row, Conflict::Exists)?;
        match self.db.transact(vec![write]).await {
            Ok(()) => Ok(row),
            Err(StoreError::Conflict { old: Some(old), .. }) => read(*old),
            Err(error) => Err(error),
        }
    }
}

/// Directory key of an e-mail address: hashed, so that the directory holds no personal data.
pub(crate) fn login_key(email: &str) -> String {
    format!("LOGIN#{}", seal::sha256_hex(email.as_bytes()))
}

pub(crate) fn address_key(address_hash: &str) -> String {
    format!("HOOK#{address_hash}")
}

pub(crate) fn identity_key(user: UserId) -> Key {
    Key {
        pk: format!("U#{user}"),
        sk: "IDENTITY".to_owned(),
    }
}

fn keyring_key() -> Key {
    Key {
        pk: "P#KEYRING".to_owned(),
        sk: "KEYRING".to_owned(),
    }
}
