//! XML signatures of SAML messages, verified so that nothing unverified can be read.
//!
//! **Invariant:** what comes out was parsed from the very bytes whose digest was signed. A mistake in
//! canonicalisation can therefore refuse a good signature and cannot make a bad one good.

use std::collections::BTreeSet;

use aws_lc_rs::{
    digest,
    signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::access::sso::{
    Certificate,
    xml::{self, Element, XmlError},
};

pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error("the signature has a form that is not accepted: {0}")]
    Form(&'static str),
    #[error("the signature is made with an algorithm that is not accepted")]
    Algorithm,
    #[error("the signature does not cover the element that it is in")]
    Reference,
    #[error("the content was changed after it was signed")]
    Digest,
    #[error("the signature is by none of the connection's certificates")]
    Key,
}

/// The element as it was signed, without its signature, if its one `ds:Signature` child verifies with one of
/// the certificates. What a KeyInfo says is not looked at.
pub(crate) fn verified(
    element: &Element,
    certificates: &[Certificate],
) -> Result<Element, SignatureError> {
    let form = SignatureError::Form;
    let signature = element
        .only(DSIG, "Signature")
        .ok_or(form("there must be one Signature"))?;
    let parts: Vec<&Element> = signature.elements().collect();
    let (signed_info, value) = match parts.as_slice() {
        [signed_info, value] | [signed_info, value, _] => (*signed_info, *value),
        _ => return Err(form("it must hold SignedInfo, SignatureValue and KeyInfo")),
    };
    let has_names = signed_info.is(DSIG, "SignedInfo")
        && value.is(DSIG, "SignatureValue")
        && parts.get(2).is_none_or(|part| part.is(DSIG, "KeyInfo"));
    if !has_names {
        return Err(form("it must hold SignedInfo, SignatureValue and KeyInfo"));
    }
    let method = signed_info
        .only(DSIG, "CanonicalizationMethod")
        .ok_or(form("CanonicalizationMethod"))?;
    let bytes = signed_info.canonical(None, &exclusive(method)?);
    // From here on, only what was read from these bytes.
    let signed_info = xml::parse(&bytes)?;
    let reference = Reference::of(&signed_info)?;
    let signature = base64(value).ok_or(form("SignatureValue is not base64"))?;
    let is_by = |certificate: &Certificate| {
        UnparsedPublicKey::new(reference.algorithm, certificate.key_info())
            .verify(&bytes, &signature)
            .is_ok()
    };
    if signature.is_empty() || !certificates.iter().any(is_by) {
        return Err(SignatureError::Key);
    }
    let id = element
        .attribute("ID")
        .filter(|id| !id.is_empty())
        .ok_or(SignatureError::Reference)?;
    if reference.uri.strip_prefix('#') != Some(id) {
        return Err(SignatureError::Reference);
    }
    let content = element.canonical(element.only(DSIG, "Signature"), &reference.inclusive);
    if digest::digest(reference.digest, &content).as_ref() != reference.value {
        return Err(SignatureError::Digest);
    }
    Ok(xml::parse(&content)?)
}

struct Reference {
    algorithm: &'static dyn VerificationAlgorithm,
    uri: String,
    inclusive: BTreeSet<String>,
    digest: &'static digest::Algorithm,
    value: Vec<u8>,
}

impl Reference {
    fn of(signed_info: &Element) -> Result<Self, SignatureError> {
        let form = SignatureError::Form;
        let parts: Vec<&Element> = signed_info.elements().collect();
        let [canonicalization, method, reference] = parts.as_slice() else {
            return Err(form("SignedInfo must hold two methods and one Reference"));
        };
        let has_names = canonicalization.is(DSIG, "CanonicalizationMethod")
            && method.is(DSIG, "SignatureMethod")
            && reference.is(DSIG, "Reference")
            && method.elements().next().is_none();
        if !has_names {
            return Err(form("SignedInfo must hold two methods and one Reference"));
        }
        let parts: Vec<&Element> = reference.elements().collect();
        let [transforms, digest, value] = parts.as_slice() else {
            return Err(form(
                "Reference must hold Transforms, DigestMethod and DigestValue",
            ));
        };
        let has_names = transforms.is(DSIG, "Transforms")
            && digest.is(DSIG, "DigestMethod")
            && value.is(DSIG, "DigestValue");
        let steps: Vec<&Element> = transforms.elements().collect();
        let [enveloped, last] = steps.as_slice() else {
            return Err(form(
                "the transforms must be enveloped-signature and exclusive canonicalisation",
            ));
        };
        let is_enveloped = enveloped.is(DSIG, "Transform")
            && last.is(DSIG, "Transform")
            && enveloped.attribute("Algorithm") == Some(ENVELOPED)
            && enveloped.elements().next().is_none();
        if !has_names || !is_enveloped {
            return Err(form(
                "the transforms must be enveloped-signature and exclusive canonicalisation",
            ));
        }
        exclusive(canonicalization)?;
        Ok(Self {
            algorithm: signature_algorithm(method.attribute("Algorithm"))?,
            uri: reference
                .attribute("URI")
                .ok_or(SignatureError::Reference)?
                .to_owned(),
            inclusive: exclusive(last)?,
            digest: digest_algorithm(digest.attribute("Algorithm"))?,
            value: base64(value).ok_or(form("DigestValue is not base64"))?,
        })
    }
}

/// The prefixes that a use of exclusive canonicalisation treats as inclusive.
fn exclusive(method: &Element) -> Result<BTreeSet<String>, SignatureError> {
    if method.attribute("Algorithm") != Some(EXCLUSIVE) {
        return Err(SignatureError::Algorithm);
    }
    let mut parameters = method.elements();
    let Some(list) = parameters.next() else {
        return Ok(BTreeSet::new());
    };
    if !list.is(EXCLUSIVE, "InclusiveNamespaces") || parameters.next().is_some() {
        return Err(SignatureError::Form(
            "canonicalisation has an unknown parameter",
        ));
    }
    let prefixes = list
        .attribute("PrefixList")
        .unwrap_or_default()
        .split_ascii_whitespace();
    Ok(prefixes
        .map(|prefix| {
            if prefix == "#default" {
                String::new()
            } else {
                prefix.to_owned()
            }
        })
        .collect())
}

/// RFC 9231: RSA with PKCS #1 v1.5 padding, and SHA-256 or better. SHA-1 and every HMAC are refused.
fn signature_algorithm(
    name: Option<&str>,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    match name {
        Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256") => {
            Ok(&RSA_PKCS1_2048_8192_SHA256)
        }
        Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384") => {
            Ok(&RSA_PKCS1_2048_8192_SHA384)
        }
        Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512") => {
            Ok(&RSA_PKCS1_2048_8192_SHA512)
        }
        _ => Err(SignatureError::Algorithm),
    }
}

fn digest_algorithm(name: Option<&str>) -> Result<&'static digest::Algorithm, SignatureError> {
    match name {
        Some("http://www.w3.org/2001/04/xmlenc#sha256") => Ok(&digest::SHA256),
        Some("http://www.w3.org/2001/04/xmldsig-more#sha384") => Ok(&digest::SHA384),
        Some("http://www.w3.org/2001/04/xmlenc#sha512") => Ok(&digest::SHA512),
        _ => Err(SignatureError::Algorithm),
    }
}

fn base64(element: &Element) -> Option<Vec<u8>> {
    let text: String = element.text()?.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}
