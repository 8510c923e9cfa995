//! The roots are five different ones, and none ends within years.

use std::collections::BTreeSet;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::{AMAZON_ROOTS, amazon_only};

#[test]
fn each_root_is_a_certificate_that_tls_takes() {
    let mut subjects = BTreeSet::new();
    for pem in AMAZON_ROOTS {
        let root = CertificateDer::from_pem_slice(pem).unwrap();
        let mut store = RootCertStore::empty();
        store.add(root).unwrap();
        subjects.insert(store.roots[0].subject.to_vec());
    }
    assert_eq!(subjects.len(), AMAZON_ROOTS.len());
}

#[test]
fn a_client_can_be_made_of_them() {
    assert!(amazon_only().is_ok());
}
