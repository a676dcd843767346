//! An expression as the evaluator walks it.

use super::arithmetic::Arithmetic;
use super::functions::Function;
use super::ops::Comparison;
use super::translate::Translation;
use crate::event::Name;
use rhai::{Dynamic, ImmutableString};
use std::ops::Range;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where it stands, brackets around it excluded.
    pub(super) at: Range<usize>,
    /// Levels of the tree from here down.
    pub(super) height: u16,
}

#[derive(Debug)]
pub(super) enum Kind {
    Literal(Dynamic),
    Variable(Name),
    /// Members and indices behind a value: `res.body.items[0].price`.
    Path(Box<Node>, Vec<Step>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Coalesce(Box<Node>, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(ImmutableString, Node)>),
    /// The pieces of a backtick text.
    Join(Vec<Node>),
    If {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    Call {
        function: &'static Function,
        args: Vec<Node>,
        /// `value?.name(…)`: `null` if the value is.
        maybe: bool,
    },
    /// What Rhai evaluates: closures, modules, statements and its own functions.
    Rhai(Box<Leaf>),
}

/// What takes both of its sides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Compare(Comparison),
    /// `==` or `!=` with a literal `null` on one side.
    CompareNull(Comparison),
    /// `in`, or `!in` if it is negated.
    In {
        negated: bool,
    },
    Calculate(Arithmetic),
    Bits(&'static str),
    Range {
        inclusive: bool,
    },
}

/// One step of a path, and the byte at which it ends.
#[derive(Debug)]
pub(super) enum Step {
    Member(ImmutableString, usize),
    Index(Node, usize),
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
    pub(super) translation: Translation,
    /// Operands that are evaluated before and passed in as `__h0`, `__h1`, …
    pub(super) holes: Vec<Node>,
    /// Variables that the code itself reads.
    pub(super) reads: Vec<Name>,
    /// `value?.name(…)`: `null` if the first operand is.
    pub(super) maybe: bool,
    /// The name of the function, if the code is one call.
    pub(super) name_at: Option<Range<usize>>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Node {
    pub(super) fn new(kind: Kind, at: Range<usize>) -> Self {
        let mut node = Self {
            kind,
            at,
            height: 0,
        };
        let below = node
            .children()
            .into_iter()
            .map(|child| child.height)
            .max()
            .unwrap_or(0);
        node.height = below.saturating_add(1);
        node
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Literal(value) if value.is_unit())
    }

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
            Kind::And(left, right)
            | Kind::Or(left, right)
            | Kind::Coalesce(left, right)
            | Kind::Binary(_, left, right) => vec![left, right],
            Kind::List(items) | Kind::Join(items) | Kind::Call { args: items, .. } => {
                items.iter().collect()
            }
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
