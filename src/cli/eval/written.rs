use crate::definition::{Diagnostic, Node, NodeKind, SourceFile, Text, TextMap, parse_yaml};
use crate::event::{Name, Pos, Span};
use std::sync::Arc;

/// What was typed, as one text that places point into: the expression, and below it the request.
pub(super) struct Written {
    pub(super) file: SourceFile,
    pub(super) expression: Text,
}

/// The name that diagnostics give it.
const NAME: &str = "eval";

type Wrong = (Vec<Diagnostic>, Arc<SourceFile>);

impl Written {
    /// # Errors
    /// A character that nobody can see, or a request that begins as a map and is none.
    pub(super) fn new(
        expression: &str,
        request: Option<&str>,
    ) -> Result<(Self, Option<Node>), Wrong> {
        let expression = expression.trim_end();
        let request = request.map(str::trim);
        let lines = expression.matches('\n').count() + 1;
        let text = match request {
            None => expression.to_owned(),
            Some(request) => format!("{expression}\n{request}"),
        };
        let file = SourceFile::from_bytes(NAME, NAME, text.as_bytes()).map_err(|diagnostic| {
            let shown = SourceFile {
                name: NAME.into(),
                path: NAME.into(),
                text: text.as_str().into(),
            };
            (vec![*diagnostic], Arc::new(shown))
        })?;
        let below = u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1);
        let node = match request {
            None => None,
            Some(request) if is_map(request) => {
                // Empty lines in the place of the expression: the places are those of the whole text.
                let alone = SourceFile {
                    text: format!("{}{request}", "\n".repeat(lines)).into(),
                    ..file.clone()
                };
                let parsed = parse_yaml(&Arc::new(alone));
                Some(parsed.map_err(|wrong| (wrong, Arc::new(file.clone())))?)
            }
            Some(request) => {
                let text = text_at(request, below);
                Some(Node {
                    span: text.span,
                    kind: NodeKind::Text(text),
                })
            }
        };
        let expression = text_at(expression, 1);
        Ok((Self { file, expression }, node))
    }
}

/// Whether a request is a map, as it could stand in a task: `{publish: orders, json: {a: 1}}`, or a block.
fn is_map(request: &str) -> bool {
    let key = request.split(':').next().unwrap_or_default();
    let rest = &request[key.len()..];
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    request.starts_with('{') || is_word && (rest.starts_with(": ") || rest.starts_with(":\n"))
}

/// A text that begins on this line.
fn text_at(value: &str, line: u32) -> Text {
    let value: Name = value.into();
    let starts = value.match_indices('\n').map(|(at, _)| at + 1);
    let map: Arc<[(u32, Pos)]> = std::iter::once(0)
        .chain(starts)
        .zip(line..)
        .map(|(from, line)| (from as u32, Pos { line, column: 1 }))
        .collect();
    let mut text = Text {
        value,
        span: Span::default(),
        map: TextMap(map),
    };
    text.span = text.span_of(0..text.value.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_map_or_a_text() {
        for map in ["{get: /x}", "publish: orders", "query:\n  SELECT 1"] {
            assert!(is_map(map), "{map}");
        }
        for text in [
            "GET http://127.0.0.1/",
            "SELECT 1 WHERE a = ': '",
            "orders.*.shipped",
            "get:/x",
            "",
        ] {
            assert!(!is_map(text), "{text}");
        }
    }

    #[test]
    fn places_are_those_of_expression_and_request_below_each_other() {
        let (written, node) = Written::new("a\n  && b", Some("{get: /x,\n json: 1}")).unwrap();
        assert_eq!(&*written.file.text, "a\n  && b\n{get: /x,\n json: 1}");
        let at = written.expression.location_of(7);
        assert_eq!((at.line, at.column), (2, 6));
        let node = node.unwrap();
        assert_eq!(node.span.start, Pos { line: 3, column: 1 });
        let json = node.get("json").unwrap();
        assert_eq!(json.span.start, Pos { line: 4, column: 8 });
    }
}
