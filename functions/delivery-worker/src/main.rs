//! The `delivery-worker` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::consume(delivery_worker::worker)
}
