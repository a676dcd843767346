use crate::event::Name;
use std::ops::Range;

/// What an expression refers to, found without evaluating it. Ranges are bytes of its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// Variables that are read.
    pub reads: Vec<Read>,
    /// Functions that are called.
    pub calls: Vec<Call>,
    /// Members that are looked up, from a variable on.
    pub paths: Vec<Path>,
}

/// A variable that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub name: Name,
    /// Where.
    pub at: Range<usize>,
}

/// A function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The script module before `::`.
    pub module: Option<Name>,
    /// The function.
    pub name: Name,
    /// How many arguments it is given, the one before the dot included.
    pub args: usize,
    /// Whether it was called as `value.name(…)`.
    pub method: bool,
    /// Where its name stands.
    pub at: Range<usize>,
}

/// A chain of members from a variable on: `res.body.status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The variable.
    pub root: Name,
    /// The members; an index that is a literal stands here as its text.
    pub members: Vec<Name>,
    /// Where.
    pub at: Range<usize>,
}
