//! Pagination. A cursor holds a sort key, never a partition, and is signed for one tenant and one
//! list by its name: another tenant's cursor is an invalid value, not a door.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{id::TenantId, problem::ApiError};

const MAC_LEN: usize = 16;

const DEFAULT_LIMIT: u16 = 25;
const MAX_LIMIT: u16 = 100;

/// A client's token for the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// What a client asks of a list: at most `limit` items after `cursor`.
#[derive(Debug, Clone)]
pub struct PageRequest {
    limit: u16,
    cursor: Option<Cursor>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Pass it as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(to).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

impl<T> Page<T> {
    /// As [`Page::map`], where an item may not convert.
    pub fn try_map<U, E>(self, to: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        Ok(Page {
            data: self.data.into_iter().map(to).collect::<Result<_, E>>()?,
            next_cursor: self.next_cursor,
        })
    }
}

impl PageRequest {
    /// # Errors
    /// `limit` is not 1 to 100.
    pub fn new(limit: Option<u16>, cursor: Option<String>) -> Result<Self, ApiError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::invalid(
                "limit",
                format!("must be 1 to {MAX_LIMIT}, got {limit}"),
            ));
        }
        Ok(Self {
            limit,
            cursor: cursor.map(Cursor),
        })
    }

    pub(crate) fn limit(&self) -> usize {
        usize::from(self.limit)
    }

    /// The sort key after which the page starts.
    pub(crate) fn after(
        &self,
        key: &hmac::Key,
        tenant: TenantId,
        list: &str,
    ) -> Result<Option<String>, ApiError> {
        self.cursor
            .as_ref()
            .map(|cursor| cursor.open(key, tenant, list))
            .transpose()
    }
}

impl Cursor {
    pub(crate) fn new(key: &hmac::Key, tenant: TenantId, list: &str, sort_key: &str) -> Self {
        let tag = sign(key, tenant, list, sort_key.as_bytes());
        let mac = tag.as_ref().get(..MAC_LEN).unwrap_or_default();
        Self(URL_SAFE_NO_PAD.encode([mac, sort_key.as_bytes()].concat()))
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    fn open(&self, key: &hmac::Key, tenant: TenantId, list: &str) -> Result<String, ApiError> {
        let refused = || ApiError::invalid("cursor", "must be the next_cursor of this list");
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| refused())?;
        let (mac, sort_key) = bytes.split_at_checked(MAC_LEN).ok_or_else(refused)?;
        let tag = sign(key, tenant, list, sort_key);
        let expected = tag.as_ref().get(..MAC_LEN).ok_or_else(refused)?;
        constant_time::verify_slices_are_equal(expected, mac).map_err(|_| refused())?;
        String::from_utf8(sort_key.to_vec()).map_err(|_| refused())
    }
}

fn sign(key: &hmac::Key, tenant: TenantId, list: &str, sort_key: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(&tenant.to_bytes());
    context.update(list.as_bytes());
    context.update(b"\0");
    context.update(sort_key);
    context.sign()
}

#[cfg(test)]
mod tests;
