//! Whether a scheme that a tenant declared can hold. A scheme that leaves the body unsigned is refused.

use crate::webhook::scheme::{
    Algorithm, Batch, Binding, Canonical, Certified, Credential, EventField, Form, Issuer,
    KeyFormat, List, Part, Proof, Scheme, Signature, SignatureSource, Text, TimeUnit,
    TimestampSource, Token, TokenAlgorithm, TokenKey, Wire,
};

/// Replays older than this are not worth accepting from any vendor.
const LONGEST_TOLERANCE_S: u32 = 86_400;

/// Why a declared scheme is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    #[error("`{field}` must be 1 to {longest} visible ASCII characters")]
    BadText { field: &'static str, longest: usize },
    #[error("`{field}` must be a header name, got `{name}`")]
    BadHeaderName { field: &'static str, name: Text },
    #[error("`{field}` must be a JSON pointer that starts with `/`, got `{pointer}`")]
    BadPointer { field: &'static str, pointer: Text },
    #[error("`template` must contain the body exactly once")]
    BodyNotSigned,
    #[error("`template` names {part}, which needs {needs}")]
    MissingSource {
        part: &'static str,
        needs: &'static str,
    },
    #[error("`timestamp` is {place}, which allows {allowed}")]
    BadTimestamp {
        place: &'static str,
        allowed: &'static str,
    },
    #[error("`{field}` must have at most {most}, got {got}")]
    TooMany {
        field: &'static str,
        most: usize,
        got: usize,
    },
    #[error("`batch` {expected}")]
    BadBatch { expected: &'static str },
    #[error("`alternatives` must have proofs of the same shape as `wire`")]
    MixedShapes,
    #[error("`bindings` must tie the token to the body, to the URL or to a fixed value of a claim")]
    NotBound,
    #[error("the tolerance must be at most {LONGEST_TOLERANCE_S} s, got {got_s} s")]
    BadTolerance { got_s: u32 },
    #[error("{proof} cannot use a key of format {key_format:?}")]
    KeyMismatch {
        proof: &'static str,
        key_format: KeyFormat,
    },
}

impl Scheme {
    /// Checks what the types leave open. The built-in schemes pass it by test.
    pub fn check(&self) -> Result<(), SchemeError> {
        self.check_each().map_err(|(_, error)| error)
    }

    /// As [`Scheme::check`], with a JSON pointer to what does not hold.
    pub fn check_each(&self) -> Result<(), (String, SchemeError)> {
        let at = |pointer: &str| {
            let pointer = pointer.to_owned();
            move |error| (pointer, error)
        };
        check_text("name", &self.name, 64).map_err(at("/name"))?;
        check_text("title", &self.title, 120).map_err(at("/title"))?;
        check_most("alternatives", 3, self.alternatives.len()).map_err(at("/alternatives"))?;
        check_most("dedupe_days", 90, usize::from(self.dedupe_days)).map_err(at("/dedupe_days"))?;
        for (index, wire) in self.wires().enumerate() {
            let family = match index {
                0 => "/wire".to_owned(),
                _ => format!("/alternatives/{}", index - 1),
            };
            // A weaker proof beside a stronger one would be what every forger chooses.
            let checked = if wire.proof.shape() == self.shape() {
                wire.check(self.key_format)
            } else {
                Err(SchemeError::MixedShapes)
            };
            checked.map_err(|error| (format!("{family}{}", error.place()), error))?;
        }
        Ok(())
    }
}

impl Wire {
    fn check(&self, key_format: KeyFormat) -> Result<(), SchemeError> {
        if !key_fits(&self.proof, key_format) {
            return Err(SchemeError::KeyMismatch {
                proof: self.proof.title(),
                key_format,
            });
        }
        match &self.proof {
            Proof::Signature(signature) => signature.check()?,
            Proof::Credential(Credential::Header { name, prefix }) => {
                check_header("credential", name)?;
                check_prefix(prefix)?;
            }
            Proof::Credential(Credential::Query { name }) => check_text("credential", name, 64)?,
            Proof::Credential(Credential::Json { pointer }) => {
                check_pointer("credential", pointer)?
            }
            Proof::Credential(Credential::Xml { element }) => {
                check_text("credential", element, 64)?;
            }
            Proof::Token(token) => token.check()?,
            Proof::Canonical(_)
            | Proof::Certificate(_)
            | Proof::Credential(Credential::Basic)
            | Proof::Unsigned => {}
        }
        check_names("required_headers", &self.required_headers)?;
        for fixed in self.fixed_headers.iter() {
            check_header("fixed_headers", &fixed.name)?;
        }
        for companion in self.companions.iter() {
            check_header("companions", &companion.name)?;
        }
        check_event_field("event_id", &self.event_id)?;
        check_event_field("event_type", &self.event_type)?;
        check_event_field("single_use", &self.single_use)?;
        match &self.batch {
            Some(batch) => self.check_batch(batch),
            None => Ok(()),
        }
    }

    fn check_batch(&self, batch: &Batch) -> Result<(), SchemeError> {
        let refuse = |expected| Err(SchemeError::BadBatch { expected });
        let place = match &*batch.items {
            [array] => format!("{array}/0"),
            [outer, inner] => format!("{outer}/0{inner}/0"),
            _ => return refuse("must have one or two `items`"),
        };
        if batch
            .items
            .iter()
            .any(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            return refuse("must have JSON pointers that are empty or start with `/`");
        }
        // An id that all items share would make all but one of them duplicates.
        let array_of_all = batch.items.first().is_some_and(|array| array.is_empty());
        for field in [&self.event_id, &self.single_use] {
            if !is_of_item(field, &place, array_of_all) {
                return refuse("needs ids that are read from its item 0");
            }
        }
        Ok(())
    }
}

/// Whether the field is another for each item. What is read from a header is told apart by the item's place.
fn is_of_item(field: &EventField, place: &str, array_of_all: bool) -> bool {
    match field {
        EventField::None | EventField::Header(_) => true,
        // An array has no members: such a pointer finds nothing in a batch.
        EventField::Pointer(pointer) if array_of_all && !pointer.starts_with("/0") => true,
        EventField::Pointer(pointer) => pointer.starts_with(place),
        EventField::Form(_) | EventField::Xml(_) => false,
        EventField::All(fields) => fields
            .iter()
            .any(|field| is_of_item(field, place, array_of_all)),
        EventField::Any(fields) => fields
            .iter()
            .all(|field| is_of_item(field, place, array_of_all)),
    }
}

impl Token {
    fn check(&self) -> Result<(), SchemeError> {
        check_header("token", &self.header)?;
        check_prefix(&self.prefix)?;
        check_most("bindings", 8, self.bindings.len())?;
        for binding in self.bindings.iter() {
            check_text("bindings", binding.name(), 64)?;
            if let Binding::Claim { values, .. } = binding {
                check_most("bindings", 8, values.len())?;
                let mut values = values.iter();
                values.try_for_each(|value| check_text("bindings", value, 256))?;
            }
        }
        // A token that says nothing of its request or its receiver is good for any of them.
        if !self.bindings.iter().any(Binding::is_tie) {
            return Err(SchemeError::NotBound);
        }
        match self
            .issued_within
            .map(|window| window.past_s.max(window.future_s))
        {
            Some(got_s) if got_s > LONGEST_TOLERANCE_S => Err(SchemeError::BadTolerance { got_s }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Signature {
    fn check(&self) -> Result<(), SchemeError> {
        match &self.source {
            SignatureSource::Header { name } => check_header("signature", name)?,
            SignatureSource::Numbered { prefix, .. } => check_header("signature", prefix)?,
            SignatureSource::Slots { names } => check_names("signature", names)?,
        }
        if let Some(name) = &self.id_header {
            check_header("id_header", name)?;
        }
        self.check_form()?;
        self.check_template()?;
        self.check_timestamp()
    }

    fn check_form(&self) -> Result<(), SchemeError> {
        match &self.form {
            Form::Plain { prefix } => check_prefix(prefix),
            Form::KeyValues {
                separator,
                signature_key,
            } => {
                check_separator(separator)?;
                check_text("signature_key", signature_key, 16)
            }
            Form::Versioned { separator, version } => {
                check_separator(separator)?;
                check_text("version", version, 16)
            }
        }
    }

    fn check_template(&self) -> Result<(), SchemeError> {
        check_most("template", 16, self.template.len())?;
        let count = |part: &Part| self.template.iter().filter(|each| *each == part).count();
        if count(&Part::Body) != 1 {
            return Err(SchemeError::BodyNotSigned);
        }
        let missing = |part, needs| Err(SchemeError::MissingSource { part, needs });
        if count(&Part::Id) > 0 && self.id_header.is_none() {
            return missing("the id", "`id_header`");
        }
        let has_secret = count(&Part::Secret) > 0;
        if has_secret != (self.algorithm == Algorithm::Sha256) {
            return missing(
                "the secret",
                "algorithm sha256, and sha256 needs the secret",
            );
        }
        let timestamp_outside_body = self
            .timestamp
            .as_ref()
            .is_some_and(|timestamp| !matches!(timestamp.source, TimestampSource::Body { .. }));
        if count(&Part::Timestamp) > 0 && !timestamp_outside_body {
            return missing("the timestamp", "`timestamp` in a header");
        }
        Ok(())
    }

    fn check_timestamp(&self) -> Result<(), SchemeError> {
        let Some(timestamp) = &self.timestamp else {
            return Ok(());
        };
        let got_s = timestamp.past_s.max(timestamp.future_s);
        if got_s > LONGEST_TOLERANCE_S {
            return Err(SchemeError::BadTolerance { got_s });
        }
        let signed = self.template.contains(&Part::Timestamp);
        let (place, allowed, ok) = match &timestamp.source {
            TimestampSource::Header { name } => {
                check_header("timestamp", name)?;
                (
                    "in a header",
                    "only a timestamp that `template` signs",
                    signed,
                )
            }
            TimestampSource::SignatureKey { key } => {
                check_text("timestamp", key, 16)?;
                (
                    "a key of the signature header",
                    "only form key_values and a timestamp that `template` signs",
                    signed && matches!(self.form, Form::KeyValues { .. }),
                )
            }
            TimestampSource::Body { pointer } => {
                check_pointer("timestamp", pointer)?;
                (
                    "in the body",
                    "only whole seconds or milliseconds",
                    timestamp.unit != TimeUnit::Rfc3339,
                )
            }
        };
        if ok {
            Ok(())
        } else {
            Err(SchemeError::BadTimestamp { place, allowed })
        }
    }
}

fn key_fits(proof: &Proof, key_format: KeyFormat) -> bool {
    let algorithm = match proof {
        Proof::Signature(signature) => signature.algorithm,
        Proof::Canonical(Canonical::AdyenStandard) => return key_format == KeyFormat::Hex,
        Proof::Canonical(Canonical::Contentful) => return key_format == KeyFormat::Text64,
        Proof::Credential(Credential::Basic) => return key_format == KeyFormat::UserPassword,
        Proof::Token(token) => return token_key_fits(token, key_format),
        Proof::Certificate(Certified::AwsSns) => return key_format == KeyFormat::TopicArn,
        Proof::Canonical(Canonical::Twilio | Canonical::TwilioSharedKey | Canonical::Mailgun)
        | Proof::Credential(
            Credential::Header { .. }
            | Credential::Query { .. }
            | Credential::Json { .. }
            | Credential::Xml { .. },
        )
        | Proof::Certificate(Certified::PayPal)
        | Proof::Unsigned => return key_format == KeyFormat::Utf8,
    };
    match key_format {
        KeyFormat::Utf8
        | KeyFormat::Base64
        | KeyFormat::Hex
        | KeyFormat::Whsec
        | KeyFormat::WhsecOrUtf8 => matches!(
            algorithm,
            Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::Sha256
        ),
        KeyFormat::Text64
        | KeyFormat::UserPassword
        | KeyFormat::TopicArn
        | KeyFormat::ClientCredentials => false,
        KeyFormat::Whpk | KeyFormat::Ed25519Hex => algorithm == Algorithm::Ed25519,
        KeyFormat::SpkiBase64 => {
            matches!(algorithm, Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256)
        }
    }
}

fn token_key_fits(token: &Token, key_format: KeyFormat) -> bool {
    let is_text = matches!(
        key_format,
        KeyFormat::Utf8 | KeyFormat::Base64 | KeyFormat::Hex
    );
    match (token.key, token.algorithm) {
        (TokenKey::Fetched(Issuer::Plaid | Issuer::PlaidSandbox), _) => {
            key_format == KeyFormat::ClientCredentials
        }
        (TokenKey::Fetched(_), _) => key_format == KeyFormat::Utf8 && token.names_secret(),
        (TokenKey::Secret, TokenAlgorithm::Hs256) => is_text && !token.names_secret(),
        (TokenKey::Secret, TokenAlgorithm::Rs256 | TokenAlgorithm::Es256) => {
            key_format == KeyFormat::SpkiBase64 && !token.names_secret()
        }
    }
}

fn check_event_field(field: &'static str, value: &EventField) -> Result<(), SchemeError> {
    match value {
        EventField::None => Ok(()),
        EventField::Header(name) => check_header(field, name),
        EventField::Pointer(pointer) => check_pointer(field, pointer),
        EventField::Form(name) | EventField::Xml(name) => check_text(field, name, 64),
        EventField::All(values) | EventField::Any(values) => values
            .iter()
            .try_for_each(|value| check_event_field(field, value)),
    }
}

fn check_names(field: &'static str, names: &List<Text>) -> Result<(), SchemeError> {
    names.iter().try_for_each(|name| check_header(field, name))
}

fn check_header(field: &'static str, name: &Text) -> Result<(), SchemeError> {
    http::HeaderName::from_bytes(name.as_bytes())
        .map(|_| ())
        .map_err(|_| SchemeError::BadHeaderName {
            field,
            name: name.clone(),
        })
}

fn check_pointer(field: &'static str, pointer: &Text) -> Result<(), SchemeError> {
    if pointer.starts_with('/') {
        return Ok(());
    }
    Err(SchemeError::BadPointer {
        field,
        pointer: pointer.clone(),
    })
}

fn check_most(field: &'static str, most: usize, got: usize) -> Result<(), SchemeError> {
    if got <= most {
        return Ok(());
    }
    Err(SchemeError::TooMany { field, most, got })
}

fn check_prefix(prefix: &Text) -> Result<(), SchemeError> {
    if prefix.is_empty() {
        return Ok(());
    }
    check_text("prefix", prefix, 32)
}

/// A separator may be a space, which `check_text` refuses.
fn check_separator(separator: &Text) -> Result<(), SchemeError> {
    check_length("separator", separator, 4)
}

fn check_text(field: &'static str, text: &Text, longest: usize) -> Result<(), SchemeError> {
    if text.trim().is_empty() {
        return Err(SchemeError::BadText { field, longest });
    }
    check_length(field, text, longest)
}

fn check_length(field: &'static str, text: &Text, longest: usize) -> Result<(), SchemeError> {
    let visible = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if visible && (1..=longest).contains(&text.len()) {
        return Ok(());
    }
    Err(SchemeError::BadText { field, longest })
}
