use super::{TEMPLATE, add_types, anything, merge, reference, type_names};
use crate::definition::catalog::ClientKind;
use crate::event::Json;
use serde_json::{Map, json};

/// How deep alternatives may stand inside each other.
const MAX_DEPTH: u32 = 16;

/// The name of the definition of a kind's request, source or config.
pub(super) fn name(kind: &ClientKind, part: &str) -> String {
    format!("{}.{part}", kind.name)
}

/// Adds the schemas of a kind's config, request and source, each as an editor can use it.
pub(super) fn definitions(kind: &ClientKind, definitions: &mut Map<String, Json>) {
    add(&name(kind, "config"), &kind.config, &["null"], definitions);
    // Every request and source has a short form, a text.
    add(
        &name(kind, "request"),
        &kind.request,
        &["string"],
        definitions,
    );
    if let Some(source) = &kind.source {
        add(&name(kind, "source"), source, &["string"], definitions);
    }
}

fn add(name: &str, schema: &Json, types: &[&str], definitions: &mut Map<String, Json>) {
    for key in ["$defs", "definitions"] {
        let Some(inner) = schema.get(key).and_then(Json::as_object) else {
            continue;
        };
        for (inner_name, inner) in inner {
            let fold = Fold { root: schema, name };
            definitions.insert(
                format!("{name}.{inner_name}"),
                templated(fold.schema(inner, 0)),
            );
        }
    }
    let fold = Fold { root: schema, name };
    // The root itself is no reference, so that the text form can be added to it.
    let mut folded = fold.schema(fold.resolve(schema), 0);
    if folded.get("$ref").is_some() {
        folded = json!({ "allOf": [folded] });
    } else {
        add_types(&mut folded, types);
    }
    definitions.insert(name.to_owned(), folded);
}

/// Folds alternatives away.
struct Fold<'a> {
    root: &'a Json,
    name: &'a str,
}

impl<'a> Fold<'a> {
    fn resolve(&self, mut schema: &'a Json) -> &'a Json {
        for _ in 0..MAX_DEPTH {
            let Some(path) = schema.get("$ref").and_then(Json::as_str) else {
                break;
            };
            match path
                .strip_prefix('#')
                .and_then(|path| self.root.pointer(path))
            {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// A schema without alternatives, its references turned to the document's definitions.
    fn schema(&self, schema: &'a Json, depth: u32) -> Json {
        let Json::Object(members) = schema else {
            return schema.clone();
        };
        if depth > MAX_DEPTH {
            return json!({});
        }
        if let Some(path) = members.get("$ref").and_then(Json::as_str) {
            return self.reference(path, members);
        }
        let mut folded = Map::new();
        let mut alternatives: &[Json] = &[];
        for (key, value) in members {
            match key.as_str() {
                "oneOf" | "anyOf" => {
                    alternatives = value.as_array().map_or(&[], Vec::as_slice);
                }
                "properties" | "patternProperties" => {
                    let inner = value.as_object().into_iter().flatten();
                    let inner: Map<String, Json> = inner
                        .map(|(name, schema)| {
                            (name.clone(), templated(self.schema(schema, depth + 1)))
                        })
                        .collect();
                    folded.insert(key.clone(), Json::Object(inner));
                }
                "items" | "additionalProperties" => {
                    folded.insert(key.clone(), templated(self.schema(value, depth + 1)));
                }
                "prefixItems" => {
                    let items: Vec<Json> = value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|item| templated(self.schema(item, depth + 1)))
                        .collect();
                    // Draft-07 calls it so.
                    folded.insert("items".to_owned(), Json::Array(items));
                }
                "allOf" => {
                    let all: Vec<Json> = value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|part| self.schema(part, depth + 1))
                        .collect();
                    folded.insert(key.clone(), Json::Array(all));
                }
                "unevaluatedProperties" => {
                    folded.insert("additionalProperties".to_owned(), value.clone());
                }
                "$defs" | "definitions" | "$schema" | "title" => {}
                // What tells the machine how texts and keys are used tells an editor nothing.
                key if key.starts_with("x-") => {}
                _ => {
                    folded.insert(key.clone(), value.clone());
                }
            }
        }
        // As in the check: an object with properties has no others unless it says so.
        if folded.contains_key("properties") && !folded.contains_key("additionalProperties") {
            folded.insert("additionalProperties".to_owned(), Json::Bool(false));
        }
        let mut folded = Json::Object(folded);
        if !alternatives.is_empty() {
            self.fold(&mut folded, alternatives, depth);
        }
        folded
    }

    /// A reference keeps its description, which editors show instead of that of its target.
    fn reference(&self, path: &str, members: &Map<String, Json>) -> Json {
        let inner = path.rsplit('/').next().unwrap_or_default();
        let mut target = if path == "#" {
            reference(self.name)
        } else {
            reference(&format!("{}.{inner}", self.name))
        };
        if let Some(text) = members.get("description") {
            merge(&mut target, json!({ "description": text }));
        }
        target
    }

    /// Folds alternatives into the schema that they stand in: the types of all, the keys of all, and the
    /// values of all if each is an enumeration.
    fn fold(&self, folded: &mut Json, alternatives: &'a [Json], depth: u32) {
        let mut types: Vec<String> = Vec::new();
        let mut values: Vec<Json> = Vec::new();
        let mut is_enumeration = true;
        let mut properties = Map::new();
        let mut is_closed = true;
        let mut items = None;
        let mut others = None;
        for alternative in alternatives {
            // Folded from its definition: a reference alone could not be merged.
            let part = self.schema(self.resolve(alternative), depth + 1);
            let own = type_names(&part);
            if let Some(list) = part.get("enum").and_then(Json::as_array) {
                values.extend(list.iter().cloned());
            } else if let Some(value) = part.get("const") {
                values.push(value.clone());
            } else if own != ["null"] {
                is_enumeration = false;
            }
            let says_something = ["properties", "const", "enum"]
                .iter()
                .any(|key| part.get(key).is_some());
            if own.is_empty() && !says_something {
                // An alternative that says nothing allows everything.
                return;
            }
            for name in own {
                if !types.contains(&name) {
                    types.push(name);
                }
            }
            if let Some(inner) = part.get("properties").and_then(Json::as_object) {
                for (name, schema) in inner {
                    properties
                        .entry(name.clone())
                        .or_insert_with(|| schema.clone());
                }
                is_closed &= part.get("additionalProperties") == Some(&Json::Bool(false));
            } else if let Some(schema) = part.get("additionalProperties") {
                others = Some(schema.clone());
            }
            if let Some(schema) = part.get("items") {
                items = Some(schema.clone());
            }
        }
        if is_enumeration && !values.is_empty() {
            if types.iter().any(|name| name == "null") {
                values.push(Json::Null);
            }
            merge(folded, json!({ "enum": values }));
            return;
        }
        if !types.is_empty() && folded.get("type").is_none() {
            merge(folded, json!({ "type": types }));
        }
        if !properties.is_empty() {
            if let Some(own) = folded.get("properties").and_then(Json::as_object) {
                for (name, schema) in own {
                    properties.insert(name.clone(), schema.clone());
                }
            }
            merge(folded, json!({ "properties": properties }));
            if is_closed && others.is_none() {
                merge(folded, json!({ "additionalProperties": false }));
            }
        }
        if let Some(schema) = others {
            merge(folded, json!({ "additionalProperties": schema }));
        }
        if let Some(items) = items {
            merge(folded, json!({ "items": items }));
        }
    }
}

/// Lets a template stand wherever a value stands.
fn templated(mut schema: Json) -> Json {
    let is_fixed = schema.get("enum").is_some() || schema.get("const").is_some();
    if is_fixed {
        let description = schema.get("description").cloned();
        // All types at first, so that what does not fit is told once, by the inner schema.
        let mut wrapped = anything();
        merge(
            &mut wrapped,
            json!({
                "if": { "type": "string", "pattern": TEMPLATE },
                "then": {},
                "else": schema,
            }),
        );
        if let Some(text) = description {
            merge(&mut wrapped, json!({ "description": text }));
        }
        return wrapped;
    }
    let types = type_names(&schema);
    if types.is_empty() {
        if is_anything(&schema) {
            let said = std::mem::replace(&mut schema, anything());
            merge(&mut schema, said);
        }
        return schema;
    }
    if types.iter().any(|name| name == "string") {
        // A pattern or format of a text need not hold for a template.
        if let Json::Object(members) = &mut schema {
            members.remove("pattern");
            members.remove("format");
            members.remove("minLength");
            members.remove("maxLength");
        }
        return schema;
    }
    let wanted = types.join(" or ");
    add_types(&mut schema, &["string"]);
    merge(
        &mut schema,
        json!({
            "pattern": TEMPLATE,
            "patternErrorMessage": format!("Expected {wanted}, or a template: `${{…}}`."),
        }),
    );
    schema
}

/// Whether a schema says nothing about the value.
fn is_anything(schema: &Json) -> bool {
    match schema {
        Json::Bool(all) => *all,
        Json::Object(members) => members.keys().all(|key| key == "description"),
        _ => false,
    }
}
