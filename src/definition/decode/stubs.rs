use super::Decoder;
use super::fields::{Field, Fields};
use crate::definition::keys::{STUB, STUB_ERROR};
use crate::definition::model::Length;
use crate::definition::node::{Node, NodeKind, Text};
use crate::definition::stubs::{Brings, StubDefinition, StubsFile};
use crate::event::{ErrorKind, Failure, Span};
use std::time::Duration;

/// What a client may answer with; the other kinds are made by expressions and the machine itself.
const KINDS: [ErrorKind; 4] = [
    ErrorKind::Transport,
    ErrorKind::Protocol,
    ErrorKind::Timeout,
    ErrorKind::Resource,
];

impl Decoder<'_> {
    /// Reads the root of a stubs file.
    pub(super) fn stubs(&mut self, root: &Node) -> Option<StubsFile> {
        let NodeKind::Map(members) = &root.kind else {
            let hint = "write `place.create: [{ result: … }]`; `funcy simulate TASK --stubs-template` writes a file to start from";
            let at = self.root_place(root);
            self.wrong_type(root, at, "a stubs file is a map of places", Some(hint));
            return None;
        };
        let mut file = StubsFile::default();
        for (place, node) in members {
            let stubs = match &node.kind {
                NodeKind::List(items) => items
                    .iter()
                    .map(|item| self.stub(item, item.span))
                    .collect::<Option<Vec<_>>>(),
                _ => self.stub(node, place.span).map(|stub| vec![stub]),
            };
            if let Some(stubs) = stubs {
                file.places.push((place.clone(), stubs));
            }
        }
        Some(file)
    }

    fn stub(&mut self, node: &Node, at: Span) -> Option<StubDefinition> {
        let fields = self.object(node, &STUB, at)?;
        let (brings, clock) = self.brings(&fields, node, at)?;
        let delay = fields.first(&["latency", "after"]);
        if let Some(field) = delay
            && clock.is_some_and(|clock| clock != field.key.as_str())
        {
            let hint = if clock == Some("after") {
                "a message arrives: write `after`, which counts from the opening of the subscription"
            } else {
                "a result is answered: write `latency`, which counts from the request"
            };
            let diagnostic = self
                .error(
                    "wrong-stub",
                    field.key.span,
                    format!("`{}` does not go with this", field.key.value),
                )
                .hint(hint);
            self.report(diagnostic);
            return None;
        }
        let after = match delay {
            None => Duration::ZERO,
            Some(field) => self.stub_length(field)?,
        };
        let times = match fields.get("times") {
            None => None,
            Some(field) => Some(self.count(field, 1)?.value),
        };
        Some(StubDefinition {
            span: node.span,
            brings,
            after,
            timed: delay.map(|field| field.key.clone()),
            times,
        })
    }

    /// What it brings, and the key of its time where only one will do.
    fn brings(
        &mut self,
        fields: &Fields<'_>,
        node: &Node,
        at: Span,
    ) -> Option<(Brings, Option<&'static str>)> {
        let written = fields.written(&["result", "error", "message", "ended", "lost"]);
        let [_] = written[..] else {
            let (span, message) = match written[..] {
                [first, second, ..] => (
                    second.span,
                    format!(
                        "a stub brings one thing, and this has `{}` and `{}`",
                        first.value, second.value
                    ),
                ),
                _ if matches!(&node.kind, NodeKind::Map(members) if members.iter().any(|(key, _)| STUB.key(key.as_str()).is_none())) =>
                {
                    // A slip was reported.
                    return None;
                }
                _ => (at, "this stub brings nothing".to_owned()),
            };
            let diagnostic = self
                .error("wrong-stub", span, message)
                .hint("write one of `result`, `error` and, for a subscription, `message`, `ended`, `lost`");
            self.report(diagnostic);
            return None;
        };
        if let Some(field) = fields.get("result") {
            self.value(field.node, field.key.span);
            return Some((Brings::Result(field.node.clone()), Some("latency")));
        }
        if let Some(field) = fields.get("message") {
            self.value(field.node, field.key.span);
            return Some((Brings::Message(field.node.clone()), Some("after")));
        }
        if let Some(field) = fields.get("ended") {
            if !matches!(field.node.kind, NodeKind::Bool(true)) {
                let message = "`ended` is `true`: the source ends here";
                let diagnostic = self.error("wrong-stub", field.node.span, message);
                self.report(diagnostic.hint("leave this stub out if the source goes on"));
                return None;
            }
            return Some((Brings::Ended, Some("after")));
        }
        if let Some(field) = fields.get("lost") {
            return Some((Brings::Lost(self.stub_length(field)?), Some("after")));
        }
        let failure = self.stub_error(fields.get("error")?)?;
        Some((Brings::Error(failure), None))
    }

    fn stub_error(&mut self, field: Field<'_>) -> Option<Failure> {
        let (kind, message) = match &field.node.kind {
            NodeKind::Map(_) => {
                let fields = self.object(field.node, &STUB_ERROR, field.key.span)?;
                let message = fields.get("message").and_then(|field| self.text(field));
                (self.literal(fields.get("kind")?)?, message)
            }
            _ => (self.literal(field)?, None),
        };
        let kind = self.stub_kind(&kind)?;
        let message = message.map_or_else(
            || format!("a stubbed {} error", kind.word()),
            |text| text.value.to_string(),
        );
        Some(Failure::new(kind, message))
    }

    fn stub_kind(&mut self, kind: &Text) -> Option<ErrorKind> {
        let found = KINDS
            .into_iter()
            .find(|known| known.word() == kind.as_str());
        if found.is_none() {
            let known = KINDS.map(ErrorKind::word);
            let made = ErrorKind::ALL
                .into_iter()
                .any(|known| known.word() == kind.as_str());
            let message = if made {
                format!("no client answers with a `{}` error", kind.value)
            } else {
                format!("there is no kind of error `{}`", kind.value)
            };
            let hint = crate::event::nearest(kind.as_str(), known.into_iter()).map_or_else(
                || format!("the kinds are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let diagnostic = self
                .error("unknown-error-kind", kind.span, message)
                .label("unknown kind")
                .hint(hint);
            self.report(diagnostic);
        }
        found
    }

    /// A length of time that may be nothing.
    fn stub_length(&mut self, field: Field<'_>) -> Option<Duration> {
        if let Some(text) = field.node.as_text()
            && crate::event::parse_duration(text.as_str()) == Ok(Duration::ZERO)
        {
            return Some(Duration::ZERO);
        }
        match self.length(field)? {
            Length::Literal(length) => Some(length.value),
            Length::Template(text) => {
                self.no_template(&text, &format!("`{}`", field.key.value));
                None
            }
        }
    }
}
