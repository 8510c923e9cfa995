//! Tokens that are mailed. Each is a MAC over its purpose and over the row that it opens, so nothing of it
//! is stored, not even a hash, and the worker that sends it derives it. The row says whether it is still good.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

use crate::id::{self, Id, InvitationId, RequestKind, TenantId, UserId};

const BODY_LEN: usize = 36;
const MAC_LEN: usize = 24;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailToken {
    /// Joining a tenant. Each time it is sent it is another one.
    Invitation {
        tenant: TenantId,
        invitation: InvitationId,
        sending: u32,
    },
    /// A new password, asked for by one request.
    Reset {
        user: UserId,
        request: Id<RequestKind>,
    },
    /// The proof that an address is the person's.
    Verification {
        user: UserId,
        request: Id<RequestKind>,
    },
}

impl MailToken {
    pub(crate) fn text(self, key: &hmac::Key) -> String {
        let mut bytes = self.body();
        let tag = self.mac(key);
        bytes.extend_from_slice(tag.as_ref().get(..MAC_LEN).unwrap_or_default());
        format!("{}{}", self.prefix(), id::encode_base32(&bytes))
    }

    /// `None` for whatever was not made by [`MailToken::text`] with this key.
    pub(crate) fn parse(text: &str, key: &hmac::Key) -> Option<Self> {
        let (prefix, rest) = text.split_at_checked(4)?;
        let bytes = id::decode_base32(rest)?;
        let (body, mac) = bytes.split_at_checked(BODY_LEN)?;
        let (owner, rest) = body.split_first_chunk::<16>()?;
        let (row, count) = rest.split_first_chunk::<16>()?;
        let count = u32::from_be_bytes(count.try_into().ok()?);
        let token = match prefix {
            "piv_" => Self::Invitation {
                tenant: Id::from_bytes(*owner),
                invitation: Id::from_bytes(*row),
                sending: count,
            },
            "ppr_" if count == 0 => Self::Reset {
                user: Id::from_bytes(*owner),
                request: Id::from_bytes(*row),
            },
            "pev_" if count == 0 => Self::Verification {
                user: Id::from_bytes(*owner),
                request: Id::from_bytes(*row),
            },
            _ => return None,
        };
        let tag = token.mac(key);
        verify_slices_are_equal(tag.as_ref().get(..MAC_LEN)?, mac).ok()?;
        Some(token)
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Invitation { .. } => "piv_",
            Self::Reset { .. } => "ppr_",
            Self::Verification { .. } => "pev_",
        }
    }

    fn body(self) -> Vec<u8> {
        let (owner, row, count) = match self {
            Self::Invitation {
                tenant,
                invitation,
                sending,
            } => (tenant.to_bytes(), invitation.to_bytes(), sending),
            Self::Reset { user, request } | Self::Verification { user, request } => {
                (user.to_bytes(), request.to_bytes(), 0)
            }
        };
        [owner.as_slice(), &row, &count.to_be_bytes()].concat()
    }

    fn mac(self, key: &hmac::Key) -> hmac::Tag {
        let mut context = hmac::Context::with_key(key);
        context.update(self.prefix().as_bytes());
        context.update(&self.body());
        context.sign()
    }
}

#[cfg(test)]
mod tests;
