use super::jsonpath::JsonPath;
use super::lint::Lint;
use super::node::{Kind, Node};
use crate::event::Name;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A compiled expression or script. Cheap to clone.
#[derive(Clone)]
pub struct Expression {
    pub(super) code: Arc<Code>,
    pub(super) place: u64,
}

/// What was compiled.
pub(super) struct Code {
    pub(super) source: Name,
    pub(super) root: Node,
    pub(super) lint: Lint,
    pub(super) reads: Vec<Name>,
}

impl Expression {
    pub(super) fn new(source: &str, root: Node, lint: Lint) -> Self {
        let reads = lint.names();
        Self {
            code: Arc::new(Code {
                source: source.into(),
                root,
                lint,
                reads,
            }),
            place: 0,
        }
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.code.source
    }

    /// The variables that it reads, each once.
    pub fn reads(&self) -> &[Name] {
        &self.code.reads
    }

    /// Whether it is the literal `true`.
    pub fn is_constant_true(&self) -> bool {
        matches!(&self.code.root.kind, Kind::Literal(value) if value.as_bool() == Ok(true))
    }

    /// What it refers to.
    pub fn lint(&self) -> &Lint {
        &self.code.lint
    }

    /// The same expression at a place of a task: what `uuid()` yields depends on it.
    #[must_use]
    pub fn at_place(&self, place: u64) -> Self {
        Self {
            code: self.code.clone(),
            place,
        }
    }

    /// The stretch of the whole text.
    pub(super) fn whole(&self) -> Range<usize> {
        0..self.code.source.len()
    }

    /// Whether the author wrote that the value may be missing: `null`, `… ?? null`.
    pub(super) fn may_be_null(&self) -> bool {
        ends_in_null(&self.code.root)
    }
}

fn ends_in_null(node: &Node) -> bool {
    match &node.kind {
        Kind::Coalesce(_, right) => ends_in_null(right),
        Kind::If {
            then, otherwise, ..
        } => ends_in_null(then) || otherwise.as_deref().is_some_and(ends_in_null),
        _ => node.is_null(),
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
