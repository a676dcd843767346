use super::{Reading, Settled, flow, syntax};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::model::SourceFile;
use crate::definition::node::{Node, NodeKind, Text};
use crate::definition::source::Lines;
use crate::event::{Name, Pos, Span};
use saphyr_parser::{Event, Parser, Span as RawSpan, Tag};
use std::collections::{HashMap, HashSet};

/// Values that anchors and aliases may add to a file.
const MAX_COPIES: usize = 100_000;
/// Bytes of text that aliases may add to a file.
const MAX_COPIED_BYTES: usize = 4 << 20;
/// Maps with more keys than this look for duplicates in a table.
const SMALL_MAP: usize = 12;

/// A list or map whose end is not reached yet.
pub(super) struct Frame {
    pub(super) is_map: bool,
    /// Written with brackets.
    pub(super) is_flow: bool,
    pub(super) start: usize,
    /// The byte behind its last member so far.
    pub(super) end: usize,
    pub(super) anchor: usize,
    pub(super) items: Vec<Node>,
    pub(super) members: Vec<(Text, Node)>,
    /// A map's key that waits for its value.
    pub(super) key: Option<Key>,
    /// The places of the keys, once there are many.
    pub(super) table: HashMap<Name, Span>,
    /// The place of `<<`.
    pub(super) merge_key: Option<Span>,
    pub(super) merged: Option<Node>,
}

pub(super) enum Key {
    Member(Text),
    Merge,
    /// The key was wrong: its value is dropped.
    Dropped,
}

/// Something that an alias can stand for.
pub(super) struct Anchor {
    pub(super) span: Span,
    /// `None` until its end is reached.
    pub(super) node: Option<Node>,
    /// Values and bytes of text in it.
    pub(super) size: (usize, usize),
    pub(super) used: bool,
}

pub(super) struct Builder<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) lines: &'a Lines<'a>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) settled: Settled,
    pub(super) stack: Vec<Frame>,
    pub(super) root: Option<Node>,
    pub(super) anchors: HashMap<usize, Anchor>,
    pub(super) copies: usize,
    pub(super) copied_bytes: usize,
    pub(super) documents: usize,
}

/// The file cannot be read on.
pub(super) struct Stop(Box<Diagnostic>);

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a SourceFile, lines: &'a Lines<'a>) -> Self {
        Self {
            file,
            lines,
            diagnostics: Vec::new(),
            settled: Settled::default(),
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

    pub(super) fn error(
        &self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(code, &self.file.name, span, message)
    }

    /// Says something about the node that stands here; later checks keep quiet about it.
    pub(super) fn settle(&mut self, diagnostic: Diagnostic, span: Span) {
        self.settled.add(span);
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn bytes(&self, span: RawSpan) -> std::ops::Range<usize> {
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
    pub(super) fn wants_key(&self) -> bool {
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
        if self.stack.len() >= syntax::MAX_DEPTH {
            return Err(Stop(Box::new(syntax::too_deep(self.file, span))));
        }
        self.open_anchor(anchor, span);
        if let Some(tag) = tag {
            let fits =
                tag.is_yaml_core_schema() && tag.suffix == if is_map { "map" } else { "seq" };
            if !fits {
                self.unknown_tag(bytes.start, span);
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
            merge_key: None,
            merged: None,
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

    pub(super) fn open_anchor(&mut self, id: usize, span: Span) {
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
            for diagnostic in flow::check(self.file, self.lines, &frame.items, &frame.members) {
                self.settle(diagnostic.clone(), diagnostic.span);
            }
        }
        let span = self.lines.span(frame.start..frame.end.max(frame.start));
        let kind = if frame.is_map {
            if let Some(merged) = frame.merged.take() {
                self.merge(&mut frame, merged);
            }
            NodeKind::Map(frame.members)
        } else {
            NodeKind::List(frame.items)
        };
        self.place(Node { kind, span }, frame.anchor, frame.end)
    }

    /// Adds the members of a merged map that the map itself does not have.
    fn merge(&mut self, frame: &mut Frame, merged: Node) {
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
                if !self.settled.contains(merged.span.start) {
                    let diagnostic = self
                        .error(
                            "merge-key",
                            merged.span,
                            "`<<` merges maps, and this is none",
                        )
                        .hint("write `<<: *name`, where `&name` stands before a map");
                    self.settle(diagnostic, merged.span);
                }
                return;
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
        .hint("write it once under `vars:`, and name the variable where it is needed")
    }

    /// Puts a value where it belongs: into the list or map around it.
    pub(super) fn place(&mut self, node: Node, anchor: usize, end: usize) -> Result<(), Stop> {
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
            Some(Key::Merge) => frame.merged = Some(node),
            Some(Key::Dropped) | None => {}
        }
        Ok(())
    }

    /// Takes a key; one that stands there already is dropped with its value.
    pub(super) fn key(&mut self, key: Text, is_plain: bool) {
        let Some(frame) = self.stack.last_mut() else {
            return;
        };
        let is_merge = is_plain && key.as_str() == "<<";
        let first = if is_merge {
            frame.merge_key
        } else if frame.members.len() < SMALL_MAP {
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
        if is_merge {
            frame.merge_key = Some(key.span);
            frame.key = Some(Key::Merge);
            return;
        }
        if !frame.table.is_empty() {
            frame.table.insert(Name::clone(&key.value), key.span);
        }
        frame.key = Some(Key::Member(key));
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
