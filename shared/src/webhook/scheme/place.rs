//! Where in a declared scheme an error lies, as a JSON pointer (RFC 6901) into the scheme.

use crate::webhook::scheme::SchemeError;

impl SchemeError {
    /// The pointer within the header family that is checked.
    pub(super) fn place(&self) -> &'static str {
        match self {
            Self::BadText { field, .. } | Self::TooMany { field, .. } => of_field(field),
            Self::BadHeaderName { field, .. } | Self::BadPointer { field, .. } => of_field(field),
            Self::BodyNotSigned | Self::MissingSource { .. } => "/proof/signature/template",
            Self::BadTimestamp { .. } | Self::BadTolerance { .. } => "/proof/signature/timestamp",
            Self::BadBatch { .. } => "/batch",
            Self::NotBound => "/proof/token/bindings",
            Self::MixedShapes | Self::KeyMismatch { .. } => "/proof",
        }
    }
}

/// The field's place, by the name that it has in messages.
fn of_field(field: &str) -> &'static str {
    match field {
        "signature" => "/proof/signature/source",
        "prefix" | "separator" | "signature_key" | "version" => "/proof/signature/form",
        "id_header" => "/proof/signature/id_header",
        "template" => "/proof/signature/template",
        "timestamp" => "/proof/signature/timestamp",
        "token" => "/proof/token/header",
        "bindings" => "/proof/token/bindings",
        "credential" => "/proof/credential",
        "required_headers" => "/required_headers",
        "fixed_headers" => "/fixed_headers",
        "companions" => "/companions",
        "event_id" => "/event_id",
        "event_type" => "/event_type",
        _ => "",
    }
}
