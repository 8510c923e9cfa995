//! `cargo local`: the platform on this machine, until it is told to stop.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::cli::main().await
}
