//! A job's way from page to page: planned, done, and the next one's message sent. Each step holds only
//! for the page that it was made for.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::{
    audit::{self, Action},
    store::{
        BulkJob, Change, Conflict, JobState, Progress, StoreError, TenantStore,
        bulk_job::{Count, Plan, RETENTION},
        change::{IntoWrite, number, text},
        db::{Table, Write},
        key::{Key, Sort},
    },
};

impl TenantStore {
    /// Fixes what the job's present page does. `false` if another run has done so, or the job does not
    /// go on.
    pub(crate) async fn plan_page(&self, job: &BulkJob, plan: &Plan) -> Result<bool, StoreError> {
        let values = [
            (":page", number(job.page)),
            (":plan", serde_dynamo::to_attribute_value(plan)?),
            (":queued", text(JobState::Queued.name())),
            (":running", text(JobState::Running.name())),
            (":now", text(self.now)),
            (":one", number(1)),
        ];
        self.step(
            job,
            "SET #plan = :plan, #state = :running, updated_at = :now, \
             started_at = if_not_exists(started_at, :now) ADD version :one",
            "page = :page AND attribute_not_exists(#plan) AND #state IN (:queued, :running)",
            &[("#plan", "plan"), ("#state", "state")],
            values,
        )
        .await
    }

    /// Commits what the present page has done and makes the next one the present. `false` if another
    /// run of the page was first.
    pub(crate) async fn turn_page(
        &self,
        job: &BulkJob,
        progress: &Progress,
        next: &str,
    ) -> Result<bool, StoreError> {
        let values = [
            (":page", number(job.page)),
            (":next", number(job.page + 1)),
            (":progress", serde_dynamo::to_attribute_value(progress)?),
            (":cursor", text(next)),
            (":now", text(self.now)),
            (":one", number(1)),
        ];
        self.step(
            job,
            "SET page = :next, progress = :progress, #cursor = :cursor, updated_at = :now \
             REMOVE #plan ADD version :one",
            "page = :page AND attribute_exists(#plan)",
            &[("#plan", "plan"), ("#cursor", "cursor")],
            values,
        )
        .await
    }

    /// Remembers that the message of `page` is on the queue, so that a message of the page before that
    /// comes again does not send it again. The version stays: no reader sees a difference.
    pub(crate) async fn mark_sent(&self, job: &BulkJob, page: u64) -> Result<(), StoreError> {
        let values = [(":page", number(page))];
        self.step(job, "SET sent = :page", "sent < :page", &[], values)
            .await
            .map(drop)
    }

    /// The job's end, in `state`. Holds only while the job is at the page that it was read at.
    pub fn end_job(
        &self,
        job: &BulkJob,
        state: JobState,
        progress: &Progress,
        error: Option<&str>,
    ) -> Result<Change<()>, StoreError> {
        let key = Key::new(self.tenant, &Sort::Job(job.id));
        let expires_at = self.now.as_second() + RETENTION.as_secs();
        let item = self
            .db()
            .writer(Table::Platform)?
            .update(
                &key,
                "SET #state = :state, progress = :progress, #error = :error, updated_at = :now, \
                 ended_at = :now, expires_at = :expires_at REMOVE #plan ADD version :one",
            )
            .condition_expression("page = :page AND #state IN (:queued, :running, :cancelling)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#error", "error")
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_values(":state", text(state.name()))
            .expression_attribute_values(":progress", serde_dynamo::to_attribute_value(progress)?)
            .expression_attribute_values(":error", serde_dynamo::to_attribute_value(error)?)
            .expression_attribute_values(":now", text(self.now))
            .expression_attribute_values(":expires_at", number(expires_at))
            .expression_attribute_values(":page", number(job.page))
            .expression_attribute_values(":queued", text(JobState::Queued.name()))
            .expression_attribute_values(":running", text(JobState::Running.name()))
            .expression_attribute_values(":cancelling", text(JobState::Cancelling.name()))
            .expression_attribute_values(":one", number(1))
            .into_write()?;
        let from = json!({ "state": job.state });
        let to = json!({ "state": state, "progress": progress, "error": error });
        Ok(Change {
            action: Action::JobEnded,
            target: job.id.to_string(),
            changes: audit::differences(&from, &to),
            writes: vec![
                Write {
                    item,
                    conflict: Conflict::Done,
                },
                self.count_job(Count::Ended)?,
            ],
            value: (),
        })
    }

    /// One conditional update of a job's row; `false` if the condition did not hold.
    async fn step<const N: usize>(
        &self,
        job: &BulkJob,
        expression: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: [(&str, AttributeValue); N],
    ) -> Result<bool, StoreError> {
        let mut request = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(Key::new(self.tenant, &Sort::Job(job.id)).attributes()))
            .update_expression(expression)
            .condition_expression(condition);
        for (placeholder, name) in names {
            request = request.expression_attribute_names(*placeholder, *name);
        }
        for (placeholder, value) in values {
            request = request.expression_attribute_values(placeholder, value);
        }
        match request.send().await.map_err(StoreError::from) {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
