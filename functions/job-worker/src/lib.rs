//! Does bulk jobs, one page for each message of the jobs queue.

use std::pin::Pin;

use shared::{
    App, bulk,
    queue::{JobResult, Received},
};

pub fn worker(
    app: &App,
    received: Received,
) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
    Box::pin(bulk::run_page(app, received))
}
