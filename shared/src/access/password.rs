//! Argon2id password hashes in PHC string form. A password is compared in time that does not
//! depend on whether the account exists.

mod rules;

use anyhow::anyhow;
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};

use crate::seal::{self, Secret};

pub(crate) use rules::check;

/// A hash of a password that nobody has, verified when there is no account to verify against.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes with the first parameters that OWASP's Password Storage Cheat Sheet names for Argon2id:
/// 19 MiB, two passes, one lane. Takes tens of milliseconds of CPU: runs off the async threads.
pub(crate) async fn hash(password: Secret<String>) -> anyhow::Result<String> {
    tokio::task::spawn_blocking(move || {
        let salt = seal::random::<16>();
        let hash: PasswordHash = Argon2::default()
            .hash_password_with_salt(password.expose().as_bytes(), &salt)
            .map_err(|error| anyhow!("hash a password: {error}"))?;
        Ok(hash.to_string())
    })
    .await?
}

/// Whether `password` is the one behind `hash`; `None` costs the same and is never right.
pub(crate) async fn verify(password: Secret<String>, hash: Option<String>) -> anyhow::Result<bool> {
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let verdict =
            Argon2::default().verify_password(password.expose().as_bytes(), hash.as_str());
        Ok(verdict.is_ok() && known)
    })
    .await?
}
