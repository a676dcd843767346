//! Expressions, assignments, templates and values.

use super::Compiler;
use super::context::{Context, Reads};
use crate::definition::model;
use crate::definition::{Node, NodeKind, Text};
use crate::event::{Json, Name};
use crate::machine::program::{self, Assignment, Blueprint, Guard, Length};
use crate::script::SyntaxError;
use std::sync::Arc;

impl<'a> Compiler<'a> {
    /// An expression: `when`, `expect`, `if`.
    pub(super) fn guard(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
    ) -> Option<Guard> {
        let compiled = self.project.engine.expression(text.as_str());
        let expression = self
            .compiled(cx, text, compiled)?
            .at_place(chance_place(path));
        self.check_names(cx, reads, text, 0, &expression, false);
        let number = self.guards;
        self.guards += 1;
        Some(Guard {
            expression,
            number,
            text: text.clone(),
            place: cx.place(text.span, path),
        })
    }

    pub(super) fn guards(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        texts: &[Text],
        path: &str,
    ) -> Box<[Guard]> {
        let many = texts.len() > 1;
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| {
                let path = if many {
                    format!("{path}[{index}]")
                } else {
                    path.to_owned()
                };
                self.guard(cx, reads, text, &path)
            })
            .collect()
    }

    /// A whole script: `eval`.
    pub(super) fn script(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
    ) -> Option<Guard> {
        let compiled = self.project.engine.script(text.as_str());
        let expression = self
            .compiled(cx, text, compiled)?
            .at_place(chance_place(path));
        self.check_names(cx, reads, text, 0, &expression, false);
        let number = self.guards;
        self.guards += 1;
        Some(Guard {
            expression,
            number,
            text: text.clone(),
            place: cx.place(text.span, path),
        })
    }

    /// `name: expression or JSONPath`.
    pub(super) fn assignment(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        name: &Text,
        value: &Text,
        path: &str,
    ) -> Option<Assignment> {
        let compiled = self.project.engine.value(value.as_str());
        let source = self
            .compiled(cx, value, compiled)?
            .at_place(chance_place(path));
        match source.script() {
            Some(script) => self.check_names(cx, reads, value, 0, script, false),
            None if cx.res.is_absent() => self.no_result(cx, value.span),
            None => {}
        }
        let place = cx.place(value.span, path);
        Some(Assignment {
            name: Name::clone(&name.value),
            source,
            text: value.clone(),
            place,
        })
    }

    pub(super) fn assignments(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        set: &[(Text, Text)],
        path: &str,
    ) -> Vec<Assignment> {
        set.iter()
            .filter_map(|(name, value)| {
                self.assignment(cx, reads, name, value, &format!("{path}.{}", name.as_str()))
            })
            .collect()
    }

    /// A text that may be a template.
    pub(super) fn text(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
    ) -> Option<program::Text> {
        self.text_for(cx, reads, text, path, false)
    }

    /// A text that may be a template; `shell`: a shell may read it, which has variables of its own.
    fn text_for(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        path: &str,
        shell: bool,
    ) -> Option<program::Text> {
        let compiled = self.project.engine.template(text.as_str());
        let template = self
            .compiled(cx, text, compiled)?
            .at_place(chance_place(path));
        for (offset, expression) in template.expressions() {
            self.check_names(cx, reads, text, offset, expression, shell);
        }
        Some(program::Text {
            template,
            text: text.clone(),
            place: cx.place(text.span, path),
        })
    }

    pub(super) fn length(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        length: &model::Length,
        path: &str,
    ) -> Option<Length> {
        match length {
            model::Length::Literal(literal) => Some(Length::Literal(literal.value)),
            model::Length::Template(text) => self
                .text(cx, reads, text, path)
                .map(Box::new)
                .map(Length::Template),
        }
    }

    /// A value whose texts may be templates. The schema tells which of them are bound instead of pasted.
    pub(super) fn blueprint(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        node: &Node,
        schema: Option<&Json>,
        path: &str,
    ) -> Option<Blueprint> {
        let root = schema;
        self.blueprint_in(cx, reads, node, schema, root, path)
    }

    fn blueprint_in(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        node: &Node,
        schema: Option<&Json>,
        root: Option<&Json>,
        path: &str,
    ) -> Option<Blueprint> {
        Some(match &node.kind {
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => {
                Blueprint::Constant(Arc::new(node.to_json()))
            }
            NodeKind::Text(text) => {
                let is = |way| {
                    let mut schemas = schema.zip(root).into_iter();
                    schemas.any(|(schema, root)| has_template(schema, root, way))
                };
                let compiled = self.text_for(cx, reads, text, path, is("shell"))?;
                if is("bind") {
                    Blueprint::Bind(compiled)
                } else if let Some(literal) = compiled.template.literal() {
                    Blueprint::Constant(Arc::new(Json::String(literal.to_owned())))
                } else {
                    Blueprint::Text(compiled)
                }
            }
            NodeKind::List(items) => {
                let inner = schema
                    .zip(root)
                    .and_then(|(schema, root)| part(schema, root, None));
                let mut parts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    parts.push(self.blueprint_in(
                        cx,
                        reads,
                        item,
                        inner,
                        root,
                        &format!("{path}[{index}]"),
                    ));
                }
                let parts: Vec<_> = parts.into_iter().collect::<Option<_>>()?;
                folded(
                    parts,
                    |values| Json::Array(values.collect()),
                    |parts| Blueprint::List(parts.into()),
                )
            }
            NodeKind::Map(members) => {
                let mut parts = Vec::with_capacity(members.len());
                for (key, member) in members {
                    let inner = schema
                        .zip(root)
                        .and_then(|(schema, root)| part(schema, root, Some(key.as_str())));
                    parts.push(self.blueprint_in(
                        cx,
                        reads,
                        member,
                        inner,
                        root,
                        &format!("{path}.{}", key.as_str()),
                    ));
                }
                let parts: Vec<_> = parts.into_iter().collect::<Option<_>>()?;
                let keys: Vec<String> = members
                    .iter()
                    .map(|(key, _)| key.value.to_string())
                    .collect();
                let names = keys.clone();
                folded(
                    parts,
                    |values| Json::Object(names.into_iter().zip(values).collect()),
                    |parts| Blueprint::Map(keys.into_iter().zip(parts).collect()),
                )
            }
        })
    }

    fn compiled<T>(
        &mut self,
        cx: Context<'a>,
        text: &Text,
        result: Result<T, SyntaxError>,
    ) -> Option<T> {
        match result {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.syntax(cx, text, 0, error);
                None
            }
        }
    }

    fn syntax(&mut self, cx: Context<'a>, text: &Text, offset: usize, error: SyntaxError) {
        let span = text.span_of(error.at.start + offset..error.at.end + offset);
        self.error(
            "expression",
            &cx.file.name,
            span,
            error.message,
            "",
            error.hint,
        );
    }
}

/// The number under which chance is drawn at a place: the same for the same path, whatever else changes in
/// the file.
fn chance_place(path: &str) -> u64 {
    let hash = blake3::hash(path.as_bytes());
    u64::from_le_bytes(std::array::from_fn(|at| hash.as_bytes()[at]))
}

/// Folds parts that are all constant into one constant, so that it is shared and not rebuilt.
fn folded(
    parts: Vec<Blueprint>,
    constant: impl FnOnce(&mut dyn Iterator<Item = Json>) -> Json,
    dynamic: impl FnOnce(Vec<Blueprint>) -> Blueprint,
) -> Blueprint {
    if parts
        .iter()
        .all(|part| matches!(part, Blueprint::Constant(_)))
    {
        let mut values = parts.into_iter().map(|part| match part {
            Blueprint::Constant(value) => Arc::unwrap_or_clone(value),
            _ => Json::Null,
        });
        Blueprint::Constant(Arc::new(constant(&mut values)))
    } else {
        dynamic(parts)
    }
}

/// The schema behind a `$ref`, and the alternatives that it names.
pub(super) fn alternatives<'s>(schema: &'s Json, root: &'s Json) -> Vec<&'s Json> {
    let mut found = vec![schema];
    let mut index = 0;
    // Bounded: a schema that refers to itself is followed a few steps only.
    while index < found.len() && found.len() < 32 {
        let one = found[index];
        if let Some(target) = one
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|path| path.strip_prefix('#'))
        {
            found.extend(root.pointer(target));
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            found.extend(one.get(key).and_then(Json::as_array).into_iter().flatten());
        }
        index += 1;
    }
    found
}

/// Whether templates in this text are used in this way: `bind`, `shell`.
fn has_template(schema: &Json, root: &Json, way: &str) -> bool {
    alternatives(schema, root)
        .iter()
        .any(|one| one.get("x-template").is_some_and(|used| used == way))
}

/// The schema of a member, or of the items of a list.
pub(super) fn part<'s>(schema: &'s Json, root: &'s Json, key: Option<&str>) -> Option<&'s Json> {
    let inside = |one: &'s Json| match key {
        Some(key) => one.get("properties")?.get(key),
        None => one.get("items"),
    };
    // Mostly the schema says so itself.
    inside(schema).or_else(|| alternatives(schema, root).into_iter().find_map(inside))
}
