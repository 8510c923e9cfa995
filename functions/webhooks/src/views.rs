//! Wire types of the receiver.

use serde::Serialize;
use shared::id::EventId;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedOut {
    /// Under this id the event appears in `GET /v1/events`.
    #[schema(value_type = String)]
    pub(crate) id: EventId,
}
