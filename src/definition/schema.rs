//! The JSON Schemas (draft-07) of task files and suite files, for editors: they complete keys, show what
//! each means and underline what does not fit. They are made from the tables that the decoder uses and
//! from the schemas of the client kinds.
//!
//! Editors give poor answers to `oneOf` and `anyOf`: every alternative adds its complaint. So none is
//! used. Keywords of JSON Schema speak of one type each, which lets one schema describe a text, a list
//! and a map at once; alternatives of a client are folded into the map of all their keys. The schema is
//! therefore wider than the language in a few places; `funcy check` is the judge.

mod client;
#[cfg(test)]
mod tests;

use super::catalog::Catalog;
use super::keys::{self, Key, Object, Shape};
use super::model::Record;
use crate::event::{ErrorKind, Json};
use serde_json::{Map, json};

/// What stands for a template inside a text.
const TEMPLATE: &str = r"\$\{";

/// The JSON Schema of a task file, with the requests, sources and configs of these client kinds.
#[must_use]
pub fn json_schema(catalog: &Catalog) -> Json {
    Writer { catalog }.document(
        &keys::TASK,
        "A funcy task",
        "One file is one task: a state machine that tests a system.",
    )
}

/// The JSON Schema of the suite file, `funcy.yaml`.
#[must_use]
pub fn suite_schema(catalog: &Catalog) -> Json {
    Writer { catalog }.document(
        &keys::SUITE,
        "A funcy suite",
        "What the tasks in and below this folder share.",
    )
}

struct Writer<'a> {
    catalog: &'a Catalog,
}

impl Writer<'_> {
    fn document(&self, root: &'static Object, title: &str, description: &str) -> Json {
        let mut definitions = Map::new();
        definitions.insert("expression".into(), expression());
        definitions.insert("duration".into(), duration());
        definitions.insert("assignments".into(), assignments());
        definitions.insert("instruction".into(), self.instruction(false));
        definitions.insert("polled".into(), self.instruction(true));
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
        let mut document = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": title,
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
    fn property(&self, key: &Key) -> Option<Json> {
        let shape = self.shape(key.shape)?;
        // What stands beside a `$ref` is not read in draft-07.
        let mut schema = json!({ "description": key.doc });
        if shape.get("$ref").is_some() {
            merge(&mut schema, json!({ "allOf": [shape] }));
        } else {
            merge(&mut schema, shape);
        }
        Some(schema)
    }

    fn shape(&self, shape: Shape) -> Option<Json> {
        Some(match shape {
            Shape::Unsupported => return None,
            Shape::Version => json!({ "const": 1, "default": 1 }),
            Shape::Text | Shape::Template => scalar(),
            Shape::Name => name(),
            Shape::Names => json!({ "type": "array", "items": name() }),
            Shape::NameOrNames => {
                json!({ "type": ["string", "number", "boolean", "array"], "items": name(), "minItems": 1 })
            }
            Shape::Texts => json!({ "type": "array", "items": scalar() }),
            Shape::Expression | Shape::Script => reference("expression"),
            Shape::Expressions => json!({
                "type": ["string", "number", "boolean", "array"],
                "items": reference("expression"),
                "minItems": 1,
            }),
            Shape::Assignments | Shape::Saves => reference("assignments"),
            Shape::Duration => reference("duration"),
            Shape::Count(least) => json!({ "type": "integer", "minimum": least }),
            Shape::Factor => json!({ "type": "number", "minimum": 1, "maximum": 1000 }),
            Shape::Items => json!({ "type": ["string", "array"], "minItems": 1 }),
            Shape::Value => json!({}),
            Shape::Values => json!({ "type": "object", "propertyNames": identifier() }),
            Shape::Secrets => json!({
                "type": ["object", "array"],
                "propertyNames": identifier(),
                "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
                "items": { "type": ["string", "object"] },
            }),
            Shape::Clients => reference("clients"),
            Shape::Record => json!({
                "enum": Record::ALL.map(Record::word),
                "default": Record::default().word(),
            }),
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
            Shape::TextOr(object) => self.or(&["string", "number"], object),
            Shape::NameOr(object) => self.or(&["string"], object),
            Shape::NameOrList(object) => {
                let mut schema = self.or(&["string", "array"], object);
                merge(
                    &mut schema,
                    json!({ "items": self.or(&["string"], object), "minItems": 1 }),
                );
                schema
            }
            Shape::DurationOr(object) => {
                let mut schema = self.or(&["string"], object);
                merge(&mut schema, json!({ "pattern": duration_pattern() }));
                schema
            }
            Shape::Object(object) => self.object(object),
            Shape::MapOf(object) => named(&self.object(object)),
            Shape::Templates => named(&scalar()),
        })
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
    fn instruction(&self, polled: bool) -> Json {
        let hidden = ["expect", "save", "retry", "defer"];
        let mut properties = Map::new();
        for key in keys::MODIFIERS.iter().chain(keys::ACTIONS) {
            if polled && hidden.contains(&key.name) {
                continue;
            }
            if let Some(schema) = self.property(key) {
                properties.insert(key.name.to_owned(), schema);
            }
        }
        for kind in &self.catalog.kinds {
            properties.insert(
                kind.name.to_owned(),
                json!({
                    "description": format!("{}\n\n{}", kind.summary, kind.example),
                    "allOf": [reference(&client::name(kind, "request"))],
                }),
            );
        }
        let mut schema = json!({
            "type": "object",
            "minProperties": 1,
            "properties": properties,
            "additionalProperties": { "type": ["string", "object", "array"] },
        });
        if polled {
            let hidden: Vec<Json> = hidden
                .iter()
                .map(|key| json!({ "not": { "required": [key] } }))
                .collect();
            merge(&mut schema, json!({ "allOf": hidden }));
        }
        schema
    }

    fn clients(&self) -> Json {
        let mut members: Map<String, Json> = self
            .catalog
            .kinds
            .iter()
            .map(|kind| {
                (
                    kind.name.to_owned(),
                    json!({
                        "description": kind.summary,
                        "allOf": [reference(&client::name(kind, "config"))],
                    }),
                )
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
                json!({
                    "description": kind.summary,
                    "allOf": [reference(&client::name(kind, "source"))],
                }),
            );
        }
        let mut all = types.to_vec();
        all.push("object");
        json!({
            "type": all,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": properties,
            "additionalProperties": { "type": ["string", "object"] },
        })
    }
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// A map of free names.
fn named(value: &Json) -> Json {
    json!({ "type": "object", "additionalProperties": value })
}

fn scalar() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A name: no template.
fn name() -> Json {
    json!({ "type": ["string", "number", "boolean"], "not": { "type": "string", "pattern": TEMPLATE } })
}

fn identifier() -> Json {
    json!({ "pattern": "^_*[A-Za-z][A-Za-z0-9_]*$" })
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

fn duration_pattern() -> String {
    format!(r"^([0-9]+(\.[0-9]+)?(d|h|ms|m|s))+$|{TEMPLATE}")
}

fn duration() -> Json {
    json!({
        "type": "string",
        "description": "A length of time: `250ms`, `5s`, `2m`, `1h30m`.",
        "pattern": duration_pattern(),
        "examples": ["5s", "250ms", "2m", "1h30m"],
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
