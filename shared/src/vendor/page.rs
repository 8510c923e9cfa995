//! A vendor's list, page by page, by its connector's manifest. Pure: what to ask next, and what an answer holds.

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::vendor::{
    Connector,
    connector::{Object, Pagination},
    request::host_of,
};

/// One item in our fields.
#[derive(Debug, Clone, PartialEq)]
pub struct VendorItem {
    pub id: String,
    pub updated_at: Option<Timestamp>,
    pub is_deleted: bool,
    pub fields: BTreeMap<String, Value>,
}

/// A page, and the path of the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct VendorPage {
    pub items: Vec<VendorItem>,
    pub next: Option<String>,
}

/// Why an answer is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("the answer is not JSON")]
    NotJson,
    #[error("the answer has no list at `{0}`")]
    NoList(String),
    #[error("an item has no id at `{0}`")]
    NoId(String),
    #[error("the next page is not below the connection's base URL")]
    Elsewhere,
    #[error("the next page is the present one")]
    Standstill,
}

impl Object {
    /// The path of the first page, of what changed at `since` or later if the vendor can tell, with so many
    /// items if it can be told.
    pub fn first_page(
        &self,
        connector: &Connector,
        since: Option<Timestamp>,
        items: u32,
    ) -> Option<String> {
        let list = self.list.as_ref()?;
        let limit = match &connector.pagination {
            Pagination::Cursor { limit_param, .. }
            | Pagination::LastId { limit_param, .. }
            | Pagination::Link { limit_param } => limit_param.as_deref(),
            Pagination::None {} | Pagination::NextUrl { .. } => None,
        };
        let since = self.since_param.as_deref().zip(since);
        let since = since.map(|(name, at)| (name, at.to_string()));
        let mut path = list.path.clone();
        for (name, value) in limit
            .map(|name| (name, items.to_string()))
            .into_iter()
            .chain(since)
        {
            path = with(&path, name, &value);
        }
        Some(path)
    }

    /// What an answer to `path` holds.
    ///
    /// # Errors
    /// It is no page: nothing of it counts.
    pub fn page(
        &self,
        connector: &Connector,
        base_url: &str,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<VendorPage, PageError> {
        let answer: Value = serde_json::from_slice(body).map_err(|_| PageError::NotJson)?;
        let list = answer.pointer(&self.items).and_then(Value::as_array);
        let list = list.ok_or_else(|| PageError::NoList(self.items.clone()))?;
        let items = list.iter().map(|item| self.item(item));
        let items: Vec<_> = items.collect::<Result<_, _>>()?;
        let last = list.last();
        let next = next(
            &connector.pagination,
            base_url,
            path,
            headers,
            &answer,
            last,
        )?;
        // A vendor that leads in circles would be read for ever.
        if next.as_deref() == Some(path) {
            return Err(PageError::Standstill);
        }
        Ok(VendorPage { items, next })
    }

    /// One item in our fields. A field that the vendor leaves out is `null`.
    ///
    /// # Errors
    /// It has no id.
    pub fn item(&self, item: &Value) -> Result<VendorItem, PageError> {
        let id = item.pointer(&self.id).and_then(text);
        let id = id.ok_or_else(|| PageError::NoId(self.id.clone()))?;
        let at = |pointer: &Option<String>| item.pointer(pointer.as_ref()?);
        let fields = self.fields.iter().map(|(name, pointer)| {
            let value = item.pointer(pointer).cloned().unwrap_or_default();
            (name.clone(), value)
        });
        Ok(VendorItem {
            id,
            updated_at: at(&self.updated_at).and_then(time),
            is_deleted: at(&self.deleted).and_then(Value::as_bool) == Some(true),
            fields: fields.collect(),
        })
    }

    /// Our fields as this vendor's body: each at its pointer.
    pub fn body(&self, fields: &BTreeMap<String, Value>) -> Value {
        let mut body = Map::new();
        for (name, value) in fields {
            if let Some(pointer) = self.fields.get(name) {
                let parts: Vec<_> = pointer.split('/').skip(1).collect();
                put(&mut body, &parts, value);
            }
        }
        Value::Object(body)
    }
}

/// Puts a value where a pointer's parts lead; what stands in the way is replaced.
fn put(body: &mut Map<String, Value>, parts: &[&str], value: &Value) {
    let Some((first, rest)) = parts.split_first() else {
        return;
    };
    // RFC 6901 section 4.
    let name = first.replace("~1", "/").replace("~0", "~");
    if rest.is_empty() {
        body.insert(name, value.clone());
        return;
    }
    let place = body.entry(name).or_insert(Value::Null);
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    if let Value::Object(within) = place {
        put(within, rest, value);
    }
}

fn next(
    pagination: &Pagination,
    base_url: &str,
    path: &str,
    headers: &HeaderMap,
    answer: &Value,
    last: Option<&Value>,
) -> Result<Option<String>, PageError> {
    match pagination {
        Pagination::None {} => Ok(None),
        Pagination::Cursor { param, next, .. } => {
            let cursor = answer.pointer(next).and_then(text);
            let cursor = cursor.filter(|cursor| !cursor.is_empty());
            Ok(cursor.map(|cursor| with(path, param, &cursor)))
        }
        Pagination::LastId {
            param,
            id,
            has_more,
            ..
        } => {
            let has_more = answer.pointer(has_more).and_then(Value::as_bool);
            let last = last.and_then(|last| last.pointer(id)).and_then(text);
            let last = last.filter(|_| has_more == Some(true));
            Ok(last.map(|last| with(path, param, &last)))
        }
        Pagination::Link { .. } => {
            let links = headers.get_all(header::LINK).iter();
            let links = links.filter_map(|value| value.to_str().ok());
            let next = links.flat_map(|value| value.split(',')).find_map(next_link);
            next.map(|url| below(base_url, url)).transpose()
        }
        Pagination::NextUrl { next } => {
            let next = answer.pointer(next).and_then(Value::as_str);
            let next = next.filter(|next| !next.is_empty());
            next.map(|url| below(base_url, url)).transpose()
        }
    }
}

/// RFC 8288 section 3: one link of the header, if it is the next page's.
fn next_link(link: &str) -> Option<&str> {
    let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let is_rel = name.trim().eq_ignore_ascii_case("rel");
        let value = value.trim().trim_matches('"');
        is_rel && value.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
    });
    is_next.then_some(url)
}

/// A URL of the vendor's as a path below the base URL: credentials go nowhere else.
fn below(base_url: &str, url: &str) -> Result<String, PageError> {
    let base_path = base_url
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]))
        .unwrap_or_default();
    let path = match url.split_once("://") {
        Some((scheme, rest)) => {
            let is_ours = base_url.starts_with(&format!("{scheme}://"))
                && host_of(url) == host_of(base_url)
                && !rest.contains('@');
            let at = rest.find('/').filter(|_| is_ours);
            at.map(|at| &rest[at..]).ok_or(PageError::Elsewhere)?
        }
        None if url.starts_with('/') && !url.starts_with("//") => url,
        None => return Err(PageError::Elsewhere),
    };
    let path = path.strip_prefix(base_path).ok_or(PageError::Elsewhere)?;
    match path.starts_with('/') {
        true => Ok(path.to_owned()),
        false => Err(PageError::Elsewhere),
    }
}

/// The path with this parameter, in place of one that is there.
fn with(path: &str, name: &str, value: &str) -> String {
    let (plain, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs = Serializer::new(String::new());
    for (key, present) in form_urlencoded::parse(query.as_bytes()) {
        if key != name {
            pairs.append_pair(&key, &present);
        }
    }
    pairs.append_pair(name, value);
    format!("{plain}?{}", pairs.finish())
}

/// Ids and cursors are texts or numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// RFC 3339, or seconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => Timestamp::from_second(number.as_i64()?).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
