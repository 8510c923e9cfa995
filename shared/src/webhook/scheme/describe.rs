//! A proof in words, for the doctor and for the list of schemes.

use crate::webhook::scheme::{
    Credential, Encoding, EventField, Form, Part, Proof, Signature, Token, TokenKey,
};

/// What is proven and how it is written, each under its name.
pub(crate) fn lines(proof: &Proof) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(content) = content(proof) {
        lines.push(("signed content", content));
    }
    let name = match proof {
        Proof::Signature(_) | Proof::Canonical(_) | Proof::Certificate(_) => "signature",
        Proof::Token(_) => "token",
        Proof::Credential(_) => "credential",
        Proof::Unsigned => "proof",
    };
    lines.push((name, form(proof)));
    lines
}

/// What the proof covers, as a template; `None` where it covers nothing.
pub fn content(proof: &Proof) -> Option<String> {
    match proof {
        Proof::Signature(signature) => Some(template(signature)),
        Proof::Canonical(canonical) => Some(canonical.content().to_owned()),
        Proof::Token(token) => Some(token.content()),
        Proof::Certificate(certified) => Some(certified.content().to_owned()),
        Proof::Credential(_) | Proof::Unsigned => None,
    }
}

/// Algorithm and spelling of the proof.
pub fn form(proof: &Proof) -> String {
    match proof {
        Proof::Signature(signature) => signature_form(signature),
        Proof::Canonical(canonical) => {
            format!("{}, {}", canonical.algorithm().title(), canonical.form())
        }
        Proof::Token(token) => token_form(token),
        Proof::Certificate(certified) => format!("{}, {}", certified.title(), certified.form()),
        Proof::Credential(credential) => credential_form(credential),
        Proof::Unsigned => "none".to_owned(),
    }
}

/// Where a value of the event is; `None` where it is nowhere.
pub fn field(field: &EventField) -> Option<String> {
    let each = |fields: &[EventField], joint: &str| -> Option<String> {
        let fields: Vec<String> = fields.iter().filter_map(self::field).collect();
        (!fields.is_empty()).then(|| fields.join(joint))
    };
    match field {
        EventField::None => None,
        EventField::Header(name) => Some(format!("header {name}")),
        EventField::Pointer(pointer) => Some(format!("body {pointer}")),
        EventField::Form(name) => Some(format!("form field {name}")),
        EventField::Xml(name) => Some(format!("element {name}")),
        EventField::All(fields) => each(fields, " and "),
        EventField::Any(fields) => each(fields, ", else "),
    }
}

/// Whose keys are fetched to check a proof, and from where.
pub fn keys_from(proof: &Proof) -> Option<&'static str> {
    match proof {
        Proof::Token(token) => match token.key {
            TokenKey::Fetched(issuer) => Some(issuer.place()),
            TokenKey::Secret => None,
        },
        Proof::Certificate(certified) => Some(certified.issuer().place()),
        Proof::Signature(_) | Proof::Canonical(_) | Proof::Credential(_) | Proof::Unsigned => None,
    }
}

fn token_form(token: &Token) -> String {
    let key = match token.key {
        TokenKey::Secret => "the secret",
        TokenKey::Fetched(_) => "the vendor's key of its `kid`",
    };
    let Token {
        prefix, algorithm, ..
    } = token;
    format!("{}, {prefix}<token signed with {key}>", algorithm.title())
}

fn credential_form(credential: &Credential) -> String {
    match credential {
        Credential::Header { prefix, .. } => format!("{prefix}<secret>"),
        Credential::Basic => "Basic <base64 of user:password>".to_owned(),
        Credential::Query { name } => format!("{name}=<secret> in the URL"),
        Credential::Json { pointer } => format!("<secret> at {pointer} in the body"),
        Credential::Xml { element } => format!("<secret> in every {element} of the body"),
    }
}

fn template(rule: &Signature) -> String {
    rule.template
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text.as_ref(),
            Part::Id => "{id}",
            Part::Timestamp => "{timestamp}",
            Part::Method => "{method}",
            Part::Url => "{url}",
            Part::Body => "{body}",
            Part::Secret => "{secret}",
        })
        .collect()
}

fn signature_form(rule: &Signature) -> String {
    let encoding = match rule.encoding {
        Encoding::Hex => "lower-case hex",
        Encoding::HexAnyCase => "hex",
        Encoding::Base64 => "base64",
    };
    let form = match &rule.form {
        Form::Plain { prefix } => format!("{prefix}<{encoding}>"),
        Form::KeyValues {
            separator,
            signature_key,
        } => format!("entries {signature_key}=<{encoding}> separated by `{separator}`"),
        Form::Versioned { separator, version } => {
            format!("entries {version}<{encoding}> separated by `{separator}`")
        }
    };
    format!("{}, {form}", rule.algorithm.title())
}
