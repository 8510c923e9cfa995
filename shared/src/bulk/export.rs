//! Exporting a tenant's data: each page is a span of rows, and becomes files of JSON Lines.

use anyhow::Context as _;

use crate::{
    bulk::Done,
    store::{BulkJob, ExportPlace, ExportSpan, Plan, Planned, TenantStore},
};

/// The span is fixed first: a page that runs again exports the same rows.
pub(super) async fn plan(store: &TenantStore, job: &BulkJob) -> anyhow::Result<Plan> {
    let place = match &job.cursor {
        Some(cursor) => serde_json::from_str(cursor).context("read an export's place")?,
        None => ExportPlace::start(),
    };
    let (span, examined, next) = store.export_span(&place).await?;
    let planned = |span: ExportSpan| -> anyhow::Result<Planned> {
        Ok(Planned {
            id: serde_json::to_string(&span)?,
            life: 0,
        })
    };
    Ok(Plan {
        items: span.map(planned).transpose()?.into_iter().collect(),
        examined,
        next: next.map(|next| serde_json::to_string(&next)).transpose()?,
    })
}

pub(super) async fn work(
    store: &TenantStore,
    job: &BulkJob,
    plan: &Plan,
) -> anyhow::Result<Vec<Done>> {
    let mut lines = 0;
    for item in &plan.items {
        let span: ExportSpan = serde_json::from_str(&item.id).context("read an export's span")?;
        let found = store.export_lines(&span).await?;
        lines += found.len();
        let section = span.place.section;
        store
            .write_export(job.id, job.page, section, &found)
            .await?;
    }
    Ok(vec![Done::Now; lines])
}
