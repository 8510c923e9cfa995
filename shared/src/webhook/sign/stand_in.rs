//! The key pair that stands in for every vendor's own on a laptop and in tests, and what the vendors would
//! publish of it. It is no secret: nothing believes it but where `PORTICO_VENDORS_URL` says so.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::seal;
use crate::webhook::scheme::TokenAlgorithm;

/// The name of the key, wherever a vendor names keys.
pub const NAME: &str = "portico-stand-in";

const RSA: &str = include_str!("stand_in/rsa.pem");
const P256: &str = include_str!("stand_in/p256.pem");
const CERTIFICATE: &str = include_str!("stand_in/certificate.pem");
const PUBLIC: &str = include_str!("stand_in/public.pem");
const KEYS: &str = include_str!("stand_in/keys.json");
const PLAID: &str = include_str!("stand_in/plaid.json");

/// What a vendor's host would answer; `None` for 404. `place` is a URL without its scheme.
pub fn answer(place: &str) -> Option<&'static str> {
    let (host, path) = place.split_once('/')?;
    let is_sns = host.starts_with("sns.") && host.contains(".amazonaws.com");
    match host {
        _ if is_sns && path.starts_with("?Action=ConfirmSubscription&") => Some("<Confirmed/>"),
        _ if is_sns && path == format!("{NAME}.pem") => Some(CERTIFICATE),
        "api.paypal.com" if path == format!("v1/notifications/certs/{NAME}") => Some(CERTIFICATE),
        "connect-install-keys.atlassian.com" if path == NAME => Some(PUBLIC),
        "www.googleapis.com" if path == "oauth2/v3/certs" => Some(KEYS),
        "production.plaid.com" | "sandbox.plaid.com" if path == "webhook_verification_key/get" => {
            Some(PLAID)
        }
        _ => None,
    }
}

/// A signature under the stand-in's key; `None` for an algorithm without a pair of keys.
pub(super) fn sign(algorithm: TokenAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
    let random = seal::source();
    match algorithm {
        TokenAlgorithm::Hs256 => None,
        TokenAlgorithm::Rs256 => {
            let der = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).ok()?;
            let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?;
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                .ok()?;
            Some(signature)
        }
        TokenAlgorithm::Es256 => {
            let der = PrivatePkcs8KeyDer::from_pem_slice(P256.as_bytes()).ok()?;
            let key =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der())
                    .ok()?;
            Some(key.sign(&random, message).ok()?.as_ref().to_vec())
        }
    }
}

#[cfg(test)]
pub(crate) fn sign_rsa(message: &[u8]) -> Option<Vec<u8>> {
    sign(TokenAlgorithm::Rs256, message)
}

/// The P-256 pair: PKCS #8 and `SubjectPublicKeyInfo`, each as base64.
#[cfg(test)]
pub(crate) fn p256() -> (String, String) {
    use aws_lc_rs::signature::KeyPair as _;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    const PREFIX: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let der = PrivatePkcs8KeyDer::from_pem_slice(P256.as_bytes()).unwrap();
    let pkcs8 = der.secret_pkcs8_der();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
    let prefix = seal::decode_hex(PREFIX).unwrap();
    let public = [prefix.as_slice(), pair.public_key().as_ref()].concat();
    (STANDARD.encode(pkcs8), STANDARD.encode(public))
}
