//! Which event a request carries. Only a value under the signature may decide what counts as a duplicate.

use std::{borrow::Cow, collections::HashMap};

use aws_lc_rs::digest;

use crate::webhook::encoding;
use crate::webhook::form_body;
use crate::webhook::pointer::{self, Scalar};
use crate::webhook::request::Headers;
use crate::webhook::scheme::{EventField, Proof, Scheme, SignatureSource, Wire};
use crate::webhook::verify::select_wire;
use crate::webhook::xml;

/// A longer id would not fit into a table key: its hash stands for it.
const LONGEST_KEY: usize = 256;

/// What the vendor calls the event. Either may be unsigned: for display and routing, not for trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventIdentity {
    pub vendor_event_id: Option<String>,
    pub event_type: Option<String>,
}

pub fn event_identity(scheme: &Scheme, headers: Headers<'_>, body: &[u8]) -> EventIdentity {
    let (_, wire) = select_wire(scheme, headers);
    let read = |field| read(field, headers, body).map(Cow::into_owned);
    EventIdentity {
        vendor_event_id: read(&wire.event_id),
        event_type: read(&wire.event_type),
    }
}

/// The same for every delivery of one event: the event id, or a token for a single use, where it is
/// covered by the proof, otherwise the
/// SHA-256 of the body in hex.
pub fn dedupe_key(scheme: &Scheme, headers: Headers<'_>, body: &[u8]) -> String {
    let (_, wire) = select_wire(scheme, headers);
    match signed_id(wire, headers, body) {
        Some(id) => id.into_owned(),
        None => encoding::hex(digest::digest(&digest::SHA256, body).as_ref()),
    }
}

/// One item of a request that carries several.
pub(crate) struct BatchItem<'a> {
    /// As if it had come alone.
    pub(crate) body: &'a [u8],
    /// What its hash is taken of.
    pub(crate) core: &'a [u8],
    /// Counted from 0.
    pub(crate) place: u32,
}

/// As [`dedupe_key`]. Items that equal one another, byte for byte, in one request are several events:
/// `twins` counts them.
pub(crate) fn item_dedupe_key(
    scheme: &Scheme,
    headers: Headers<'_>,
    item: &BatchItem<'_>,
    twins: &mut HashMap<String, u32>,
) -> String {
    let (_, wire) = select_wire(scheme, headers);
    if let Some(id) = signed_id(wire, headers, item.body) {
        return match wire.dedupe_field() {
            // All items came with the same headers.
            Some(field) if has_header(field) => format!("{id}#{}", item.place),
            Some(_) | None => id.into_owned(),
        };
    }
    let hash = encoding::hex(digest::digest(&digest::SHA256, item.core).as_ref());
    let before = twins.entry(hash.clone()).or_default();
    *before += 1;
    match *before {
        1 => hash,
        count => format!("{hash}#{count}"),
    }
}

fn signed_id<'a>(wire: &Wire, headers: Headers<'a>, body: &[u8]) -> Option<Cow<'a, str>> {
    wire.dedupe_field()
        .and_then(|field| read(field, headers, body))
        .map(|id| match id.len() {
            0..=LONGEST_KEY => id,
            _ => {
                let hash = digest::digest(&digest::SHA256, id.as_bytes());
                Cow::Owned(encoding::hex(hash.as_ref()))
            }
        })
}

fn has_header(field: &EventField) -> bool {
    match field {
        EventField::Header(_) => true,
        EventField::All(fields) | EventField::Any(fields) => fields.iter().any(has_header),
        EventField::None | EventField::Pointer(_) | EventField::Form(_) | EventField::Xml(_) => {
            false
        }
    }
}

pub(super) fn read<'a>(
    field: &EventField,
    headers: Headers<'a>,
    body: &[u8],
) -> Option<Cow<'a, str>> {
    let value = match field {
        EventField::None => None,
        EventField::Header(name) => headers.text(name).map(Cow::Borrowed),
        EventField::Pointer(pointer) => match pointer::find(body, pointer)? {
            Scalar::Text(text) => Some(Cow::Owned(text)),
            Scalar::Integer(number) => Some(Cow::Owned(number.to_string())),
        },
        EventField::Form(name) => form_body::find(body, name).map(Cow::Owned),
        EventField::Xml(name) => xml::texts(body, name).map(|texts| Cow::Owned(texts.join(","))),
        EventField::All(fields) => {
            let values: Option<Vec<_>> = fields
                .iter()
                .map(|field| read(field, headers, body))
                .collect();
            Some(Cow::Owned(values?.join(":")))
        }
        EventField::Any(fields) => fields.iter().find_map(|field| read(field, headers, body)),
    };
    value.filter(|value| !value.is_empty())
}

/// The headers that a job keeps: those from which the worker will read the event's id and type, and the body's
/// form.
pub(crate) fn kept_headers(scheme: &Scheme) -> Vec<String> {
    let mut names = vec!["content-type"];
    for wire in scheme.wires() {
        header_names(&wire.event_id, &mut names);
        header_names(&wire.event_type, &mut names);
        header_names(&wire.single_use, &mut names);
        // What tells the wires of a scheme apart.
        if let Proof::Signature(signature) = &wire.proof {
            names.extend(signature.id_header.as_deref());
            if let (SignatureSource::Header { name }, [_, ..]) =
                (&signature.source, &*scheme.alternatives)
            {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

fn header_names<'s>(field: &'s EventField, names: &mut Vec<&'s str>) {
    match field {
        EventField::None | EventField::Pointer(_) | EventField::Form(_) | EventField::Xml(_) => {}
        EventField::Header(name) => names.push(name),
        EventField::All(fields) | EventField::Any(fields) => {
            fields.iter().for_each(|field| header_names(field, names));
        }
    }
}

#[cfg(test)]
mod tests;
