//! The `mail-worker` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::consume(mail_worker::worker)
}
