//! Values with templates in them: variables, requests, configs.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::{Slot, Usage};
use crate::definition::{Node, NodeKind, Text, template_in_key};
use crate::event::Json;
use crate::machine::program::{Blueprint, Key};
use std::sync::Arc;

impl<'a> Compiler<'a> {
    /// A value whose texts may be templates.
    pub(super) fn blueprint(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        node: &Node,
        slot: Slot<'_>,
        path: &str,
    ) -> Option<Blueprint> {
        Some(match &node.kind {
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => {
                Blueprint::Constant(Arc::new(node.to_json()))
            }
            NodeKind::Text(text) => {
                let usage = slot.usage();
                let compiled = self.text_for(cx, reads, text, path, usage)?;
                match (usage, compiled.template.literal()) {
                    (Usage::Bind, _) => Blueprint::Bind(compiled),
                    (_, Some(literal)) => {
                        Blueprint::Constant(Arc::new(Json::String(literal.to_owned())))
                    }
                    (Usage::Url, None) => Blueprint::Url(compiled),
                    (Usage::Text | Usage::Shell, None) => Blueprint::Text(compiled),
                }
            }
            NodeKind::List(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    parts.push(self.blueprint(cx, reads, item, slot.item(), &path));
                }
                list(parts.into_iter().collect::<Option<_>>()?)
            }
            NodeKind::Map(members) => {
                let mut parts = Vec::with_capacity(members.len());
                for (key, member) in members {
                    let path = format!("{path}.{}", key.as_str());
                    let name = self.key(cx, reads, key, slot, &path);
                    let member =
                        self.blueprint(cx, reads, member, slot.member(key.as_str()), &path);
                    parts.push(name.zip(member));
                }
                map(parts.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    /// The key of a map. A template where keys are taken as they are is a mistake.
    fn key(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        key: &Text,
        slot: Slot<'_>,
        path: &str,
    ) -> Option<Key> {
        if !slot.has_template_keys() {
            if let Some(mistake) = template_in_key(&cx.file.name, key) {
                self.diagnostics.push(mistake);
                return None;
            }
            return Some(Key::Literal(key.as_str().to_owned()));
        }
        let text = self.text(cx, reads, key, path)?;
        Some(match text.template.literal() {
            Some(literal) => Key::Literal(literal.to_owned()),
            None => Key::Text(text),
        })
    }
}

/// A list; one whose items are all constant is one constant, shared and never rebuilt.
fn list(items: Vec<Blueprint>) -> Blueprint {
    let is_constant = |item: &Blueprint| matches!(item, Blueprint::Constant(_));
    if !items.iter().all(is_constant) {
        return Blueprint::List(items.into());
    }
    let values = items.into_iter().filter_map(constant).collect();
    Blueprint::Constant(Arc::new(Json::Array(values)))
}

/// The same of a map.
fn map(members: Vec<(Key, Blueprint)>) -> Blueprint {
    let is_constant =
        |member: &(Key, Blueprint)| matches!(member, (Key::Literal(_), Blueprint::Constant(_)));
    if !members.iter().all(is_constant) {
        return Blueprint::Map(members.into());
    }
    let values = members.into_iter().filter_map(|(key, member)| match key {
        Key::Literal(name) => Some((name, constant(member)?)),
        Key::Text(_) => None,
    });
    Blueprint::Constant(Arc::new(Json::Object(values.collect())))
}

fn constant(blueprint: Blueprint) -> Option<Json> {
    match blueprint {
        Blueprint::Constant(value) => Some(Arc::unwrap_or_clone(value)),
        _ => None,
    }
}
