//! Timers, as EventBridge's rules work them: an event at a fixed rate of the platform's clock. A failed
//! tick is not repeated; the next one comes in time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::function::Functions;
use crate::progress::Progress;
use crate::template::{ACCOUNT, REGION, ScheduleSpec};

/// How soon a moved clock is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Ticks until the platform stops; the first time one period after the start, as a new rule does.
pub(super) async fn run(
    functions: Arc<Functions>,
    binary: String,
    schedule: ScheduleSpec,
    clock: Clock,
    progress: Progress,
) {
    let every_ms = i64::try_from(schedule.every.as_millis()).unwrap_or(i64::MAX);
    let mut next_ms = clock.now_ms().saturating_add(every_ms);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now_ms = clock.now_ms();
        if now_ms < next_ms {
            continue;
        }
        // Ticks that a moved clock has passed over are not made up for.
        next_ms = now_ms.saturating_add(every_ms);
        let ticked = match event(&schedule.rule, now_ms) {
            Ok(event) => functions
                .invoke(&binary, event)
                .await
                .map(|_| ())
                .map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = ticked {
            progress.line(format!("{}: {error:#}", schedule.rule));
        }
    }
}

/// What a rule sends: <https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-scheduled-events.html>.
pub(super) fn event(rule: &str, now_ms: i64) -> anyhow::Result<Value> {
    let time = jiff::Timestamp::from_second(now_ms.div_euclid(1_000)).context("read the clock")?;
    Ok(json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.to_string(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/local-{rule}-1")],
        "detail": {},
    }))
}
