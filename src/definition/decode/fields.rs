use super::Decoder;
use super::misplaced::{misplaced, request_instead};
use crate::definition::keys::{Object, Shape};
use crate::definition::node::{Node, NodeKind, Text};
use crate::definition::template_in_key;
use crate::event::{Span, nearest};

/// No object has that many keys: what comes behind is not looked at for hints.
pub(super) const MANY: usize = 50;

/// A map that is one of the language's objects; its keys were checked.
pub(super) struct Fields<'n> {
    members: &'n [(Text, Node)],
    object: &'static Object,
}

/// A key with its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'n> {
    pub(super) key: &'n Text,
    pub(super) node: &'n Node,
}

impl<'n> Fields<'n> {
    /// The field with this key, if it is written.
    pub(super) fn get(&self, name: &str) -> Option<Field<'n>> {
        debug_assert!(
            self.object.key(name).is_some(),
            "`{name}` stands in no table"
        );
        self.members
            .iter()
            .find(|(key, _)| key.as_str() == name)
            .map(|(key, node)| Field { key, node })
    }

    /// Whether nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The first of these that is written.
    pub(super) fn first(&self, names: &[&str]) -> Option<Field<'n>> {
        self.members
            .iter()
            .find(|(key, _)| names.contains(&key.as_str()))
            .map(|(key, node)| Field { key, node })
    }

    /// Those of these keys that are written, in the order of the file.
    pub(super) fn written(&self, names: &[&str]) -> Vec<&'n Text> {
        self.members
            .iter()
            .map(|(key, _)| key)
            .filter(|key| names.contains(&key.as_str()))
            .collect()
    }
}

impl Decoder<'_> {
    /// Reads a map as this object: its keys are checked against the table. `at` is the key whose value
    /// it is, for what is missing in it.
    pub(super) fn object<'n>(
        &mut self,
        node: &'n Node,
        object: &'static Object,
        at: Span,
    ) -> Option<Fields<'n>> {
        let NodeKind::Map(members) = &node.kind else {
            self.wrong_type(node, at, &format!("{} is a map", object.name), None);
            return None;
        };
        let fields = Fields { members, object };
        for (key, _) in members {
            self.known_key(key, object);
        }
        self.required_keys(&fields, at);
        Some(fields)
    }

    /// Reads a map whose keys are checked by the caller.
    pub(super) fn object_unchecked<'n>(
        members: &'n [(Text, Node)],
        object: &'static Object,
    ) -> Fields<'n> {
        Fields { members, object }
    }

    pub(super) fn required_keys(&mut self, fields: &Fields<'_>, at: Span) {
        // If no key is right, the map was meant as something else, and that was said.
        let is_known = |(key, _): &(Text, Node)| fields.object.key(key.as_str()).is_some();
        if !fields.members.is_empty() && !fields.members.iter().any(is_known) {
            return;
        }
        for key in fields.object.keys().filter(|key| key.required) {
            if fields.get(key.name).is_some() {
                continue;
            }
            // A key that is one slip away was reported; its right name is not missing beside it.
            let misspelt = fields.members.iter().take(MANY).any(|(written, _)| {
                fields.object.key(written.as_str()).is_none()
                    && nearest(written.as_str(), fields.object.names()) == Some(key.name)
            });
            if misspelt {
                continue;
            }
            let example = match (fields.object.name, key.name) {
                (_, "version") => "version: 1".to_owned(),
                (_, "states") => "states: {…}".to_owned(),
                (_, name) => format!("{name}: …"),
            };
            let diagnostic = self
                .error(
                    "missing-key",
                    at,
                    format!("{} needs the key `{}`", fields.object.name, key.name),
                )
                .hint(format!("add `{example}`"));
            self.report(diagnostic);
        }
    }

    /// Reports a key that the object does not have, or that this version does not support.
    pub(super) fn known_key(&mut self, key: &Text, object: &'static Object) {
        match object.key(key.as_str()) {
            Some(known) if matches!(known.shape, Shape::Unsupported) => self.unsupported(key),
            Some(_) => {}
            None => self.unknown_key(key, object),
        }
    }

    pub(super) fn unsupported(&mut self, key: &Text) {
        let diagnostic = self
            .error(
                "not-supported",
                key.span,
                format!("`{}` is not supported yet", key.value),
            )
            .hint("it is part of the language, but not of this version of funcy");
        self.report(diagnostic);
    }

    /// Whether a key that is taken as it is holds no template; if it does, that is reported.
    pub(super) fn literal_key(&mut self, key: &Text) -> bool {
        match template_in_key(&self.file.name, key) {
            None => true,
            Some(mistake) => {
                self.report(mistake);
                false
            }
        }
    }

    pub(super) fn unknown_key(&mut self, key: &Text, object: &'static Object) {
        if !self.literal_key(key) {
            return;
        }
        if self.is_full() {
            // Nobody reads that many; looking for near names would take its time.
            let diagnostic = self.error("unknown-key", key.span, "unknown key");
            self.report(diagnostic);
            return;
        }
        let near = || nearest(key.as_str(), object.names());
        let hint = if let Some(hint) = misplaced(key.as_str(), object) {
            hint
        } else if let Some(near) = near() {
            format!("did you mean `{near}`?")
        } else {
            let names = object.names().collect::<Vec<_>>().join(", ");
            match request_instead(key.as_str(), object) {
                Some(hint) => format!("its keys are {names}; {hint}"),
                None => format!("its keys are {names}"),
            }
        };
        let diagnostic = self
            .error(
                "unknown-key",
                key.span,
                format!("{} has no key `{}`", object.name, key.value),
            )
            .label("unknown key")
            .hint(hint);
        self.report(diagnostic);
    }

    /// Reports a value of the wrong type, or one that is missing. `at` is its key.
    pub(super) fn wrong_type(&mut self, node: &Node, at: Span, wanted: &str, hint: Option<&str>) {
        let found = match &node.kind {
            NodeKind::Null => return self.nothing(node, at, wanted),
            NodeKind::Bool(_) => "a bool",
            NodeKind::Number(_) => "a number",
            NodeKind::Text(_) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        };
        let glued = match &node.kind {
            NodeKind::Text(text) => glued_key(text.as_str()),
            _ => None,
        };
        // A whole list or map underlined says less than its beginning.
        let span = match node.kind {
            NodeKind::List(_) | NodeKind::Map(_) => self.first_line(node.span),
            _ => node.span,
        };
        let diagnostic = self
            .error("wrong-type", span, format!("{wanted}, and this is {found}"))
            .label(found)
            .maybe_hint(glued)
            .maybe_hint(hint.map(str::to_owned));
        self.report(diagnostic);
    }

    /// Reports that nothing stands where a value is due. `at` is its key.
    pub(super) fn nothing(&mut self, node: &Node, at: Span, wanted: &str) {
        let is_empty = node.span.start == node.span.end;
        let start = self.lines.byte(node.span.start);
        let rest = &self.lines.text[start..self.lines.line_end(start)];
        let comment = rest.trim_start().starts_with('#');
        let span = if is_empty { at } else { node.span };
        if self.settled.contains(node.span.start) {
            return;
        }
        let diagnostic = if !is_empty {
            self.error("missing-value", span, format!("{wanted}, and this is null"))
                .label("null")
        } else if comment {
            self.error(
                "missing-value",
                span,
                "no value stands here: YAML reads what follows as a comment",
            )
            .label(wanted)
            .hint("quote the value if it begins with `#`")
        } else {
            self.error("missing-value", span, "no value stands here")
                .label(wanted)
        };
        self.report(diagnostic);
    }

    /// The part of a span that lies in its first line.
    pub(super) fn first_line(&self, span: Span) -> Span {
        if span.start.line == span.end.line {
            return span;
        }
        let start = self.lines.byte(span.start);
        let end = self.lines.line_end(start);
        Span {
            start: span.start,
            end: self
                .lines
                .pos(start + self.lines.text[start..end].trim_end().len()),
        }
    }
}

/// What to write if a text is a key and a value without a space between.
fn glued_key(text: &str) -> Option<String> {
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_key
        && !value.is_empty()
        && !value.starts_with("//")
        && !value.contains('\n')
        && value.len() < 60)
        .then(|| format!("a space is missing: `{key}: {value}`"))
}
