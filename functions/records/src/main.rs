//! The `records` function.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::serve(records::routes)
}
