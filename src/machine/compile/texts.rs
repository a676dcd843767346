//! Expressions, assignments, templates and values.

use super::Compiler;
use crate::definition::model;
use crate::definition::{Node, NodeKind, Text, nearest};
use crate::event::{Json, Name, Span};
use crate::machine::program::{self, Assignment, Blueprint, Guard, Length};
use crate::script::{Expression, SyntaxError};
use std::sync::Arc;

impl Compiler<'_> {
    /// An expression: `when`, `expect`, `if`.
    pub(super) fn guard(&mut self, text: &Text, path: &str) -> Option<Guard> {
        let compiled = self.project.engine.expression(text.as_str());
        let expression = self.compiled(text, compiled)?.at_place(chance_place(path));
        self.check_expression(text, &expression);
        let number = self.guards;
        self.guards += 1;
        Some(Guard {
            expression,
            number,
            text: text.clone(),
            place: self.place(text.span, path),
        })
    }

    pub(super) fn guards(&mut self, texts: &[Text], path: &str) -> Box<[Guard]> {
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
                self.guard(text, &path)
            })
            .collect()
    }

    /// A whole script: `eval`.
    pub(super) fn script(&mut self, text: &Text, path: &str) -> Option<Guard> {
        let compiled = self.project.engine.script(text.as_str());
        let expression = self.compiled(text, compiled)?.at_place(chance_place(path));
        self.check_expression(text, &expression);
        let number = self.guards;
        self.guards += 1;
        Some(Guard {
            expression,
            number,
            text: text.clone(),
            place: self.place(text.span, path),
        })
    }

    /// `name: expression or JSONPath`.
    pub(super) fn assignment(
        &mut self,
        name: &Text,
        value: &Text,
        path: &str,
    ) -> Option<Assignment> {
        let compiled = self.project.engine.value(value.as_str());
        let source = self.compiled(value, compiled)?.at_place(chance_place(path));
        match source.script() {
            Some(script) => self.check_expression(value, script),
            None if self.res.is_absent() => self.no_result(value.span),
            None => {}
        }
        let place = self.place(value.span, path);
        Some(Assignment {
            name: Name::clone(&name.value),
            source,
            text: value.clone(),
            place,
        })
    }

    pub(super) fn assignments(&mut self, set: &[(Text, Text)], path: &str) -> Vec<Assignment> {
        set.iter()
            .filter_map(|(name, value)| {
                self.assignment(name, value, &format!("{path}.{}", name.as_str()))
            })
            .collect()
    }

    /// A text that may be a template.
    pub(super) fn text(&mut self, text: &Text, path: &str) -> Option<program::Text> {
        let compiled = self.project.engine.template(text.as_str());
        let template = self.compiled(text, compiled)?.at_place(chance_place(path));
        for (offset, expression) in template.expressions() {
            self.check_lint(text, offset, expression);
        }
        Some(program::Text {
            template,
            text: text.clone(),
            place: self.place(text.span, path),
        })
    }

    pub(super) fn length(&mut self, length: &model::Length, path: &str) -> Option<Length> {
        match length {
            model::Length::Literal(literal) => Some(Length::Literal(literal.value)),
            model::Length::Template(text) => {
                self.text(text, path).map(Box::new).map(Length::Template)
            }
        }
    }

    /// A value whose texts may be templates. The schema tells which of them are bound instead of pasted.
    pub(super) fn blueprint(
        &mut self,
        node: &Node,
        schema: Option<&Json>,
        path: &str,
    ) -> Option<Blueprint> {
        let root = schema;
        self.blueprint_in(node, schema, root, path)
    }

    fn blueprint_in(
        &mut self,
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
                let bind = schema
                    .zip(root)
                    .is_some_and(|(schema, root)| is_bound(schema, root));
                let compiled = self.text(text, path)?;
                if bind {
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
                    parts.push(self.blueprint_in(item, inner, root, &format!("{path}[{index}]")));
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

    fn compiled<T>(&mut self, text: &Text, result: Result<T, SyntaxError>) -> Option<T> {
        match result {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.syntax(text, 0, error);
                None
            }
        }
    }

    fn syntax(&mut self, text: &Text, offset: usize, error: SyntaxError) {
        let span = text.span_of(error.at.start + offset..error.at.end + offset);
        self.error("expression", span, error.message, "", error.hint);
    }

    fn check_expression(&mut self, text: &Text, expression: &Expression) {
        self.check_lint(text, 0, expression);
    }

    /// Names and calls of an expression that stands at this byte offset of the text.
    fn check_lint(&mut self, text: &Text, offset: usize, expression: &Expression) {
        for error in self.project.engine.unknown_calls(expression) {
            let span = text.span_of(error.at.start + offset..error.at.end + offset);
            self.error("unknown-function", span, error.message, "", error.hint);
        }
        let uses = expression.uses();
        self.modules.extend(uses.modules().cloned());
        self.reads_services |= uses.reads("services");
        for read in &uses.reads {
            let span = text.span_of(read.at.start + offset..read.at.end + offset);
            self.read(&read.name, span);
        }
        for path in &uses.paths {
            if &*path.root == "res" {
                self.check_members(text, offset, path);
            }
            let Some(service) = path.members.first() else {
                continue;
            };
            let services = &self.project.suite.services;
            if &*path.root == "services"
                && !services.iter().any(|known| known.name.value == *service)
            {
                let span = text.span_of(path.at.start + offset..path.at.end + offset);
                let hint = nearest(service, services.iter().map(|known| known.name.as_str()))
                    .map(|known| format!("did you mean `{known}`?"))
                    .or_else(|| Some("declare it in funcy.yaml, under `services:`".to_owned()));
                self.error(
                    "unknown-service",
                    span,
                    format!("there is no service `{service}`"),
                    "",
                    hint,
                );
            }
        }
    }

    fn read(&mut self, name: &Name, span: Span) {
        match &**name {
            "res" if self.res.is_absent() => self.no_result(span),
            "item" if !self.has_item => {
                let hint = Some("`item` exists inside `for_each` only".to_owned());
                self.error(
                    "unknown-variable",
                    span,
                    "there is no `item` here",
                    "",
                    hint,
                );
            }
            local if crate::script::LOCALS.contains(&local) => {}
            _ if self.variables.contains(name) => self.reads.push(program::Read {
                name: Name::clone(name),
                file: Name::clone(&self.file),
                span,
            }),
            unknown => {
                let known = self
                    .variables
                    .iter()
                    .map(|known| &**known)
                    .chain(crate::script::LOCALS);
                let hint = nearest(unknown, known).map(|known| format!("did you mean `{known}`?")).or_else(|| {
                    Some("declare it under `vars:`, save it in an instruction, or give it with `--var`".to_owned())
                });
                let message = format!("there is no variable `{unknown}`");
                self.error("unknown-variable", span, message, "unknown variable", hint);
            }
        }
    }

    fn no_result(&mut self, span: Span) {
        let hint = "`res` is the result of an instruction or strategy: add `poll`, `subscribe` or a request".to_owned();
        self.error(
            "no-result",
            span,
            "there is no `res` here",
            "nothing yields a result here",
            Some(hint),
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

fn is_bound(schema: &Json, root: &Json) -> bool {
    alternatives(schema, root)
        .iter()
        .any(|one| one.get("x-template").is_some_and(|way| way == "bind"))
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
