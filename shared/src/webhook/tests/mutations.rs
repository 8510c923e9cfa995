//! The verifier's fuzz target. Genuine requests of every header family are bent in ways that know their
//! shape; one that still verifies must say, in every part that its proof covers, what a genuine one said.
//!
//! `PORTICO_FUZZ_ROUNDS` runs it for longer and `PORTICO_SEED` from another seed.

use crate::webhook::keys::Keys;
use crate::webhook::pointer;
use crate::webhook::request::{Headers, RawRequest};
use crate::webhook::scheme::{
    Binding, Canonical, Certified, Credential, Proof, Scheme, Signature, TimestampSource,
};
use crate::webhook::sign::{Outgoing, dispatch};
use crate::webhook::tests::round_trip::{families, published, secrets};
use crate::webhook::verify::{Signed, adyen, paypal, query_hash, sns, twilio, value_of, verify};
use crate::webhook::{form_body, sample, xml};

const NOW: i64 = 1_760_000_000;

#[derive(Debug, Clone, PartialEq)]
struct Sent {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

#[test]
fn a_bent_request_verifies_only_if_nothing_that_is_signed_was_bent() {
    let rounds = rounds();
    let seed = number("PORTICO_SEED").unwrap_or(20_251_009);
    eprintln!("the seed is {seed}; PORTICO_SEED={seed} runs it again");
    let mut chance = Chance(seed | 1);
    let (mut passed, mut refused) = (0_u64, 0_u64);
    for scheme in families() {
        let (private, secret) = secrets(scheme.key_format, [7; 32]);
        let keys = Keys::prepare(&scheme, &[&secret]).unwrap();
        let genuine = [
            sent(&scheme, &private, "evt_1", NOW),
            sent(&scheme, &private, "evt_2", NOW - 1),
        ];
        let said: Vec<_> = genuine
            .iter()
            .map(|sent| sent.read(|it| covered(&scheme, it)))
            .collect();
        for original in &genuine {
            original.read(|request| {
                let vendor_keys = published(&scheme, request, NOW);
                verify(&scheme, request, &keys, &vendor_keys, NOW).unwrap();
            });
        }
        for _ in 0..rounds {
            let mut bent = genuine[chance.below(2)].clone();
            for _ in 0..=chance.below(3) {
                bend(&mut bent, &genuine[chance.below(2)], &mut chance);
            }
            let (result, now_says) = bent.read(|request| {
                let vendor_keys = published(&scheme, request, NOW);
                let result = verify(&scheme, request, &keys, &vendor_keys, NOW);
                (result, covered(&scheme, request))
            });
            match result {
                Ok(_) => {
                    passed += 1;
                    assert!(said.contains(&now_says), "{} took {bent:?}", scheme.name);
                }
                Err(_) => refused += 1,
            }
        }
    }
    // Benign changes are among them, and so are others: a target that hits nothing proves nothing.
    assert!(
        passed > 0 && refused > passed,
        "{passed} passed, {refused} were refused"
    );
}

fn sent(scheme: &Scheme, private: &str, id: &str, at: i64) -> Sent {
    let body = sample::body(scheme, id, at);
    let outgoing = Outgoing {
        id,
        timestamp_unix_s: at,
        method: "POST",
        url: "https://hooks.example.test/hooks/abc?tenant=1",
        body: body.as_bytes(),
    };
    let sent = dispatch(scheme, private.as_bytes(), &outgoing).unwrap();
    let bytes = |(name, value): (String, String)| (name, value.into_bytes());
    Sent {
        method: "POST".to_owned(),
        url: sent.url,
        headers: sent.headers.into_iter().map(bytes).collect(),
        body: sent.body,
    }
}

impl Sent {
    fn read<T>(&self, read: impl FnOnce(&RawRequest<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        read(&RawRequest {
            method: &self.method,
            url: &self.url,
            headers: Headers::Pairs(&headers),
            body: &self.body,
        })
    }
}

/// One change. Some of them change nothing that any vendor signs.
fn bend(sent: &mut Sent, other: &Sent, chance: &mut Chance) {
    let at = chance.below(sent.headers.len().max(1));
    match chance.below(18) {
        0 => flip(&mut sent.body, chance),
        1 => sent.body.truncate(chance.below(sent.body.len() + 1)),
        2 => sent.body.insert(chance.below(sent.body.len() + 1), b' '),
        3 => sent.body.extend_from_slice(b"\r\n"),
        4 => sent.body.clone_from(&other.body),
        5 => splice(&mut sent.body, &other.body, chance),
        6 => sent.method = "GET".to_owned(),
        7 => sent.url.push_str("&x=1"),
        8 => sent.url.clone_from(&other.url),
        9 => sent.url = sent.url.replace("https", "http"),
        10 => sent.headers.reverse(),
        11 => sent.headers.push(("X-Added".to_owned(), b"1".to_vec())),
        12 if !sent.headers.is_empty() => drop(sent.headers.remove(at)),
        13 if !sent.headers.is_empty() => sent.headers.push(sent.headers[at].clone()),
        14 if !sent.headers.is_empty() => flip(&mut sent.headers[at].1, chance),
        15 if !sent.headers.is_empty() => {
            sent.headers[at].0 = sent.headers[at].0.to_ascii_uppercase();
        }
        16 if at < other.headers.len() && at < sent.headers.len() => {
            sent.headers[at] = other.headers[at].clone();
        }
        17 if !sent.headers.is_empty() => {
            let value = sent.headers[at].1.clone();
            sent.headers[at].1 = [value.clone(), b",".to_vec(), value].concat();
        }
        _ => flip(&mut sent.body, chance),
    }
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    if !bytes.is_empty() {
        let at = chance.below(bytes.len());
        bytes[at] ^= 1 << chance.below(8);
    }
}

/// The beginning of one and the end of the other.
fn splice(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len().min(other.len()) + 1);
    bytes.truncate(at);
    bytes.extend_from_slice(&other[at..]);
}

/// What a proof covers, as the verifier must have read it.
fn covered(scheme: &Scheme, request: &RawRequest<'_>) -> Option<Vec<Vec<u8>>> {
    let text = |name: &str| {
        request
            .headers
            .text(name)
            .map(|text| text.as_bytes().to_vec())
    };
    match &scheme.wire.proof {
        Proof::Signature(rule) => Some(vec![signed_message(rule, request)?]),
        Proof::Canonical(Canonical::Twilio | Canonical::TwilioSharedKey) => {
            let url = request.url.replace(":443", "");
            let fields = if twilio::is_form(request.headers).ok()? {
                twilio::sorted_fields(request.body)
            } else {
                vec![(Vec::new(), request.body.to_vec())]
            };
            let fields = fields.into_iter().flat_map(|(name, value)| [name, value]);
            Some([vec![url.into_bytes()], fields.collect()].concat())
        }
        Proof::Canonical(Canonical::AdyenStandard) => {
            let notification: adyen::Notification = serde_json::from_slice(request.body).ok()?;
            let item = |item: &adyen::Wrapped| item.notification_request_item.content();
            let items = notification.notification_items.iter().map(item);
            items
                .map(|content| content.map(String::into_bytes))
                .collect()
        }
        Proof::Canonical(Canonical::Contentful) => Some(vec![
            request.method.as_bytes().to_vec(),
            request.url.split_once("test/")?.1.as_bytes().to_vec(),
            request.body.to_vec(),
        ]),
        Proof::Canonical(Canonical::Mailgun) => {
            let of = |place: &str| pointer::find(request.body, place);
            let shown = format!(
                "{:?} {:?}",
                of("/signature/timestamp"),
                of("/signature/token")
            );
            Some(vec![shown.into_bytes()])
        }
        Proof::Token(rule) => {
            let mut parts = vec![text(&rule.header)?];
            for binding in rule.bindings.iter() {
                match binding {
                    Binding::BodySha256 { .. } => parts.push(request.body.to_vec()),
                    Binding::Url { .. } => parts.push(request.url.as_bytes().to_vec()),
                    Binding::QueryHash { .. } => {
                        parts.push(query_hash::of(request.method, request.url).into_bytes());
                    }
                    Binding::Claim { .. } | Binding::Affirmed { .. } | Binding::Secret { .. } => {}
                }
            }
            Some(parts)
        }
        Proof::Certificate(Certified::AwsSns) => Some(vec![
            sns::read(request.body).ok()?.canonical().ok()?.into_bytes(),
        ]),
        Proof::Certificate(Certified::PayPal) => {
            let id = request.headers.text(&paypal::ID)?;
            let time = request.headers.text(&paypal::TIME_HEADER)?;
            Some(vec![paypal::content(id, time, b"", request.body)])
        }
        Proof::Credential(Credential::Header { name, .. }) => Some(vec![text(name)?]),
        Proof::Credential(Credential::Basic) => {
            let value = request.headers.text("Authorization")?;
            Some(vec![value.split_once(' ')?.1.as_bytes().to_vec()])
        }
        Proof::Credential(Credential::Query { name }) => {
            let query = request.url.split_once('?')?.1;
            Some(vec![form_body::find(query.as_bytes(), name)?.into_bytes()])
        }
        Proof::Credential(Credential::Json { pointer }) => Some(vec![
            format!("{:?}", pointer::find(request.body, pointer)).into_bytes(),
        ]),
        Proof::Credential(Credential::Xml { element }) => {
            let mut texts = xml::texts(request.body, element)?;
            texts.dedup();
            Some(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
        }
        Proof::Unsigned => None,
    }
}

fn signed_message(rule: &Signature, request: &RawRequest<'_>) -> Option<Vec<u8>> {
    let id = match &rule.id_header {
        Some(name) => request.headers.text(name)?,
        None => "",
    };
    let timestamp = match rule.timestamp.as_ref().map(|time| &time.source) {
        Some(TimestampSource::Header { name }) => request.headers.text(name)?,
        Some(TimestampSource::SignatureKey { key }) => {
            let line = request.headers.text(&rule.source.first_header())?;
            value_of(&rule.form, line, key)?
        }
        Some(TimestampSource::Body { .. }) | None => "",
    };
    let signed = Signed {
        id,
        timestamp,
        request,
    };
    Some(signed.message(rule))
}

/// Xorshift: the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

/// How long the fuzz targets run.
pub(crate) fn rounds() -> u64 {
    number("PORTICO_FUZZ_ROUNDS").unwrap_or(60)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person runs it for longer by an environment variable"
)]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}
