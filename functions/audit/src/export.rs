//! The trail for other systems: entries from a time on, oldest first, a part at a time.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use shared::{
    access::{Caller, Permission},
    audit::Entry,
    http::Query,
    problem::{ApiError, Problem},
};
use utoipa::{IntoParams, ToSchema};

use crate::{csv, ocsf};

/// Where the next part begins; absent with the last.
const NEXT: HeaderName = HeaderName::from_static("next-cursor");

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// `jsonl` if not given.
    #[param(inline)]
    format: Option<Format>,
    /// The `Next-Cursor` of the part before.
    cursor: Option<String>,
    /// Included.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Excluded.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// An entry a line, as `GET /v1/audit/{id}` shows it.
    #[default]
    Jsonl,
    /// RFC 4180 with a header line.
    Csv,
    /// An event of OCSF 1.6 a line.
    Ocsf,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Jsonl | Self::Ocsf => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    fn write(self, entries: &[Entry]) -> Result<String, serde_json::Error> {
        match self {
            Self::Jsonl => lines(entries.iter().map(serde_json::to_string)),
            Self::Ocsf => lines(
                entries
                    .iter()
                    .map(|entry| serde_json::to_string(&ocsf::event(entry))),
            ),
            Self::Csv => csv::table(entries),
        }
    }
}

/// Up to 1,000 entries, oldest first. While there are more, the header `Next-Cursor` says where they begin; the parts one
/// after another are the export.
#[utoipa::path(get, path = "/v1/audit/export", tag = "audit", params(ExportQuery), responses(
    (status = 200, description = "One part",
        content((String = "application/jsonl"), (String = "text/csv")),
        headers(("Next-Cursor" = String, description = "Where the next part begins; absent with the last"))),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn export_entries(
    caller: Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let store = caller.authorize(Permission::AuditRead)?;
    let format = query.format.unwrap_or_default();
    let found = store
        .audit_export(query.since, query.until, query.cursor)
        .await;
    let (entries, next) = found?;
    let body = format.write(&entries);
    let body = body.map_err(|error| ApiError::Internal(error.into()))?;
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static(format.content_type());
    headers.insert(header::CONTENT_TYPE, kind);
    if let Some(next) = next {
        let next = HeaderValue::try_from(next);
        headers.insert(
            NEXT,
            next.map_err(|error| ApiError::Internal(error.into()))?,
        );
    }
    Ok((headers, body).into_response())
}

fn lines(
    texts: impl Iterator<Item = Result<String, serde_json::Error>>,
) -> Result<String, serde_json::Error> {
    let mut lines = String::new();
    for text in texts {
        lines += &text?;
        lines.push('\n');
    }
    Ok(lines)
}
