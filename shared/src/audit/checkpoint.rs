//! Signed checkpoints of a tenant's audit log, in the form of C2SP tlog-checkpoint: a note that says how
//! long the log is and what its root is, and an extension line that names the checkpoint before it.

use anyhow::{Context, anyhow, ensure};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    audit::merkle::{self, Hash},
    id::TenantId,
    seal::{decode_hex, encode_hex},
};

/// The signer's name in notes.
const NAME: &str = "portico-audit";
/// Ed25519, in C2SP signed-note.
const ALGORITHM: u8 = 1;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub tenant: TenantId,
    pub size: u64,
    pub root: Hash,
    /// The hash of the body of the checkpoint before; of the first, of nothing.
    pub previous: Hash,
}

impl Checkpoint {
    fn body(&self) -> String {
        format!(
            "portico/audit/{}\n{}\n{}\nprevious {}\n",
            self.tenant,
            self.size,
            STANDARD.encode(self.root),
            STANDARD.encode(self.previous)
        )
    }

    /// What the next checkpoint names as its `previous`.
    pub fn hash(&self) -> Hash {
        merkle::sha256(&[self.body().as_bytes()])
    }

    /// The signed note.
    pub(crate) fn sign(&self, key: &Ed25519KeyPair) -> String {
        let body = self.body();
        let mut signature = key_hash(key.public_key().as_ref()).to_vec();
        signature.extend_from_slice(key.sign(body.as_bytes()).as_ref());
        format!("{body}\n— {NAME} {}\n", STANDARD.encode(signature))
    }

    /// Reads a note whose signature is by `vkey`.
    pub fn open(note: &str, vkey: &str) -> anyhow::Result<Self> {
        let public = public_key(vkey)?;
        let (body, signatures) = note
            .split_once("\n\n")
            .context("a note has an empty line before its signatures")?;
        let body = format!("{body}\n");
        let prefix = format!("— {NAME} ");
        let signature = signatures
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .context("the note is not signed by this log")?;
        let signature = STANDARD.decode(signature)?;
        let (hash, signature) = signature
            .split_at_checked(4)
            .context("the signature is too short")?;
        ensure!(
            hash == key_hash(&public),
            "the note is signed by another key"
        );
        UnparsedPublicKey::new(&ED25519, &public)
            .verify(body.as_bytes(), signature)
            .map_err(|_| anyhow!("the signature does not fit the note"))?;
        let lines: Vec<&str> = body.lines().collect();
        let [origin, size, root, previous] = lines.as_slice() else {
            return Err(anyhow!("the note must have four lines"));
        };
        let tenant = origin
            .strip_prefix("portico/audit/")
            .context("the note is of no audit log")?;
        let previous = previous
            .strip_prefix("previous ")
            .context("the note names no previous checkpoint")?;
        Ok(Self {
            tenant: tenant.parse()?,
            size: size.parse()?,
            root: hash_of(root)?,
            previous: hash_of(previous)?,
        })
    }
}

/// The key as C2SP signed-note writes it: name, key hash, algorithm and key.
pub(crate) fn vkey(key: &Ed25519KeyPair) -> String {
    let public = key.public_key().as_ref();
    let typed = [&[ALGORITHM], public].concat();
    format!(
        "{NAME}+{}+{}",
        encode_hex(&key_hash(public)),
        STANDARD.encode(typed)
    )
}

fn public_key(vkey: &str) -> anyhow::Result<Vec<u8>> {
    let wrong = || anyhow!("a key must be {NAME}+<8 hexadecimal digits>+<base64>");
    let mut parts = vkey.trim().splitn(3, '+');
    let (Some(NAME), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let typed = STANDARD.decode(key).map_err(|_| wrong())?;
    let (algorithm, public) = typed.split_first().ok_or_else(wrong)?;
    let is_whole =
        *algorithm == ALGORITHM && decode_hex(hash).is_some_and(|hash| hash == key_hash(public));
    ensure!(is_whole, wrong());
    Ok(public.to_vec())
}

fn key_hash(public: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = merkle::sha256(&[NAME.as_bytes(), b"\n", &[ALGORITHM], public]);
    [a, b, c, d]
}

pub(crate) fn hash_of(text: &str) -> anyhow::Result<Hash> {
    Hash::try_from(STANDARD.decode(text)?.as_slice()).context("a hash has 32 bytes")
}
