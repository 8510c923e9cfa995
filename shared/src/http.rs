//! What every HTTP function shares: routes with their documentation, layers, extractors.

mod client;
mod cors;
mod documented;
mod extract;
mod idempotency;
mod layers;
mod preconditions;
mod routes;
pub mod rules;
mod shape;
mod wire;

pub use client::ClientAddress;
pub use cors::TrustedOrigin;
pub use extract::{Body, Path, Query};
pub use layers::RequestId;
pub use preconditions::{IfMatch, Tagged};
pub use routes::Routes;
pub use wire::{PageQuery, TenantOut, UserOut, nullable};
