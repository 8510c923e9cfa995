//! The `job-worker` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::consume(job_worker::worker)
}
