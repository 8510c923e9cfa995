//! What Portico's functions share. Modules in reading order:
//!
//! - [`lambda`]: `serve`, `consume` and `on_timer`, a function's whole `main`
//! - [`app`]: what a cold start builds once
//! - [`config`]: every environment variable
//! - [`http`]: routes, layers, extractors
//! - [`problem`]: every error a client can get
//! - [`access`]: credential to caller to tenant
//! - [`store`]: the two doors to data
//! - [`audit`]: what is written beside every change
//! - [`webhook`]: vendors' requests, verified and applied
//! - [`outbound`]: destinations that tenants are called at, signed
//! - [`plan`]: how much a tenant may ask
//! - [`limit`]: so many requests in so many seconds, over all instances
//! - [`vendor`]: calls to vendors, and the breakers before them
//! - [`schema`]: what tenants say of the shape of their own data
//! - [`index`]: which fields of it they sort and filter by
//! - [`sync`]: how two sides of a record become one, as decisions
//! - [`bulk`]: work on many rows, a page at a time
//! - [`mail`]: letters to people
//! - [`queue`]: jobs between functions
//! - [`schedule`]: what is done on a timer
//! - [`egress`], [`ip_ranges`]: calls to URLs that others choose, and what they may reach
//! - [`seal`], [`id`], [`time`], [`telemetry`]: secrets, identifiers, the clock, logs
//! - `named`: closed lists with a text form
//! - `trust`: which certificate authorities AWS has

pub mod access;
pub mod app;
pub mod audit;
pub mod bulk;
pub mod config;
pub mod egress;
pub mod http;
pub mod id;
pub mod index;
pub mod ip_ranges;
pub mod lambda;
pub mod limit;
pub mod mail;
mod named;
pub mod outbound;
pub mod plan;
pub mod problem;
pub mod queue;
pub mod schedule;
pub mod schema;
pub mod seal;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod time;
mod trust;
pub mod vendor;
pub mod webhook;

pub use app::App;
pub use lambda::{consume, on_timer, serve};
