//! Wire types of the receiver.

use serde::Serialize;
use shared::{id::EventId, webhook::ItemReceipt};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedOut {
    /// Under this id the event appears in `GET /v1/events`.
    #[schema(value_type = String)]
    pub(crate) id: EventId,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct BatchOut {
    /// One for each item of the array, in its order.
    items: Vec<ItemOut>,
}

/// Either `id` or `error`.
#[derive(Serialize, ToSchema)]
struct ItemOut {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<EventId>,
    /// Why this item is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

impl From<Vec<ItemReceipt>> for BatchOut {
    fn from(receipts: Vec<ItemReceipt>) -> Self {
        let item = |(index, receipt): (usize, ItemReceipt)| ItemOut {
            index,
            id: receipt.ok(),
            error: receipt.err(),
        };
        Self {
            items: receipts.into_iter().enumerate().map(item).collect(),
        }
    }
}
