//! The OpenAPI document: the parts of all functions, put together. `docs/openapi.json` is its
//! committed form, which the auth function serves.

use shared::lambda::Function;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Info, OpenApi, OpenApiBuilder, SecurityRequirement};

use crate::registry::FUNCTIONS;

/// The whole document, from the handlers' own attributes.
pub fn document() -> OpenApi {
    let mut info = Info::new("Portico", env!("CARGO_PKG_VERSION"));
    info.description = Some("Multi-tenant SaaS backend with an integration engine".to_owned());
    let mut document = OpenApiBuilder::new().info(info).build();
    for (_, function) in FUNCTIONS {
        if let Function::Http(routes) = function {
            document.merge(routes().openapi());
        }
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new(
        "bearer",
        Vec::<String>::new(),
    )]);
    document
}

/// The document as it is committed.
pub fn text() -> anyhow::Result<String> {
    Ok(document().to_pretty_json()? + "\n")
}
