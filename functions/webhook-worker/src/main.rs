//! The `webhook-worker` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::consume(webhook_worker::worker)
}
