//! Sends deliveries to destinations, one attempt for each message of the deliveries queue.

use std::pin::Pin;

use shared::{
    App, outbound,
    queue::{JobResult, Received},
};

pub fn worker(
    app: &App,
    received: Received,
) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
    Box::pin(outbound::deliver(app, received))
}
