use super::Decoder;
use super::fields::Field;
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::Span;
use crate::syntax::Shape;

impl Decoder<'_> {
    /// An expression.
    pub(super) fn expression(&mut self, field: Field<'_>) -> Option<Text> {
        let wanted = format!("`{}` is an expression", field.key.value);
        self.expression_in(field.node, field.key.span, &wanted)
    }

    pub(super) fn expression_in(&mut self, node: &Node, at: Span, wanted: &str) -> Option<Text> {
        let text = self.text_in(node, at, wanted)?;
        self.check_expression(&text).then_some(text)
    }

    /// One expression, or a list of them that is not empty.
    pub(super) fn expressions(&mut self, field: Field<'_>) -> Option<Vec<Text>> {
        let NodeKind::List(items) = &field.node.kind else {
            return Some(vec![self.expression(field)?]);
        };
        if self.lines.text[self.lines.byte(field.node.span.start)..].starts_with('[')
            && looks_like_an_array(items)
        {
            let wanted = format!("`{}` is an expression or a list of them", field.key.value);
            self.wrong_type(
                field.node,
                field.key.span,
                &wanted,
                Some("YAML reads `[` at the beginning of a value as a list: quote the expression"),
            );
            return None;
        }
        if items.is_empty() {
            self.empty_list(field);
            return None;
        }
        let wanted = format!("each entry of `{}` is an expression", field.key.value);
        let texts: Vec<Option<Text>> = items
            .iter()
            .map(|item| self.expression_in(item, item.span, &wanted))
            .collect();
        texts.into_iter().collect()
    }

    /// Variable and expression, in order.
    pub(super) fn assignments(&mut self, field: Field<'_>) -> Option<Vec<(Text, Text)>> {
        self.named(field, true, Self::expression_in)
    }

    /// Variable, and expression or JSONPath.
    pub(super) fn saves(&mut self, field: Field<'_>) -> Option<Vec<(Text, Text)>> {
        self.named(field, true, |decoder, node, at, wanted| {
            let text = decoder.text_in(node, at, wanted)?;
            (is_json_path(&text.value) || decoder.check_expression(&text)).then_some(text)
        })
    }

    /// A map of names to texts; `variables`: the names become variables.
    pub(super) fn named(
        &mut self,
        field: Field<'_>,
        variables: bool,
        mut read: impl FnMut(&mut Self, &Node, Span, &str) -> Option<Text>,
    ) -> Option<Vec<(Text, Text)>> {
        let NodeKind::Map(members) = &field.node.kind else {
            let wanted = format!("`{}` is a map of names", field.key.value);
            self.wrong_type(field.node, field.key.span, &wanted, None);
            return None;
        };
        let mut pairs = Vec::with_capacity(members.len());
        let mut is_right = true;
        for (key, node) in members {
            let name = if variables {
                self.variable(key)
            } else {
                self.literal_key(key)
            };
            let wanted = if variables {
                format!("`{}` is given an expression", key.value)
            } else {
                format!("`{}` is a text", key.value)
            };
            match read(self, node, key.span, &wanted) {
                Some(text) if name => pairs.push((key.clone(), text)),
                _ => is_right = false,
            }
        }
        is_right.then_some(pairs)
    }

    /// Looks for what YAML did to an expression, which the expression language could not know.
    pub(super) fn check_expression(&mut self, text: &Text) -> bool {
        if text.value.trim().is_empty() {
            let diagnostic = self.error("missing-value", text.span, "this expression is empty");
            self.report(diagnostic);
            return false;
        }
        let shape = Shape::of(&text.value);
        if let Some(at) = shape.template {
            let end = text.value[at..]
                .find('}')
                .map_or(text.value.len(), |offset| at + offset + 1);
            let inner = text.value[at + 2..end].trim_end_matches('}').trim();
            let whole = text.value.trim().len() == end - at;
            let hint = if whole {
                format!("write `{inner}`")
            } else {
                format!("write `{inner}` without `${{ }}`: variables are known here by their names")
            };
            let diagnostic = self
                .error(
                    "template-in-expression",
                    text.span_of(at..end),
                    "this is an expression already: `${ }` is for templates",
                )
                .hint(hint);
            self.report(diagnostic);
            return false;
        }
        if let Some(at) = shape.comment
            && let Some(lost) = self.lost_behind(text, at)
        {
            let diagnostic = self
                .error(
                    "comment-in-text",
                    text.span_of(at..at + 2),
                    "YAML joins these lines, so that `//` makes a comment of all that follows",
                )
                .related(lost, "this would be lost")
                .hint("write the script behind `|`, which keeps its lines, or remove the comment");
            self.report(diagnostic);
            return false;
        }
        if let Some((at, bracket)) = shape.unbalanced {
            self.unbalanced(text, at, bracket);
            return false;
        }
        true
    }

    /// What stands in later lines of the file, but in the same line of the text, as this offset.
    fn lost_behind(&self, text: &Text, at: usize) -> Option<Span> {
        let line = text.location_of(at).line;
        let end = text.value[at..]
            .find('\n')
            .map_or(text.value.len(), |offset| at + offset);
        let (from, _) = text
            .map
            .0
            .iter()
            .find(|(from, pos)| (at..end).contains(&(*from as usize)) && pos.line > line)?;
        let from = *from as usize;
        Some(self.first_line(text.span_of(from..end)))
    }

    fn unbalanced(&mut self, text: &Text, at: usize, bracket: char) {
        let opened = matches!(bracket, '(' | '[' | '{');
        let end = self.lines.byte(text.span.end);
        let rest = self.lines.text[end..self.lines.line_end(end)].trim_start();
        let is_cut = opened && (rest.starts_with('#') || rest.starts_with(','));
        let message = if is_cut {
            format!("YAML cuts this expression: its `{bracket}` is never closed")
        } else if opened {
            format!("this `{bracket}` is never closed")
        } else {
            format!("this `{bracket}` closes nothing")
        };
        let hint = if rest.starts_with('#') && opened {
            Some("YAML takes what follows ` #` for a comment: quote the whole expression")
        } else if rest.starts_with(',') && opened {
            Some("inside `[ ]` and `{ }` a comma ends the value: quote the whole expression")
        } else {
            None
        };
        let diagnostic = self
            .error("unbalanced", text.span_of(at..at + 1), message)
            .maybe_hint(hint.map(str::to_owned));
        self.report(diagnostic);
    }
}

/// A list in brackets that holds numbers alone was meant as an array: no number is a condition.
fn looks_like_an_array(items: &[Node]) -> bool {
    !items.is_empty()
        && items
            .iter()
            .all(|item| matches!(item.kind, NodeKind::Number(_)))
}

/// Whether the value of a `save` or `set` is a JSONPath over `res.body`.
fn is_json_path(text: &str) -> bool {
    text.starts_with("$.") || text.starts_with("$[") || text == "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_its_root() {
        assert!(is_json_path("$.a") && is_json_path("$[0]") && !is_json_path("$x"));
    }
}
