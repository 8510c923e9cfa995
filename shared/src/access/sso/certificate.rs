//! X.509 certificates as SAML uses them: a container for a pinned public key. Trust comes from the tenant's
//! owner having entered it, so neither its issuer nor its dates decide anything.

use base64::{Engine, engine::general_purpose::STANDARD};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;

/// A certificate's whole DER and, within it, its public key (RFC 5280 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    key_info: Vec<u8>,
}

impl Certificate {
    /// PEM, or its base64 alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .flat_map(|line| line.chars().filter(|letter| !letter.is_ascii_whitespace()))
            .collect();
        let der = STANDARD.decode(body).ok()?;
        let (certificate, rest) = element(&der, SEQUENCE)?;
        let (mut fields, _) = element(certificate, SEQUENCE)?;
        if !rest.is_empty() {
            return None;
        }
        if let Some((_, after)) = element(fields, VERSION) {
            fields = after;
        }
        fields = element(fields, INTEGER)?.1;
        // Signature algorithm, issuer, validity, subject.
        for _ in 0..4 {
            fields = element(fields, SEQUENCE)?.1;
        }
        let (_, after) = element(fields, SEQUENCE)?;
        let key_info = fields.get(..fields.len() - after.len())?.to_vec();
        Some(Self { der, key_info })
    }

    /// The DER of its SubjectPublicKeyInfo.
    pub(crate) fn key_info(&self) -> &[u8] {
        &self.key_info
    }

    /// SHA-256 of the certificate, by which people tell it from others.
    pub(crate) fn fingerprint(&self) -> String {
        crate::seal::sha256_hex(&self.der)
    }
}

/// The content of the DER element at the start of `bytes` if it has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (len, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (len, rest) = match len {
        0..=0x7f => (usize::from(*len), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (
            usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?),
            rest.get(2..)?,
        ),
        _ => return None,
    };
    rest.split_at_checked(len)
}
