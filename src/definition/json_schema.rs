use super::diagnostic::{Diagnostic, template_in_key};
use super::node::{Node, NodeKind, Text};
use super::source::Lines;
use super::yaml;
use crate::event::{Json, Name, Span, nearest, number};
use serde_json::Number;
use std::cmp::Ordering;

mod alternatives;
mod exclusive;

/// What a value is that is checked against a JSON Schema.
#[derive(Clone, Copy, Debug)]
pub struct ValueContext<'a> {
    /// The file.
    pub file: &'a Name,
    /// What it is, with its article: ``a request of `http` ``.
    pub what: &'a str,
    /// Where it is blamed for what it does not hold: its key.
    pub at: Span,
    /// The text of that file.
    pub source: &'a str,
    /// How to see what is right: `` `funcy clients http` shows what it takes ``.
    pub help: &'a str,
}

/// Checks a value against a JSON Schema: types, properties, required ones and unknown ones, enumerations,
/// alternatives, items and ranges. Each mistake is said once, where it stands.
///
/// A text that holds `${` fits everywhere: what it will be is known in the run only.
#[must_use]
pub fn validate(schema: &Json, node: &Node, context: ValueContext<'_>) -> Vec<Diagnostic> {
    let mut validation = Validation {
        root: schema,
        context,
        fuel: 100_000,
    };
    let mut found = Vec::new();
    let spot = Spot {
        at: context.at,
        name: context.what.to_owned(),
    };
    validation.value(schema, node, &spot, &mut found);
    super::diagnostic::sort(&mut found);
    found
}

struct Validation<'a> {
    root: &'a Json,
    context: ValueContext<'a>,
    /// Steps that are left: schemas may refer to themselves, and alternatives multiply.
    fuel: u32,
}

/// The value that is looked at: what to call it, and its key.
struct Spot {
    at: Span,
    name: String,
}

/// An object schema with all that is said about its members in one place.
#[derive(Default)]
struct Members<'a> {
    properties: Vec<(&'a str, &'a Json)>,
    required: Vec<&'a str>,
    /// Members of other names: the schema that they have, or that there are none.
    others: Option<&'a Json>,
    is_closed: bool,
}

impl<'a> Validation<'a> {
    fn value(&mut self, schema: &'a Json, node: &Node, spot: &Spot, found: &mut Vec<Diagnostic>) {
        let Some(schema) = self.resolve(schema) else {
            return;
        };
        if is_template(node) {
            return;
        }
        if schema == &Json::Bool(false) {
            found.push(self.error(
                "not-allowed",
                node.span,
                format!("{} is not allowed here", spot.name),
            ));
            return;
        }
        if let NodeKind::Map(members) = &node.kind
            && let Some(mistake) = self.exclusive(schema, members, spot)
        {
            found.push(mistake);
            return;
        }
        if let Some(alternatives) = listed(schema) {
            self.alternatives(schema, alternatives, node, spot, found);
            return;
        }
        self.one(&[schema], node, spot, found);
    }

    /// Follows references.
    fn resolve(&mut self, mut schema: &'a Json) -> Option<&'a Json> {
        loop {
            self.fuel = self.fuel.checked_sub(1)?;
            match schema.get("$ref").and_then(Json::as_str) {
                Some("#") => schema = self.root,
                Some(path) => schema = self.root.pointer(path.strip_prefix('#')?)?,
                None => match schema.get("allOf").and_then(Json::as_array) {
                    // A reference with something beside it.
                    Some(parts) if parts.len() == 1 && schema.get("properties").is_none() => {
                        schema = &parts[0];
                    }
                    _ => return Some(schema),
                },
            }
        }
    }

    /// Checks against all of these at once; they have no alternatives left.
    fn one(&mut self, parts: &[&'a Json], node: &Node, spot: &Spot, found: &mut Vec<Diagnostic>) {
        for part in parts {
            if let Some(values) = enumeration(part)
                && !values.iter().any(|value| **value == node.to_json())
            {
                found.push(self.not_in(&values, node, spot));
                return;
            }
        }
        let types: Vec<&str> = parts.iter().flat_map(|part| types(part)).collect();
        if !types.is_empty() && !types.iter().any(|wanted| fits(wanted, node)) {
            found.push(self.wrong_type(&types, node, spot));
            return;
        }
        match &node.kind {
            NodeKind::Map(members) => self.members(parts, members, spot, found),
            NodeKind::List(items) => self.items(parts, items, node, spot, found),
            NodeKind::Number(number) => {
                if types.contains(&"string") {
                    found.extend(self.spelling(number, node, spot));
                }
                if let Some(message) = parts.iter().find_map(|part| out_of_range(part, number)) {
                    let message = format!("{} {message}", spot.name);
                    found.push(self.error("number-range", node.span, message));
                }
            }
            _ => {}
        }
    }

    /// A number where a text is due, and that would be sent in another way than it is written: `12e4`, `0x1F`.
    fn spelling(&self, number: &Number, node: &Node, spot: &Spot) -> Option<Diagnostic> {
        let sent = number.to_string();
        let width = node.span.end.column.saturating_sub(node.span.start.column) as usize;
        // Nothing but decimal digits is so short: nobody needs to look into the file.
        if !number.is_f64() && sent.len() == width && width < 10 {
            return None;
        }
        let written = Lines::new(self.context.source).slice(node.span);
        // What stands inside of a text, in a short form, is sent as it was written.
        if written == sent || yaml::number(written).as_ref() != Some(number) {
            return None;
        }
        let message = format!("{} is sent as a text, and this number as {sent}", spot.name);
        let hint = format!("quote it, so that it stays as it is written: '{written}'");
        let diagnostic = self.error("number-spelling", node.span, message);
        Some(diagnostic.label(format!("read as {sent}")).hint(hint))
    }

    fn items(
        &mut self,
        parts: &[&'a Json],
        items: &[Node],
        node: &Node,
        spot: &Spot,
        found: &mut Vec<Diagnostic>,
    ) {
        for part in parts {
            let limit = |key: &str| part.get(key).and_then(Json::as_u64).map(|n| n as usize);
            let (least, most) = (limit("minItems"), limit("maxItems"));
            if least.is_some_and(|least| items.len() < least)
                || most.is_some_and(|most| items.len() > most)
            {
                let wanted = match (least, most) {
                    (Some(least), Some(most)) if least == most => format!("exactly {least}"),
                    (Some(least), Some(most)) => format!("{least} to {most}"),
                    (Some(least), None) => format!("at least {least}"),
                    (_, most) => format!("at most {}", most.unwrap_or(0)),
                };
                found.push(self.error(
                    "list-length",
                    node.span,
                    format!(
                        "{} has {wanted} entries, and this has {}",
                        spot.name,
                        items.len()
                    ),
                ));
            }
            let fixed = part.get("prefixItems").and_then(Json::as_array);
            for (index, item) in items.iter().enumerate() {
                let schema = fixed
                    .and_then(|schemas| schemas.get(index))
                    .or_else(|| part.get("items"));
                if let Some(schema) = schema {
                    let spot = Spot {
                        at: item.span,
                        name: format!("each entry of {}", spot.name),
                    };
                    self.value(schema, item, &spot, found);
                }
            }
        }
    }

    /// Everything that these schemas say about members. An object with properties has no others unless it
    /// says so: a key that nobody reads is a mistake in a test.
    fn collect(&mut self, parts: &[&'a Json]) -> Members<'a> {
        let mut members = Members::default();
        let mut is_open = false;
        let mut rest: Vec<&'a Json> = parts.to_vec();
        while let Some(part) = rest.pop() {
            let Some(part) = self.resolve(part) else {
                continue;
            };
            if let Some(properties) = part.get("properties").and_then(Json::as_object) {
                members.properties.extend(
                    properties
                        .iter()
                        .map(|(name, schema)| (name.as_str(), schema)),
                );
            }
            if let Some(required) = part.get("required").and_then(Json::as_array) {
                members
                    .required
                    .extend(required.iter().filter_map(Json::as_str));
            }
            for key in ["additionalProperties", "unevaluatedProperties"] {
                match part.get(key) {
                    Some(Json::Bool(false)) => members.is_closed = true,
                    Some(Json::Bool(true)) => is_open = true,
                    Some(schema) => members.others = Some(schema),
                    None => {}
                }
            }
            if let Some(all) = part.get("allOf").and_then(Json::as_array) {
                rest.extend(all);
            }
        }
        members.is_closed |= !members.properties.is_empty() && !is_open;
        members
    }

    fn members(
        &mut self,
        parts: &[&'a Json],
        written: &[(Text, Node)],
        spot: &Spot,
        found: &mut Vec<Diagnostic>,
    ) {
        let known = self.collect(parts);
        let mut slips = Vec::new();
        for (key, node) in written {
            let schema = known
                .properties
                .iter()
                .find(|(name, _)| *name == key.as_str())
                .map(|(_, schema)| *schema);
            match schema.or(known.others) {
                Some(schema) => {
                    let spot = Spot {
                        at: key.span,
                        name: format!("`{}`", key.value),
                    };
                    self.value(schema, node, &spot, found);
                }
                None if known.is_closed => {
                    let names = known.properties.iter().map(|(name, _)| *name);
                    slips.extend(nearest(key.as_str(), names));
                    found.push(self.unknown_key(key, &known, spot));
                }
                None => {}
            }
        }
        for name in &known.required {
            let is_there = written.iter().any(|(key, _)| key.as_str() == *name);
            if is_there || slips.contains(name) {
                continue;
            }
            // Where other keys are allowed, a slip shows by what is missing.
            let slip = written.iter().map(|(key, _)| key).find(|key| {
                let is_known = known
                    .properties
                    .iter()
                    .any(|(known, _)| *known == key.as_str());
                !is_known && nearest(key.as_str(), std::iter::once(*name)).is_some()
            });
            found.push(match slip {
                Some(key) => self.unknown_key(key, &known, spot),
                None => self
                    .error(
                        "missing-key",
                        spot.at,
                        format!("{} needs the key `{name}`", spot.name),
                    )
                    .hint(self.context.help),
            });
        }
    }

    fn unknown_key(&self, key: &Text, known: &Members<'_>, spot: &Spot) -> Diagnostic {
        if let Some(mistake) = template_in_key(self.context.file, key) {
            return mistake;
        }
        let names: Vec<&str> = known.properties.iter().map(|(name, _)| *name).collect();
        let hint = match nearest(key.as_str(), names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("{} has no keys at all", spot.name),
            None => format!("its keys are {}", names.join(", ")),
        };
        self.error(
            "unknown-key",
            key.span,
            format!("{} has no key `{}`", spot.name, key.value),
        )
        .label("unknown key")
        .hint(hint)
    }

    fn wrong_type(&self, types: &[&str], node: &Node, spot: &Spot) -> Diagnostic {
        let mut wanted: Vec<&str> = Vec::new();
        for name in types {
            let word = match *name {
                "string" => "a text",
                "integer" => "a whole number",
                "number" => "a number",
                "boolean" => "a bool",
                "array" => "a list",
                "object" => "a map",
                // An optional value may be left out; nobody needs to be told to write null.
                _ => continue,
            };
            if !wanted.contains(&word) {
                wanted.push(word);
            }
        }
        let found = match &node.kind {
            NodeKind::Null => "null",
            NodeKind::Bool(_) => "a bool",
            NodeKind::Number(_) => "a number",
            NodeKind::Text(_) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        };
        let hint = match &node.kind {
            NodeKind::Number(_) | NodeKind::Bool(_) if wanted.contains(&"a text") => {
                Some(format!("quote it: '{}'", node.to_json()))
            }
            NodeKind::Text(text)
                if text.value.parse::<f64>().is_ok()
                    && wanted.iter().any(|word| word.ends_with("number")) =>
            {
                Some(format!("write it without quotes: {}", text.value))
            }
            NodeKind::Text(text)
                if matches!(text.as_str(), "true" | "false") && wanted.contains(&"a bool") =>
            {
                Some(format!("write it without quotes: {}", text.value))
            }
            _ => None,
        };
        let span = if node.span.start == node.span.end {
            spot.at
        } else {
            first_line(node.span)
        };
        self.error(
            "wrong-type",
            span,
            format!(
                "{} is {}, and this is {found}",
                spot.name,
                wanted.join(" or ")
            ),
        )
        .label(found)
        .maybe_hint(hint)
    }

    fn not_in(&self, values: &[&Json], node: &Node, spot: &Spot) -> Diagnostic {
        let words: Vec<String> = values
            .iter()
            .map(|value| match value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        let near = node
            .as_text()
            .and_then(|text| nearest(text.as_str(), words.iter().map(String::as_str)));
        let list = words.join(", ");
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {list}"),
        };
        let message = match words.as_slice() {
            [one] => format!("{} is `{one}`", spot.name),
            _ => format!("{} is one of {list}", spot.name),
        };
        self.error("not-one-of", first_line(node.span), message)
            .hint(hint)
    }

    fn error(&self, code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.context.file, span, message)
    }
}

/// Of a value over several lines, its beginning.
fn first_line(span: Span) -> Span {
    if span.start.line == span.end.line {
        return span;
    }
    let mut end = span.start;
    end.column += 1;
    Span {
        start: span.start,
        end,
    }
}

fn is_template(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Text(text) if text.value.contains("${"))
}

fn listed(schema: &Json) -> Option<&[Json]> {
    schema
        .get("oneOf")
        .or_else(|| schema.get("anyOf"))
        .and_then(Json::as_array)
        .map(Vec::as_slice)
}

/// Whether a schema speaks of objects.
fn is_object(schema: &Json) -> bool {
    types(schema).contains(&"object") || schema.get("properties").is_some()
}

/// The types that a schema allows; none: any.
fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn fits(wanted: &str, node: &Node) -> bool {
    match (wanted, &node.kind) {
        ("integer", NodeKind::Number(number)) => !number.is_f64(),
        ("null", NodeKind::Null)
        | ("boolean", NodeKind::Bool(_))
        | ("number", NodeKind::Number(_))
        | ("string", NodeKind::Text(_))
        | ("array", NodeKind::List(_))
        | ("object", NodeKind::Map(_)) => true,
        _ => false,
    }
}

/// The values of an enumeration.
fn enumeration(schema: &Json) -> Option<Vec<&Json>> {
    if let Some(value) = schema.get("const") {
        return Some(vec![value]);
    }
    schema
        .get("enum")
        .and_then(Json::as_array)
        .map(|values| values.iter().collect())
}

/// Why a number is out of the range of its schema, in words that follow its name.
fn out_of_range(schema: &Json, number: &Number) -> Option<String> {
    let limit = |key: &str| match schema.get(key) {
        Some(Json::Number(limit)) => Some(limit.clone()),
        _ => None,
    };
    let whole = |from: i64, to: u64| (Some(Number::from(from)), Some(Number::from(to)));
    let (from, to) = match schema.get("format").and_then(Json::as_str) {
        Some("uint8") => whole(0, u8::MAX.into()),
        Some("uint16") => whole(0, u16::MAX.into()),
        Some("uint32") => whole(0, u32::MAX.into()),
        Some("uint64" | "uint") => whole(0, u64::MAX),
        Some("int8") => whole(i8::MIN.into(), i8::MAX as u64),
        Some("int16") => whole(i16::MIN.into(), i16::MAX as u64),
        Some("int32") => whole(i32::MIN.into(), i32::MAX as u64),
        _ => (None, None),
    };
    let bounds = [
        (
            limit("minimum"),
            "at least",
            Ordering::is_ge as fn(Ordering) -> bool,
        ),
        (from, "at least", Ordering::is_ge),
        (limit("maximum"), "at most", Ordering::is_le),
        (to, "at most", Ordering::is_le),
        (limit("exclusiveMinimum"), "more than", Ordering::is_gt),
        (limit("exclusiveMaximum"), "less than", Ordering::is_lt),
    ];
    bounds.into_iter().find_map(|(limit, words, holds)| {
        let limit = limit?;
        let order = number::order(number, &limit)?;
        (!holds(order)).then(|| format!("is {words} {limit}, and this is {number}"))
    })
}

#[cfg(test)]
mod tests;
