//! Properties of every header family of every preset: what `sign` makes `verify` accepts, and no bit of
//! what is signed can change.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use crate::webhook::encoding::hex;
use crate::webhook::keys::Keys;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{BodyRule, Encoding, KeyFormat, Scheme, TimestampSource, Wire};
use crate::webhook::sign::{Outgoing, sign_wire};
use crate::webhook::verify::{Authentic, Verdict, VerifyError, verify};
use crate::webhook::{presets, sample};

const NOW: i64 = 1_760_000_000;
const P256_PUBLIC_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const URL: &str = "https://hooks.example.test/hooks/abc";

/// Every family that can be signed, as a scheme of its own.
fn families() -> Vec<Scheme> {
    presets::all()
        .filter(|scheme| scheme.key_format != KeyFormat::SpkiBase64)
        .flat_map(|scheme| {
            scheme.wires().map(|wire| Scheme {
                wire: wire.clone(),
                alternatives: [].as_slice().into(),
                ..scheme.clone()
            })
        })
        .collect()
}

/// The text to sign with and the text to verify with.
fn secrets(format: KeyFormat, seed: [u8; 32]) -> (String, String) {
    let same = |text: String| (text.clone(), text);
    let public = || {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        pair.public_key().as_ref().to_vec()
    };
    match format {
        KeyFormat::Utf8 | KeyFormat::Hex => same(hex(&seed)),
        KeyFormat::Base64 => same(STANDARD.encode(seed)),
        KeyFormat::Whsec | KeyFormat::WhsecOrUtf8 => {
            same(format!("whsec_{}", STANDARD.encode(seed)))
        }
        KeyFormat::Whpk => (
            format!("whsk_{}", STANDARD.encode(seed)),
            format!("whpk_{}", STANDARD.encode(public())),
        ),
        KeyFormat::Ed25519Hex => (hex(&seed), hex(&public())),
        KeyFormat::SpkiBase64 => panic!("no signer for this format"),
    }
}

/// Any usable secret of the scheme's format.
fn verifying_secret(scheme: &Scheme) -> String {
    match scheme.key_format {
        KeyFormat::SpkiBase64 => P256_PUBLIC_KEY.to_owned(),
        format => secrets(format, [7; 32]).1,
    }
}

#[derive(Debug, Clone)]
struct Captured {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    secret: String,
}

impl Captured {
    fn new(scheme: &Scheme, seed: [u8; 32], id: &str, signed_at: i64, extra: &[u8]) -> Self {
        let wire = &scheme.wire;
        let (private, secret) = secrets(scheme.key_format, seed);
        let body = match &wire.timestamp {
            Some(rule) if matches!(rule.source, TimestampSource::Body { .. }) => {
                sample::body(scheme, id, signed_at).into_bytes()
            }
            Some(_) | None => match wire.body {
                BodyRule::Any => extra.to_vec(),
                BodyRule::NonEmpty | BodyRule::JsonObject => [b"{", extra].concat(),
            },
        };
        let outgoing = Outgoing {
            id,
            timestamp_unix_s: signed_at,
            method: "POST",
            url: URL,
            body: &body,
        };
        let headers = sign_wire(scheme.key_format, wire, private.as_bytes(), &outgoing)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()))
            .collect();
        Self {
            headers,
            body,
            secret,
        }
    }

    fn verify(&self, scheme: &Scheme, now: i64) -> Result<Authentic, VerifyError> {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let request = RawRequest {
            method: "POST",
            url: URL,
            headers: Headers::Pairs(&headers),
            body: &self.body,
        };
        let keys = Keys::prepare(scheme, &[&self.secret])?;
        verify(scheme, &request, &keys, now)
    }

    /// The header lines that the scheme authenticates.
    fn signed_headers(&mut self, wire: &Wire) -> Vec<&mut Vec<u8>> {
        let mut names = vec![wire.signature.first_header().into_owned()];
        names.extend(wire.id_header.iter().map(ToString::to_string));
        names.extend(
            wire.fixed_headers
                .iter()
                .map(|fixed| fixed.name.to_string()),
        );
        if let Some(TimestampSource::Header { name }) =
            wire.timestamp.as_ref().map(|rule| &rule.source)
        {
            names.push(name.to_string());
        }
        self.headers
            .iter_mut()
            .filter(|(name, _)| names.contains(name))
            .map(|(_, value)| value)
            .collect()
    }
}

fn flip(bytes: &mut [u8], at: prop::sample::Index, bit: u8) {
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_signed_verifies(
        seed: [u8; 32],
        id in "[A-Za-z0-9_]{1,40}",
        extra: Vec<u8>,
    ) {
        for scheme in families() {
            let captured = Captured::new(&scheme, seed, &id, NOW, &extra);
            let authentic = captured.verify(&scheme, NOW);
            prop_assert!(authentic.is_ok(), "{}: {authentic:?} {captured:?}", scheme.name);
            let signed_at = scheme.wire.timestamp.as_ref().map(|_| NOW);
            prop_assert_eq!(authentic.unwrap().signed_at_unix_s(), signed_at);
        }
    }

    #[test]
    fn no_bit_of_the_body_can_change(
        seed: [u8; 32],
        mut extra: Vec<u8>,
        at: prop::sample::Index,
        bit in 0u8..8,
    ) {
        extra.push(b'x');
        for scheme in families() {
            let mut captured = Captured::new(&scheme, seed, "id_1", NOW, &extra);
            flip(&mut captured.body, at, bit);
            prop_assert!(captured.verify(&scheme, NOW).is_err(), "{}", scheme.name);
        }
    }

    #[test]
    fn no_bit_of_an_authenticated_header_can_change(
        seed: [u8; 32],
        at: prop::sample::Index,
        bit in 0u8..8,
    ) {
        // Where a vendor allows either case of hex, the case bit carries nothing.
        let families = families();
        let strict = families
            .iter()
            .filter(|scheme| scheme.wire.encoding != Encoding::HexAnyCase);
        for scheme in strict {
            let good = Captured::new(scheme, seed, "id_1", NOW, b"{}");
            let count = good.clone().signed_headers(&scheme.wire).len();
            prop_assert!(count > 0);
            for header in 0..count {
                let mut captured = good.clone();
                flip(captured.signed_headers(&scheme.wire)[header], at, bit);
                prop_assert!(
                    captured.verify(scheme, NOW).is_err(),
                    "{} {captured:?}", scheme.name
                );
            }
        }
    }

    #[test]
    fn another_secret_never_verifies(seed: [u8; 32], other: [u8; 32]) {
        prop_assume!(seed != other);
        for scheme in families() {
            let mut captured = Captured::new(&scheme, seed, "id_1", NOW, b"{}");
            captured.secret = secrets(scheme.key_format, other).1;
            prop_assert_eq!(
                captured.verify(&scheme, NOW),
                Err(VerifyError::SignatureMismatch)
            );
        }
    }

    #[test]
    fn the_window_is_closed_on_both_sides(seed: [u8; 32], offset in -100_000i64..100_000) {
        for scheme in families() {
            let Some(rule) = scheme.wire.timestamp.clone() else { continue };
            let captured = Captured::new(&scheme, seed, "id_1", NOW, b"{}");
            let result = captured.verify(&scheme, NOW + offset);
            let inside = -i64::from(rule.future_s) <= offset && offset <= i64::from(rule.past_s);
            match result {
                Ok(_) => prop_assert!(inside),
                Err(error) => {
                    prop_assert!(!inside);
                    prop_assert_eq!(error.verdict(), Verdict::Stale);
                }
            }
        }
    }

    #[test]
    fn nothing_that_arrives_can_panic(
        values: Vec<Vec<u8>>,
        body: Vec<u8>,
        now: i64,
        url in ".{0,40}",
    ) {
        for scheme in presets::all() {
            for wire in scheme.wires() {
                let mut names = vec![wire.signature.first_header().into_owned()];
                names.extend(wire.id_header.iter().map(ToString::to_string));
                names.extend(wire.required_headers.iter().map(ToString::to_string));
                names.extend(wire.fixed_headers.iter().map(|fixed| fixed.name.to_string()));
                names.push("X-Slack-Request-Timestamp".to_owned());
                let headers: Vec<(&str, &[u8])> = names
                    .iter()
                    .map(String::as_str)
                    .zip(values.iter().map(Vec::as_slice))
                    .collect();
                let request = RawRequest {
                    method: "POST",
                    url: &url,
                    headers: Headers::Pairs(&headers),
                    body: &body,
                };
                let keys = Keys::prepare(scheme, &[verifying_secret(scheme)]).unwrap();
                prop_assert!(verify(scheme, &request, &keys, now).is_err());
            }
        }
    }

    #[test]
    fn near_misses_of_a_signature_header_cannot_panic(value in "(t=|ts=|v1,|v0=|v1=|h1=|[0-9a-f]|,|;| |=){0,30}") {
        for scheme in presets::all() {
            let captured = Captured {
                headers: vec![
                    (scheme.wire.signature.first_header().into_owned(), value.clone().into_bytes()),
                    ("webhook-id".to_owned(), b"1".to_vec()),
                    ("webhook-timestamp".to_owned(), NOW.to_string().into_bytes()),
                ],
                body: b"{}".to_vec(),
                secret: verifying_secret(scheme),
            };
            prop_assert!(captured.verify(scheme, NOW).is_err());
        }
    }
}
