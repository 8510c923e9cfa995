//! Properties of every header family of every preset: what `sign` makes `verify` accepts, and no bit of
//! what is signed can change.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use crate::webhook::encoding::hex;
use crate::webhook::keys::Keys;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{
    BodyRule, Canonical, Credential, Encoding, KeyFormat, Proof, Scheme, Shape, TimestampSource,
    Wire,
};
use crate::webhook::sign::{Outgoing, dispatch, stand_in};
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::{Authentic, Verdict, VerifyError, verify};
use crate::webhook::{presets, sample};

const NOW: i64 = 1_760_000_000;
const P256_PUBLIC_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const URL: &str = "https://hooks.example.test/hooks/abc";

/// Every family that can be signed, as a scheme of its own.
pub(super) fn families() -> Vec<Scheme> {
    presets::all()
        .filter(|scheme| scheme.key_format != KeyFormat::SpkiBase64)
        .filter(|scheme| scheme.shape() != Shape::Unsigned)
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
pub(super) fn secrets(format: KeyFormat, seed: [u8; 32]) -> (String, String) {
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
        KeyFormat::Text64 => same(hex(&seed)),
        KeyFormat::UserPassword | KeyFormat::ClientCredentials => {
            same(format!("user:{}", hex(&seed)))
        }
        KeyFormat::TopicArn => same(format!("arn:aws:sns:us-east-1:123456789012:{}", hex(&seed))),
        KeyFormat::SpkiBase64 => panic!("no signer for this format"),
    }
}

/// What the vendors would answer, were the stand-in's key theirs.
pub(crate) fn published(scheme: &Scheme, request: &RawRequest<'_>, now: i64) -> VendorKeys {
    VendorKeys::given(scheme, request, now, |wanted| {
        let url = wanted.url();
        stand_in::answer(url.strip_prefix("https://")?).map(str::to_owned)
    })
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
    url: String,
    body: Vec<u8>,
    secret: String,
}

impl Captured {
    fn new(scheme: &Scheme, seed: [u8; 32], id: &str, signed_at: i64, extra: &[u8]) -> Self {
        let wire = &scheme.wire;
        let (private, secret) = secrets(scheme.key_format, seed);
        let body = match wire.body {
            _ if carries_proof_in_body(wire) => sample::body(scheme, id, signed_at).into_bytes(),
            BodyRule::Any => extra.to_vec(),
            BodyRule::NonEmpty | BodyRule::JsonObject => [b"{", extra].concat(),
        };
        let outgoing = Outgoing {
            id,
            timestamp_unix_s: signed_at,
            method: "POST",
            url: URL,
            body: &body,
        };
        let sent = dispatch(scheme, private.as_bytes(), &outgoing).unwrap();
        let headers = sent
            .headers
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()))
            .collect();
        Self {
            headers,
            url: sent.url,
            body: sent.body,
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
            url: &self.url,
            headers: Headers::Pairs(&headers),
            body: &self.body,
        };
        let keys = Keys::prepare(scheme, &[&self.secret])?;
        verify(
            scheme,
            &request,
            &keys,
            &published(scheme, &request, now),
            now,
        )
    }

    /// The header lines that the scheme authenticates.
    fn signed_headers(&mut self, wire: &Wire) -> Vec<&mut Vec<u8>> {
        let names = read_headers(wire, ReadFor::Proof);
        self.headers
            .iter_mut()
            .filter(|(name, _)| names.contains(name))
            .map(|(_, value)| value)
            .collect()
    }
}

/// Whether what is proven, or the time of it, is read from the body.
fn carries_proof_in_body(wire: &Wire) -> bool {
    match &wire.proof {
        Proof::Signature(rule) => rule
            .timestamp
            .as_ref()
            .is_some_and(|time| matches!(time.source, TimestampSource::Body { .. })),
        Proof::Canonical(Canonical::AdyenStandard | Canonical::Mailgun) => true,
        Proof::Canonical(
            Canonical::Twilio | Canonical::TwilioSharedKey | Canonical::Contentful,
        ) => false,
        Proof::Token(_) | Proof::Certificate(_) => false,
        Proof::Credential(Credential::Json { .. } | Credential::Xml { .. }) => true,
        Proof::Credential(
            Credential::Header { .. } | Credential::Basic | Credential::Query { .. },
        )
        | Proof::Unsigned => false,
    }
}

/// A form has several spellings of the same fields, and Twilio signs the fields.
fn covers_every_byte(scheme: &Scheme) -> bool {
    match &scheme.wire.proof {
        Proof::Signature(_) | Proof::Canonical(Canonical::Contentful) => true,
        Proof::Token(token) => token.covers_body(),
        Proof::Certificate(_) => false,
        Proof::Canonical(
            Canonical::Twilio
            | Canonical::TwilioSharedKey
            | Canonical::AdyenStandard
            | Canonical::Mailgun,
        )
        | Proof::Credential(_)
        | Proof::Unsigned => false,
    }
}

/// Whether one bit of a header's value may carry nothing: the case of a letter.
fn ignores_case(wire: &Wire) -> bool {
    match &wire.proof {
        Proof::Signature(rule) => rule.encoding == Encoding::HexAnyCase,
        Proof::Credential(Credential::Basic) => true,
        Proof::Canonical(_)
        | Proof::Token(_)
        | Proof::Certificate(_)
        | Proof::Credential(_)
        | Proof::Unsigned => false,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum ReadFor {
    Proof,
    Any,
}

/// The headers that the verifier reads, all of them or those whose values it checks.
fn read_headers(wire: &Wire, purpose: ReadFor) -> Vec<String> {
    let mut names = wire.proof.headers();
    names.extend(wire.fixed_headers.iter().map(|fixed| fixed.name.clone()));
    if purpose == ReadFor::Any {
        names.extend(wire.required_headers.iter().cloned());
    }
    names.into_iter().map(Into::into).collect()
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
            let is_token = scheme.shape() == Shape::Token;
            let signed_at = (is_token || scheme.wire.proof.window().is_some()).then_some(NOW);
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
        for scheme in families().iter().filter(|scheme| covers_every_byte(scheme)) {
            let mut captured = Captured::new(scheme, seed, "id_1", NOW, &extra);
            flip(&mut captured.body, at, bit);
            prop_assert!(captured.verify(scheme, NOW).is_err(), "{}", scheme.name);
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
            .filter(|scheme| !ignores_case(&scheme.wire));
        for scheme in strict {
            let good = Captured::new(scheme, seed, "id_1", NOW, b"{}");
            let count = good.clone().signed_headers(&scheme.wire).len();
            prop_assert_eq!(count == 0, scheme.wire.proof.headers().is_empty());
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
            match captured.verify(&scheme, NOW) {
                Err(error) => prop_assert_eq!(error.verdict(), Verdict::BadSignature),
                // These only open the way to the vendor's keys.
                Ok(_) => prop_assert_eq!(scheme.key_format, KeyFormat::ClientCredentials),
            }
        }
    }

    #[test]
    fn the_window_is_closed_on_both_sides(seed: [u8; 32], offset in -100_000i64..100_000) {
        for scheme in families() {
            let Some(rule) = scheme.wire.proof.window() else { continue };
            let captured = Captured::new(&scheme, seed, "id_1", NOW, b"{}");
            let result = captured.verify(&scheme, NOW + offset);
            // Contentful's own libraries leave out the last second.
            let past_s = i64::from(rule.past_s)
                - i64::from(scheme.wire.proof == Proof::Canonical(Canonical::Contentful));
            let inside = -i64::from(rule.future_s) <= offset && offset <= past_s;
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
                let mut names = read_headers(wire, ReadFor::Any);
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
                let Ok(keys) = Keys::prepare(scheme, &[verifying_secret(scheme)]) else {
                    prop_assert_eq!(scheme.shape(), Shape::Unsigned);
                    continue;
                };
                let vendor_keys = published(scheme, &request, now);
                prop_assert!(verify(scheme, &request, &keys, &vendor_keys, now).is_err());
            }
        }
    }

    #[test]
    fn near_misses_of_a_signature_header_cannot_panic(value in "(t=|ts=|v1,|v0=|v1=|h1=|[0-9a-f]|,|;| |=){0,30}") {
        for scheme in presets::all() {
            let Some(header) = scheme.wire.proof.headers().into_iter().next() else { continue };
            let captured = Captured {
                headers: vec![
                    (header.into_owned(), value.clone().into_bytes()),
                    ("webhook-id".to_owned(), b"1".to_vec()),
                    ("webhook-timestamp".to_owned(), NOW.to_string().into_bytes()),
                ],
                url: URL.to_owned(),
                body: b"{}".to_vec(),
                secret: verifying_secret(scheme),
            };
            prop_assert!(captured.verify(scheme, NOW).is_err());
        }
    }
}
