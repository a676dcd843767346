use super::Decoder;
use super::fields::Field;
use crate::definition::model::{Count, Length, Spanned};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Span, parse_duration};
use std::time::Duration;

impl Decoder<'_> {
    /// The scalar as it stands in the file, if this is one: a number or bool keeps its spelling.
    pub(super) fn scalar_text(&self, node: &Node) -> Option<Text> {
        match &node.kind {
            NodeKind::Text(text) => Some(text.clone()),
            NodeKind::Bool(_) | NodeKind::Number(_) => {
                Some(Text::plain(self.lines.slice(node.span), node.span))
            }
            _ => None,
        }
    }

    /// A text; a number or bool is one too.
    pub(super) fn text(&mut self, field: Field<'_>) -> Option<Text> {
        self.text_in(
            field.node,
            field.key.span,
            &format!("`{}` is a text", field.key.value),
        )
    }

    pub(super) fn text_in(&mut self, node: &Node, at: Span, wanted: &str) -> Option<Text> {
        if let Some(text) = self.scalar_text(node) {
            return Some(text);
        }
        let hint = self.quote_hint(node);
        self.wrong_type(node, at, wanted, hint);
        None
    }

    /// What to say of a list or map that stands where a text is due: mostly a text without quotes.
    pub(super) fn quote_hint(&self, node: &Node) -> Option<&'static str> {
        let first = self.lines.text[self.lines.byte(node.span.start)..]
            .chars()
            .next();
        match (&node.kind, first) {
            (NodeKind::List(_), Some('[')) => {
                Some("YAML reads `[` at the beginning of a value as a list: quote the text")
            }
            (NodeKind::Map(_), Some('{')) => {
                Some("YAML reads `{` at the beginning of a value as a map: quote the text")
            }
            (NodeKind::Map(_), _) if node.span.start.line == node.span.end.line => {
                Some("YAML reads `: ` as a map: quote the text")
            }
            _ => None,
        }
    }

    /// A text that holds no template.
    pub(super) fn literal(&mut self, field: Field<'_>) -> Option<Text> {
        if let NodeKind::List(_) | NodeKind::Map(_) = field.node.kind {
            let wanted = format!("`{}` is a name", field.key.value);
            self.wrong_type(
                field.node,
                field.key.span,
                &wanted,
                Some("write the name alone"),
            );
            return None;
        }
        let text = self.text(field)?;
        self.no_template(&text, &format!("`{}`", field.key.value))
            .then_some(text)
    }

    /// Whether a text that must be literal is; if not, that is reported.
    pub(super) fn no_template(&mut self, text: &Text, what: &str) -> bool {
        let Some(at) = text.value.find("${") else {
            return true;
        };
        let end = text.value[at..]
            .find('}')
            .map_or(text.value.len(), |offset| at + offset + 1);
        let diagnostic = self
            .error(
                "template-in-name",
                text.span_of(at..end),
                format!("{what} holds a template, and it must be known before the run"),
            )
            .label("a template")
            .hint("write the name itself");
        self.report(diagnostic);
        false
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, field: Field<'_>) -> Option<Vec<Text>> {
        let wanted = format!("`{}` is a list of texts", field.key.value);
        let NodeKind::List(items) = &field.node.kind else {
            let hint = self
                .scalar_text(field.node)
                .map(|text| format!("write `[{}]`", text.value));
            self.wrong_type(field.node, field.key.span, &wanted, hint.as_deref());
            return None;
        };
        let texts: Vec<Option<Text>> = items
            .iter()
            .map(|item| self.text_in(item, item.span, &wanted))
            .collect();
        texts.into_iter().collect()
    }

    /// A name, or a list of names that is not empty.
    pub(super) fn names(&mut self, field: Field<'_>) -> Option<Vec<Text>> {
        let NodeKind::List(items) = &field.node.kind else {
            return Some(vec![self.literal(field)?]);
        };
        if items.is_empty() {
            self.empty_list(field);
            return None;
        }
        let names: Vec<Option<Text>> = items
            .iter()
            .map(|node| {
                self.literal(Field {
                    key: field.key,
                    node,
                })
            })
            .collect();
        names.into_iter().collect()
    }

    pub(super) fn empty_list(&mut self, field: Field<'_>) {
        let diagnostic = self
            .error(
                "empty-list",
                field.node.span,
                format!("`{}` is empty", field.key.value),
            )
            .hint(format!(
                "name at least one, or remove `{}`",
                field.key.value
            ));
        self.report(diagnostic);
    }

    /// A whole number, at least `least`.
    pub(super) fn count(&mut self, field: Field<'_>, least: u32) -> Option<Spanned<u32>> {
        let wanted = format!("`{}` is a whole number", field.key.value);
        let NodeKind::Number(number) = &field.node.kind else {
            let hint = match &field.node.kind {
                NodeKind::Text(text) if text.value.parse::<u32>().is_ok() => {
                    Some(format!("write it without quotes: {}", text.value))
                }
                NodeKind::Text(text) if text.value.contains("${") => {
                    Some("it is read before the run and holds no template".to_owned())
                }
                _ => None,
            };
            self.wrong_type(field.node, field.key.span, &wanted, hint.as_deref());
            return None;
        };
        let value = number.as_u64().and_then(|value| u32::try_from(value).ok());
        if let Some(value) = value.filter(|value| (least..=1_000_000_000).contains(value)) {
            return Some(Spanned {
                value,
                span: field.node.span,
            });
        }
        let message = if number.is_f64() {
            format!("{wanted}, and this has a fraction")
        } else {
            format!(
                "`{}` is a whole number from {least} to 1000000000",
                field.key.value
            )
        };
        let diagnostic = self.error("number-range", field.node.span, message);
        self.report(diagnostic);
        None
    }

    /// A factor by which pauses grow.
    pub(super) fn factor(&mut self, field: Field<'_>) -> Option<Spanned<f64>> {
        let NodeKind::Number(number) = &field.node.kind else {
            let wanted = format!("`{}` is a number", field.key.value);
            self.wrong_type(field.node, field.key.span, &wanted, None);
            return None;
        };
        let span = field.node.span;
        match number.as_f64() {
            Some(value) if (1.0..=1000.0).contains(&value) => Some(Spanned { value, span }),
            _ => {
                let diagnostic = self
                    .error(
                        "number-range",
                        span,
                        format!("`{}` is a factor from 1 to 1000", field.key.value),
                    )
                    .hint("1 keeps the pause, 2 doubles it each time");
                self.report(diagnostic);
                None
            }
        }
    }

    /// A share of a pause.
    pub(super) fn share(&mut self, field: Field<'_>) -> Option<Spanned<f64>> {
        let key = &field.key.value;
        let NodeKind::Number(number) = &field.node.kind else {
            let wanted = format!("`{key}` is a number from 0 to 1");
            self.wrong_type(field.node, field.key.span, &wanted, None);
            return None;
        };
        let span = field.node.span;
        let value = number.as_f64().filter(|value| (0.0..=1.0).contains(value));
        if value.is_none() {
            let message = format!("`{key}` is a share of the pause, from 0 to 1");
            let diagnostic = self
                .error("number-range", span, message)
                .hint("0.2 makes each pause up to a fifth longer or shorter");
            self.report(diagnostic);
        }
        value.map(|value| Spanned { value, span })
    }

    /// A whole number, or an expression that yields one.
    pub(super) fn counted(&mut self, field: Field<'_>) -> Option<Count> {
        match &field.node.kind {
            NodeKind::Text(text) if text.value.parse::<f64>().is_err() => {
                self.expression(field).map(Count::Expression)
            }
            _ => self.count(field, 1).map(Count::Literal),
        }
    }

    /// A length of time: more than nothing, or a template.
    pub(super) fn length(&mut self, field: Field<'_>) -> Option<Length> {
        let key = &field.key.value;
        let (text, span) = match &field.node.kind {
            NodeKind::Text(text) if text.value.contains("${") => {
                return Some(Length::Template(text.clone()));
            }
            NodeKind::Text(text) => (text.value.to_string(), text.span),
            NodeKind::Number(_) => (
                self.lines.slice(field.node.span).to_owned(),
                field.node.span,
            ),
            _ => {
                let wanted = format!("`{key}` is a length of time");
                self.wrong_type(
                    field.node,
                    field.key.span,
                    &wanted,
                    Some("write `5s` or `250ms`"),
                );
                return None;
            }
        };
        let message = match parse_duration(&text) {
            Ok(value) if value > Duration::ZERO => {
                return Some(Length::Literal(Spanned { value, span }));
            }
            Ok(_) => format!("`{key}` must be more than nothing"),
            Err(message) => message,
        };
        // `what is wrong: what to write`.
        let (message, hint) = match message.split_once(": ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        let diagnostic = self.error("duration", span, message).maybe_hint(hint);
        self.report(diagnostic);
        None
    }
}
