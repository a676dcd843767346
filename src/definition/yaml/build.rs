use super::resolve::{Resolved, resolve};
use super::{Reading, flow, syntax, trace};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::model::SourceFile;
use crate::definition::node::{Node, NodeKind, Text};
use crate::definition::source::Lines;
use crate::event::{Name, Pos, Span};
use saphyr_parser::{Event, Parser, ScalarStyle, Span as RawSpan, Tag};
use std::collections::{HashMap, HashSet};

/// How deep lists and maps may stand inside each other.
pub(super) const MAX_DEPTH: usize = 64;
/// Values that anchors and aliases may add to a file.
const MAX_COPIES: usize = 100_000;
/// Bytes of text that aliases may add to a file.
const MAX_COPIED_BYTES: usize = 4 << 20;
/// Maps with more keys than this look for duplicates in a table.
const SMALL_MAP: usize = 12;

/// A list or map whose end is not reached yet.
struct Frame {
    is_map: bool,
    /// Written with brackets.
    is_flow: bool,
    start: usize,
    /// The byte behind its last member so far.
    end: usize,
    anchor: usize,
    items: Vec<Node>,
    members: Vec<(Text, Node)>,
    /// A map's key that waits for its value.
    key: Option<Key>,
    /// The places of the keys, once there are many.
    table: HashMap<Name, Span>,
    merges: Vec<Node>,
}

enum Key {
    Member(Text),
    Merge,
    /// The key was wrong: its value is dropped.
    Dropped,
}

/// Something that an alias can stand for.
struct Anchor {
    span: Span,
    /// `None` until its end is reached.
    node: Option<Node>,
    /// Values and bytes of text in it.
    size: (usize, usize),
    used: bool,
}

pub(super) struct Builder<'a> {
    file: &'a SourceFile,
    lines: &'a Lines<'a>,
    diagnostics: Vec<Diagnostic>,
    settled: HashSet<Pos>,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchor>,
    copies: usize,
    copied_bytes: usize,
    documents: usize,
}

/// The file cannot be read on.
struct Stop(Box<Diagnostic>);

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a SourceFile, lines: &'a Lines<'a>) -> Self {
        Self {
            file,
            lines,
            diagnostics: Vec::new(),
            settled: HashSet::new(),
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            copies: 0,
            copied_bytes: 0,
            documents: 0,
        }
    }

    pub(super) fn run(mut self) -> Reading {
        let mut parser = Parser::new_from_str(self.lines.text);
        while let Some(next) = parser.next_event() {
            let result = match next {
                Ok((event, span)) => self.event(event, span),
                Err(error) => Err(Stop(Box::new(syntax::explain(
                    self.file, self.lines, &error,
                )))),
            };
            if let Err(Stop(diagnostic)) = result {
                self.diagnostics.push(*diagnostic);
                self.root = None;
                return self.finish();
            }
        }
        if self.root.is_none() {
            let span = self.lines.span(0..0);
            self.diagnostics
                .push(self.error("empty-file", span, "the file is empty").hint(
                    "a task begins with `version: 1`; `funcy init` writes one to start from",
                ));
        }
        self.unused_anchors();
        self.finish()
    }

    fn finish(self) -> Reading {
        Reading {
            root: self.root,
            diagnostics: self.diagnostics,
            settled: self.settled,
        }
    }

    fn error(&self, code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.file.name, span, message)
    }

    /// Says something about the node that begins here; later checks keep quiet about it.
    fn settle(&mut self, diagnostic: Diagnostic, start: Pos) {
        self.settled.insert(start);
        self.diagnostics.push(diagnostic);
    }

    fn bytes(&self, span: RawSpan) -> std::ops::Range<usize> {
        let start = self.lines.byte_of_character(span.start.index());
        let end = self.lines.byte_of_character(span.end.index());
        start..end.max(start)
    }

    fn event(&mut self, event: Event<'_>, span: RawSpan) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let bytes = self.bytes(span);
                    let span = self.lines.span(bytes);
                    return Err(Stop(Box::new(
                        self.error("two-documents", span, "a second document begins here")
                            .label("`---` ends the first one")
                            .hint("put each task into a file of its own"),
                    )));
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.scalar(&value, style, anchor, tag.as_deref(), span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(false, anchor, tag.as_deref(), span)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(true, anchor, tag.as_deref(), span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(id) => self.alias(id, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// The frame wants a key next.
    fn wants_key(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|frame| frame.is_map && frame.key.is_none())
    }

    fn open(
        &mut self,
        is_map: bool,
        anchor: usize,
        tag: Option<&Tag>,
        raw: RawSpan,
    ) -> Result<(), Stop> {
        let bytes = self.bytes(raw);
        let start = self.skip_properties(bytes.start, anchor != 0 || tag.is_some());
        let first = self.lines.text.as_bytes().get(start);
        let is_flow = matches!(first, Some(b'[' | b'{'));
        let span = self.lines.span(start..start + usize::from(is_flow));
        if self.wants_key() {
            return Err(Stop(Box::new(self.key_is_no_text(start, span))));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(Stop(Box::new(syntax::too_deep(self.file, span))));
        }
        self.open_anchor(anchor, span);
        if let Some(tag) = tag {
            let fits =
                tag.is_yaml_core_schema() && tag.suffix == if is_map { "map" } else { "seq" };
            if !fits {
                self.unknown_tag(bytes.start, span.start);
            }
        }
        self.stack.push(Frame {
            is_map,
            is_flow,
            start,
            end: start + usize::from(is_flow),
            anchor,
            items: Vec::new(),
            members: Vec::new(),
            key: None,
            table: HashMap::new(),
            merges: Vec::new(),
        });
        Ok(())
    }

    /// A list or map as a key: mostly the template of another tool.
    fn key_is_no_text(&self, start: usize, span: Span) -> Diagnostic {
        // `{{ x }}` is a map whose key is a map: the parser stands at the inner bracket.
        let braces =
            self.lines.text[..start].ends_with('{') && self.lines.text[start..].starts_with('{');
        if braces {
            let start = Pos {
                line: span.start.line,
                column: span.start.column - 1,
            };
            self.error(
                "template-braces",
                Span { start, ..span },
                "`{{ … }}` is a map inside a map to YAML, not a template",
            )
            .hint("write `\"${ … }\"`")
        } else {
            self.error("key-is-no-text", span, "a key must be a text")
                .label("a list or map")
                .hint("quote the text that this begins")
        }
    }

    fn open_anchor(&mut self, id: usize, span: Span) {
        if id != 0 {
            self.anchors.insert(
                id,
                Anchor {
                    span,
                    node: None,
                    size: (0, 0),
                    used: false,
                },
            );
        }
    }

    fn close(&mut self, raw: RawSpan) -> Result<(), Stop> {
        let Some(mut frame) = self.stack.pop() else {
            return Ok(());
        };
        if frame.is_flow {
            frame.end = self.bytes(raw).end;
            flow::check(self.file, self.lines, &frame.items, &frame.members)
                .into_iter()
                .for_each(|(diagnostic, starts)| {
                    self.settled.extend(starts);
                    self.diagnostics.push(diagnostic);
                });
        }
        let span = self.lines.span(frame.start..frame.end.max(frame.start));
        let kind = if frame.is_map {
            for merged in std::mem::take(&mut frame.merges) {
                self.merge(&mut frame, merged)?;
            }
            NodeKind::Map(frame.members)
        } else {
            NodeKind::List(frame.items)
        };
        self.place(Node { kind, span }, frame.anchor, frame.end)
    }

    /// Adds the members of a merged map that the map itself does not have.
    fn merge(&mut self, frame: &mut Frame, merged: Node) -> Result<(), Stop> {
        let maps = match merged.kind {
            NodeKind::Map(members) => vec![members],
            NodeKind::List(items)
                if items
                    .iter()
                    .all(|item| matches!(item.kind, NodeKind::Map(_))) =>
            {
                items
                    .into_iter()
                    .filter_map(|item| match item.kind {
                        NodeKind::Map(members) => Some(members),
                        _ => None,
                    })
                    .collect()
            }
            _ => {
                if !self.settled.contains(&merged.span.start) {
                    let diagnostic = self
                        .error(
                            "merge-key",
                            merged.span,
                            "`<<` merges maps, and this is none",
                        )
                        .hint("write `<<: *name`, where `&name` stands before a map");
                    self.settle(diagnostic, merged.span.start);
                }
                return Ok(());
            }
        };
        let mut known: HashSet<Name> = frame
            .members
            .iter()
            .map(|(key, _)| Name::clone(&key.value))
            .collect();
        for (key, node) in maps.into_iter().flatten() {
            if known.insert(Name::clone(&key.value)) {
                frame.members.push((key, node));
            }
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, raw: RawSpan) -> Result<(), Stop> {
        let bytes = self.bytes(raw);
        let span = self.lines.span(bytes.clone());
        let Some(anchor) = self.anchors.get_mut(&id) else {
            return Ok(());
        };
        anchor.used = true;
        let Some(node) = &anchor.node else {
            let at = anchor.span;
            return Err(Stop(Box::new(
                self.error(
                    "recursive-alias",
                    span,
                    "this alias stands inside the value that it means",
                )
                .related(at, "the value begins here"),
            )));
        };
        self.copies += anchor.size.0;
        self.copied_bytes += anchor.size.1;
        if self.copies > MAX_COPIES || self.copied_bytes > MAX_COPIED_BYTES {
            return Err(Stop(Box::new(self.too_many_copies(span))));
        }
        let node = node.clone();
        if self.wants_key() {
            return match node.kind {
                NodeKind::Text(text) => {
                    self.key(Text { span, ..text }, false);
                    Ok(())
                }
                _ => Err(Stop(Box::new(self.key_is_no_text(bytes.start, span)))),
            };
        }
        self.place(node, 0, bytes.end)
    }

    fn too_many_copies(&self, span: Span) -> Diagnostic {
        self.error(
            "alias-limit",
            span,
            format!(
                "aliases make this file too large: at most {MAX_COPIES} values or {} MiB of text may be repeated",
                MAX_COPIED_BYTES >> 20
            ),
        )
    }

    /// Puts a value where it belongs: into the list or map around it.
    fn place(&mut self, node: Node, anchor: usize, end: usize) -> Result<(), Stop> {
        if anchor != 0 {
            let size = size(&node);
            // Anchors inside anchors keep copies of copies.
            self.copies += size.0;
            if self.copies > MAX_COPIES {
                return Err(Stop(Box::new(self.too_many_copies(node.span))));
            }
            if let Some(anchor) = self.anchors.get_mut(&anchor) {
                anchor.node = Some(node.clone());
                anchor.size = size;
            }
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.end = frame.end.max(end);
        if !frame.is_map {
            frame.items.push(node);
            return Ok(());
        }
        match frame.key.take() {
            Some(Key::Member(key)) => frame.members.push((key, node)),
            Some(Key::Merge) => frame.merges.push(node),
            Some(Key::Dropped) | None => {}
        }
        Ok(())
    }

    /// Takes a key; one that stands there already is dropped with its value.
    fn key(&mut self, key: Text, is_plain: bool) {
        let Some(frame) = self.stack.last_mut() else {
            return;
        };
        if is_plain && key.as_str() == "<<" {
            frame.key = Some(Key::Merge);
            return;
        }
        let first = if frame.members.len() < SMALL_MAP {
            frame
                .members
                .iter()
                .find(|(other, _)| other.value == key.value)
                .map(|(other, _)| other.span)
        } else {
            if frame.table.is_empty() {
                frame.table = frame
                    .members
                    .iter()
                    .map(|(key, _)| (Name::clone(&key.value), key.span))
                    .collect();
            }
            frame.table.get(&key.value).copied()
        };
        if let Some(first) = first {
            frame.key = Some(Key::Dropped);
            let diagnostic = self
                .error(
                    "duplicate-key",
                    key.span,
                    format!("the key `{}` stands here twice", key.value),
                )
                .label("again here")
                .related(first, "first here");
            self.diagnostics.push(diagnostic);
            return;
        }
        if !frame.table.is_empty() {
            frame.table.insert(Name::clone(&key.value), key.span);
        }
        frame.key = Some(Key::Member(key));
    }

    fn scalar(
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
                self.unknown_tag(start, span.start);
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
            self.unknown_tag(start, span.start);
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
                self.settle(diagnostic, span.start);
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
                self.settle(diagnostic, span.start);
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
        self.settle(diagnostic, text.span.start);
    }

    fn unknown_tag(&mut self, start: usize, node: Pos) {
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
    fn skip_properties(&self, mut at: usize, has_properties: bool) -> usize {
        if !has_properties {
            return at;
        }
        let text = self.lines.text;
        loop {
            let rest = &text[at..];
            let blanks = rest.len() - rest.trim_start().len();
            match rest[blanks..].chars().next() {
                Some('&' | '!') => {
                    let from = at + blanks;
                    at = text[from..]
                        .find(char::is_whitespace)
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
            content + slice.trim_end().len()
        } else {
            bytes.end
        };
        debug_assert!(trace.complete, "{value:?} was not found in its source");
        let from = if is_block { content } else { start };
        let text = Text {
            value: value.into(),
            span: self.lines.span(from..end.max(from)),
            map: trace.map,
        };
        (text, end)
    }

    /// The first character of a block scalar whose header begins here.
    fn block_content(&self, header: usize, value: &str) -> usize {
        let text = self.lines.text;
        let mut at = self.lines.line_end(header);
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        // Spaces that belong to the value stand before its first other character.
        let lead = value.trim_start_matches('\n');
        let spaces = lead.len() - lead.trim_start_matches(' ').len();
        at.saturating_sub(spaces).max(self.lines.line_start(at))
    }

    /// An anchor that nobody uses is mostly an expression that begins with `&`.
    fn unused_anchors(&mut self) {
        let mut unused: Vec<Span> = self
            .anchors
            .values()
            .filter(|anchor| !anchor.used)
            .map(|anchor| anchor.span)
            .collect();
        unused.sort_unstable();
        for span in unused {
            self.diagnostics.push(
                Diagnostic::warning(
                    "unused-anchor",
                    &self.file.name,
                    span,
                    "the anchor before this value is used nowhere",
                )
                .hint("remove it, or quote the value if it begins with `&`"),
            );
        }
    }
}

/// Values and bytes of text in a node.
fn size(node: &Node) -> (usize, usize) {
    match &node.kind {
        NodeKind::Text(text) => (1, text.value.len()),
        NodeKind::List(items) => items.iter().map(size).fold((1, 0), add),
        NodeKind::Map(members) => members
            .iter()
            .map(|(key, node)| add(size(node), (1, key.value.len())))
            .fold((1, 0), add),
        _ => (1, 0),
    }
}

fn add(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0 + b.0, a.1 + b.1)
}

/// At most 40 characters of a text, for messages.
fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
