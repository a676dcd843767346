//! An expression as our evaluator walks it: the tree with its names looked up, and what only Rhai can do compiled
//! for it.

use super::functions::Function;
use super::printed::Printed;
use crate::event::Name;
use crate::syntax::Operator;
use rhai::{Dynamic, ImmutableString};
use std::ops::Range;

#[derive(Debug)]
pub(super) struct Code {
    pub(super) kind: Kind,
    /// Where it stands, brackets around it excluded.
    pub(super) at: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Literal(Dynamic),
    Variable(Name),
    /// Members and indices behind a value: `res.body.items[0].price`.
    Path(Box<Code>, Vec<Step>),
    Not(Box<Code>),
    Negate(Box<Code>),
    Binary(Operator, Box<Code>, Box<Code>),
    /// `==` or `!=` with a literal `null` on one side, which alone sees what is missing.
    BesideNull(Operator, Box<Code>, Box<Code>),
    List(Vec<Code>),
    Map(Vec<(ImmutableString, Code)>),
    /// The pieces of a backtick text.
    Join(Vec<Code>),
    If {
        condition: Box<Code>,
        then: Box<Code>,
        otherwise: Option<Box<Code>>,
    },
    Call(&'static Function, Vec<Code>),
    /// What Rhai evaluates: closures, modules, statements and its own functions.
    Rhai(Box<Leaf>),
}

/// One step of a path, and the byte at which it ends.
#[derive(Debug)]
pub(super) enum Step {
    Member(ImmutableString, usize),
    Index(Code, usize),
}

impl Step {
    pub(super) fn end(&self) -> usize {
        match self {
            Self::Member(_, end) | Self::Index(_, end) => *end,
        }
    }
}

/// A piece of code for Rhai.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) ast: rhai::AST,
    pub(super) printed: Printed,
    /// Operands that are evaluated before and passed in as `__h0`, `__h1`, …
    pub(super) holes: Vec<Code>,
    /// Variables that the code itself reads.
    pub(super) reads: Vec<Name>,
    /// Whether it is a call that is not made where its first operand is missing.
    pub(super) needs_first: bool,
    /// The name of the function, if the code is one call.
    pub(super) name_at: Option<Range<usize>>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Code {
    /// The sub-expressions, in the order of the text.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Literal(_) | Kind::Variable(_) => Vec::new(),
            Kind::Path(of, steps) => std::iter::once(&**of)
                .chain(steps.iter().filter_map(|step| match step {
                    Step::Index(by, _) => Some(by),
                    Step::Member(..) => None,
                }))
                .collect(),
            Kind::Not(of) | Kind::Negate(of) => vec![of],
            Kind::Binary(_, left, right) | Kind::BesideNull(_, left, right) => vec![left, right],
            Kind::List(items) | Kind::Join(items) | Kind::Call(_, items) => items.iter().collect(),
            Kind::Map(members) => members.iter().map(|(_, value)| value).collect(),
            Kind::If {
                condition,
                then,
                otherwise,
            } => [&**condition, then]
                .into_iter()
                .chain(otherwise.as_deref())
                .collect(),
            Kind::Rhai(leaf) => leaf.holes.iter().collect(),
        }
    }
}
