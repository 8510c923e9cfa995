//! A SAML 2.0 response (saml-profiles-2.0 section 4.1.4): whose word it is, for whom, and until when.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::access::sso::{
    Certificate,
    signature::{self, DSIG, SignatureError},
    xml::{self, Element, XmlError},
};

pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// By how much the clock of an identity provider may differ from ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// An assertion's own end may lie this far ahead: so long its id is remembered.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What a response must say.
pub(crate) struct Expected<'a> {
    pub(crate) idp_entity_id: &'a str,
    pub(crate) sp_entity_id: &'a str,
    pub(crate) acs_url: &'a str,
    /// The request that it answers; `None` for one that nobody asked for.
    pub(crate) request_id: Option<&'a str>,
    pub(crate) certificates: &'a [Certificate],
    pub(crate) now: Timestamp,
}

/// What the identity provider says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assertion {
    pub(crate) id: String,
    pub(crate) name_id: String,
    /// Whether its name is made for this one session.
    pub(crate) is_transient: bool,
    /// Until when its id must be remembered.
    pub(crate) usable_until: Timestamp,
    /// When the identity provider wants the session to end.
    pub(crate) session_ends: Option<Timestamp>,
    pub(crate) attributes: BTreeMap<String, Vec<String>>,
}

/// Why a response is not believed. For the log and the tenant's owner; a browser is told less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SamlError {
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the response has a form that is not accepted: {0}")]
    Form(&'static str),
    #[error("the identity provider did not sign the person in")]
    Status,
    #[error("the issuer is not the connection's identity provider")]
    Issuer,
    #[error("the response is for another address (Destination or Recipient)")]
    Destination,
    #[error("the response answers another request, or none")]
    InResponseTo,
    #[error("the assertion is for another audience")]
    Audience,
    #[error("the assertion is not usable yet or any more")]
    Time,
}

/// Reads and believes a response, or says why not.
pub(crate) fn read(xml: &[u8], expected: &Expected<'_>) -> Result<Assertion, SamlError> {
    let response = xml::parse(xml)?;
    check_shape(&response)?;
    check_response(&response, expected)?;
    let assertion = verified_assertion(&response, expected.certificates)?;
    check_issuer(&assertion, expected)?;
    let subject = assertion
        .only(ASSERTION, "Subject")
        .ok_or(SamlError::Form("Subject"))?;
    let name_id = subject.only(ASSERTION, "NameID").and_then(Element::text);
    let name_id = name_id
        .filter(|text| !text.is_empty())
        .ok_or(SamlError::Form("NameID"))?;
    let confirmed_until = confirmed_until(subject, expected)?;
    let conditions_until = check_conditions(&assertion, expected)?;
    let latest = expected
        .now
        .saturating_add(MAX_LIFETIME)
        .map_err(|_| SamlError::Time)?;
    if confirmed_until > latest {
        return Err(SamlError::Time);
    }
    let usable_until = conditions_until.map_or(confirmed_until, |until| until.min(confirmed_until));
    let usable_until = usable_until
        .saturating_add(SKEW)
        .map_err(|_| SamlError::Time)?;
    let id = assertion.attribute("ID").unwrap_or_default().to_owned();
    Ok(Assertion {
        id,
        name_id,
        is_transient: subject
            .only(ASSERTION, "NameID")
            .is_some_and(|name| name.attribute("Format") == Some(TRANSIENT)),
        usable_until,
        session_ends: session_ends(&assertion, expected.now)?,
        attributes: attributes(&assertion),
    })
}

/// One response, one assertion right inside it, signatures nowhere but in these two, no id twice.
fn check_shape(response: &Element) -> Result<(), SamlError> {
    if !response.is(PROTOCOL, "Response") {
        return Err(SamlError::Form("the root must be a Response"));
    }
    let (mut responses, mut assertions, mut signatures) = (0, 0, 0);
    let mut encrypted = false;
    let mut ids = BTreeSet::new();
    let mut twice = false;
    response.walk(&mut |element| {
        responses += usize::from(element.is(PROTOCOL, "Response"));
        assertions += usize::from(element.is(ASSERTION, "Assertion"));
        signatures += usize::from(element.is(DSIG, "Signature"));
        encrypted |=
            element.is(ASSERTION, "EncryptedAssertion") || element.is(ASSERTION, "EncryptedID");
        for name in ["ID", "Id", "id"] {
            twice |= element
                .attribute(name)
                .is_some_and(|id| !ids.insert(id.to_owned()));
        }
    });
    if encrypted {
        return Err(SamlError::Form("encrypted assertions are not supported"));
    }
    if responses != 1 || assertions != 1 || twice {
        return Err(SamlError::Form(
            "there must be one Response with one Assertion and no ID twice",
        ));
    }
    let assertion = response
        .only(ASSERTION, "Assertion")
        .ok_or(SamlError::Form(
            "the Assertion must be right inside the Response",
        ))?;
    let placed = response.all(DSIG, "Signature").count() + assertion.all(DSIG, "Signature").count();
    if signatures != placed || signatures == 0 {
        return Err(SamlError::Form(
            "the Response or the Assertion must be signed, and nothing else",
        ));
    }
    Ok(())
}

/// What may be unsigned: it can only lead to a refusal.
fn check_response(response: &Element, expected: &Expected<'_>) -> Result<(), SamlError> {
    let status = response
        .only(PROTOCOL, "Status")
        .and_then(|status| status.only(PROTOCOL, "StatusCode"));
    if status.and_then(|code| code.attribute("Value")) != Some(SUCCESS) {
        return Err(SamlError::Status);
    }
    if response.attribute("Version") != Some("2.0") {
        return Err(SamlError::Form("Version must be 2.0"));
    }
    if response.all(ASSERTION, "Issuer").next().is_some() {
        check_issuer(response, expected)?;
    }
    if response
        .attribute("Destination")
        .is_some_and(|destination| destination != expected.acs_url)
    {
        return Err(SamlError::Destination);
    }
    if response.attribute("InResponseTo") != expected.request_id {
        return Err(SamlError::InResponseTo);
    }
    Ok(())
}

/// The assertion out of the bytes that were signed. Each signature that is there must hold.
fn verified_assertion(
    response: &Element,
    certificates: &[Certificate],
) -> Result<Element, SamlError> {
    const MISSING: SamlError = SamlError::Form("Assertion");
    let is_signed = |element: &Element| element.all(DSIG, "Signature").next().is_some();
    let assertion = if is_signed(response) {
        let response = signature::verified(response, certificates)?;
        response
            .only(ASSERTION, "Assertion")
            .ok_or(MISSING)?
            .clone()
    } else {
        response
            .only(ASSERTION, "Assertion")
            .ok_or(MISSING)?
            .clone()
    };
    if is_signed(&assertion) {
        return Ok(signature::verified(&assertion, certificates)?);
    }
    if is_signed(response) {
        Ok(assertion)
    } else {
        Err(MISSING)
    }
}

fn check_issuer(element: &Element, expected: &Expected<'_>) -> Result<(), SamlError> {
    let issuer = element.only(ASSERTION, "Issuer").and_then(Element::text);
    if issuer.as_deref() == Some(expected.idp_entity_id) {
        Ok(())
    } else {
        Err(SamlError::Issuer)
    }
}

/// The end of a bearer confirmation for us and for now.
fn confirmed_until(subject: &Element, expected: &Expected<'_>) -> Result<Timestamp, SamlError> {
    let mut refusal = SamlError::Form("there must be a bearer SubjectConfirmation");
    for confirmation in subject.all(ASSERTION, "SubjectConfirmation") {
        let Some(data) = confirmation.only(ASSERTION, "SubjectConfirmationData") else {
            continue;
        };
        if confirmation.attribute("Method") != Some(BEARER) {
            continue;
        }
        match confirmation_end(data, expected) {
            Ok(end) => return Ok(end),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn confirmation_end(data: &Element, expected: &Expected<'_>) -> Result<Timestamp, SamlError> {
    if data.attribute("Recipient") != Some(expected.acs_url) {
        return Err(SamlError::Destination);
    }
    if data.attribute("InResponseTo") != expected.request_id {
        return Err(SamlError::InResponseTo);
    }
    // saml-profiles-2.0 section 4.1.4.2: bearer confirmations have an end and no beginning.
    if data.attribute("NotBefore").is_some() {
        return Err(SamlError::Time);
    }
    let end = time(data, "NotOnOrAfter")?.ok_or(SamlError::Time)?;
    before(expected.now, end)?;
    Ok(end)
}

fn check_conditions(
    assertion: &Element,
    expected: &Expected<'_>,
) -> Result<Option<Timestamp>, SamlError> {
    let conditions = assertion
        .only(ASSERTION, "Conditions")
        .ok_or(SamlError::Form("Conditions"))?;
    let from = time(conditions, "NotBefore")?;
    let until = time(conditions, "NotOnOrAfter")?;
    if from.is_some_and(|from| {
        expected
            .now
            .saturating_add(SKEW)
            .is_ok_and(|latest| latest < from)
    }) {
        return Err(SamlError::Time);
    }
    if let Some(until) = until {
        before(expected.now, until)?;
    }
    let restrictions: Vec<&Element> = conditions.all(ASSERTION, "AudienceRestriction").collect();
    let names_us = |restriction: &&Element| {
        restriction
            .all(ASSERTION, "Audience")
            .any(|audience| audience.text().as_deref() == Some(expected.sp_entity_id))
    };
    if restrictions.is_empty() || !restrictions.iter().all(names_us) {
        return Err(SamlError::Audience);
    }
    Ok(until)
}

fn session_ends(assertion: &Element, now: Timestamp) -> Result<Option<Timestamp>, SamlError> {
    let mut statements = assertion.all(ASSERTION, "AuthnStatement").peekable();
    if statements.peek().is_none() {
        return Err(SamlError::Form("there must be an AuthnStatement"));
    }
    let mut ends: Option<Timestamp> = None;
    for statement in statements {
        if let Some(end) = time(statement, "SessionNotOnOrAfter")? {
            before(now, end)?;
            ends = Some(ends.map_or(end, |other| other.min(end)));
        }
    }
    Ok(ends)
}

fn attributes(assertion: &Element) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for statement in assertion.all(ASSERTION, "AttributeStatement") {
        for attribute in statement.all(ASSERTION, "Attribute") {
            let Some(name) = attribute.attribute("Name") else {
                continue;
            };
            let values = attribute
                .all(ASSERTION, "AttributeValue")
                .filter_map(Element::text);
            found.entry(name.to_owned()).or_default().extend(values);
        }
    }
    found
}

fn before(now: Timestamp, end: Timestamp) -> Result<(), SamlError> {
    let is_over = end.saturating_add(SKEW).map_or(true, |end| end <= now);
    if is_over {
        Err(SamlError::Time)
    } else {
        Ok(())
    }
}

/// saml-core-2.0 section 1.3.3: in UTC.
fn time(element: &Element, name: &str) -> Result<Option<Timestamp>, SamlError> {
    let Some(text) = element.attribute(name) else {
        return Ok(None);
    };
    if !text.ends_with('Z') {
        return Err(SamlError::Time);
    }
    text.parse().map(Some).map_err(|_| SamlError::Time)
}

#[cfg(test)]
mod tests;
