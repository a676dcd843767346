use super::build::{Builder, Key, Stop};
use super::resolve::{Resolved, resolve};
use super::trace;
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::Span;
use saphyr_parser::{ScalarStyle, Span as RawSpan, Tag};

/// What separates words in YAML; other white space of Unicode is text.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Scalars: what they are, where they stand, and what YAML silently did to them.
impl Builder<'_> {
    pub(super) fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        raw: RawSpan,
    ) -> Result<(), Stop> {
        let bytes = self.bytes(raw);
        let has_properties = anchor != 0 || tag.is_some();
        let is_key = self.wants_key();
        let is_plain = style == ScalarStyle::Plain;
        let (text, end) = if is_plain && value.is_empty() {
            let at = if has_properties {
                bytes.end
            } else {
                self.place_of_nothing(bytes.start)
            };
            (Text::plain("", self.lines.span(at..at)), at)
        } else {
            self.text(value, style, bytes.clone(), has_properties)
        };
        let span = text.span;
        self.open_anchor(anchor, span);
        if is_key {
            if is_plain && value.is_empty() {
                let diagnostic = self
                    .error("missing-key", span, "a key is missing before `:`")
                    .hint("quote the value if it begins with `:` or `?`");
                self.diagnostics.push(diagnostic);
                if let Some(frame) = self.stack.last_mut() {
                    frame.key = Some(Key::Dropped);
                    frame.end = frame.end.max(end);
                }
                return Ok(());
            }
            if anchor != 0
                && let Some(anchor) = self.anchors.get_mut(&anchor)
            {
                anchor.node = Some(Node {
                    kind: NodeKind::Text(text.clone()),
                    span,
                });
                anchor.size = (1, text.value.len());
            }
            if let Some(frame) = self.stack.last_mut() {
                frame.end = frame.end.max(end);
            }
            self.key(text, is_plain);
            return Ok(());
        }
        let kind = self.kind(text, is_plain, tag, bytes.start);
        self.place(Node { kind, span }, anchor, end)
    }

    /// What a scalar is, by its tag or by the core schema.
    fn kind(&mut self, text: Text, is_plain: bool, tag: Option<&Tag>, start: usize) -> NodeKind {
        let span = text.span;
        let wanted = match tag {
            Some(tag) if tag.is_yaml_core_schema() => Some(tag.suffix.as_str()),
            Some(_) => {
                self.unknown_tag(start, span);
                return NodeKind::Null;
            }
            None => None,
        };
        if wanted == Some("str") || (wanted.is_none() && !is_plain) {
            return NodeKind::Text(text);
        }
        let resolved = resolve(&text.value);
        let is_right = match wanted {
            None => true,
            Some("int") => matches!(&resolved, Resolved::Number(number) if !number.is_f64()),
            Some("float") => matches!(resolved, Resolved::Number(_)),
            Some("bool") => matches!(resolved, Resolved::Bool(_)),
            Some("null") => matches!(resolved, Resolved::Null),
            Some(_) => false,
        };
        if !is_right {
            self.unknown_tag(start, span);
            return NodeKind::Null;
        }
        match resolved {
            Resolved::Null => NodeKind::Null,
            Resolved::Bool(value) => NodeKind::Bool(value),
            Resolved::Number(number) => NodeKind::Number(number),
            Resolved::TooLarge => {
                let diagnostic = self
                    .error(
                        "number-range",
                        span,
                        "this number is too large to be kept exactly",
                    )
                    .label("more than 64 bits")
                    .hint(format!(
                        "quote it to keep it as a text: '{}'",
                        short(&text.value)
                    ));
                self.settle(diagnostic, span);
                NodeKind::Null
            }
            Resolved::NotFinite => {
                let diagnostic = self
                    .error(
                        "number-range",
                        span,
                        format!("`{}` is no number that JSON can hold", text.value),
                    )
                    .hint(format!("quote it if it is a text: '{}'", text.value));
                self.settle(diagnostic, span);
                NodeKind::Null
            }
            Resolved::Text => {
                self.comment_in_text(&text);
                NodeKind::Text(text)
            }
        }
    }

    /// ` #5` inside an unquoted text: YAML ends the text there and takes the rest for a comment.
    fn comment_in_text(&mut self, text: &Text) {
        let end = self.lines.byte(text.span.end);
        let rest = &self.lines.text[end..self.lines.line_end(end)];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let Some(comment) = rest[blanks..].strip_prefix('#') else {
            return;
        };
        let Some(next) = comment.chars().next() else {
            return;
        };
        // `# words` and `  #words` are comments to every reader; `order #5` and `#{…}` are not.
        let is_comment = next.is_whitespace() || matches!(next, '#' | '-' | '=' | '!');
        if is_comment || (blanks > 1 && !matches!(next, '{' | '$')) {
            return;
        }
        let hash = end + blanks;
        let span = self.lines.span(hash..self.lines.line_end(hash));
        let diagnostic = self
            .error(
                "comment-in-text",
                span,
                "YAML cuts the text here: ` #` begins a comment",
            )
            .label("this would be lost")
            .hint("quote the whole text, or put a space after `#` if it is a comment");
        self.settle(diagnostic, text.span);
    }

    pub(super) fn unknown_tag(&mut self, start: usize, node: Span) {
        let source = &self.lines.text[start..];
        // An anchor may stand before the tag.
        let at = source.find('!').map_or(start, |offset| start + offset);
        let length = self.lines.text[at..]
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'))
            .unwrap_or(self.lines.text.len() - at);
        let tag = &self.lines.text[at..at + length];
        let span = self.lines.span(at..at + length);
        let diagnostic = self
            .error(
                "yaml-tag",
                span,
                format!("YAML reads `{}` as a tag, not as a value", short(tag)),
            )
            .hint("quote the whole value if it begins with `!`");
        self.settle(diagnostic, node);
    }

    /// Where a value that was not written would stand: behind the `:` or `-` before it.
    fn place_of_nothing(&self, at: usize) -> usize {
        let bytes = self.lines.text.as_bytes();
        if matches!(bytes.get(at), Some(b':' | b'-' | b'?')) {
            return at + 1;
        }
        // The parser names the next token, which may stand lines below.
        let end = self.stack.last().map_or(at, |frame| frame.end);
        end.min(at)
    }

    /// The byte behind the anchor and tag that begin here.
    pub(super) fn skip_properties(&self, mut at: usize, has_properties: bool) -> usize {
        if !has_properties {
            return at;
        }
        let text = self.lines.text;
        loop {
            let rest = &text[at..];
            let blanks = rest.len() - rest.trim_start_matches(BLANKS).len();
            match rest[blanks..].chars().next() {
                Some('&' | '!') => {
                    let from = at + blanks;
                    at = text[from..]
                        .find(BLANKS)
                        .map_or(text.len(), |length| from + length);
                }
                Some('#') if blanks > 0 => at = self.lines.line_end(at + blanks),
                _ => return at + blanks,
            }
        }
    }

    /// A written scalar with its place, and the byte behind it.
    fn text(
        &self,
        value: &str,
        style: ScalarStyle,
        bytes: std::ops::Range<usize>,
        has_properties: bool,
    ) -> (Text, usize) {
        let source = self.lines.text;
        let start = self.skip_properties(bytes.start, has_properties);
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let is_quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let content = if is_quoted {
            start + 1
        } else if is_block && has_properties {
            self.block_content(start, value)
        } else {
            start
        };
        let trace = trace::trace(self.lines, style, content.min(source.len()), value);
        if is_block && value.trim_matches('\n').is_empty() {
            let at = self.place_of_nothing(bytes.start);
            let text = Text {
                value: value.into(),
                span: self.lines.span(at..at),
                map: trace.map,
            };
            return (text, at);
        }
        let end = if is_quoted {
            let quote = if style == ScalarStyle::SingleQuoted {
                '\''
            } else {
                '"'
            };
            source[trace.end..]
                .find(quote)
                .map_or(bytes.end, |offset| trace.end + offset + 1)
        } else if is_block {
            let slice = &source[content.min(bytes.end)..bytes.end];
            content + slice.trim_end_matches(BLANKS).len()
        } else {
            bytes.end
        };
        let from = if is_block { content } else { start };
        let text = Text {
            value: value.into(),
            span: self.lines.span(from..end.max(from)),
            map: trace.map,
        };
        (text, end)
    }

    /// The first character of a block scalar whose header begins here: empty lines in front of it are
    /// line breaks of the value.
    fn block_content(&self, header: usize, value: &str) -> usize {
        let lead = value.trim_start_matches('\n');
        let mut at = self.lines.line_end(header);
        for _ in 0..=value.len() - lead.len() {
            at = self.lines.line_end(at);
            at += usize::from(self.lines.text[at..].starts_with('\r'));
            at += usize::from(self.lines.text[at..].starts_with('\n'));
        }
        // Of the blanks before the text, the value has those that do not indent it.
        let spaces = |text: &str| text.len() - text.trim_start_matches(' ').len();
        at + spaces(&self.lines.text[at..]).saturating_sub(spaces(lead))
    }
}

/// At most 40 characters of a text, for messages.
fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
