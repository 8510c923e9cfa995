//! Wire types of vendors' items: what a list of theirs holds, in the fields of a manifest.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    problem::ApiError,
    vendor::{VendorItem, VendorPage, checked_path},
};
use utoipa::{IntoParams, ToSchema};

/// What every vendor of the built-in manifests gives.
const MOST_ITEMS: u32 = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectQuery {
    /// Only what changed then or later, where the vendor can tell; the first page only.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// Items of one page, 1 to 100, where the vendor can be told; the first page only.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ObjectQuery {
    pub(crate) fn limit(&self) -> Result<u32, ApiError> {
        match self.limit {
            None => Ok(MOST_ITEMS),
            Some(limit @ 1..=MOST_ITEMS) => Ok(limit),
            Some(limit) => Err(ApiError::invalid(
                "limit",
                format!("must be 1 to {MOST_ITEMS}, got {limit}"),
            )),
        }
    }

    /// The path that the cursor stands for: below the base URL, like one that a client gives itself.
    pub(crate) fn path(&self) -> Result<Option<String>, ApiError> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let path = URL_SAFE_NO_PAD.decode(cursor).ok();
        let path = path.and_then(|bytes| String::from_utf8(bytes).ok());
        let path = path.filter(|path| path.len() <= 2_000 && checked_path(path).is_ok());
        path.map(Some)
            .ok_or_else(|| ApiError::invalid("cursor", "must be the `next_cursor` of a page"))
    }
}

#[derive(Serialize, ToSchema)]
struct ItemOut {
    /// The vendor's id.
    id: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    deleted: bool,
    /// By our names; `null` where the vendor has nothing.
    #[schema(value_type = Object)]
    fields: BTreeMap<String, Value>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ItemsOut {
    data: Vec<ItemOut>,
    next_cursor: Option<String>,
}

impl From<VendorItem> for ItemOut {
    fn from(item: VendorItem) -> Self {
        Self {
            id: item.id,
            updated_at: item.updated_at,
            deleted: item.is_deleted,
            fields: item.fields,
        }
    }
}

impl From<VendorPage> for ItemsOut {
    fn from(page: VendorPage) -> Self {
        Self {
            data: page.items.into_iter().map(ItemOut::from).collect(),
            next_cursor: page.next.map(|path| URL_SAFE_NO_PAD.encode(path)),
        }
    }
}
