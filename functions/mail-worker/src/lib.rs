//! Sends letters, one for each message of the mail queue.

use std::pin::Pin;

use shared::{
    App, mail,
    queue::{JobResult, Received},
};

pub fn worker(
    app: &App,
    received: Received,
) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
    Box::pin(mail::run(app, received))
}
