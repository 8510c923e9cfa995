//! What a sign-in leaves between its steps: rows of the ephemeral table, found by the hash of a secret that
//! one browser holds, and taken once.

use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::ReturnValue};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    id::{SsoConnectionId, TenantId, UserId},
    seal,
    store::{
        PlatformStore, StoreError,
        change::read,
        db::{Item, Table},
        key::Key,
    },
};

/// A browser that was sent to its identity provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingSignIn {
    pub(crate) tenant_id: TenantId,
    pub(crate) connection_id: SsoConnectionId,
    /// Hash of the cookie of the browser that began.
    pub(crate) browser_hash: String,
    pub(crate) return_to: String,
    pub(crate) client_state: Option<String>,
    pub(crate) code_challenge: Option<String>,
    /// Unix seconds.
    pub(crate) expires_at: i64,
}

/// A person who has signed in, until their application fetches the tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SignInCode {
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) connection_id: SsoConnectionId,
    pub(crate) code_challenge: Option<String>,
    /// Unix seconds: when the identity provider wants the session to end.
    pub(crate) session_ends: Option<i64>,
    /// Unix seconds.
    pub(crate) expires_at: i64,
}

/// An assertion that was used.
#[derive(Debug, Serialize, Deserialize)]
struct UsedAssertion {
    expires_at: i64,
}

/// Whether something is here for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    First,
    Again,
}

impl PlatformStore {
    pub(crate) async fn keep_pending(
        &self,
        state: &str,
        row: &PendingSignIn,
    ) -> Result<Seen, StoreError> {
        self.keep(&flow_key("PENDING", state), row).await
    }

    /// The row, which is gone afterwards; `None` also when it has expired.
    pub(crate) async fn take_pending(
        &self,
        state: &str,
        now_s: i64,
    ) -> Result<Option<PendingSignIn>, StoreError> {
        let row: Option<PendingSignIn> = self.take(&flow_key("PENDING", state)).await?;
        Ok(row.filter(|row| row.expires_at > now_s))
    }

    pub(crate) async fn keep_code(&self, code: &str, row: &SignInCode) -> Result<Seen, StoreError> {
        self.keep(&flow_key("CODE", code), row).await
    }

    pub(crate) async fn take_code(
        &self,
        code: &str,
        now_s: i64,
    ) -> Result<Option<SignInCode>, StoreError> {
        let row: Option<SignInCode> = self.take(&flow_key("CODE", code)).await?;
        Ok(row.filter(|row| row.expires_at > now_s))
    }

    /// Marks an assertion as used, for all instances.
    pub(crate) async fn use_assertion(
        &self,
        connection: SsoConnectionId,
        id: &str,
        until_s: i64,
    ) -> Result<Seen, StoreError> {
        let key = flow_key("USED", &format!("{connection}/{id}"));
        self.keep(
            &key,
            &UsedAssertion {
                expires_at: until_s,
            },
        )
        .await
    }

    pub(super) async fn keep<T: Serialize>(&self, key: &Key, row: &T) -> Result<Seen, StoreError> {
        let mut item: Item = serde_dynamo::to_item(row)?;
        item.extend(key.attributes());
        let answer = self
            .db()
            .client()
            .put_item()
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Seen::First),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(Seen::Again)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn take<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        let answer = self
            .db()
            .client()
            .delete_item()
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await?;
        answer.attributes.map(read).transpose()
    }

    /// The tenant's connections, for a browser that names only its tenant.
    pub(crate) async fn only_sso_connection(
        &self,
        tenant: TenantId,
    ) -> Result<Option<SsoConnectionId>, StoreError> {
        let (partition, prefix) = crate::store::key::List::SsoConnections.range(tenant);
        let query = crate::store::db::Query {
            table: Table::Platform,
            index: None,
            partition,
            range: crate::store::db::Range::Prefix(prefix),
            after: None,
            newest_first: false,
            limit: 100,
            filter: &crate::store::db::Filter::default(),
        };
        let (rows, _) = self.db().query(query).await?;
        let connections: Vec<crate::store::SsoConnection> =
            rows.into_iter().map(read).collect::<Result<_, _>>()?;
        let mut enabled = connections
            .into_iter()
            .filter(|connection| connection.enabled);
        let first = enabled.next().map(|connection| connection.id);
        Ok(first.filter(|_| enabled.next().is_none()))
    }
}

fn flow_key(kind: &str, secret: &str) -> Key {
    Key {
        pk: format!("SSO#{}", seal::sha256_hex(secret.as_bytes())),
        sk: kind.to_owned(),
    }
}
