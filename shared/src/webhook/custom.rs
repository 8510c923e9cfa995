//! Schemes that an endpoint declares for itself, in the data model of the built-in ones; and the word of an
//! endpoint that it takes unsigned requests. Neither lets a request pass that nobody has vouched for.

use std::borrow::Cow;

use crate::{
    problem::ApiError,
    webhook::{
        presets,
        scheme::{Scheme, Shape, Wire, describe},
    },
};

/// The name of the scheme that an endpoint declares.
pub const CUSTOM: &str = "custom";

/// A declared scheme travels with each event: as JSON it has so many bytes at most.
const LONGEST_SCHEME: usize = 8 * 1_024;

/// The scheme that an endpoint asks for: a built-in one by its name, or its own.
///
/// # Errors
/// `Invalid` with a pointer to what does not hold.
pub fn chosen_scheme(
    name: &str,
    declared: Option<&Scheme>,
) -> Result<Cow<'static, Scheme>, ApiError> {
    match (name == CUSTOM, declared) {
        (true, Some(scheme)) => {
            check_declared(scheme)?;
            Ok(Cow::Owned(scheme.clone()))
        }
        (true, None) => Err(ApiError::invalid(
            "/custom_scheme",
            "is needed for the scheme custom",
        )),
        (false, Some(_)) => Err(ApiError::invalid(
            "/custom_scheme",
            "goes with the scheme custom only",
        )),
        (false, None) => presets::find(name).map(Cow::Borrowed).ok_or_else(|| {
            let mut names: Vec<&str> = presets::all().map(|scheme| scheme.name.as_ref()).collect();
            names.push(CUSTOM);
            ApiError::invalid("/scheme", format!("must be one of {}", names.join(", ")))
        }),
    }
}

/// # Errors
/// `Invalid` unless an unsigned scheme and the endpoint's word for it come together.
pub fn check_unsigned(scheme: &Scheme, allow_unsigned: bool) -> Result<(), ApiError> {
    match (scheme.shape() == Shape::Unsigned, allow_unsigned) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err(ApiError::invalid(
            "/allow_unsigned",
            "must be true for an unsigned scheme: whoever knows the URL can send, so set allowed_ips too",
        )),
        (false, true) => Err(ApiError::invalid(
            "/allow_unsigned",
            format!(
                "is for unsigned schemes: requests of {} carry a proof",
                scheme.name
            ),
        )),
    }
}

fn check_declared(scheme: &Scheme) -> Result<(), ApiError> {
    match scheme.shape() {
        Shape::Mac | Shape::PublicKey | Shape::Token | Shape::Credential => {}
        Shape::Canonical | Shape::Certificate | Shape::Unsigned => {
            return Err(ApiError::invalid(
                "/custom_scheme/wire/proof",
                "must be a signature, a token or a credential",
            ));
        }
    }
    let is_fetched = |wire: &Wire| describe::keys_from(&wire.proof).is_some();
    if scheme.wires().any(is_fetched) {
        return Err(ApiError::invalid(
            "/custom_scheme/wire/proof",
            "must be checked with the endpoint's secret: keys are fetched for built-in schemes only",
        ));
    }
    scheme
        .check_each()
        .map_err(|(pointer, error)| ApiError::invalid(format!("/custom_scheme{pointer}"), error))?;
    let len = serde_json::to_vec(scheme).map_or(usize::MAX, |json| json.len());
    if len > LONGEST_SCHEME {
        return Err(ApiError::invalid(
            "/custom_scheme",
            format!("must have at most {LONGEST_SCHEME} bytes as JSON, got {len}"),
        ));
    }
    Ok(())
}
