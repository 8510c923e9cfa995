//! Secrets of endpoints: made in the form that a scheme takes, refused when they are not.

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    problem::ApiError,
    seal::{self, Secret},
    webhook::{
        keys::Keys,
        scheme::{KeyFormat, Scheme},
    },
};

/// A new random secret for a scheme whose vendor lets the receiver choose it.
///
/// # Errors
/// The scheme verifies with a public key, which only the vendor can give.
pub fn new_secret(scheme: &Scheme) -> Result<Secret<String>, ApiError> {
    let random = seal::random::<SHA256_OUTPUT_LEN>();
    let text = match scheme.key_format {
        KeyFormat::Utf8 | KeyFormat::Hex => seal::encode_hex(&random),
        KeyFormat::Base64 => STANDARD.encode(random),
        KeyFormat::Whsec | KeyFormat::WhsecOrUtf8 => format!("whsec_{}", STANDARD.encode(random)),
        KeyFormat::Whpk | KeyFormat::Ed25519Hex | KeyFormat::SpkiBase64 => {
            let detail = format!(
                "is needed for {}: {}",
                scheme.name,
                scheme.key_format.expected()
            );
            return Err(ApiError::invalid("/secret", detail));
        }
    };
    Ok(Secret::new(text))
}

/// # Errors
/// `Invalid` when there is none, when there are more than five, or when one has the wrong form.
pub fn check_secrets(scheme: &Scheme, secrets: &[Secret<String>]) -> Result<(), ApiError> {
    if !(1..=5).contains(&secrets.len()) {
        return Err(ApiError::invalid(
            "/secrets",
            format!("must be 1 to 5 secrets, got {}", secrets.len()),
        ));
    }
    let exposed: Vec<&str> = secrets
        .iter()
        .map(|secret| secret.expose().as_str())
        .collect();
    Keys::prepare(scheme, &exposed)
        .map(drop)
        .map_err(|error| ApiError::invalid("/secret", error))
}
