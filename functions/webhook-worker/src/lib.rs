//! Applies verified events from the events queue, each exactly once.

use std::pin::Pin;

use shared::{
    App,
    queue::{JobResult, Received},
    webhook,
};

pub fn worker(
    app: &App,
    received: Received,
) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
    Box::pin(webhook::apply(app, received))
}
