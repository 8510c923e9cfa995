//! The XML that SAML needs: a strict reader and Exclusive Canonical XML 1.0.
//!
//! **Invariant:** what is read twice is read alike. There is no DOCTYPE, no entity but XML's own five, no
//! CDATA, no processing instruction; comments are dropped, and text around one is one text.

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// The longest document that is read, in bytes.
pub(crate) const MAX_LEN: usize = 256 * 1_024;
const MAX_DEPTH: usize = 40;
const MAX_ELEMENTS: usize = 5_000;
const MAX_ATTRIBUTES: usize = 64;
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Why a document is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the XML is not accepted: {0}")]
pub(crate) struct XmlError(pub(crate) &'static str);

/// An element with the namespaces that are in scope where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    prefix: String,
    local: String,
    namespace: String,
    attributes: Vec<Attribute>,
    /// Prefix to name, those of its ancestors included.
    in_scope: BTreeMap<String, String>,
    children: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribute {
    prefix: String,
    local: String,
    namespace: String,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }

    /// An attribute without a prefix.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.namespace.is_empty() && attribute.local == local);
        found.map(|attribute| attribute.value.as_str())
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(crate) fn all<'a>(
        &'a self,
        namespace: &'a str,
        local: &'a str,
    ) -> impl Iterator<Item = &'a Self> {
        self.elements()
            .filter(move |element| element.is(namespace, local))
    }

    /// The one child of this name; `None` if there are none or several.
    pub(crate) fn only(&self, namespace: &str, local: &str) -> Option<&Self> {
        let mut found = self
            .elements()
            .filter(|element| element.is(namespace, local));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The text of an element that has nothing else inside.
    pub(crate) fn text(&self) -> Option<String> {
        let mut whole = String::new();
        for node in &self.children {
            match node {
                Node::Text(text) => whole.push_str(text),
                Node::Element(_) => return None,
            }
        }
        Some(whole.trim().to_owned())
    }

    /// This element and all below it.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for element in self.elements() {
            element.walk(visit);
        }
    }

    /// Exclusive Canonical XML 1.0 without comments. Of the element's own children, `skipped` is left out;
    /// the prefixes in `inclusive` are treated as inclusive canonicalisation would.
    pub(crate) fn canonical(
        &self,
        skipped: Option<&Self>,
        inclusive: &BTreeSet<String>,
    ) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut out, skipped, inclusive, &BTreeMap::new());
        out.into_bytes()
    }

    fn write(
        &self,
        out: &mut String,
        skipped: Option<&Self>,
        inclusive: &BTreeSet<String>,
        rendered: &BTreeMap<String, String>,
    ) {
        let name = qualified(&self.prefix, &self.local);
        out.push('<');
        out.push_str(&name);
        let mut used: BTreeSet<&str> = BTreeSet::from([self.prefix.as_str()]);
        used.extend(
            self.attributes
                .iter()
                .map(|attribute| attribute.prefix.as_str())
                .filter(|prefix| !prefix.is_empty()),
        );
        used.extend(
            inclusive
                .iter()
                .map(String::as_str)
                .filter(|prefix| self.in_scope.contains_key(*prefix)),
        );
        let mut rendered = rendered.clone();
        for prefix in used.into_iter().filter(|prefix| *prefix != "xml") {
            let uri = self
                .in_scope
                .get(prefix)
                .map(String::as_str)
                .unwrap_or_default();
            let before = rendered.get(prefix).map(String::as_str).unwrap_or_default();
            if uri == before {
                continue;
            }
            out.push_str(if prefix.is_empty() {
                " xmlns"
            } else {
                " xmlns:"
            });
            out.push_str(prefix);
            write_value(out, uri);
            rendered.insert(prefix.to_owned(), uri.to_owned());
        }
        let mut attributes: Vec<&Attribute> = self.attributes.iter().collect();
        attributes.sort_by(|one, other| {
            (&one.namespace, &one.local).cmp(&(&other.namespace, &other.local))
        });
        for attribute in attributes {
            out.push(' ');
            out.push_str(&qualified(&attribute.prefix, &attribute.local));
            write_value(out, &attribute.value);
        }
        out.push('>');
        for node in &self.children {
            match node {
                Node::Element(element)
                    if skipped.is_some_and(|skipped| std::ptr::eq(skipped, element)) => {}
                Node::Element(element) => element.write(out, None, inclusive, &rendered),
                Node::Text(text) => write_text(out, text),
            }
        }
        out.push_str("</");
        out.push_str(&name);
        out.push('>');
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() {
        local.to_owned()
    } else {
        format!("{prefix}:{local}")
    }
}

fn write_value(out: &mut String, value: &str) {
    out.push_str("=\"");
    escape_value(out, value);
    out.push('"');
}

fn escape_value(out: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

/// Text or an attribute's value with the characters that would end it escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape_value(&mut out, text);
    out
}

/// The document's root element.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    if bytes.len() > MAX_LEN {
        return Err(XmlError("it is longer than 256 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError("it is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.enable_all_checks(true);
    config.expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        match reader
            .read_event()
            .map_err(|_| XmlError("it is not well-formed"))?
        {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err(XmlError("it is nested too deeply or has too many elements"));
                }
                if root.is_some() {
                    return Err(XmlError("it has more than one root"));
                }
                open.push(element(&start, open.last())?);
            }
            Event::End(_) => {
                let done = open.pop().ok_or(XmlError("it is not well-formed"))?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(Node::Element(done)),
                    None => root = Some(done),
                }
            }
            Event::Text(text) => push_text(&mut open, &resolved(&text.into_inner(), Place::Text)?)?,
            Event::GeneralRef(name) => {
                push_text(&mut open, &character(&name.into_inner())?.to_string())?
            }
            Event::Comment(_) => {}
            Event::Decl(decl) => {
                let is_utf8 = match decl.encoding() {
                    None => true,
                    Some(Ok(name)) => name.eq_ignore_ascii_case("utf-8"),
                    Some(Err(_)) => false,
                };
                if !is_utf8 {
                    return Err(XmlError("it must be in UTF-8"));
                }
            }
            Event::DocType(_) => return Err(XmlError("it has a DOCTYPE")),
            Event::CData(_) => return Err(XmlError("it has a CDATA section")),
            Event::PI(_) => return Err(XmlError("it has a processing instruction")),
            Event::Empty(_) => return Err(XmlError("it is not well-formed")),
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(XmlError("it ends too early"));
    }
    root.ok_or(XmlError("it has no element"))
}

fn push_text(open: &mut [Element], text: &str) -> Result<(), XmlError> {
    let Some(parent) = open.last_mut() else {
        let is_space = text
            .chars()
            .all(|letter| letter.is_ascii_whitespace() || letter == '\u{feff}');
        return if is_space {
            Ok(())
        } else {
            Err(XmlError("it has text outside of its root"))
        };
    };
    match parent.children.last_mut() {
        // One text, whatever comment or reference stood between its parts.
        Some(Node::Text(before)) => before.push_str(text),
        Some(Node::Element(_)) | None => parent.children.push(Node::Text(text.to_owned())),
    }
    Ok(())
}

fn element(start: &BytesStart<'_>, parent: Option<&Element>) -> Result<Element, XmlError> {
    let mut in_scope = parent
        .map(|parent| parent.in_scope.clone())
        .unwrap_or_default();
    let mut plain = Vec::new();
    for attribute in start.attributes() {
        let attribute =
            attribute.map_err(|_| XmlError("an attribute is malformed or given twice"))?;
        let name = attribute.key.as_ref().to_owned();
        let value = resolved(&attribute.value, Place::Attribute)?;
        if name == "xmlns" {
            in_scope.insert(String::new(), value);
        } else if let Some(prefix) = name.strip_prefix("xmlns:") {
            if value.is_empty() || prefix == "xml" || prefix == "xmlns" {
                return Err(XmlError("a namespace is declared wrongly"));
            }
            in_scope.insert(prefix.to_owned(), value);
        } else {
            plain.push((name, value));
        }
    }
    if plain.len() > MAX_ATTRIBUTES || in_scope.len() > MAX_ATTRIBUTES {
        return Err(XmlError("an element has too many attributes"));
    }
    let (prefix, local) = split(start.name().as_ref())?;
    let namespace = namespace_of(&in_scope, &prefix)?;
    let mut attributes: Vec<Attribute> = Vec::new();
    for (name, value) in plain {
        let (prefix, local) = split(&name)?;
        let namespace = if prefix.is_empty() {
            String::new()
        } else {
            namespace_of(&in_scope, &prefix)?
        };
        if attributes
            .iter()
            .any(|other| other.namespace == namespace && other.local == local)
        {
            return Err(XmlError("an attribute is given twice"));
        }
        attributes.push(Attribute {
            prefix,
            local,
            namespace,
            value,
        });
    }
    Ok(Element {
        prefix,
        local,
        namespace,
        attributes,
        in_scope,
        children: Vec::new(),
    })
}

fn split(name: &str) -> Result<(String, String), XmlError> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(letter)
    };
    if !is_name(local) || !(prefix.is_empty() && !name.contains(':') || is_name(prefix)) {
        return Err(XmlError("a name is malformed"));
    }
    Ok((prefix.to_owned(), local.to_owned()))
}

fn namespace_of(in_scope: &BTreeMap<String, String>, prefix: &str) -> Result<String, XmlError> {
    if prefix == "xml" {
        return Ok(XML_NAMESPACE.to_owned());
    }
    match in_scope.get(prefix) {
        Some(uri) => Ok(uri.clone()),
        None if prefix.is_empty() => Ok(String::new()),
        None => Err(XmlError("a prefix is not declared")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

/// XML 1.0 sections 2.11 (line ends) and 3.3.3 (attribute values), with references resolved.
fn resolved(raw: &str, place: Place) -> Result<String, XmlError> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(letter) = rest.chars().next() {
        let mut len = letter.len_utf8();
        match letter {
            '&' => {
                let (name, _) = rest
                    .get(1..)
                    .and_then(|rest| rest.split_once(';'))
                    .ok_or(XmlError("a reference does not end"))?;
                out.push(character(name)?);
                len = name.len() + 2;
            }
            '\r' => {
                if rest.as_bytes().get(1) == Some(&b'\n') {
                    len = 2;
                }
                out.push(if place == Place::Attribute { ' ' } else { '\n' });
            }
            '\t' | '\n' if place == Place::Attribute => out.push(' '),
            '<' => return Err(XmlError("a value has a `<`")),
            other if is_character(other) => out.push(other),
            _ => return Err(XmlError("it has a control character")),
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(out)
}

fn character(name: &str) -> Result<char, XmlError> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "amp" => Ok('&'),
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ => Err(XmlError("it names an entity")),
        };
    };
    let code = match number.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16)
        }
        None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse(),
        Some(_) | None => return Err(XmlError("a character reference is malformed")),
    };
    let letter = code
        .ok()
        .and_then(char::from_u32)
        .filter(|letter| is_character(*letter));
    letter.ok_or(XmlError("a character reference is malformed"))
}

/// XML 1.0 section 2.2.
fn is_character(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
