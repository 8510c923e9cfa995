//! Typed identifiers. An `Id<K>` is made only by parsing text or by [`IdGen`]; its bits are private.
//!
//! The text form is a TypeID: the kind's prefix, `_`, and a UUIDv7 (RFC 9562 section 5.7) in 26
//! characters of Crockford's base32, lower case. Ids of one kind sort by the time they were made.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BODY_LEN: usize = 26;

/// What an id names; the registry of prefixes.
pub trait Kind: 'static {
    const PREFIX: &'static str;
    /// The noun that error messages use.
    const NOUN: &'static str;
}

macro_rules! kinds {
    ($($name:ident $prefix:literal $noun:literal;)*) => {$(
        #[doc = concat!("Kind of the ids that start with `", $prefix, "_`.")]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
            const NOUN: &'static str = $noun;
        }
    )*};
}

kinds! {
    TenantKind "ten" "tenant id";
    UserKind "usr" "user id";
    SessionKind "ses" "session id";
    EndpointKind "whe" "webhook endpoint id";
    EventKind "evt" "event id";
    RoleKind "rol" "role id";
    SsoConnectionKind "sso" "sso connection id";
    CollectionKind "col" "collection id";
    RecordKind "rec" "record id";
    AuditKind "aud" "audit entry id";
    BulkJobKind "job" "job id";
    ConnectionKind "con" "connection id";
    DestinationKind "dst" "destination id";
    DeliveryKind "dlv" "delivery id";
    RequestKind "req" "request id";
    TokenKind "tok" "token id";
    KeyKind "sig" "signing key id";
    InvitationKind "inv" "invitation id";
    ApiKeyKind "key" "api key id";
}

pub type TenantId = Id<TenantKind>;
pub type UserId = Id<UserKind>;
pub type SessionId = Id<SessionKind>;
pub type EndpointId = Id<EndpointKind>;
pub type EventId = Id<EventKind>;
pub type RoleId = Id<RoleKind>;
pub type SsoConnectionId = Id<SsoConnectionKind>;
pub type CollectionId = Id<CollectionKind>;
pub type RecordId = Id<RecordKind>;
pub type AuditId = Id<AuditKind>;
pub type JobId = Id<BulkJobKind>;
pub type ConnectionId = Id<ConnectionKind>;
pub type DestinationId = Id<DestinationKind>;
pub type InvitationId = Id<InvitationKind>;
pub type ApiKeyId = Id<ApiKeyKind>;
pub type DeliveryId = Id<DeliveryKind>;

/// An identifier of one kind of thing.
pub struct Id<K> {
    bits: u128,
    kind: PhantomData<fn() -> K>,
}

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a {noun}: `{prefix}_` and 26 characters of 0-9 a-z")]
pub struct ParseIdError {
    noun: &'static str,
    prefix: &'static str,
}

impl<K: Kind> Id<K> {
    fn from_bits(bits: u128) -> Self {
        Self {
            bits,
            kind: PhantomData,
        }
    }

    /// The smallest id made at or after `at`: the lower end of a range over time.
    pub fn first_at(at: Timestamp) -> Self {
        Self::from_bits(u128::from(unix_ms(at)) << 80)
    }

    /// The id of the `place`-th of several things that came together, of which this is the 0th: the same
    /// each time, and in their order.
    pub(crate) fn nth(self, place: u32) -> Self {
        const RANDOM: u128 = 0x3fff_ffff_ffff_ffff;
        let random = (self.bits & RANDOM).wrapping_add(u128::from(place)) & RANDOM;
        Self::from_bits((self.bits & !RANDOM) | random)
    }

    /// When the id was made, to the millisecond.
    pub fn made_at(self) -> Timestamp {
        let ms = i64::try_from(self.bits >> 80).unwrap_or(0);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The sixteen bytes of the UUID, for tokens that carry an id in binary.
    pub fn to_bytes(self) -> [u8; 16] {
        self.bits.to_be_bytes()
    }

    /// The inverse of [`Id::to_bytes`].
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_bits(u128::from_be_bytes(bytes))
    }
}

impl DeliveryId {
    /// The one delivery of an event to a destination: made as often as it is needed, and listed by the
    /// event's time.
    pub(crate) fn of(event: EventId, destination: DestinationId) -> Self {
        const RANDOM: u128 = (0xfff << 64) | 0x3fff_ffff_ffff_ffff;
        let digest = crate::seal::sha256_hex(format!("{event}/{destination}").as_bytes());
        let hash = digest.get(..32).unwrap_or_default();
        let hash = u128::from_str_radix(hash, 16).unwrap_or(0);
        Self::from_bits((event.bits & !RANDOM) | (hash & RANDOM))
    }
}

/// The only maker of new ids: a timestamp and 74 random bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdGen(());

impl IdGen {
    pub fn make<K: Kind>(self, now: Timestamp) -> Id<K> {
        let random = u128::from_be_bytes(crate::seal::random::<16>());
        let version = 7_u128 << 76;
        let variant = 2_u128 << 62;
        let random_a = (random >> 64) & 0xfff;
        let random_b = random & 0x3fff_ffff_ffff_ffff;
        let ms = u128::from(unix_ms(now)) << 80;
        Id::from_bits(ms | version | (random_a << 64) | variant | random_b)
    }
}

fn unix_ms(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0) & 0xffff_ffff_ffff
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        for at in (0..BODY_LEN).rev() {
            let index = usize::try_from((self.bits >> (at * 5)) & 31).unwrap_or(0);
            let letter = ALPHABET.get(index).copied().unwrap_or(b'0');
            fmt::Write::write_char(f, char::from(letter))?;
        }
        Ok(())
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError {
            noun: K::NOUN,
            prefix: K::PREFIX,
        };
        let body = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'));
        let Some(body) = body.filter(|body| body.len() == BODY_LEN) else {
            return Err(error);
        };
        // 26 characters hold 130 bits: a first character past 7 would not fit in 128.
        if body.as_bytes().first().is_none_or(|first| *first > b'7') {
            return Err(error);
        }
        let mut bits = 0_u128;
        for byte in body.bytes() {
            let Some(digit) = ALPHABET.iter().position(|letter| *letter == byte) else {
                return Err(error);
            };
            bits = (bits << 5) | u128::try_from(digit).unwrap_or(0);
        }
        Ok(Self::from_bits(bits))
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bits.cmp(&other.bits)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<K: Kind> utoipa::PartialSchema for Id<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(format!(
                "^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$",
                K::PREFIX
            )))
            .build()
            .into()
    }
}
impl<K: Kind> utoipa::ToSchema for Id<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        K::NOUN
            .split(' ')
            .map(capitalised)
            .collect::<String>()
            .into()
    }
}

/// Whole groups of five bytes as eight letters of the ids' alphabet.
pub(crate) fn encode_base32(bytes: &[u8]) -> String {
    let letter = |index: u64| char::from(ALPHABET.get(index as usize).copied().unwrap_or(b'0'));
    let group = |five: &[u8]| {
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).rev().map(move |at| letter(bits >> (at * 5) & 31))
    };
    bytes.chunks_exact(5).flat_map(group).collect()
}

/// The inverse of [`encode_base32`]; `None` for other letters or an incomplete group.
pub(crate) fn decode_base32(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(8) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 8 * 5);
    for eight in text.as_bytes().chunks_exact(8) {
        let bits = eight.iter().try_fold(0_u64, |bits, byte| {
            let digit = ALPHABET.iter().position(|letter| letter == byte)?;
            Some(bits << 5 | digit as u64)
        })?;
        bytes.extend_from_slice(bits.to_be_bytes().get(3..)?);
    }
    Some(bytes)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
