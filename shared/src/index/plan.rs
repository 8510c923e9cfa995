//! What a list asks for, and which index answers it. A list is served by one range of one index or not at
//! all: no filter reads rows only to drop them.

use std::collections::BTreeMap;

use crate::{
    index::{Index, ValueKind, value},
    problem::{ApiError, FieldError},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// The filters and the order of a list, as its query parameters have them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Question {
    equals: BTreeMap<String, String>,
    /// Operator by field.
    bounds: Vec<(String, Operator, String)>,
    sort: Option<(String, Direction)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    Above,
    AtMost,
    Below,
    StartsWith,
}

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The place of the index among the collection's; `None` for the records in the order of their making.
    pub index: Option<usize>,
    /// Both included.
    pub(crate) from: String,
    pub(crate) to: String,
    pub direction: Direction,
}

impl Question {
    /// Takes one query parameter: `field=value`, `field:gte=value` or `sort=-field`.
    ///
    /// # Errors
    /// The operator is unknown, or the parameter stands twice.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), FieldError> {
        if name == "sort" {
            let (field, direction) = match text.strip_prefix('-') {
                Some(field) => (field, Direction::Descending),
                None => (text, Direction::Ascending),
            };
            let before = self.sort.replace((field.to_owned(), direction));
            return refuse_twice(name, before.is_some());
        }
        let Some((field, operator)) = name.split_once(':') else {
            let before = self.equals.insert(name.to_owned(), text.to_owned());
            return refuse_twice(name, before.is_some());
        };
        let operator = match operator {
            "gte" => Operator::AtLeast,
            "gt" => Operator::Above,
            "lte" => Operator::AtMost,
            "lt" => Operator::Below,
            "prefix" => Operator::StartsWith,
            _ => {
                let detail = "the operator after the colon must be one of gte, gt, lte, lt, prefix";
                return Err(FieldError::new(name, detail));
            }
        };
        let is_twice = self
            .bounds
            .iter()
            .any(|(other, of, _)| other == field && *of == operator);
        self.bounds
            .push((field.to_owned(), operator, text.to_owned()));
        refuse_twice(name, is_twice)
    }

    /// # Errors
    /// No index serves the list, or a value is not of its field's type; by the parameter's name.
    pub fn plan(&self, indexes: &[Index]) -> Result<Plan, ApiError> {
        self.check_fields(indexes)?;
        if self.equals.is_empty() && self.bounds.is_empty() {
            match &self.sort {
                None => return Ok(Plan::by_making(Direction::Ascending)),
                Some((field, direction)) if field == "created_at" => {
                    return Ok(Plan::by_making(*direction));
                }
                Some(_) => {}
            }
        }
        let found = indexes.iter().position(|index| self.fits(index));
        let Some((at, index)) = found.and_then(|at| Some((at, indexes.get(at)?))) else {
            return Err(self.unserved(indexes));
        };
        let mut prefix = String::new();
        for field in index.fields.iter().take(self.equals.len()) {
            let text = self
                .equals
                .get(field.path.as_str())
                .map_or("", String::as_str);
            let value = value::of_text(field.kind, text)
                .map_err(|detail| ApiError::invalid(field.path.as_str(), detail))?;
            prefix += &value;
            prefix.push('#');
        }
        let kind = index.fields.get(self.equals.len()).map(|field| field.kind);
        let (from, to) = match kind.filter(|_| !self.bounds.is_empty()) {
            Some(kind) => self.range(kind)?,
            // Below and above every value and every id.
            None => (String::new(), "~".to_owned()),
        };
        Ok(Plan {
            index: Some(at),
            from: format!("{prefix}{from}"),
            to: format!("{prefix}{to}"),
            direction: self
                .sort
                .as_ref()
                .map_or(Direction::Ascending, |sort| sort.1),
        })
    }

    /// Whether the index's rows that are wanted lie together, in the wanted order.
    fn fits(&self, index: &Index) -> bool {
        let paths: Vec<&str> = index
            .fields
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        let (Some(fixed), next) = (
            paths.get(..self.equals.len()),
            paths.get(self.equals.len()).copied(),
        ) else {
            return false;
        };
        let all_fixed = fixed.iter().all(|path| self.equals.contains_key(*path));
        let bounded = self.bounds.iter().all(|(field, _, _)| next == Some(field));
        let sorted = match &self.sort {
            None => true,
            // Within equal values rows are in the order of their records' making.
            Some((field, _)) if field == "created_at" => next.is_none(),
            Some((field, _)) => next == Some(field) || fixed.contains(&field.as_str()),
        };
        all_fixed && bounded && sorted
    }

    fn range(&self, kind: ValueKind) -> Result<(String, String), ApiError> {
        let (mut from, mut to) = (kind.tag().to_string(), kind.after().to_string());
        for (field, operator, text) in &self.bounds {
            let name = || format!("{field}:{}", operator.name());
            let refuse = |detail: String| ApiError::invalid(name(), detail);
            if *operator == Operator::StartsWith && kind != ValueKind::String {
                return Err(refuse("must be asked of a string field only".to_owned()));
            }
            let value = value::of_text(kind, text).map_err(refuse)?;
            match operator {
                Operator::AtLeast => from = from.max(value),
                // `$` is the character after the `#` that ends a value.
                Operator::Above => from = from.max(value + "$"),
                Operator::AtMost => to = to.min(value + "$"),
                // No row ends with the value itself.
                Operator::Below => to = to.min(value),
                Operator::StartsWith => {
                    to = to.min(format!("{value}g"));
                    from = from.max(value);
                }
            }
        }
        Ok((from, to))
    }

    fn check_fields(&self, indexes: &[Index]) -> Result<(), ApiError> {
        let is_known = |name: &str| {
            let mut fields = indexes.iter().flat_map(|index| &index.fields);
            fields.any(|field| field.path.as_str() == name)
        };
        let bounds = self
            .bounds
            .iter()
            .map(|(field, operator, _)| (field, format!("{field}:{}", operator.name())));
        let asked = self.equals.keys().map(|field| (field, field.clone()));
        let unknown = asked.chain(bounds).filter(|(field, _)| !is_known(field));
        let mut errors: Vec<FieldError> = unknown
            .map(|(_, name)| FieldError::new(name, unknown_parameter(indexes)))
            .collect();
        if let Some((field, _)) = &self.sort
            && field != "created_at"
            && !is_known(field)
        {
            let detail = format!(
                "must be created_at or an indexed field; {}",
                listed(indexes)
            );
            errors.push(FieldError::new("sort", detail));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid(errors))
        }
    }

    fn unserved(&self, indexes: &[Index]) -> ApiError {
        let names = self.equals.keys().cloned();
        let bounds = self.bounds.iter().map(|(field, _, _)| field.clone());
        let sort = self
            .sort
            .as_ref()
            .map(|(field, _)| format!("sort by {field}"));
        let asked: Vec<String> = names.chain(bounds).chain(sort).collect();
        let pointer = asked.first().cloned().unwrap_or_default();
        let pointer = if pointer.starts_with("sort by ") {
            "sort".to_owned()
        } else {
            pointer
        };
        let detail = format!(
            "no index serves {}: an index serves equality on its first fields and a range or the order on the next; {}",
            asked.join(" with "),
            listed(indexes)
        );
        ApiError::invalid(pointer, detail)
    }
}

impl Plan {
    fn by_making(direction: Direction) -> Self {
        Self {
            index: None,
            from: "rec_".to_owned(),
            to: "rec_~".to_owned(),
            direction,
        }
    }
}

impl Operator {
    fn name(self) -> &'static str {
        match self {
            Self::AtLeast => "gte",
            Self::Above => "gt",
            Self::AtMost => "lte",
            Self::Below => "lt",
            Self::StartsWith => "prefix",
        }
    }
}

fn refuse_twice(name: &str, is_twice: bool) -> Result<(), FieldError> {
    if is_twice {
        return Err(FieldError::new(name, "must be given once"));
    }
    Ok(())
}

fn unknown_parameter(indexes: &[Index]) -> String {
    format!(
        "must be limit, cursor, sort, deleted or an indexed field; {}",
        listed(indexes)
    )
}

fn listed(indexes: &[Index]) -> String {
    if indexes.is_empty() {
        return "the collection has no indexes".to_owned();
    }
    let names: Vec<String> = indexes.iter().map(Index::name).collect();
    format!("the collection's indexes are {}", names.join(", "))
}

#[cfg(test)]
impl Plan {
    /// Whether a row is in the plan's range.
    pub(super) fn holds(&self, row: &str) -> bool {
        (self.from.as_str()..=self.to.as_str()).contains(&row)
    }
}
