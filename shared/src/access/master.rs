//! The key that wraps this deployment's root key: AWS KMS in AWS, a local key on a laptop.

use std::sync::LazyLock;

use anyhow::{Context, anyhow};
use aws_sdk_kms::{primitives::Blob, types::DataKeySpec};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{
    config::MasterKeyConfig,
    seal::{self, Purpose, Sealed, SealingKey},
    telemetry::Calls,
};

/// KMS encryption context: a wrapped key opens only for this use, and the template's policy names it.
const CONTEXT: (&str, &str) = ("purpose", "portico");
const OWNER: &str = "platform";

/// Made on first use: a start that meets no secret builds no client for it.
type KmsClient = LazyLock<aws_sdk_kms::Client, Box<dyn FnOnce() -> aws_sdk_kms::Client + Send>>;

pub(crate) enum MasterKey {
    Kms {
        client: KmsClient,
        key_id: String,
    },
    /// Counts the calls that KMS would have had.
    Local(Box<SealingKey>, Calls),
}

/// A 256-bit key and its wrapped form.
pub(crate) struct NewKey {
    pub(crate) plain: Zeroizing<[u8; 32]>,
    pub(crate) wrapped: String,
}

impl MasterKey {
    pub(crate) fn new(
        config: MasterKeyConfig,
        calls: Calls,
        kms: impl FnOnce() -> aws_sdk_kms::Client + Send + 'static,
    ) -> anyhow::Result<Self> {
        match config {
            MasterKeyConfig::Kms(key_id) => Ok(Self::Kms {
                client: LazyLock::new(Box::new(kms)),
                key_id,
            }),
            MasterKeyConfig::Local(key) => Ok(Self::Local(Box::new(SealingKey::new(&key)?), calls)),
        }
    }

    pub(crate) async fn generate(&self) -> anyhow::Result<NewKey> {
        match self {
            Self::Kms { client, key_id } => {
                let answer = client
                    .generate_data_key()
                    .key_id(key_id)
                    .key_spec(DataKeySpec::Aes256)
                    .encryption_context(CONTEXT.0, CONTEXT.1)
                    .send()
                    .await
                    .context("generate the root key with KMS")?;
                let wrapped = answer
                    .ciphertext_blob()
                    .context("KMS gave no wrapped key")?;
                Ok(NewKey {
                    plain: key_bytes(answer.plaintext().context("KMS gave no key")?.as_ref())?,
                    wrapped: STANDARD.encode(wrapped),
                })
            }
            Self::Local(master, calls) => {
                calls.count("KMS.GenerateDataKey".to_owned());
                let plain = Zeroizing::new(seal::random::<32>());
                let wrapped = master.seal(Purpose::RootKey, OWNER, &*plain)?;
                Ok(NewKey {
                    plain,
                    wrapped: serde_json::to_string(&wrapped)?,
                })
            }
        }
    }

    pub(crate) async fn unwrap(&self, wrapped: &str) -> anyhow::Result<Zeroizing<[u8; 32]>> {
        match self {
            Self::Kms { client, key_id } => {
                let answer = client
                    .decrypt()
                    .key_id(key_id)
                    .ciphertext_blob(Blob::new(
                        STANDARD
                            .decode(wrapped)
                            .context("the wrapped root key is not base64")?,
                    ))
                    .encryption_context(CONTEXT.0, CONTEXT.1)
                    .send()
                    .await
                    .context("unwrap the root key with KMS")?;
                key_bytes(answer.plaintext().context("KMS gave no key")?.as_ref())
            }
            Self::Local(master, calls) => {
                calls.count("KMS.Decrypt".to_owned());
                let sealed: Sealed<[u8; 32]> = serde_json::from_str(wrapped)?;
                let plain = master
                    .open(Purpose::RootKey, OWNER, &sealed)
                    .context("the root key was made with another local key")?;
                key_bytes(plain.expose())
            }
        }
    }
}

fn key_bytes(bytes: &[u8]) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    <[u8; 32]>::try_from(bytes)
        .map(Zeroizing::new)
        .map_err(|_| anyhow!("a key has 32 bytes, got {}", bytes.len()))
}
