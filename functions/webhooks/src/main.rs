//! The `webhooks` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::serve(webhooks::routes)
}
