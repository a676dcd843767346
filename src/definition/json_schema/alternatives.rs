use super::{Members, Spot, Validation, enumeration, exclusive, fits, is_object, listed, types};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Json, nearest};

impl<'a> Validation<'a> {
    /// Checks against the alternative that was probably meant.
    pub(super) fn alternatives(
        &mut self,
        schema: &'a Json,
        alternatives: &'a [Json],
        node: &Node,
        spot: &Spot,
        found: &mut Vec<Diagnostic>,
    ) {
        if let NodeKind::Map(members) = &node.kind
            && schema.get("properties").is_some()
            && exclusive::is_chosen(schema, members)
        {
            // The alternatives say no more than that one of these members is there.
            self.members(&[schema], members, spot, found);
            return;
        }
        let mut open = Vec::new();
        self.flatten(alternatives, &mut open, 0);
        if let NodeKind::Map(members) = &node.kind {
            // `oneOf: [{required: [get]}, …]` beside `properties` speaks of the same object.
            let all = schema.get("properties").is_some();
            let objects: Vec<&'a Json> = open
                .iter()
                .copied()
                .filter(|part| all || is_object(part))
                .collect();
            if !objects.is_empty() {
                self.object_alternatives(schema, &objects, members, node, spot, found);
                return;
            }
        }
        let values: Option<Vec<&Json>> = open
            .iter()
            .filter(|part| types(part) != ["null"])
            .map(|part| enumeration(part))
            .collect::<Option<Vec<_>>>()
            .map(|lists| lists.into_iter().flatten().collect());
        if let Some(values) = values {
            let may_be_null = open.iter().any(|part| types(part) == ["null"]);
            let is_null = may_be_null && matches!(node.kind, NodeKind::Null);
            if !is_null && !values.iter().any(|value| **value == node.to_json()) {
                found.push(self.not_in(&values, node, spot));
            }
            return;
        }
        let fitting: Vec<&'a Json> = open
            .iter()
            .copied()
            .filter(|part| {
                let types = types(part);
                types.is_empty() || types.iter().any(|wanted| fits(wanted, node))
            })
            .collect();
        if fitting.is_empty() {
            let types: Vec<&str> = open.iter().flat_map(|part| types(part)).collect();
            found.push(self.wrong_type(&types, node, spot));
            return;
        }
        // Of several that could be meant, the one with the fewest mistakes is.
        let mut best: Option<Vec<Diagnostic>> = None;
        for part in fitting {
            let mut mistakes = Vec::new();
            self.value(part, node, spot, &mut mistakes);
            if mistakes.is_empty() {
                return;
            }
            if best
                .as_ref()
                .is_none_or(|least| mistakes.len() < least.len())
            {
                best = Some(mistakes);
            }
        }
        found.extend(best.unwrap_or_default());
    }

    /// Alternatives inside alternatives, in one list.
    fn flatten(&mut self, alternatives: &'a [Json], open: &mut Vec<&'a Json>, depth: u32) {
        for schema in alternatives {
            let Some(schema) = self.resolve(schema) else {
                continue;
            };
            match listed(schema) {
                Some(inner) if depth < 8 && schema.get("properties").is_none() => {
                    self.flatten(inner, open, depth + 1);
                }
                _ => open.push(schema),
            }
        }
    }

    /// A map that is one of several kinds of objects: its keys say which.
    fn object_alternatives(
        &mut self,
        own: &'a Json,
        objects: &[&'a Json],
        members: &[(Text, Node)],
        node: &Node,
        spot: &Spot,
        found: &mut Vec<Diagnostic>,
    ) {
        // What stands beside the alternatives holds for each of them.
        let beside = own.get("properties").map(|_| own);
        let shapes: Vec<(Vec<&'a Json>, Members<'a>)> = objects
            .iter()
            .map(|object| {
                let parts: Vec<&'a Json> = beside.into_iter().chain([*object]).collect();
                let members = self.collect(&parts);
                (parts, members)
            })
            .collect();
        // A key that no alternative has is a slip; it says nothing of the alternative that is meant.
        let all = union(&shapes);
        let unknown: Vec<&Text> = members
            .iter()
            .map(|(key, _)| key)
            .filter(|key| shapes.iter().all(|(_, shape)| !shape.allows(key)))
            .collect();
        let fitting = shapes
            .iter()
            .filter(|(_, shape)| shape.missing(members).next().is_none())
            .max_by_key(|(_, shape)| {
                let matched = members.iter().filter(|(key, _)| shape.allows(key));
                (matched.count(), shape.required.len())
            });
        let Some((parts, shape)) = fitting else {
            if unknown.is_empty() {
                found.push(self.none_fits(&shapes, &all, members, node, spot));
            }
            found.extend(unknown.iter().map(|key| self.unknown_key(key, &all, spot)));
            return;
        };
        let stranger = members
            .iter()
            .map(|(key, _)| key)
            .find(|key| !shape.allows(key) && !unknown.contains(key));
        if let Some(stranger) = stranger {
            found.push(self.does_not_fit(stranger, shape, members, spot));
            return;
        }
        let mut mistakes = Vec::new();
        self.members(parts, members, spot, &mut mistakes);
        // An unknown key is looked for in all alternatives, not only in this one.
        mistakes.retain(|mistake| {
            mistake.code != "unknown-key" || !unknown.iter().any(|key| key.span == mistake.span)
        });
        found.extend(mistakes);
        found.extend(unknown.iter().map(|key| self.unknown_key(key, &all, spot)));
    }

    /// Each alternative lacks a key.
    fn none_fits(
        &self,
        shapes: &[(Vec<&'a Json>, Members<'a>)],
        all: &Members<'_>,
        members: &[(Text, Node)],
        node: &Node,
        spot: &Spot,
    ) -> Diagnostic {
        // The alternatives of which most is there are the ones that may be meant.
        let present = |shape: &Members<'_>| shape.required.len() - shape.missing(members).count();
        let most = shapes.iter().map(|(_, shape)| present(shape)).max();
        let mut needed: Vec<&str> = Vec::new();
        for (_, shape) in shapes
            .iter()
            .filter(|(_, shape)| Some(present(shape)) == most)
        {
            for name in shape.missing(members) {
                if !needed.contains(&name) {
                    needed.push(name);
                }
            }
        }
        // Where other keys are allowed, a slip shows by what is missing.
        let slip = members
            .iter()
            .map(|(key, _)| key)
            .find(|key| !all.has(key) && nearest(key.as_str(), needed.iter().copied()).is_some());
        if let Some(slip) = slip {
            return self.unknown_key(slip, all, spot);
        }
        let span = if members.is_empty() {
            node.span
        } else {
            spot.at
        };
        let names: Vec<String> = needed.iter().map(|name| format!("`{name}`")).collect();
        let message = match names.as_slice() {
            [one] => format!("{} needs the key {one}", spot.name),
            _ => format!("{} needs one of the keys {}", spot.name, names.join(", ")),
        };
        self.error("missing-key", span, message)
            .hint(self.context.help)
    }

    /// A key of another alternative than the one that the other keys name.
    fn does_not_fit(
        &self,
        key: &Text,
        shape: &Members<'_>,
        members: &[(Text, Node)],
        spot: &Spot,
    ) -> Diagnostic {
        let chosen = members
            .iter()
            .map(|(key, _)| key)
            .find(|key| shape.required.contains(&key.as_str()));
        let message = match chosen {
            Some(chosen) => format!(
                "`{}` does not go together with `{}`",
                key.value, chosen.value
            ),
            None => format!("{} has no key `{}`", spot.name, key.value),
        };
        let mut diagnostic = self
            .error("keys-exclude", key.span, message)
            .hint(self.context.help);
        if let Some(chosen) = chosen {
            diagnostic = diagnostic.related(chosen.span, "the other one");
        }
        diagnostic
    }
}

impl<'a> Members<'a> {
    /// Whether a property of this name is described.
    fn has(&self, key: &Text) -> bool {
        self.properties
            .iter()
            .any(|(name, _)| *name == key.as_str())
    }

    /// Whether a key may stand there.
    fn allows(&self, key: &Text) -> bool {
        !self.is_closed || self.others.is_some() || self.has(key)
    }

    /// The required keys that are not written.
    fn missing<'m>(&'m self, members: &'m [(Text, Node)]) -> impl Iterator<Item = &'a str> + 'm {
        self.required
            .iter()
            .copied()
            .filter(|name| !members.iter().any(|(key, _)| key.as_str() == *name))
    }
}

/// The properties of all alternatives.
fn union<'a>(shapes: &[(Vec<&'a Json>, Members<'a>)]) -> Members<'a> {
    let mut all = Members {
        is_closed: true,
        ..Members::default()
    };
    for (name, schema) in shapes.iter().flat_map(|(_, shape)| &shape.properties) {
        if !all.properties.iter().any(|(known, _)| known == name) {
            all.properties.push((name, schema));
        }
    }
    all
}
