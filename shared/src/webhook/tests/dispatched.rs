//! A vendor's request, sent and verified: what the tests of canonical schemes begin with.

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::sign::{Dispatch, Outgoing, dispatch};
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::{Verdict, VerifyError, verify};

pub(in crate::webhook) const NOW: i64 = 1_760_000_000;

/// A request as its vendor sends it.
pub(in crate::webhook) fn sent(scheme: &str, secret: &str, url: &str, body: &str) -> Dispatch {
    let outgoing = Outgoing {
        id: "id_1",
        timestamp_unix_s: NOW,
        method: "POST",
        url,
        body: body.as_bytes(),
    };
    dispatch(presets::find(scheme).unwrap(), secret.as_bytes(), &outgoing).unwrap()
}

/// What verification says of it: the index of the secret that matched.
pub(in crate::webhook) fn check(
    scheme: &str,
    secrets: &[&str],
    sent: &Dispatch,
) -> Result<Option<usize>, VerifyError> {
    let headers: Vec<(&str, &[u8])> = sent
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = RawRequest {
        method: "POST",
        url: &sent.url,
        headers: Headers::Pairs(&headers),
        body: &sent.body,
    };
    let scheme = presets::find(scheme).unwrap();
    let keys = Keys::prepare(scheme, secrets)?;
    verify(scheme, &request, &keys, &VendorKeys::none(), NOW)
        .map(|authentic| authentic.matched_secret())
}

/// Why it is refused; `None` if it verifies.
pub(in crate::webhook) fn verdict(scheme: &str, secret: &str, sent: &Dispatch) -> Option<Verdict> {
    check(scheme, &[secret], sent)
        .err()
        .map(|error| error.verdict())
}
