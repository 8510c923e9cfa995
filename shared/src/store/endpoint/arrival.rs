//! What vendors bring to an endpoint that has no secret yet. A secret is planted once, and a token waits
//! for the tenant's word.

use crate::{
    audit::Action,
    id::EndpointId,
    problem::ApiError,
    queue::Brought,
    seal::{Purpose, Sealed},
    store::{
        Endpoint, EndpointSecret, StoreError, TenantStore,
        endpoint::{secret_owner, shown},
    },
    webhook::{handshake::verify_token, keys::Keys, opened_secrets},
};

/// What became of something that a vendor brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    Kept,
    /// The endpoint is gone, has a secret, or has this very token already.
    NotAwaited,
}

/// What a tenant needs for a vendor's handshake. Whoever may change secrets may read it.
pub struct EndpointHandshake {
    /// The endpoint has no secret and accepts nothing.
    pub pending: bool,
    /// Entered at the vendor, who sends it back in the handshake.
    pub verify_token: Option<String>,
    /// What the vendor offers as the secret.
    pub offered_token: Option<String>,
}

impl TenantStore {
    /// A change of its own, with its audit entry, at most once for each arrival.
    pub(crate) async fn keep_arrival(
        &self,
        id: EndpointId,
        brought: Brought,
        sealed: Sealed<Vec<u8>>,
    ) -> Result<Arrived, ApiError> {
        let from = match self.endpoint(id).await {
            Ok(endpoint) => endpoint,
            Err(StoreError::NotFound) => return Ok(Arrived::NotAwaited),
            Err(error) => return Err(error.into()),
        };
        let is_known = from.value.offered_token.as_ref() == Some(&sealed);
        if !from.value.secrets.is_empty() || is_known {
            return Ok(Arrived::NotAwaited);
        }
        let before = shown(&from.value);
        let (action, to) = match brought {
            Brought::Secret => (
                Action::EndpointSecretPlanted,
                Endpoint {
                    secrets: vec![EndpointSecret::new(sealed, self.now)],
                    offered_token: None,
                    updated_at: self.now,
                    ..from.value
                },
            ),
            Brought::Token => (
                Action::EndpointTokenOffered,
                Endpoint {
                    offered_token: Some(sealed),
                    updated_at: self.now,
                    ..from.value
                },
            ),
        };
        self.replace_endpoint(action, from.version, &before, to)
            .await?;
        Ok(Arrived::Kept)
    }

    pub async fn endpoint_handshake(&self, id: EndpointId) -> Result<EndpointHandshake, ApiError> {
        let endpoint = self.endpoint(id).await?.value;
        let offered_token = match &endpoint.offered_token {
            Some(sealed) => Some(self.opened(id, sealed).await?),
            None => None,
        };
        let scheme = endpoint.scheme_data()?.into_owned();
        let good: Vec<EndpointSecret> = endpoint
            .secrets
            .into_iter()
            .filter(|secret| secret.is_good(self.now))
            .collect();
        let opened = opened_secrets(&self.app, self.tenant, id, &good, self.now).await?;
        let exposed: Vec<&[u8]> = opened
            .iter()
            .map(|secret| secret.expose().as_slice())
            .collect();
        let keys = Keys::prepare(&scheme, &exposed).ok();
        let verify_token = keys.and_then(|keys| verify_token(&scheme, &keys));
        Ok(EndpointHandshake {
            pending: good.is_empty() && !endpoint.allow_unsigned,
            verify_token,
            offered_token,
        })
    }

    async fn opened(&self, id: EndpointId, sealed: &Sealed<Vec<u8>>) -> Result<String, ApiError> {
        let keyring = self
            .app
            .keyring(self.now)
            .await
            .map_err(ApiError::Unavailable)?;
        let owner = secret_owner(self.tenant, id);
        let token = keyring
            .root()
            .open(Purpose::WebhookSecret, &owner, sealed)
            .map_err(|error| ApiError::Internal(error.into()))?;
        Ok(String::from_utf8_lossy(token.expose()).into_owned())
    }
}
