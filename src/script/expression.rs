use super::code::{Code, Kind};
use super::jsonpath::JsonPath;
use super::lower::says_null;
use crate::event::Name;
use crate::syntax::{SyntaxError, Uses};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A compiled expression or script. Cheap to clone.
#[derive(Clone)]
pub struct Expression {
    pub(super) compiled: Arc<Compiled>,
    pub(super) place: u64,
}

/// What was compiled.
pub(super) struct Compiled {
    pub(super) source: Name,
    pub(super) root: Code,
    pub(super) uses: Uses,
    pub(super) reads: Vec<Name>,
    doubts: Vec<SyntaxError>,
}

impl Expression {
    pub(super) fn new(source: &str, root: Code, uses: Uses, doubts: Vec<SyntaxError>) -> Self {
        let reads = uses.names();
        Self {
            compiled: Arc::new(Compiled {
                source: source.into(),
                root,
                uses,
                reads,
                doubts,
            }),
            place: 0,
        }
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// The variables that it reads, each once.
    pub fn reads(&self) -> &[Name] {
        &self.compiled.reads
    }

    /// Whether it is the literal `true`.
    pub fn is_constant_true(&self) -> bool {
        matches!(&self.compiled.root.kind, Kind::Literal(value) if value.as_bool() == Ok(true))
    }

    /// What it refers to.
    pub fn uses(&self) -> &Uses {
        &self.compiled.uses
    }

    /// What in it is probably not meant as it stands.
    pub fn doubts(&self) -> &[SyntaxError] {
        &self.compiled.doubts
    }

    /// The same expression at a place of a task: what `uuid()` yields depends on it.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        Self {
            compiled: self.compiled.clone(),
            place,
        }
    }

    /// The stretch of the whole text.
    pub(super) fn whole(&self) -> Range<usize> {
        0..self.compiled.source.len()
    }

    /// Whether the author wrote that the value may be missing: `null`, `… ?? null`.
    pub(super) fn may_be_null(&self) -> bool {
        says_null(&self.compiled.root)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source() && self.place == other.place
    }
}

/// What `save` and `set` take: a JSONPath over `res.body`, or a script. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source(pub(super) SourceKind);

#[derive(Clone, Debug)]
pub(super) enum SourceKind {
    Path {
        source: Name,
        path: Arc<JsonPath>,
        reads: [Name; 1],
    },
    Script(Expression),
}

impl Source {
    /// The text as it was written.
    pub fn source(&self) -> &str {
        match &self.0 {
            SourceKind::Path { source, .. } => source,
            SourceKind::Script(script) => script.source(),
        }
    }

    /// The variables that it reads, each once.
    pub fn reads(&self) -> &[Name] {
        match &self.0 {
            SourceKind::Path { reads, .. } => reads,
            SourceKind::Script(script) => script.reads(),
        }
    }

    /// The script, unless it is a JSONPath.
    pub fn script(&self) -> Option<&Expression> {
        match &self.0 {
            SourceKind::Path { .. } => None,
            SourceKind::Script(script) => Some(script),
        }
    }

    /// The same at a place of a task.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        match &self.0 {
            SourceKind::Path { .. } => self.clone(),
            SourceKind::Script(script) => Self(SourceKind::Script(script.at_place(place))),
        }
    }
}
