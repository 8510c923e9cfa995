//! Wire types of the audit routes.

use jiff::Timestamp;
use serde::Deserialize;
use shared::{audit::Action, problem::ApiError, store::AuditFilter};
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// 1 to 100; 25 if not given.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// A user id, or `system`.
    actor: Option<String>,
    #[param(example = "user.created")]
    action: Option<String>,
    /// The id of what was changed.
    target: Option<String>,
    /// Included.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckpointQuery {
    /// 1 to 100; 25 if not given.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

impl AuditQuery {
    pub(crate) fn filter(self) -> Result<AuditFilter, ApiError> {
        let action = self
            .action
            .map(|action| action.parse::<Action>())
            .transpose();
        Ok(AuditFilter {
            actor: self.actor,
            action: action.map_err(|detail| ApiError::invalid("action", detail))?,
            target: self.target,
            since: self.since,
            until: self.until,
        })
    }
}
