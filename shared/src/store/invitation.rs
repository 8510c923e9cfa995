//! Invitations to a tenant. A row is open, or says by whom it was accepted; a withdrawn one is gone.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    access::{Role, Standing},
    audit::{self, Action},
    id::{InvitationId, UserId},
    problem::ApiError,
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore, User, Versioned,
        db::{Filter, Table, Write},
        identity::Identity,
        key::{Key, List, Sort},
        list::Listing,
        platform::{LoginRow, identity_key, login_key},
    },
};

/// How long a mailed invitation is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long the row is kept after that, for people who look what became of it.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvitationState {
    Pending,
    Accepted,
    /// Nobody came in time. Never stored: it follows from the time.
    Expired,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub id: InvitationId,
    pub email: String,
    pub role: Role,
    pub state: InvitationState,
    /// Counts how often it was mailed: only the latest letter's token is good.
    pub(crate) sending: u32,
    pub ends_at: Timestamp,
    pub invited_by: String,
    pub accepted_by: Option<UserId>,
    pub created_at: Timestamp,
    pub sent_at: Timestamp,
    /// Unix seconds: the table's TTL.
    pub(crate) expires_at: i64,
}

impl Invitation {
    pub fn state(&self, now: Timestamp) -> InvitationState {
        match self.state {
            InvitationState::Pending if self.ends_at <= now => InvitationState::Expired,
            state => state,
        }
    }
}

/// Who accepts: somebody new, or a person who is known already.
pub(crate) enum Joining {
    New(Identity),
    /// As they are stored; with a hash, they get the password that they have just chosen.
    Known(Versioned<Identity>, Option<String>),
}

impl TenantStore {
    pub async fn invitation(&self, id: InvitationId) -> Result<Versioned<Invitation>, StoreError> {
        self.platform_row(&Sort::Invitation(id)).await
    }

    /// Latest first.
    pub async fn invitations(&self, page: &PageRequest) -> Result<Page<Invitation>, ApiError> {
        self.page(Listing::all(List::Invitations), &Filter::default(), page)
            .await
    }

    /// An open invitation. The caller queues its letter after the commit.
    pub async fn invite(
        &self,
        email: String,
        role: Role,
    ) -> Result<Versioned<Invitation>, StoreError> {
        let invitation = self.sent(Invitation {
            id: self.app.ids.make(self.now),
            email,
            role,
            state: InvitationState::Pending,
            sending: 0,
            ends_at: self.now,
            invited_by: self.actor.to_string(),
            accepted_by: None,
            created_at: self.now,
            sent_at: self.now,
            expires_at: 0,
        });
        let key = Key::new(self.tenant, &Sort::Invitation(invitation.id));
        let platform = self.db().writer(Table::Platform)?;
        self.commit(Change {
            action: Action::InvitationCreated,
            target: invitation.id.to_string(),
            changes: audit::differences(&json!(null), &shown(&invitation)),
            writes: vec![platform.insert(&key, &invitation, Conflict::Exists)?],
            value: Versioned {
                version: 1,
                value: invitation,
            },
        })
        .await
    }

    /// A further letter with a token and a term of its own; the one before is no good any more.
    ///
    /// # Errors
    /// `Conflict` once it was accepted.
    pub async fn invite_again(
        &self,
        from: Versioned<Invitation>,
    ) -> Result<Versioned<Invitation>, StoreError> {
        let old = from.value;
        if old.state == InvitationState::Accepted {
            return Err(StoreError::Conflict {
                conflict: Conflict::Accepted,
                old: None,
            });
        }
        let to = self.sent(old.clone());
        let key = Key::new(self.tenant, &Sort::Invitation(to.id));
        let platform = self.db().writer(Table::Platform)?;
        self.commit(Change {
            action: Action::InvitationResent,
            target: to.id.to_string(),
            changes: audit::differences(&shown(&old), &shown(&to)),
            writes: vec![platform.replace(&key, from.version, &to, Conflict::Version)?],
            value: Versioned {
                version: from.version + 1,
                value: to,
            },
        })
        .await
    }

    /// Withdraws it. Of an accepted one nothing but the row goes.
    pub async fn delete_invitation(&self, from: Versioned<Invitation>) -> Result<(), StoreError> {
        let key = Key::new(self.tenant, &Sort::Invitation(from.value.id));
        let platform = self.db().writer(Table::Platform)?;
        self.commit(Change {
            action: Action::InvitationDeleted,
            target: from.value.id.to_string(),
            changes: audit::differences(&shown(&from.value), &json!(null)),
            writes: vec![platform.remove(&key, from.version, Conflict::Version)?],
            value: (),
        })
        .await
    }

    /// Makes `user` a member: one transaction with the invitation, so that it works once.
    pub(crate) async fn accept_invitation(
        &self,
        from: Versioned<Invitation>,
        user: &User,
        who: Joining,
    ) -> Result<(), StoreError> {
        let platform = self.db().writer(Table::Platform)?;
        let key = Key::new(self.tenant, &Sort::Invitation(from.value.id));
        let accepted = Invitation {
            state: InvitationState::Accepted,
            accepted_by: Some(user.id),
            ..from.value
        };
        let mut writes: Vec<Write> =
            vec![platform.replace(&key, from.version, &accepted, Conflict::Accepted)?];
        let person = identity_key(user.id);
        match who {
            Joining::New(identity) => {
                writes.push(platform.insert(&person, &identity, Conflict::Exists)?);
                writes.push(self.db().writer(Table::Directory)?.claim(
                    &login_key(&user.email),
                    &LoginRow { user_id: user.id },
                    Conflict::EmailTaken,
                )?);
            }
            Joining::Known(known, password_hash) => {
                let mut identity = known.value;
                identity.tenants.push(self.tenant);
                identity.email_verified = true;
                identity.password_hash = password_hash.or(identity.password_hash);
                writes.push(platform.replace(
                    &person,
                    known.version,
                    &identity,
                    Conflict::Version,
                )?);
                // They may have been a member before, and marked as out.
                writes.push(self.mark_member(user.id, Standing::Member(user.role))?);
            }
        }
        let mut change = self.joining(user, writes)?;
        change.action = Action::InvitationAccepted;
        self.commit(change).await.map(drop)
    }

    fn sent(&self, invitation: Invitation) -> Invitation {
        let later = |by| self.now.saturating_add(by).unwrap_or(Timestamp::MAX);
        Invitation {
            sending: invitation.sending + 1,
            sent_at: self.now,
            ends_at: later(GOOD_FOR),
            expires_at: later(GOOD_FOR + KEPT).as_second(),
            ..invitation
        }
    }
}

fn shown(invitation: &Invitation) -> serde_json::Value {
    json!({
        "email": invitation.email,
        "role": invitation.role,
        "ends_at": invitation.ends_at,
        "sending": invitation.sending,
    })
}
