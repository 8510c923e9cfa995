//! Secrets of endpoints: made in the form that a scheme takes, refused when they are not.

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    problem::ApiError,
    seal::{self, Secret},
    webhook::{
        keys::Keys,
        scheme::{KeyFormat, Scheme, Shape},
        verify::VerifyError,
    },
};

/// A new random secret for a scheme whose vendor lets the receiver choose it.
///
/// # Errors
/// The scheme verifies with a public key, which only the vendor can give.
pub fn new_secret(scheme: &Scheme) -> Result<Secret<String>, ApiError> {
    if scheme.shape() == Shape::Unsigned {
        return Err(unsigned());
    }
    let random = seal::random::<SHA256_OUTPUT_LEN>();
    let text = match scheme.key_format {
        // The vendor has it, and nobody can choose it.
        KeyFormat::Utf8 if scheme.is_named_by_vendor() || scheme.challenge.brings_secret() => {
            return Err(needed(scheme));
        }
        KeyFormat::Utf8 | KeyFormat::Hex | KeyFormat::Text64 => seal::encode_hex(&random),
        KeyFormat::Base64 => STANDARD.encode(random),
        KeyFormat::Whsec | KeyFormat::WhsecOrUtf8 => format!("whsec_{}", STANDARD.encode(random)),
        KeyFormat::UserPassword => format!("webhook:{}", seal::encode_hex(&random)),
        KeyFormat::Whpk
        | KeyFormat::Ed25519Hex
        | KeyFormat::SpkiBase64
        | KeyFormat::TopicArn
        | KeyFormat::ClientCredentials => {
            return Err(needed(scheme));
        }
    };
    Ok(Secret::new(text))
}

/// No secret makes an unsigned request authentic.
fn unsigned() -> ApiError {
    ApiError::invalid("/scheme", VerifyError::Unsigned)
}

fn needed(scheme: &Scheme) -> ApiError {
    let detail = format!(
        "is needed for {}: {}",
        scheme.name,
        scheme.key_format.expected()
    );
    ApiError::invalid("/secret", detail)
}

/// The secrets of a new endpoint: those that were given, or a new one; none for an unsigned scheme
/// and for one whose vendor brings the secret.
///
/// # Errors
/// `Invalid` when they do not fit the scheme.
pub fn first_secrets(
    scheme: &Scheme,
    mut given: Vec<Secret<String>>,
) -> Result<Vec<Secret<String>>, ApiError> {
    if scheme.shape() == Shape::Unsigned {
        return if given.is_empty() {
            Ok(given)
        } else {
            let detail = format!("must not be given: {} has no secret", scheme.name);
            Err(ApiError::invalid("/secret", detail))
        };
    }
    if given.is_empty() && scheme.challenge.brings_secret() {
        return Ok(given);
    }
    if given.is_empty() {
        given.push(new_secret(scheme)?);
    }
    check_secrets(scheme, &given)?;
    Ok(given)
}

/// # Errors
/// `Invalid` when there is none, when there are more than five, or when one has the wrong form.
pub fn check_secrets(scheme: &Scheme, secrets: &[Secret<String>]) -> Result<(), ApiError> {
    if scheme.shape() == Shape::Unsigned {
        return Err(unsigned());
    }
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
