//! Refresh tokens: opaque, single use, one family per session. The store keeps hashes only.
//!
//! A token is its session's key, a generation, a secret and a MAC of all of it. The next token's
//! secret is derived from this one's, so a client whose reply was lost can be given the *same*
//! successor again without the server keeping it. The MAC tells an old token of ours (reuse: the
//! family ends) from an invented one (nothing happens).

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};

use crate::{
    id::{SessionId, TenantId, UserId},
    seal,
    store::{Key, Session, Sort},
};

/// Within this time of a rotation the previous token still answers with the same successor: the
/// reply was lost, or a second tab asked at the same moment. After it, it is a stolen token.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_secs(10);

const PREFIX: &str = "prt_";
const SECRET_LEN: usize = 32;
const MAC_LEN: usize = 16;

/// What a token of ours means that is not its session's current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotCurrent {
    /// The session is over.
    Expired,
    /// It was the current one a moment ago: its successor is given once more.
    AskedAgain,
    /// It is in two hands: the family ends.
    Reused,
}

/// Decides by the session's row as the failed rotation found it.
pub(crate) fn not_current(session: &Session, hash: &str, now: Timestamp) -> NotCurrent {
    let now_s = now.as_second();
    let was_previous = session.previous_hash.as_deref() == Some(hash);
    if session.expires_at <= now_s || session.ends_at <= now_s {
        NotCurrent::Expired
    } else if was_previous && now.duration_since(session.rotated_at) <= GRACE {
        NotCurrent::AskedAgain
    } else {
        NotCurrent::Reused
    }
}

/// A refresh token that carries a good MAC.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    secret: [u8; SECRET_LEN],
}

impl RefreshToken {
    pub(crate) fn first(tenant: TenantId, user: UserId, session: SessionId) -> Self {
        Self {
            tenant,
            user,
            session,
            secret: seal::random(),
        }
    }

    /// The one token that follows this one.
    pub(crate) fn successor(&self, key: &hmac::Key) -> Self {
        let mut context = hmac::Context::with_key(key);
        context.update(b"successor");
        context.update(&self.body());
        let mut secret = [0; SECRET_LEN];
        secret.copy_from_slice(context.sign().as_ref());
        Self {
            secret,
            ..self.clone()
        }
    }

    /// The session's row.
    pub(crate) fn key(&self) -> Key {
        Key::new(self.tenant, &Sort::Session(self.user, self.session))
    }

    /// What the store holds of it.
    pub(crate) fn hash(&self) -> String {
        seal::sha256_hex(&self.body())
    }

    pub(crate) fn text(&self, key: &hmac::Key) -> String {
        let body = self.body();
        let tag = hmac::sign(key, &body);
        let mac = tag.as_ref().get(..MAC_LEN).unwrap_or_default();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&body, mac].concat()))
    }

    /// `None` for whatever was not made by [`RefreshToken::text`] with this key.
    pub(crate) fn parse(text: &str, key: &hmac::Key) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (body, mac) = bytes.split_at_checked(48 + SECRET_LEN)?;
        let tag = hmac::sign(key, body);
        aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref().get(..MAC_LEN)?, mac)
            .ok()?;
        let (tenant, rest) = body.split_first_chunk::<16>()?;
        let (user, rest) = rest.split_first_chunk::<16>()?;
        let (session, secret) = rest.split_first_chunk::<16>()?;
        Some(Self {
            tenant: TenantId::from_bytes(*tenant),
            user: UserId::from_bytes(*user),
            session: SessionId::from_bytes(*session),
            secret: secret.try_into().ok()?,
        })
    }

    fn body(&self) -> Vec<u8> {
        [
            self.tenant.to_bytes().as_slice(),
            &self.user.to_bytes(),
            &self.session.to_bytes(),
            &self.secret,
        ]
        .concat()
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
