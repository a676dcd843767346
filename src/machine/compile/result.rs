//! What is known of `res` where an expression stands: whether there is one, and which members it has.

use super::Compiler;
use super::context::Context;
use super::schema::{alternatives, part};
use crate::definition::model::{self, Action, Subscribe};
use crate::definition::{ClientKind, Text, nearest};
use crate::event::Json;
use crate::syntax::Path;

/// What is known of `res`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum ResultShape<'a> {
    /// There is none.
    #[default]
    Absent,
    /// There is one, and anything may be in it.
    Any,
    /// It is as this schema says.
    Of(&'a Json),
}

impl ResultShape<'_> {
    pub(super) fn is_absent(self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<'a> Compiler<'a> {
    /// The `res` that an action yields.
    pub(super) fn result_of(&self, action: Option<&Action>) -> ResultShape<'a> {
        match action {
            None => ResultShape::Absent,
            Some(Action::Call { client, .. }) => match self.kind_of(client) {
                Some(kind) => ResultShape::Of(&kind.reply),
                None => ResultShape::Any,
            },
            Some(Action::Task { file, .. }) => match self.project.called.get(file.as_str()) {
                Some(called) => ResultShape::Of(called.result()),
                None => ResultShape::Any,
            },
            Some(_) => ResultShape::Any,
        }
    }

    /// The `res` that a written strategy yields.
    pub(super) fn result_of_strategy(&self, strategy: &model::Strategy) -> ResultShape<'a> {
        match strategy {
            model::Strategy::Wait(..) => ResultShape::Absent,
            model::Strategy::Poll(poll, _) => self.result_of(poll.instruction.action.as_ref()),
            model::Strategy::Subscribe(Subscribe::Source { client, .. }, _) => {
                self.message_of(client)
            }
            model::Strategy::Subscribe(Subscribe::Listen(name), _) => {
                let mut listens = self.listens.iter();
                let listen = listens.find(|listen| listen.name.value == name.value);
                listen.map_or(ResultShape::Any, |listen| self.message_of(&listen.client))
            }
        }
    }

    /// The `res` of each result that a condition looks at.
    pub(super) fn result_of_condition(&self, condition: &model::Condition) -> ResultShape<'a> {
        match &condition.strategy {
            Some(strategy) => self.result_of_strategy(strategy),
            None => ResultShape::Absent,
        }
    }

    fn message_of(&self, client: &Text) -> ResultShape<'a> {
        let kind = self.kind_of(client);
        match kind.and_then(|kind| kind.message.as_ref()) {
            Some(schema) => ResultShape::Of(schema),
            None => ResultShape::Any,
        }
    }

    fn kind_of(&self, client: &Text) -> Option<&'a ClientKind> {
        let kind = self
            .definition(client.as_str())
            .map_or(client.as_str(), |(client, _)| client.kind.as_str());
        self.project.catalog.kind(kind)
    }

    /// A member of `res` that its client never brings is a mistake.
    pub(super) fn check_members(
        &mut self,
        cx: Context<'a>,
        text: &Text,
        offset: usize,
        path: &Path,
    ) {
        let ResultShape::Of(schema) = cx.res else {
            return;
        };
        let Some((index, known)) = unknown_member(schema, &path.members) else {
            return;
        };
        let member = &path.members[index];
        let at = &path.places[index];
        let span = text.span_of(at.start + offset..at.end + offset);
        let hint = nearest(member, known.iter().copied()).map_or_else(
            || format!("it has {}", listed(&known)),
            |near| format!("did you mean `{near}`?"),
        );
        let whole = std::iter::once("res")
            .chain(path.members[..index].iter().map(|name| &**name))
            .collect::<Vec<_>>()
            .join(".");
        self.error(
            "unknown-member",
            &cx.file.name,
            span,
            format!("`{whole}` has no member `{member}`"),
            "",
            Some(hint),
        );
    }
}

/// The first of these members that no value of the schema has, and the names that are there.
fn unknown_member<'s>(
    root: &'s Json,
    members: &[crate::event::Name],
) -> Option<(usize, Vec<&'s str>)> {
    let mut schema = root;
    for (index, member) in members.iter().enumerate() {
        if let Some(inner) = part(schema, root, Some(member.as_ref())) {
            schema = inner;
            continue;
        }
        let mut known: Vec<&str> = Vec::new();
        for one in alternatives(schema, root) {
            // What is no closed map may hold anything.
            let closed = one.get("additionalProperties").is_none();
            match one.get("properties").and_then(Json::as_object) {
                Some(properties) if closed => known.extend(properties.keys().map(String::as_str)),
                Some(_) => return None,
                None if is_open(one) => return None,
                None => {}
            }
        }
        return (!known.is_empty()).then_some((index, known));
    }
    None
}

/// Whether a schema without properties allows members all the same.
fn is_open(schema: &Json) -> bool {
    let kinds = |types: &Json| match types {
        Json::String(one) => matches!(one.as_str(), "object" | "array"),
        Json::Array(many) => many.iter().any(|one| one == "object" || one == "array"),
        _ => true,
    };
    match schema {
        Json::Object(members) => {
            let refers = ["$ref", "anyOf", "oneOf", "allOf"];
            let is_reference = refers.iter().any(|key| members.contains_key(*key));
            !is_reference && members.get("type").is_none_or(kinds)
        }
        _ => true,
    }
}

fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::unknown_member;
    use crate::event::Name;
    use serde_json::{Value as Json, json};

    #[test]
    fn only_what_no_value_can_have_is_unknown() {
        let schema = json!({
            "type": "object",
            "properties": {
                "status": {"type": "integer"},
                "body": true,
                "headers": {"type": "object", "additionalProperties": true},
                "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
                "maybe": {"anyOf": [{"$ref": "#/$defs/Row"}, {"type": "null"}]},
            },
            "$defs": {"Row": {"type": "object", "properties": {"id": {"type": "integer"}}}},
        });
        let find = |path: &str| {
            let members: Vec<Name> = path.split('.').map(Name::from).collect();
            unknown_member(&schema, &members).map(|(index, _)| index)
        };
        assert_eq!(find("bdy"), Some(0));
        assert_eq!(find("maybe.idd"), Some(1));
        for path in [
            "status",
            "body.anything.at.all",
            "headers.x-y",
            "maybe.id",
            "rows.0.id",
            "rows.0.x",
            "status.x",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
        let open: Json =
            json!({"type": "object", "properties": {"a": {}}, "additionalProperties": true});
        assert_eq!(unknown_member(&open, &["b".into()]), None);
    }
}
