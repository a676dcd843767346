use super::Name;
use serde::{Deserialize, Serialize};

/// A point in a text file. Lines and columns are counted from 1, columns in characters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Pos {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A stretch of a text file: from `start` up to, not including, `end`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span {
    /// The first character.
    pub start: Pos,
    /// The character after the last one.
    pub end: Pos,
}

impl Span {
    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// Where in which definition something is written, and its path inside it
/// (`states.placed.transitions[0].when`). The path is the key under which a replay finds an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file, as it was named on the command line or relative to the suite.
    pub file: Name,
    /// The path from the root of the definition.
    pub path: Name,
    /// The stretch of the file.
    #[serde(flatten)]
    pub span: Span,
}
