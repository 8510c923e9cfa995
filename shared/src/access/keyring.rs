//! The deployment's keys: made once, on first start, by whichever instance comes first; held in
//! memory by every instance after one read. Private keys and the root key are stored sealed only.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::{
    access::MasterKey,
    id::{Id, IdGen, KeyKind},
    seal::{Purpose, Sealed, SealingKey, Secret},
    store::PlatformStore,
};

/// How long an instance trusts its copy before an unknown key id makes it look again.
const RELOAD_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// The keyring as the platform table holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyringRow {
    root_key: String,
    signing_keys: Vec<SigningKeyRow>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SigningKeyRow {
    kid: Id<KeyKind>,
    public: String,
    private: Sealed<Vec<u8>>,
    created_at: Timestamp,
}

/// The opened keys.
pub(crate) struct Keyring {
    root: SealingKey,
    cursor: hmac::Key,
    refresh: hmac::Key,
    audit: Ed25519KeyPair,
    signing: Vec<SigningKey>,
}

pub(crate) struct SigningKey {
    pub(crate) kid: Id<KeyKind>,
    pub(crate) private: Secret<Vec<u8>>,
    public: Vec<u8>,
}

/// A public signing key (RFC 7517, RFC 8037).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub alg: &'static str,
    #[serde(rename = "use")]
    pub usage: &'static str,
    pub kid: String,
    pub x: String,
}

impl Keyring {
    /// Seals and opens what is stored for tenants.
    pub(crate) fn root(&self) -> &SealingKey {
        &self.root
    }

    pub(crate) fn cursor_key(&self) -> &hmac::Key {
        &self.cursor
    }

    pub(crate) fn refresh_key(&self) -> &hmac::Key {
        &self.refresh
    }

    /// Signs checkpoints of audit logs, and nothing else.
    pub(crate) fn audit_key(&self) -> &Ed25519KeyPair {
        &self.audit
    }

    /// The newest key; older ones only verify.
    #[expect(
        clippy::expect_used,
        reason = "`open` refuses a row without signing keys"
    )]
    pub(crate) fn signing_key(&self) -> &SigningKey {
        self.signing.last().expect("a keyring has a signing key")
    }

    pub(crate) fn public_key(&self, kid: &str) -> Option<&[u8]> {
        self.signing
            .iter()
            .find(|key| key.kid.to_string() == kid)
            .map(|key| key.public.as_slice())
    }

    pub(crate) fn jwks(&self) -> Vec<Jwk> {
        let jwk = |key: &SigningKey| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: key.kid.to_string(),
            x: URL_SAFE_NO_PAD.encode(&key.public),
        };
        self.signing.iter().map(jwk).collect()
    }

    async fn open(row: &KeyringRow, master: &MasterKey) -> anyhow::Result<Self> {
        let root = SealingKey::new(&*master.unwrap(&row.root_key).await?)?;
        let open = |key: &SigningKeyRow| {
            Ok(SigningKey {
                kid: key.kid,
                private: root.open(Purpose::SigningKey, &key.kid.to_string(), &key.private)?,
                public: URL_SAFE_NO_PAD.decode(&key.public)?,
            })
        };
        let signing = row
            .signing_keys
            .iter()
            .map(open)
            .collect::<anyhow::Result<Vec<_>>>()?;
        if signing.is_empty() {
            return Err(anyhow!("the keyring has no signing key"));
        }
        Ok(Self {
            cursor: root.derived("cursor"),
            refresh: root.derived("refresh"),
            audit: Ed25519KeyPair::from_seed_unchecked(&*root.derived_seed("audit-checkpoint"))
                .map_err(|_| anyhow!("derive the audit log's key"))?,
            root,
            signing,
        })
    }

    /// New keys for a deployment that has none.
    async fn generate(
        master: &MasterKey,
        ids: IdGen,
        now: Timestamp,
    ) -> anyhow::Result<KeyringRow> {
        let new = master.generate().await?;
        let root = SealingKey::new(&new.plain)?;
        let kid: Id<KeyKind> = ids.make(now);
        let pair = Ed25519KeyPair::generate().map_err(|_| anyhow!("generate an Ed25519 key"))?;
        let private = pair
            .to_pkcs8v1()
            .map_err(|_| anyhow!("encode an Ed25519 key"))?;
        let signing = SigningKeyRow {
            kid,
            public: URL_SAFE_NO_PAD.encode(pair.public_key()),
            private: root.seal(
                Purpose::SigningKey,
                &kid.to_string(),
                &private.as_ref().to_vec(),
            )?,
            created_at: now,
        };
        Ok(KeyringRow {
            root_key: new.wrapped,
            signing_keys: vec![signing],
        })
    }
}

/// One instance's copy of the keyring, read on first use by one request while others wait.
#[derive(Default)]
pub(crate) struct KeyringCache {
    held: Mutex<Option<(Arc<Keyring>, Timestamp)>>,
}

impl KeyringCache {
    /// The keyring; read again when `wanted` is a key id that an old copy does not have.
    pub(crate) async fn get(
        &self,
        platform: &PlatformStore,
        master: &MasterKey,
        ids: IdGen,
        now: Timestamp,
        wanted: Option<&str>,
    ) -> anyhow::Result<Arc<Keyring>> {
        let mut held = self.held.lock().await;
        if let Some((keyring, read_at)) = &*held {
            let known = wanted.is_none_or(|kid| keyring.public_key(kid).is_some());
            if known || now.duration_since(*read_at) < RELOAD_AFTER {
                return Ok(Arc::clone(keyring));
            }
        }
        let row = match platform.keyring().await? {
            Some(row) => row,
            None => {
                let row = Keyring::generate(master, ids, now).await?;
                platform.create_keyring(row).await?
            }
        };
        let keyring = Arc::new(
            Keyring::open(&row, master)
                .await
                .context("open the keyring")?,
        );
        *held = Some((Arc::clone(&keyring), now));
        Ok(keyring)
    }
}

#[cfg(test)]
impl Keyring {
    /// Keys for tests of what needs a keyring and no store.
    pub(crate) async fn for_tests() -> Self {
        let key = SealingKey::new(&[7; 32]).unwrap();
        let master = MasterKey::Local(Box::new(key), crate::telemetry::Calls::default());
        let row = Self::generate(&master, IdGen::default(), Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        Self::open(&row, &master).await.unwrap()
    }
}
