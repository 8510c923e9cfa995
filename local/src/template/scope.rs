//! What names mean inside a template. An intrinsic function resolves to its local value, or fails naming its place.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::template::{ACCOUNT, REGION, document, queue_arn, queue_url, table_arn};

pub(super) struct Scope<'a> {
    parameters: BTreeMap<&'a str, Value>,
    conditions: Option<&'a Map<String, Value>>,
    mappings: Option<&'a Value>,
    resources: &'a Map<String, Value>,
    queue_base: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        document: &'a Value,
        overrides: &BTreeMap<String, String>,
        queue_base: &'a str,
    ) -> anyhow::Result<Self> {
        let resources = document.get("Resources").and_then(Value::as_object);
        Ok(Self {
            parameters: parameters(document, overrides)?,
            conditions: document.get("Conditions").and_then(Value::as_object),
            mappings: document.get("Mappings"),
            resources: resources.context("the template has no Resources")?,
            queue_base,
        })
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.resources
            .iter()
            .map(|(logical_id, resource)| (logical_id.as_str(), resource))
    }

    pub(super) fn kind(&self, logical_id: &str) -> anyhow::Result<&'a str> {
        let resource = self.resource(logical_id)?;
        resource
            .get("Type")
            .and_then(Value::as_str)
            .with_context(|| format!("{logical_id} has no Type"))
    }

    pub(super) fn resource(&self, logical_id: &str) -> anyhow::Result<&'a Value> {
        self.resources
            .get(logical_id)
            .with_context(|| format!("the template has no resource {logical_id}"))
    }

    /// The logical id, with the ending that the name of a FIFO queue must have.
    pub(super) fn queue_name(&self, logical_id: &str) -> anyhow::Result<String> {
        let is_fifo = self.resource(logical_id)?.pointer("/Properties/FifoQueue");
        Ok(match is_fifo.map(scalar).transpose()?.as_deref() {
            Some("true") => format!("{logical_id}.fifo"),
            Some(_) | None => logical_id.to_owned(),
        })
    }

    /// Whether the resource's own condition, if any, holds.
    pub(super) fn is_created(&self, logical_id: &str) -> anyhow::Result<bool> {
        match self.resource(logical_id)?.get("Condition") {
            None => Ok(true),
            Some(Value::String(name)) => self.condition(name),
            Some(_) => bail!("{logical_id}: Condition must be a name"),
        }
    }

    /// The local value, or `None` for `AWS::NoValue`. `at` is the path shown in errors.
    pub(super) fn resolve(&self, value: &Value, at: &str) -> anyhow::Result<Option<Value>> {
        Ok(Some(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    resolved.extend(self.resolve(item, &format!("{at}[{index}]"))?);
                }
                Value::Array(resolved)
            }
            Value::Object(object) => match document::intrinsic(object) {
                // `Condition` is a function inside Conditions only; elsewhere it is an ordinary property.
                Some((name, argument)) if name != "Condition" => {
                    return self
                        .call(name, argument, at)
                        .with_context(|| format!("{at}: {name}"));
                }
                _ => {
                    let mut resolved = Map::new();
                    for (key, value) in object {
                        if let Some(value) = self.resolve(value, &format!("{at}.{key}"))? {
                            resolved.insert(key.clone(), value);
                        }
                    }
                    Value::Object(resolved)
                }
            },
        }))
    }

    fn call(&self, name: &str, argument: &Value, at: &str) -> anyhow::Result<Option<Value>> {
        Ok(Some(match name {
            "Ref" => return self.reference(text(argument)?),
            "Fn::GetAtt" => Value::String(self.attribute(&dotted(argument)?)?),
            "Fn::Sub" => Value::String(self.substitute(argument, at)?),
            "Fn::Join" => {
                let [separator, parts] = items(argument)?;
                let parts = self.texts(parts, at)?;
                Value::String(parts.join(text(separator)?))
            }
            "Fn::Split" => {
                let [separator, whole] = items(argument)?;
                let whole = self.text(whole, at)?;
                Value::Array(
                    whole
                        .split(text(separator)?)
                        .map(|part| Value::String(part.to_owned()))
                        .collect(),
                )
            }
            "Fn::Select" => {
                let [index, list] = items(argument)?;
                let index: usize = self
                    .text(index, at)?
                    .parse()
                    .context("the index must be a number")?;
                let list = self.texts(list, at)?;
                let item = list
                    .get(index)
                    .with_context(|| format!("index {index} of a list of {}", list.len()))?;
                Value::String(item.clone())
            }
            "Fn::FindInMap" => {
                let [map, first, second] = items(argument)?;
                let mut found = self.mappings.context("the template has no Mappings")?;
                for key in [map, first, second] {
                    let key = self.text(key, at)?;
                    found = found
                        .get(&key)
                        .with_context(|| format!("the mapping has no {key}"))?;
                }
                found.clone()
            }
            "Fn::If" => {
                let [condition, yes, no] = items(argument)?;
                let chosen = if self.condition(text(condition)?)? {
                    yes
                } else {
                    no
                };
                return self.resolve(chosen, at);
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                Value::Bool(self.test(name, argument)?)
            }
            other => bail!("the local platform does not know the intrinsic function {other}"),
        }))
    }

    fn reference(&self, name: &str) -> anyhow::Result<Option<Value>> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some("local"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(pseudo) = pseudo {
            return Ok(Some(Value::String(pseudo.to_owned())));
        }
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(Some(parameter.clone()));
        }
        let local = match self
            .kind(name)
            .with_context(|| format!("{name} is no parameter and no resource"))?
        {
            "AWS::SQS::Queue" => queue_url(self.queue_base, &self.queue_name(name)?),
            _ => name.to_owned(),
        };
        Ok(Some(Value::String(local)))
    }

    pub(super) fn attribute(&self, dotted: &str) -> anyhow::Result<String> {
        let (logical_id, attribute) = dotted
            .split_once('.')
            .with_context(|| format!("{dotted} has no attribute"))?;
        // SAM makes a role for each function that names none.
        if let (Some(function), "Arn") = (logical_id.strip_suffix("Role"), attribute)
            && self.resources.contains_key(function)
        {
            return Ok(role_arn(logical_id));
        }
        let kind = self.kind(logical_id)?;
        Ok(match (kind, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => table_arn(logical_id),
            ("AWS::SQS::Queue", "Arn") => queue_arn(&self.queue_name(logical_id)?),
            ("AWS::SQS::Queue", "QueueName") => self.queue_name(logical_id)?,
            ("AWS::SQS::Queue", "QueueUrl") => {
                queue_url(self.queue_base, &self.queue_name(logical_id)?)
            }
            ("AWS::KMS::Key", "Arn") => format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{logical_id}"),
            ("AWS::KMS::Key", "KeyId") => logical_id.to_owned(),
            ("AWS::Logs::LogGroup", "Arn") => {
                format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{logical_id}:*")
            }
            ("AWS::IAM::Role", "Arn") => {
                let path = self.resource(logical_id)?.pointer("/Properties/Path");
                let path = path.map(|path| self.text(path, dotted)).transpose()?;
                let path = path.unwrap_or_else(|| "/".to_owned());
                role_arn(&format!("{}{logical_id}", path.trim_start_matches('/')))
            }
            ("AWS::Serverless::Function", "Arn") => function_arn(logical_id),
            _ => bail!("the attribute {attribute} of {logical_id} ({kind}) has no local value"),
        })
    }

    /// `${Name}`, `${Name.Attribute}`, `${!literal}` and names of the second argument's map.
    fn substitute(&self, argument: &Value, at: &str) -> anyhow::Result<String> {
        let (pattern, extra) = match argument {
            Value::Array(_) => {
                let [pattern, extra] = items(argument)?;
                (text(pattern)?, extra.as_object())
            }
            _ => (text(argument)?, None),
        };
        let mut rest = pattern;
        let mut result = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("{pattern:?} has an open ${{"))?;
            result.push_str(before);
            match (
                name.strip_prefix('!'),
                extra.and_then(|extra| extra.get(name)),
            ) {
                (Some(literal), _) => result.push_str(&format!("${{{literal}}}")),
                (None, Some(value)) => result.push_str(&self.text(value, at)?),
                (None, None) if name.contains('.') => result.push_str(&self.attribute(name)?),
                (None, None) => {
                    let value = self
                        .reference(name)?
                        .with_context(|| format!("{name} has no value"))?;
                    result.push_str(&scalar(&value)?);
                }
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn condition(&self, name: &str) -> anyhow::Result<bool> {
        let expression = self.conditions.and_then(|conditions| conditions.get(name));
        let expression =
            expression.with_context(|| format!("the template has no condition {name}"))?;
        self.holds(expression)
            .with_context(|| format!("Conditions.{name}"))
    }

    fn holds(&self, expression: &Value) -> anyhow::Result<bool> {
        match expression.as_object().and_then(document::intrinsic) {
            Some(("Condition", name)) => self.condition(text(name)?),
            Some((name, argument)) => self.test(name, argument),
            None => bail!("a condition must be an intrinsic function"),
        }
    }

    fn test(&self, name: &str, argument: &Value) -> anyhow::Result<bool> {
        let list = argument
            .as_array()
            .context("the arguments must be a list")?;
        match name {
            "Fn::Equals" => {
                let [left, right] = items(argument)?;
                Ok(self.text(left, name)? == self.text(right, name)?)
            }
            "Fn::Not" => {
                let [inner] = items(argument)?;
                Ok(!self.holds(inner)?)
            }
            "Fn::And" => list
                .iter()
                .try_fold(true, |all, inner| Ok(self.holds(inner)? && all)),
            "Fn::Or" => list
                .iter()
                .try_fold(false, |any, inner| Ok(self.holds(inner)? || any)),
            other => bail!("{other} is no condition"),
        }
    }

    fn text(&self, value: &Value, at: &str) -> anyhow::Result<String> {
        let value = self
            .resolve(value, at)?
            .context("a value is needed here, not AWS::NoValue")?;
        scalar(&value)
    }

    fn texts(&self, value: &Value, at: &str) -> anyhow::Result<Vec<String>> {
        let list = self
            .resolve(value, at)?
            .context("a list is needed here, not AWS::NoValue")?;
        list.as_array()
            .context("a list is needed here")?
            .iter()
            .map(scalar)
            .collect()
    }
}

/// A text, number or boolean as CloudFormation writes it into a string.
pub(super) fn scalar(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            bail!("a text is needed here, got {value}")
        }
    }
}

/// The ARN a function is invoked under.
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// The ARN of a role, with its path.
pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn parameters<'a>(
    document: &'a Value,
    overrides: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<&'a str, Value>> {
    let declared = document.get("Parameters").and_then(Value::as_object);
    if let Some(unknown) = overrides
        .keys()
        .find(|name| declared.is_none_or(|declared| !declared.contains_key(*name)))
    {
        bail!("the template has no parameter {unknown}");
    }
    let mut parameters = BTreeMap::new();
    for (name, declaration) in declared.into_iter().flatten() {
        let value = match (overrides.get(name), declaration.get("Default")) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => {
                scalar(default).with_context(|| format!("Parameters.{name}.Default"))?
            }
            (None, None) => bail!("the parameter {name} has no default and was given no value"),
        };
        let allowed = declaration.get("AllowedValues").and_then(Value::as_array);
        if let Some(allowed) = allowed {
            let allowed = allowed
                .iter()
                .map(scalar)
                .collect::<anyhow::Result<Vec<_>>>()?;
            if !allowed.contains(&value) {
                bail!(
                    "the parameter {name} must be one of {}, got {value:?}",
                    allowed.join(", ")
                );
            }
        }
        parameters.insert(name.as_str(), Value::String(value));
    }
    Ok(parameters)
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value
        .as_str()
        .with_context(|| format!("a text is needed here, got {value}"))
}

/// `A.B`, or `[A, B]` joined.
fn dotted(value: &Value) -> anyhow::Result<String> {
    match value.as_array() {
        Some(parts) => Ok(parts
            .iter()
            .map(scalar)
            .collect::<anyhow::Result<Vec<_>>>()?
            .join(".")),
        None => Ok(text(value)?.to_owned()),
    }
}

fn items<const N: usize>(value: &Value) -> anyhow::Result<&[Value; N]> {
    let items = value
        .as_array()
        .and_then(|items| <&[Value; N]>::try_from(items.as_slice()).ok());
    items.with_context(|| format!("{N} arguments are needed, got {value}"))
}
