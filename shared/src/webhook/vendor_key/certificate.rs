//! Public keys out of PEM. Where a vendor's host alone vouches, TLS has already checked that host; where
//! the certificate must stand for itself, its chain is followed to a public root.

use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::webhook::scheme::Algorithm;
use crate::webhook::vendor_key::{KeyError, VendorKey};

/// A leaf, and more authorities than any vendor's chain has.
const MOST_CERTIFICATES: usize = 6;

/// Who vouches for a certificate's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The public authorities that browsers trust.
    Public,
    /// Whoever hands the certificate over: a test vector, a captured request, a laptop.
    Given,
}

/// The key of a certificate that TLS brought from the vendor's own host. SNS serves no chain beside it.
pub(super) fn of_host(pem: &[u8]) -> Result<VendorKey, KeyError> {
    let chain = certificates(pem)?;
    let leaf = chain.first().ok_or(KeyError::Unusable)?;
    let leaf = EndEntityCert::try_from(leaf).map_err(|_| KeyError::Unusable)?;
    rsa_key(leaf.subject_public_key_info().as_ref())
}

/// The key of PayPal's certificate: a chain of today up to a root, and a name below `paypal.com`.
pub(super) fn of_chain(pem: &[u8], trust: Trust, now_unix_s: i64) -> Result<VendorKey, KeyError> {
    let chain = certificates(pem)?;
    let (first, rest) = chain.split_first().ok_or(KeyError::Unusable)?;
    let leaf = EndEntityCert::try_from(first).map_err(|_| KeyError::Unusable)?;
    let last = rest.last().unwrap_or(first);
    let given: Vec<TrustAnchor<'_>> = match trust {
        Trust::Public => Vec::new(),
        Trust::Given => vec![anchor_from_trusted_cert(last).map_err(|_| KeyError::Unusable)?],
    };
    let anchors = match trust {
        Trust::Public => webpki_roots::TLS_SERVER_ROOTS,
        Trust::Given => &given,
    };
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_unix_s.max(0).unsigned_abs()));
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        anchors,
        rest,
        now,
        KeyUsage::server_auth(),
        None,
        None,
    )
    .map_err(|_| KeyError::Untrusted)?;
    match common_name(leaf.subject()) {
        Some(name) if name.ends_with(".paypal.com") => {}
        Some(_) | None => return Err(KeyError::WrongName),
    }
    rsa_key(leaf.subject_public_key_info().as_ref())
}

/// A bare public key in PEM.
pub(super) fn public_key(pem: &[u8]) -> Result<VendorKey, KeyError> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| KeyError::Unusable)?;
    rsa_key(key.as_ref())
}

fn rsa_key(spki: &[u8]) -> Result<VendorKey, KeyError> {
    VendorKey::checked(spki.to_vec(), Algorithm::RsaSha256)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, KeyError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem)
        .take(MOST_CERTIFICATES)
        .collect();
    chain.map_err(|_| KeyError::Unusable)
}

/// The one common name (OID 2.5.4.3) of a subject.
fn common_name(subject: &[u8]) -> Option<&str> {
    const OID: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
    let mut places = subject
        .windows(OID.len())
        .enumerate()
        .filter(|(_, window)| *window == OID);
    let (Some((at, _)), None) = (places.next(), places.next()) else {
        return None;
    };
    let (len, text) = match subject.get(at + OID.len()..)? {
        // UTF8String, PrintableString and IA5String of fewer than 128 bytes.
        [0x0c | 0x13 | 0x16, len @ 0..0x80, text @ ..] => (usize::from(*len), text),
        _ => return None,
    };
    std::str::from_utf8(text.get(..len)?).ok()
}
