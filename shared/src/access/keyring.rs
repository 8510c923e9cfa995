//! The deployment's keys: made on first start, by whichever instance comes first; held in memory by every
//! instance for [`COPY_AGE`]. Private keys and the root key are stored sealed only.
//!
//! **Invariant:** a signing key verifies before it signs, and as long as a token that it signed may live.

mod rotation;

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

pub use rotation::rotate_keys;

/// How long an instance works with its copy: so long may it sign by a key that is not the newest.
pub(crate) const COPY_AGE: SignedDuration = SignedDuration::from_mins(10);

/// How old a copy must be for an unknown key id to make an instance look again.
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
    /// From then on it signs; before, it is only published. Absent for a deployment's first key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signs_from: Option<Timestamp>,
}

/// The opened keys.
pub(crate) struct Keyring {
    root: Arc<SealingKey>,
    /// As it is stored: an instance that reads the row again unwraps the root key only if it is another.
    wrapped_root: String,
    cursor: hmac::Key,
    refresh: hmac::Key,
    mail: hmac::Key,
    cookie: hmac::Key,
    csrf: hmac::Key,
    recovery: hmac::Key,
    audit: Ed25519KeyPair,
    signing: Vec<SigningKey>,
}

pub(crate) struct SigningKey {
    pub(crate) kid: Id<KeyKind>,
    pub(crate) private: Secret<Vec<u8>>,
    public: Vec<u8>,
    signs_from: Timestamp,
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

    /// Makes the tokens that are mailed.
    pub(crate) fn mail_key(&self) -> &hmac::Key {
        &self.mail
    }

    /// Makes the session cookies of browsers.
    pub(crate) fn cookie_key(&self) -> &hmac::Key {
        &self.cookie
    }

    pub(crate) fn csrf_key(&self) -> &hmac::Key {
        &self.csrf
    }

    /// Under which recovery codes are stored.
    pub(crate) fn recovery_key(&self) -> &hmac::Key {
        &self.recovery
    }

    /// Signs checkpoints of audit logs, and nothing else.
    pub(crate) fn audit_key(&self) -> &Ed25519KeyPair {
        &self.audit
    }

    /// The newest key whose time has come; the others only verify.
    #[expect(
        clippy::expect_used,
        reason = "`open` refuses a row without signing keys"
    )]
    pub(crate) fn signing_key(&self, now: Timestamp) -> &SigningKey {
        let mut newest_first = self.signing.iter().rev();
        let found = newest_first.find(|key| key.signs_from <= now);
        found
            .or(self.signing.first())
            .expect("a keyring has a signing key")
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

    async fn open(
        row: &KeyringRow,
        master: &MasterKey,
        before: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let root = match before.filter(|before| before.wrapped_root == row.root_key) {
            Some(before) => Arc::clone(&before.root),
            None => Arc::new(SealingKey::new(&*master.unwrap(&row.root_key).await?)?),
        };
        let open = |key: &SigningKeyRow| {
            Ok(SigningKey {
                kid: key.kid,
                private: root.open(Purpose::SigningKey, &key.kid.to_string(), &key.private)?,
                public: URL_SAFE_NO_PAD.decode(&key.public)?,
                signs_from: key.signs_from.unwrap_or(Timestamp::MIN),
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
            mail: root.derived("mail-token"),
            cookie: root.derived("session-cookie"),
            csrf: root.derived("csrf-token"),
            recovery: root.derived("recovery-code"),
            audit: Ed25519KeyPair::from_seed_unchecked(&*root.derived_seed("audit-checkpoint"))
                .map_err(|_| anyhow!("derive the audit log's key"))?,
            root,
            wrapped_root: row.root_key.clone(),
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
        Ok(KeyringRow {
            root_key: new.wrapped,
            signing_keys: vec![SigningKeyRow::generate(&root, ids, now, None)?],
        })
    }
}

impl SigningKeyRow {
    fn generate(
        root: &SealingKey,
        ids: IdGen,
        now: Timestamp,
        signs_from: Option<Timestamp>,
    ) -> anyhow::Result<Self> {
        let kid: Id<KeyKind> = ids.make(now);
        let pair = Ed25519KeyPair::generate().map_err(|_| anyhow!("generate an Ed25519 key"))?;
        let private = pair
            .to_pkcs8v1()
            .map_err(|_| anyhow!("encode an Ed25519 key"))?;
        Ok(Self {
            kid,
            public: URL_SAFE_NO_PAD.encode(pair.public_key()),
            private: root.seal(
                Purpose::SigningKey,
                &kid.to_string(),
                &private.as_ref().to_vec(),
            )?,
            created_at: now,
            signs_from,
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
            let age = now.duration_since(*read_at).abs();
            if age < RELOAD_AFTER || (known && age < COPY_AGE) {
                return Ok(Arc::clone(keyring));
            }
        }
        let row = match platform.keyring().await? {
            Some(row) => row.value,
            None => {
                let row = Keyring::generate(master, ids, now).await?;
                platform.create_keyring(row).await?
            }
        };
        let before = held.as_ref().map(|(keyring, _)| Arc::clone(keyring));
        let keyring = Arc::new(
            Keyring::open(&row, master, before.as_deref())
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
        Self::open(&row, &master, None).await.unwrap()
    }
}
