//! The `scheduler` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::on_timer(scheduler::DUTIES)
}
