//! One captured request in words, for the person who configures an endpoint. Values are described, and
//! secrets only counted.

use std::fmt::Write as _;

use jiff::Timestamp as Instant;

use crate::webhook::keys::Keys;
use crate::webhook::presets;
use crate::webhook::request::{Headers, Lines, RawRequest};
use crate::webhook::scheme::{KeyFormat, Proof, Scheme, Text, TimestampSource, Wire, describe};
use crate::webhook::timestamp;
use crate::webhook::vendor_key::VendorKeys;
use crate::webhook::verify::{
    Authentic, VerifyError, carries_proof, select_wire, value_of, verify,
};

/// Explains what the verifier sees and why it decides as it does.
pub fn explain<S: AsRef<[u8]>>(
    scheme: &Scheme,
    request: &RawRequest<'_>,
    secrets: &[S],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
) -> String {
    let (_, wire) = select_wire(scheme, request.headers);
    let mut text = format!("scheme: {} ({})\n", scheme.name, scheme.title);
    let lines = describe::lines(&wire.proof);
    for (name, value) in &lines {
        line(&mut text, name, value);
    }
    for name in names(wire) {
        line(
            &mut text,
            &format!("header {name}"),
            &found(request.headers, &name),
        );
    }
    line(&mut text, "body", &format!("{} bytes", request.body.len()));
    line(&mut text, "secrets", &format!("{} given", secrets.len()));
    let skew = clock_skew(wire, request.headers, now_unix_s);
    if let Some(skew) = &skew {
        line(&mut text, "clock", &skew.text);
    }
    let result = decide(scheme, request, secrets, vendor_keys, now_unix_s);
    match &result {
        Ok(authentic) => line(
            &mut text,
            "verdict",
            &match authentic.matched_secret() {
                Some(index) => format!("ok, secret {} matched", index + 1),
                None => "ok, without a proof".to_owned(),
            },
        ),
        Err(error) => line(
            &mut text,
            "verdict",
            &format!("{}: {error}", error.verdict().as_str()),
        ),
    }
    if let Err(error) = result {
        let time = outdated(&error, now_unix_s).filter(|_| skew.is_none());
        for hint in time.into_iter().chain(hints(
            scheme,
            wire,
            request,
            secrets,
            vendor_keys,
            now_unix_s,
            &error,
        )) {
            line(&mut text, "hint", &hint);
        }
    }
    text
}

/// What a person can do about a refusal: the clock's skew, and every near miss.
pub fn remarks<S: AsRef<[u8]>>(
    scheme: &Scheme,
    request: &RawRequest<'_>,
    secrets: &[S],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
    error: &VerifyError,
) -> Vec<String> {
    let (_, wire) = select_wire(scheme, request.headers);
    // A signature's own time tells more than the error.
    let time = match clock_skew(wire, request.headers, now_unix_s) {
        Some(skew) => (!skew.is_tolerated).then_some(skew.text),
        None => outdated(error, now_unix_s),
    };
    let hints = hints(
        scheme,
        wire,
        request,
        secrets,
        vendor_keys,
        now_unix_s,
        error,
    );
    time.into_iter().chain(hints).collect()
}

/// How a signature's own time differs from ours.
struct Skew {
    text: String,
    is_tolerated: bool,
}

fn decide<S: AsRef<[u8]>>(
    scheme: &Scheme,
    request: &RawRequest<'_>,
    secrets: &[S],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
) -> Result<Authentic, VerifyError> {
    let keys = Keys::prepare(scheme, secrets)?;
    verify(scheme, request, &keys, vendor_keys, now_unix_s)
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{name}: {value}");
}

/// Every header that the verifier reads.
fn names(wire: &Wire) -> Vec<Text> {
    let mut names = wire.proof.headers();
    names.extend(wire.required_headers.iter().cloned());
    names.extend(wire.fixed_headers.iter().map(|fixed| fixed.name.clone()));
    names
}

fn found(headers: Headers<'_>, name: &str) -> String {
    match headers.lines(name) {
        Lines::None => "missing".to_owned(),
        Lines::One(value) => format!("found, {} characters", value.len()),
        Lines::Several => "several lines, one is allowed".to_owned(),
    }
}

fn clock_skew(wire: &Wire, headers: Headers<'_>, now_unix_s: i64) -> Option<Skew> {
    let Proof::Signature(signature) = &wire.proof else {
        return None;
    };
    let rule = signature.timestamp.as_ref()?;
    let sent = match &rule.source {
        TimestampSource::Header { name } => headers.text(name)?,
        TimestampSource::SignatureKey { key } => {
            let list = headers.text(&signature.source.first_header())?;
            value_of(&signature.form, list, key)?
        }
        TimestampSource::Body { .. } => return None,
    };
    let Some(signed_ms) = timestamp::parse(rule, sent) else {
        return Some(Skew {
            text: format!("the timestamp is not {}", timestamp::expected(rule)),
            is_tolerated: false,
        });
    };
    let signed_s = signed_ms.div_euclid(1_000);
    let skew_s = now_unix_s.saturating_sub(signed_s);
    let direction = if skew_s < 0 { "ahead of" } else { "behind" };
    let text = format!(
        "the timestamp is {} s {direction} ours ({} against {}), allowed are {} s behind and {} s ahead",
        skew_s.unsigned_abs(),
        utc(signed_s),
        utc(now_unix_s),
        rule.past_s,
        rule.future_s
    );
    let is_tolerated = timestamp::check_fresh(rule, signed_ms, now_unix_s).is_ok();
    Some(Skew { text, is_tolerated })
}

/// What is wrong with the time in a token, a certificate's message or a body.
fn outdated(error: &VerifyError, now_unix_s: i64) -> Option<String> {
    let (what, by_s) = match error {
        VerifyError::Expired { by_s } => ("it expired at", i64::try_from(*by_s).ok()?),
        VerifyError::Stale { by_s, .. } => ("it was made at", i64::try_from(*by_s).ok()?),
        VerifyError::Future { by_s, .. } => ("it was made at", -i64::try_from(*by_s).ok()?),
        _ => return None,
    };
    Some(format!(
        "{what} {}, our clock says {}: a late delivery, or a clock that is wrong",
        utc(now_unix_s.saturating_sub(by_s)),
        utc(now_unix_s)
    ))
}

fn utc(unix_s: i64) -> String {
    Instant::from_second(unix_s).map_or_else(|_| format!("{unix_s} s"), |time| time.to_string())
}

fn hints<S: AsRef<[u8]>>(
    scheme: &Scheme,
    wire: &Wire,
    request: &RawRequest<'_>,
    secrets: &[S],
    vendor_keys: &VendorKeys,
    now_unix_s: i64,
    error: &VerifyError,
) -> Vec<String> {
    let mut hints = Vec::new();
    if !carries_proof(wire, request.headers) {
        let others: Vec<&str> = presets::all()
            .filter(|other| other.name != scheme.name)
            .filter(|other| {
                other
                    .wires()
                    .any(|wire| carries_proof(wire, request.headers))
            })
            .map(|other| other.name.as_ref())
            .collect();
        if !others.is_empty() {
            hints.push(format!("this looks like scheme {}", others.join(" or ")));
        }
    }
    if *error != VerifyError::SignatureMismatch {
        return hints;
    }
    if let Some(coding) = request.headers.coding() {
        hints.push(format!(
            "the body is compressed ({coding}): a signature over what is inside does not match, and a body sent \
             without Content-Encoding would"
        ));
    }
    let passes = |request: &RawRequest<'_>, secrets: &[&[u8]]| {
        !matches!(
            decide(scheme, request, secrets, vendor_keys, now_unix_s),
            Err(VerifyError::SignatureMismatch
                | VerifyError::UnusableSecret { .. }
                | VerifyError::NoVendorKey { .. })
        )
    };
    let given: Vec<&[u8]> = secrets.iter().map(AsRef::as_ref).collect();
    let trimmed: Vec<&[u8]> = given.iter().map(|secret| secret.trim_ascii()).collect();
    if trimmed != given && passes(request, &trimmed) {
        hints.push("it matches without the white space around the secret".to_owned());
    }
    for (body, change) in bodies(request.body) {
        let changed = RawRequest {
            body: &body,
            ..*request
        };
        if passes(&changed, &given) {
            hints.push(format!(
                "it matches {change}: something changed the body on its way"
            ));
        }
    }
    let other_reading = other_key_reading(scheme);
    if other_reading
        .is_some_and(|scheme| decide(&scheme, request, secrets, vendor_keys, now_unix_s).is_ok())
    {
        hints.push(format!(
            "it matches when the secret is read differently: this scheme wants {}",
            scheme.key_format.expected()
        ));
    }
    if hints.is_empty() {
        hints.push(
            "it is well formed: it was made with another secret, or over a body that was changed on its way"
                .to_owned(),
        );
    }
    hints
}

/// The body as it may have been before a proxy or an editor touched it.
fn bodies(body: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let mut bodies = Vec::new();
    if body.trim_ascii_end() != body {
        bodies.push((
            body.trim_ascii_end().to_vec(),
            "without the white space at the body's end",
        ));
    }
    bodies.push(([body, b"\n"].concat(), "with a line feed at the body's end"));
    bodies.push((
        [body, b"\r\n"].concat(),
        "with a line break at the body's end",
    ));
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        bodies.push((
            value.to_string().into_bytes(),
            "with the JSON written compactly",
        ));
    }
    bodies
}

/// `whsec_` means the text itself to one vendor and base64 to another.
fn other_key_reading(scheme: &Scheme) -> Option<Scheme> {
    let key_format = match scheme.key_format {
        KeyFormat::Utf8 => KeyFormat::Whsec,
        KeyFormat::Whsec | KeyFormat::WhsecOrUtf8 | KeyFormat::Base64 | KeyFormat::Hex => {
            KeyFormat::Utf8
        }
        KeyFormat::Text64
        | KeyFormat::UserPassword
        | KeyFormat::Whpk
        | KeyFormat::Ed25519Hex
        | KeyFormat::SpkiBase64
        | KeyFormat::TopicArn
        | KeyFormat::ClientCredentials => return None,
    };
    Some(Scheme {
        key_format,
        ..scheme.clone()
    })
}
