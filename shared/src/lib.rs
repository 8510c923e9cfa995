//! What Portico's functions share. Modules in reading order:
//!
//! - [`lambda`]: `serve` and `consume`, a function's whole `main`
//! - [`app`]: what a cold start builds once
//! - [`config`]: every environment variable
//! - [`http`]: routes, layers, extractors
//! - [`problem`]: every error a client can get
//! - [`access`]: credential to caller to tenant
//! - [`store`]: the two doors to data
//! - [`audit`]: what is written beside every change
//! - [`webhook`]: vendors' requests, verified and applied
//! - [`queue`]: jobs between functions
//! - [`seal`], [`id`], [`time`], [`telemetry`]: secrets, identifiers, the clock, logs

pub mod access;
pub mod app;
pub mod audit;
pub mod config;
pub mod http;
pub mod id;
pub mod lambda;
pub mod problem;
pub mod queue;
pub mod seal;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod webhook;

pub use app::App;
pub use lambda::{consume, serve};
