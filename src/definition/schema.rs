//! The JSON Schemas (draft-07) of task files and suite files, for editors: they complete keys, show what
//! each means and underline what does not fit. They are made from the tables that the decoder uses and
//! from the schemas of the client kinds.
//!
//! Editors give poor answers to `oneOf` and `anyOf`: every alternative adds its complaint. So none is
//! used. Keywords of JSON Schema speak of one type each, which lets one schema describe a text, a list
//! and a map at once; alternatives of a client are folded into the map of all their keys. The schema is
//! therefore wider than the language in a few places; `funcy check` is the judge.
//!
//! What else it does for editors, and `tests/editors` holds it to:
//!
//! - A key whose shape is shared is a `$ref` with a description beside it. Validators do not read what stands
//!   beside a `$ref`, editors do; an `allOf` around it would hide the type, and with it the colon that
//!   completion writes behind the key.
//! - Where a text is the usual form, its other forms stand in an `allOf`, so that completion writes `wait: `
//!   and not a list or a map ([`beside_text`]).
//! - `errorMessage`, `patternErrorMessage` and `markdownDescription` are the words of editors; validators ignore
//!   them. They say what is wanted where an editor by itself would show a regular expression.

mod client;
#[cfg(test)]
mod tests;

use super::catalog::Catalog;
use super::keys::{self, KeySpec, Object, Shape};
use super::model::Record;
use crate::event::{ErrorKind, Json, duration_pattern, size_pattern};
use serde_json::{Map, json};

/// What stands for a template inside a text.
const TEMPLATE: &str = r"\$\{";

/// The JSON Schema of a task file, with the requests, sources and configs of these client kinds.
#[must_use]
pub fn task_schema(catalog: &Catalog) -> Json {
    Writer { catalog }.document(
        &keys::TASK,
        "A funcy task: one file is one state machine, which tests a system.",
    )
}

/// The JSON Schema of the suite file, `funcy.yaml`.
#[must_use]
pub fn suite_schema(catalog: &Catalog) -> Json {
    Writer { catalog }.document(
        &keys::SUITE,
        "A funcy suite: what the tasks in and below this folder share.",
    )
}

/// How an instruction is asked, which decides what may stand beside what it does.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Once,
    Polled,
    /// As one of several that are polled together.
    Branch,
}

struct Writer<'a> {
    catalog: &'a Catalog,
}

impl Writer<'_> {
    fn document(&self, root: &'static Object, description: &str) -> Json {
        let mut definitions = Map::new();
        definitions.insert("expression".into(), expression());
        definitions.insert("duration".into(), duration());
        definitions.insert("assignments".into(), assignments());
        definitions.insert("instruction".into(), self.instruction(Asked::Once));
        definitions.insert("polled".into(), self.instruction(Asked::Polled));
        definitions.insert("branch".into(), self.instruction(Asked::Branch));
        definitions.insert("clients".into(), self.clients());
        definitions.insert("listens".into(), named(&self.source(&[])));
        for (name, schema) in [
            // An empty state is legal; a transition may be a name alone.
            ("state", self.or(&["null"], &keys::STATE)),
            ("condition", self.object(&keys::CONDITION)),
            (
                "transition",
                self.or(&["string", "number", "boolean"], &keys::TRANSITION),
            ),
        ] {
            definitions.insert(name.into(), schema);
        }
        for kind in &self.catalog.kinds {
            client::definitions(kind, &mut definitions);
        }
        // No `title`: editors would write it over every key.
        let mut document = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "description": description,
        });
        merge(&mut document, self.object(root));
        used(&document, &mut definitions);
        merge(&mut document, json!({ "definitions": definitions }));
        document
    }

    fn object(&self, object: &'static Object) -> Json {
        let mut properties = Map::new();
        for key in object.keys() {
            if let Some(schema) = self.property(key) {
                properties.insert(key.name.to_owned(), schema);
            }
        }
        let required: Vec<&str> = object
            .keys()
            .filter(|key| key.required)
            .map(|key| key.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            merge(&mut schema, json!({ "required": required }));
        }
        schema
    }

    /// A key's schema with its description; `None` if this version does not support the key.
    fn property(&self, key: &KeySpec) -> Option<Json> {
        Some(with_description(self.shape(key.shape)?, key.doc))
    }

    fn shape(&self, shape: Shape) -> Option<Json> {
        Some(match shape {
            Shape::Unsupported => return None,
            Shape::Version => json!({ "const": 1, "default": 1 }),
            Shape::Text | Shape::Template => scalar(),
            Shape::Name => name(),
            Shape::Names => json!({ "type": "array", "items": name() }),
            Shape::NameOrNames => beside_text(name(), json!({ "items": name(), "minItems": 1 })),
            Shape::Texts => json!({ "type": "array", "items": scalar() }),
            Shape::Expression | Shape::Script => reference("expression"),
            Shape::Expressions => beside_text(
                scalar(),
                json!({ "items": reference("expression"), "minItems": 1 }),
            ),
            Shape::Assignments | Shape::Saves => reference("assignments"),
            Shape::Duration => reference("duration"),
            Shape::Age => age(),
            Shape::Size => size(),
            Shape::Count(least) => json!({ "type": "integer", "minimum": least }),
            Shape::Factor => json!({ "type": "number", "minimum": 1, "maximum": 1000 }),
            Shape::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            Shape::Counted => json!({ "type": ["integer", "string"], "minimum": 1 }),
            Shape::DurationOrEnd => duration_or("end"),
            Shape::True => json!({ "const": true }),
            Shape::Items => {
                json!({ "type": ["string", "array", "integer"], "minItems": 1, "minimum": 0 })
            }
            Shape::Value => anything(),
            Shape::Values => json!({ "type": "object", "propertyNames": identifier() }),
            Shape::Secrets => json!({
                "type": ["object", "array"],
                "propertyNames": identifier(),
                "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
                "allOf": [{ "items": { "type": ["string", "object"] } }],
            }),
            Shape::Clients => reference("clients"),
            Shape::Record => json!({
                "enum": Record::ALL.map(Record::word),
                "default": Record::default().word(),
            }),
            Shape::Words(words) => json!({ "enum": words }),
            Shape::Listens => reference("listens"),
            Shape::Subscribe => self.source(&["string"]),
            Shape::Instruction => reference("instruction"),
            Shape::Polled => reference("polled"),
            Shape::Instructions => {
                json!({ "type": "array", "items": reference("instruction"), "minItems": 1 })
            }
            Shape::States => {
                let mut states = named(&reference("state"));
                merge(&mut states, json!({ "minProperties": 1 }));
                states
            }
            Shape::Condition => reference("condition"),
            Shape::Conditions => named(&reference("condition")),
            Shape::Transitions => {
                json!({ "type": "array", "items": reference("transition"), "minItems": 1 })
            }
            Shape::ErrorKind => json!({
                "enum": ErrorKind::ALL
                    .into_iter()
                    .filter(|kind| kind.is_routable())
                    .map(ErrorKind::word)
                    .collect::<Vec<_>>(),
            }),
            Shape::TextOr(object) => {
                beside_text(json!({ "type": ["string", "number"] }), self.object(object))
            }
            Shape::NameOr(object) => beside_text(json!({ "type": "string" }), self.object(object)),
            Shape::NameOrList(object) => {
                let mut forms = self.object(object);
                merge(
                    &mut forms,
                    json!({ "items": self.or(&["string"], object), "minItems": 1 }),
                );
                beside_text(json!({ "type": "string" }), forms)
            }
            Shape::DurationOr(object) => beside_text(duration(), self.object(object)),
            Shape::Object(object) => self.object(object),
            Shape::MapOf(object) => named(&self.object(object)),
            Shape::Templates => named(&scalar()),
            Shape::Cases(object) => self.cases(object),
            Shape::Axes => json!({
                "type": "object",
                "propertyNames": identifier(),
                "additionalProperties": { "type": "array", "minItems": 1 },
                "minProperties": 1,
            }),
        })
    }

    fn cases(&self, object: &'static Object) -> Json {
        let mut forms = self.object(object);
        let case = json!({ "type": "object", "propertyNames": identifier(), "minProperties": 1 });
        merge(
            &mut forms,
            json!({
                "type": ["array", "object"],
                "items": case,
                "minItems": 1,
                "minProperties": 1,
                "maxProperties": 1,
            }),
        );
        forms
    }

    /// An object, or one of these types.
    fn or(&self, types: &[&str], object: &'static Object) -> Json {
        let mut schema = self.object(object);
        let mut all = types.to_vec();
        all.push("object");
        merge(&mut schema, json!({ "type": all }));
        schema
    }

    /// An instruction: the built-in keys, and the ready clients as if they were built in. Any other key may
    /// be a client's name.
    fn instruction(&self, asked: Asked) -> Json {
        // What is refused, and what belongs to it.
        let refused = |name: &str| match (asked, name) {
            (Asked::Once, _) => false,
            (Asked::Branch, "parallel") | (_, "concurrency") => true,
            _ => keys::NOT_POLLED.iter().any(|(known, _)| *known == name),
        };
        let mut properties = Map::new();
        for key in keys::MODIFIERS.iter().chain(keys::ACTIONS) {
            let schema = if refused(key.name) {
                Some(Json::Bool(false))
            } else if (asked, key.name) == (Asked::Polled, "parallel") {
                let branches =
                    json!({ "type": "array", "items": reference("branch"), "minItems": 1 });
                Some(with_description(branches, key.doc))
            } else {
                self.property(key)
            };
            if let Some(schema) = schema {
                properties.insert(key.name.to_owned(), schema);
            }
        }
        for kind in &self.catalog.kinds {
            let (summary, example) = (kind.summary, kind.example.trim_end());
            let mut schema = described(
                &format!("{summary}.\n\n{example}"),
                &client::name(kind, "request"),
            );
            let markdown = format!("{summary}.\n\n```yaml\n{example}\n```");
            merge(&mut schema, json!({ "markdownDescription": markdown }));
            properties.insert(kind.name.to_owned(), schema);
        }
        json!({
            "type": "object",
            "minProperties": 1,
            "properties": properties,
            "additionalProperties": { "type": ["string", "object", "array"] },
        })
    }

    fn clients(&self) -> Json {
        let mut members: Map<String, Json> = self
            .catalog
            .kinds
            .iter()
            .map(|kind| {
                let schema = described(kind.summary, &client::name(kind, "config"));
                (kind.name.to_owned(), schema)
            })
            .collect();
        let is_open = members.is_empty();
        for key in keys::CLIENT.keys() {
            if let Some(schema) = self.property(key) {
                members.insert(key.name.to_owned(), schema);
            }
        }
        // One kind, and beside it what else a client has.
        let client = json!({
            "type": "object",
            "properties": members,
            "additionalProperties": is_open,
            "if": { "required": ["record"] },
            "then": { "minProperties": 2, "maxProperties": 2 },
            "else": { "minProperties": 1, "maxProperties": 1 },
        });
        named(&client)
    }

    /// `{CLIENT: source}`, or one of these types.
    fn source(&self, types: &[&str]) -> Json {
        let mut properties = Map::new();
        properties.insert(
            "signal".to_owned(),
            json!({ "type": "string", "description": "An event inside the run, or one sent to it from outside: its name." }),
        );
        for kind in self
            .catalog
            .kinds
            .iter()
            .filter(|kind| kind.source.is_some())
        {
            properties.insert(
                kind.name.to_owned(),
                described(kind.summary, &client::name(kind, "source")),
            );
        }
        let mut all = types.to_vec();
        all.push("object");
        json!({
            "type": all,
            "minProperties": 1,
            "allOf": [at_most_one()],
            "properties": properties,
            "additionalProperties": { "type": ["string", "object"] },
        })
    }
}

fn with_description(mut schema: Json, text: &str) -> Json {
    merge(&mut schema, json!({ "description": text }));
    schema
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// A reference with a description of its own, which editors show instead of that of its target.
fn described(text: &str, name: &str) -> Json {
    let mut schema = reference(name);
    merge(&mut schema, json!({ "description": text }));
    schema
}

/// A map of free names.
fn named(value: &Json) -> Json {
    json!({ "type": "object", "additionalProperties": value })
}

/// Said apart from the keys: an editor that has begun a line for the one key would otherwise offer none.
fn at_most_one() -> Json {
    json!({ "maxProperties": 1 })
}

/// A text, or a list or map in one of these forms. They are apart from it because completion writes the
/// form that it finds first.
fn beside_text(mut text: Json, forms: Json) -> Json {
    let mut more = Vec::new();
    if forms.get("properties").is_some() {
        more.push("object");
    }
    if forms.get("items").is_some() {
        more.push("array");
    }
    add_types(&mut text, &more);
    let mut forms = forms;
    if let Json::Object(members) = &mut forms {
        members.remove("type");
    }
    merge(&mut text, json!({ "allOf": [forms] }));
    text
}

fn type_names(schema: &Json) -> Vec<String> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name.clone()],
        Some(Json::Array(names)) => names
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// Adds types to a schema that names its types.
fn add_types(schema: &mut Json, more: &[&str]) {
    let mut types = type_names(schema);
    if types.is_empty() {
        return;
    }
    for name in more {
        if !types.iter().any(|known| known == name) {
            types.push((*name).to_owned());
        }
    }
    merge(schema, json!({ "type": types }));
}

/// Any value. The types are named because an editor writes no colon behind a key without one.
fn anything() -> Json {
    json!({ "type": ["string", "number", "boolean", "object", "array", "null"] })
}

fn scalar() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A name: no template.
fn name() -> Json {
    json!({
        "type": ["string", "number", "boolean"],
        // Without `${`; no lookahead, which not every engine has.
        "pattern": r"^([^$]|\$+[^${])*\$*$",
        "patternErrorMessage": "This name must be known before the run: no `${…}` here.",
    })
}

fn identifier() -> Json {
    json!({
        // What completion calls the key.
        "title": "NAME",
        "pattern": "^_*[A-Za-z][A-Za-z0-9_]*$",
        "patternErrorMessage": "A variable's name is made of letters, digits and `_`.",
    })
}

fn expression() -> Json {
    json!({
        "type": ["string", "number", "boolean"],
        "description": "A Rhai expression.",
        "minLength": 1,
    })
}

fn assignments() -> Json {
    json!({
        "type": "object",
        "propertyNames": identifier(),
        "additionalProperties": reference("expression"),
    })
}

fn duration() -> Json {
    json!({
        "type": "string",
        "description": "A length of time: `250ms`, `5s`, `2m`, `1h30m`.",
        "pattern": format!("^{}$|{TEMPLATE}", duration_pattern()),
        "errorMessage": "A length of time has a unit: `5s`, `250ms`, `2m`, `1h30m`.",
        "examples": ["5s", "250ms"],
    })
}

/// A length of time, or this word.
fn duration_or(word: &str) -> Json {
    json!({
        "type": "string",
        "pattern": format!("^{}$|^{word}$|{TEMPLATE}", duration_pattern()),
        "errorMessage": format!("A length of time has a unit: `5s`, `250ms`; or `{word}`."),
        "examples": ["5s", word],
    })
}

/// A length of time that no expression fills in.
fn age() -> Json {
    json!({
        "type": "string",
        "pattern": format!("^{}$", duration_pattern()),
        "errorMessage": "A length of time has a unit: `30d`, `12h`.",
        "examples": ["30d", "12h"],
    })
}

fn size() -> Json {
    json!({
        "type": "string",
        "pattern": format!("^{}$", size_pattern()),
        "errorMessage": "An amount of bytes has a unit: `500MB`, `1GB`.",
        "examples": ["1GB", "500MB"],
    })
}

/// Adds members; those of `more` win.
fn merge(schema: &mut Json, more: Json) {
    if let (Json::Object(members), Json::Object(more)) = (schema, more) {
        members.extend(more);
    }
}

/// Drops the definitions that nothing refers to, directly or through others.
fn used(document: &Json, definitions: &mut Map<String, Json>) {
    let mut wanted: Vec<String> = Vec::new();
    references(document, &mut wanted);
    let mut done = 0;
    while done < wanted.len() {
        if let Some(schema) = definitions.get(&wanted[done]) {
            let mut more = Vec::new();
            references(schema, &mut more);
            more.retain(|name| !wanted.contains(name));
            wanted.extend(more);
        }
        done += 1;
    }
    definitions.retain(|name, _| wanted.contains(name));
}

fn references(schema: &Json, names: &mut Vec<String>) {
    match schema {
        Json::Object(members) => {
            if let Some(name) = members
                .get("$ref")
                .and_then(Json::as_str)
                .and_then(|path| path.strip_prefix("#/definitions/"))
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
            members.values().for_each(|value| references(value, names));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, names)),
        _ => {}
    }
}
