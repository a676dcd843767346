use crate::event::{Json, Name, Pos, Span};
use std::sync::Arc;

/// A value as it stands in a YAML file: every node keeps its span.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it stands. Of a block scalar: its content.
    pub span: Span,
}

/// What a [`Node`] is, after YAML 1.2's core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number; an integer is within 64 bits.
    Number(serde_json::Number),
    /// Anything else that is a scalar.
    Text(Text),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file; keys are unique.
    Map(Vec<(Text, Node)>),
}

/// A text of the file, and where each of its characters stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The text, decoded.
    pub value: Name,
    /// Where it stands.
    pub span: Span,
    /// The way back from the decoded text to the file.
    pub map: TextMap,
}

/// The way back from a decoded scalar to the file: pairs of a byte offset in the decoded text and the place
/// where the text from there on stands, offsets ascending, the first at 0. Between two pairs the
/// text runs on the same line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextMap(pub Arc<[(u32, Pos)]>);

impl Text {
    /// A text that stands in one piece at `start`.
    #[must_use]
    pub fn plain(value: impl Into<Name>, span: Span) -> Self {
        Self {
            value: value.into(),
            span,
            map: TextMap(Arc::new([(0, span.start)])),
        }
    }

    /// A whole file as one text.
    #[must_use]
    pub fn whole(value: impl Into<Name>) -> Self {
        let value = value.into();
        let starts = value.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).zip(1..);
        let map = lines
            .map(|(from, line)| (from as u32, Pos { line, column: 1 }))
            .collect();
        Self {
            value,
            span: Span::default(),
            map: TextMap(map),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The place in the file of the character at this byte offset of the text.
    #[must_use]
    pub fn location_of(&self, offset: usize) -> Pos {
        let offset = offset.min(self.value.len());
        let pairs = &self.map.0;
        let index = pairs
            .partition_point(|(from, _)| *from as usize <= offset)
            .saturating_sub(1);
        let Some((from, pos)) = pairs.get(index) else {
            return self.span.start;
        };
        let run = self.value.get(*from as usize..offset).unwrap_or_default();
        Pos {
            line: pos.line,
            column: pos.column + u32::try_from(run.chars().count()).unwrap_or(0),
        }
    }

    /// The stretch of the file for this range of byte offsets.
    #[must_use]
    pub fn span_of(&self, range: std::ops::Range<usize>) -> Span {
        let start = self.location_of(range.start);
        // The end is the place behind the last character, which may stand on an earlier line than the
        // character that follows. Where it does not, an escape is several columns wide.
        let to = self.value.floor_char_boundary(range.end);
        let last = self.value[..to].char_indices().next_back();
        let end = match last {
            Some((offset, _)) if to > range.start => {
                let pos = self.location_of(offset);
                let next = self.location_of(to);
                if next.line == pos.line && next.column > pos.column {
                    next
                } else {
                    Pos {
                        line: pos.line,
                        column: pos.column + 1,
                    }
                }
            }
            _ => start,
        };
        Span { start, end }
    }
}

impl Node {
    /// The value as plain data; templates stay texts.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.kind {
            NodeKind::Null => Json::Null,
            NodeKind::Bool(value) => Json::Bool(*value),
            NodeKind::Number(number) => Json::Number(number.clone()),
            NodeKind::Text(text) => Json::String(text.value.to_string()),
            NodeKind::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            NodeKind::Map(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, node)| (key.value.to_string(), node.to_json()))
                    .collect(),
            ),
        }
    }

    /// The member with this key, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            NodeKind::Map(members) => members
                .iter()
                .find(|(name, _)| name.as_str() == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match &self.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }
}
