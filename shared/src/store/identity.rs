//! People: an e-mail address and a password, whatever the tenants. And what proves that an address is
//! theirs: rows that a mailed token opens once.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access::SecondFactor,
    id::{Id, RequestKind, TenantId, UserId},
    store::{
        Conflict, PlatformStore, StoreError, Tenant, User, Versioned,
        change::{IntoWrite, number, read, read_versioned, text},
        db::{Item, Table, Write},
        key::{Key, Sort},
        platform::{LoginRow, identity_key, login_key},
    },
};

/// How long a letter's token is good.
const RESET_GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);
const VERIFICATION_GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// No second letter of a kind to one person within this time.
const LETTER_EVERY_S: i64 = 60;

/// A person: the one place of an e-mail address and a password, whatever the tenants.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) password_hash: Option<String>,
    pub(crate) tenants: Vec<TenantId>,
    /// The tenant in which the account was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<TenantId>,
    /// Whether a token that was mailed to the address has come back.
    #[serde(default)]
    pub(crate) email_verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) second_factor: Option<SecondFactor>,
}

impl Identity {
    /// Whoever made the account chose its password, and need not be whom the address belongs to: until it is
    /// verified it reaches the tenant in which it was made, and none that adds the address later.
    pub(crate) fn reaches(&self, tenant: TenantId) -> bool {
        let home = self.home.or_else(|| self.tenants.first().copied());
        self.tenants.contains(&tenant) && (self.email_verified || home == Some(tenant))
    }
}

/// Whether a letter is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    Now,
    /// Another one was, a moment ago.
    Lately,
}

/// What a mailed token opens. A later letter takes its place.
#[derive(Debug, Clone, Copy)]
enum Proof {
    Reset,
    Verification,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProofRow {
    request_id: Id<RequestKind>,
    sent_s: i64,
    /// Unix seconds: also the table's TTL.
    expires_at: i64,
}

impl PlatformStore {
    /// The person behind an e-mail address. Two reads, whether or not there is one.
    pub(crate) async fn identity(
        &self,
        email: &str,
    ) -> Result<Option<Versioned<Identity>>, StoreError> {
        let pk = Item::from([("pk".to_owned(), text(login_key(email)))]);
        let row = self.db().get(Table::Directory, pk, false).await?;
        let login: Option<LoginRow> = row.map(read).transpose()?;
        match login {
            Some(login) => self.identity_of(login.user_id).await,
            None => {
                let nobody = UserId::from_bytes([0; 16]);
                self.identity_of(nobody).await.map(|_| None)
            }
        }
    }

    pub(crate) async fn identity_of(
        &self,
        user: UserId,
    ) -> Result<Option<Versioned<Identity>>, StoreError> {
        let key = identity_key(user).attributes();
        let item = self.db().get(Table::Platform, key, true).await?;
        item.map(read_versioned).transpose()
    }

    /// The write that puts `to` in place of what was read.
    pub(crate) fn replace_identity(
        &self,
        version: u64,
        to: &Identity,
    ) -> Result<Write, StoreError> {
        let key = identity_key(to.id);
        let platform = self.db().writer(Table::Platform)?;
        platform.replace(&key, version, to, Conflict::Version)
    }

    /// The tenants and the member rows of one person, a hundred rows a call.
    pub(crate) async fn memberships(
        &self,
        user: UserId,
        tenants: &[TenantId],
    ) -> Result<Vec<(Tenant, User)>, StoreError> {
        let keys = tenants.iter().flat_map(|tenant| {
            [Sort::Tenant, Sort::User(user)].map(|sort| Key::new(*tenant, &sort).attributes())
        });
        let items = self.db().get_many(Table::Platform, keys.collect()).await?;
        let (mut found_tenants, mut found_users) = (Vec::new(), Vec::new());
        for item in items {
            let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned();
            if item.contains_key("owners") {
                found_tenants.push(read::<Tenant>(item)?);
            } else if let Some(pk) = pk {
                found_users.push((pk, read::<User>(item)?));
            }
        }
        found_tenants.sort_by_key(|tenant| tenant.id);
        let pair = |tenant: Tenant| {
            let pk = crate::store::key::partition(tenant.id);
            let user = found_users.iter().find(|(of, _)| *of == pk)?;
            Some((tenant, user.1.clone()))
        };
        Ok(found_tenants.into_iter().filter_map(pair).collect())
    }

    pub(crate) async fn begin_reset(
        &self,
        user: UserId,
        request: Id<RequestKind>,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        self.begin_proof(Proof::Reset, user, request, now).await
    }

    pub(crate) async fn begin_verification(
        &self,
        user: UserId,
        request: Id<RequestKind>,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        self.begin_proof(Proof::Verification, user, request, now)
            .await
    }

    /// The write that uses a mailed reset up, if it is still good.
    pub(crate) fn use_reset(
        &self,
        user: UserId,
        request: Id<RequestKind>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        self.use_proof(Proof::Reset, user, request, now)
    }

    pub(crate) fn use_verification(
        &self,
        user: UserId,
        request: Id<RequestKind>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        self.use_proof(Proof::Verification, user, request, now)
    }

    async fn begin_proof(
        &self,
        proof: Proof,
        user: UserId,
        request: Id<RequestKind>,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let now_s = now.as_second();
        let row = ProofRow {
            request_id: request,
            sent_s: now_s,
            expires_at: now_s + proof.good_for().as_secs(),
        };
        let mut item: Item = serde_dynamo::to_item(row)?;
        item.extend(proof.key(user).attributes());
        let answer = self
            .db()
            .client()
            .put_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_item(Some(item))
            // The same job once more is the same letter once more.
            .condition_expression(
                "attribute_not_exists(pk) OR request_id = :request OR sent_s <= :before",
            )
            .expression_attribute_values(":request", text(request))
            .expression_attribute_values(":before", number(now_s - LETTER_EVERY_S))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Begun::Now),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(Begun::Lately)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn use_proof(
        &self,
        proof: Proof,
        user: UserId,
        request: Id<RequestKind>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        // Not removed, so that the letters stay a minute apart.
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(&proof.key(user), "REMOVE request_id")
            .condition_expression("request_id = :request AND expires_at > :now")
            .expression_attribute_values(":request", text(request))
            .expression_attribute_values(":now", number(now.as_second()))
            .into_write()?;
        Ok(Write {
            item,
            conflict: Conflict::TokenUsed,
        })
    }
}

impl Proof {
    fn key(self, user: UserId) -> Key {
        let sk = match self {
            Self::Reset => "RESET",
            Self::Verification => "VERIFICATION",
        };
        Key {
            sk: sk.to_owned(),
            ..identity_key(user)
        }
    }

    fn good_for(self) -> SignedDuration {
        match self {
            Self::Reset => RESET_GOOD_FOR,
            Self::Verification => VERIFICATION_GOOD_FOR,
        }
    }
}
