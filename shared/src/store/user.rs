//! Members of a tenant. The person behind a member (e-mail, password) is the platform's
//! `Identity`; a member row is that person's name, role and status in one tenant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    access::{Role, Standing},
    audit::{self, Action},
    id::UserId,
    problem::ApiError,
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, Versioned,
        change::{IntoWrite, number, read, read_versioned, text},
        db::{Filter, Table, Write},
        identity::Identity,
        key::{Key, List, Sort},
        list::Listing,
        platform::{LoginRow, identity_key, login_key},
        tenant::OwnerCount,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    Active,
    Suspended,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub status: UserStatus,
    /// Counts sign-ins, so that a change of role cannot miss a session that began meanwhile.
    pub sign_ins: u64,
    pub last_sign_in_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A member to be made. Without a password the person cannot sign in until one is set.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password_hash: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    pub name: Option<String>,
    pub role: Option<Role>,
}

#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    pub role: Option<Role>,
    pub email: Option<String>,
}

impl TenantStore {
    pub async fn user(&self, id: UserId) -> Result<Versioned<User>, StoreError> {
        self.platform_row(&Sort::User(id)).await
    }

    /// In the order in which they joined.
    pub async fn users(
        &self,
        filter: UserFilter,
        page: &PageRequest,
    ) -> Result<Page<User>, ApiError> {
        let filter = Filter::default()
            .equals("role", filter.role)
            .equals("email", filter.email);
        self.page(Listing::all(List::Users), &filter, page).await
    }

    /// Adds a member: a new person, or one who is a member elsewhere already and keeps their own
    /// password. The answer is the same, so a tenant learns nothing of the others.
    pub async fn create_user(&self, new: NewUser) -> Result<Versioned<User>, StoreError> {
        let user = User {
            id: self.app.ids.make(self.now),
            email: new.email,
            name: new.name,
            role: new.role,
            status: UserStatus::Active,
            sign_ins: 0,
            last_sign_in_at: None,
            created_at: self.now,
            updated_at: self.now,
        };
        let identity = Identity {
            id: user.id,
            email: user.email.clone(),
            password_hash: new.password_hash,
            tenants: vec![self.tenant],
            home: Some(self.tenant),
            email_verified: false,
            second_factor: None,
        };
        let platform = self.db().writer(Table::Platform)?;
        let login = LoginRow { user_id: user.id };
        let new_person = vec![
            platform.insert(&identity_key(user.id), &identity, Conflict::Exists)?,
            self.db().writer(Table::Directory)?.claim(
                &login_key(&user.email),
                &login,
                Conflict::EmailTaken,
            )?,
        ];
        match self.commit(self.joining(&user, new_person)?).await {
            Err(StoreError::Conflict {
                conflict: Conflict::EmailTaken,
                old: Some(old),
            }) => {
                let known: LoginRow = read(*old)?;
                self.add_membership(User {
                    id: known.user_id,
                    ..user
                })
                .await
            }
            outcome => outcome,
        }
    }

    async fn add_membership(&self, user: User) -> Result<Versioned<User>, StoreError> {
        let item = self
            .db()
            .get(Table::Platform, identity_key(user.id).attributes(), true)
            .await?;
        let mut identity = read_versioned::<Identity>(item.ok_or(StoreError::NotFound)?)?;
        identity.value.tenants.push(self.tenant);
        let platform = self.db().writer(Table::Platform)?;
        let write = platform.replace(
            &identity_key(user.id),
            identity.version,
            &identity.value,
            Conflict::Version,
        )?;
        // They may have been a member before, and marked as out.
        let mark = self.mark_member(user.id, Standing::Member(user.role))?;
        self.commit(self.joining(&user, vec![write, mark])?).await
    }

    pub(super) fn joining(
        &self,
        user: &User,
        mut writes: Vec<Write>,
    ) -> Result<Change<Versioned<User>>, StoreError> {
        let key = Key::new(self.tenant, &Sort::User(user.id));
        let member =
            self.db()
                .writer(Table::Platform)?
                .insert(&key, user, Conflict::AlreadyMember)?;
        writes.insert(0, member);
        if user.role == Role::Owner {
            writes.push(self.count_owner(OwnerCount::Add)?);
        }
        writes.extend(self.count_role_member(user.role, 1)?);
        Ok(Change {
            action: Action::UserCreated,
            target: user.id.to_string(),
            changes: audit::differences(&json!(null), &shown(user)),
            writes,
            value: Versioned {
                version: 1,
                value: user.clone(),
            },
        })
    }

    /// The patch applied to `from`. A change of role reaches the user's sessions in the same
    /// transaction, so that their next refresh speaks with the new role, and the gate meanwhile.
    pub async fn update_user(
        &self,
        from: Versioned<User>,
        patch: UserPatch,
    ) -> Result<Versioned<User>, StoreError> {
        let old = from.value;
        let to = User {
            name: patch.name.unwrap_or_else(|| old.name.clone()),
            role: patch.role.unwrap_or(old.role),
            updated_at: self.now,
            ..old.clone()
        };
        let mut writes = vec![self.replace_user(from.version, &to)?];
        if old.role != to.role {
            writes.extend(self.set_session_roles(to.id, to.role).await?);
            writes.extend(self.owner_moves(&old, &to)?);
            writes.extend(self.count_role_member(old.role, -1)?);
            writes.extend(self.count_role_member(to.role, 1)?);
            writes.push(self.mark_member(to.id, standing(&to))?);
        }
        self.commit(Change {
            action: Action::UserUpdated,
            target: to.id.to_string(),
            changes: audit::differences(&shown(&old), &shown(&to)),
            writes,
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }

    /// Removes the member and ends their sessions; the person too, if this was their only tenant.
    pub async fn delete_user(&self, from: Versioned<User>) -> Result<(), StoreError> {
        let user = from.value;
        let item = self
            .db()
            .get(Table::Platform, identity_key(user.id).attributes(), true)
            .await?;
        let mut identity = read_versioned::<Identity>(item.ok_or(StoreError::NotFound)?)?;
        identity
            .value
            .tenants
            .retain(|tenant| *tenant != self.tenant);
        let platform = self.db().writer(Table::Platform)?;
        let key = Key::new(self.tenant, &Sort::User(user.id));
        let mut writes = vec![platform.remove(&key, from.version, Conflict::Version)?];
        let person = identity_key(user.id);
        if identity.value.tenants.is_empty() {
            writes.push(platform.remove(&person, identity.version, Conflict::Version)?);
            let login = [("pk".to_owned(), text(login_key(&user.email)))];
            writes.push(self.db().writer(Table::Directory)?.clear(login.into())?);
        } else {
            writes.push(platform.replace(
                &person,
                identity.version,
                &identity.value,
                Conflict::Version,
            )?);
        }
        if counts_as_owner(&user) {
            writes.push(self.count_owner(OwnerCount::Remove)?);
        }
        writes.extend(self.count_role_member(user.role, -1)?);
        writes.push(self.mark_member(user.id, Standing::Out)?);
        writes.extend(self.end_sessions(user.id).await?);
        self.commit(Change {
            action: Action::UserDeleted,
            target: user.id.to_string(),
            changes: audit::differences(&shown(&user), &json!(null)),
            writes,
            value: (),
        })
        .await
    }

    /// A user row is replaced only if nobody signed in since it was read.
    fn replace_user(&self, version: u64, to: &User) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::User(to.id));
        let table = self.db().table(Table::Platform)?;
        let item = crate::store::change::put(table, &key, to)?
            .item("version", number(version + 1))
            .condition_expression("version = :version AND sign_ins = :sign_ins")
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":sign_ins", number(to.sign_ins))
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::Version,
        })
    }

    fn owner_moves(&self, from: &User, to: &User) -> Result<Option<Write>, StoreError> {
        match (counts_as_owner(from), counts_as_owner(to)) {
            (true, false) => self.count_owner(OwnerCount::Remove).map(Some),
            (false, true) => self.count_owner(OwnerCount::Add).map(Some),
            (true, true) | (false, false) => Ok(None),
        }
    }

    /// Suspends a member, which ends their sessions, or lets them in again. Nothing happens to who is
    /// in that state already.
    ///
    /// # Errors
    /// `Conflict` when no active owner would be left.
    pub async fn set_user_status(
        &self,
        from: Versioned<User>,
        status: UserStatus,
    ) -> Result<Versioned<User>, StoreError> {
        if from.value.status == status {
            return Ok(from);
        }
        let old = from.value;
        let to = User {
            status,
            updated_at: self.now,
            ..old.clone()
        };
        let mut writes = vec![self.replace_user(from.version, &to)?];
        writes.extend(self.owner_moves(&old, &to)?);
        writes.push(self.mark_member(to.id, standing(&to))?);
        let action = match status {
            UserStatus::Active => Action::UserReactivated,
            UserStatus::Suspended => {
                writes.extend(self.end_sessions(to.id).await?);
                Action::UserSuspended
            }
        };
        self.commit(Change {
            action,
            target: to.id.to_string(),
            changes: audit::differences(&shown(&old), &shown(&to)),
            writes,
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }
}

/// A suspended owner can repair nothing, so the tenant needs another.
fn counts_as_owner(user: &User) -> bool {
    user.role == Role::Owner && user.status == UserStatus::Active
}

fn standing(user: &User) -> Standing {
    match user.status {
        UserStatus::Active => Standing::Member(user.role),
        UserStatus::Suspended => Standing::Out,
    }
}

/// What the audit trail shows of a member.
pub(crate) fn shown(user: &User) -> serde_json::Value {
    json!({ "email": user.email, "name": user.name, "role": user.role, "status": user.status })
}
