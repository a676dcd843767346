//! The tree of an expression or script: what was written, without what it is evaluated by.

use super::operator::Operator;
use crate::event::Name;
use std::ops::Range;

/// One expression, and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands in the source, in bytes; brackets around it excluded.
    pub at: Range<usize>,
    /// Whether brackets stand around it.
    pub bracketed: bool,
    /// Levels of the tree from here down.
    height: u16,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `null` or `()`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `'text'`
    Text(Name),
    /// A text in backticks: `` `${n} items` ``
    Interpolated(Vec<Piece>),
    /// A variable.
    Variable(Name),
    /// `this`, the value that a closure was called on.
    This,
    /// `of.name`, `of?.name`
    Member {
        /// Whose.
        of: Box<Node>,
        /// The member.
        name: Name,
    },
    /// `of[by]`, `of?[by]`
    Index {
        /// Of what.
        of: Box<Node>,
        /// The index or key.
        by: Box<Node>,
    },
    /// `!of`
    Not(Box<Node>),
    /// `-of`
    Negate(Box<Node>),
    /// Two sides, and what stands between them.
    Binary(Operator, Box<Node>, Box<Node>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `#{a: 1}`
    Map(Vec<(Name, Node)>),
    /// A call of a function, method or module.
    Call(Call),
    /// `NAME::CONSTANT`
    Constant {
        /// The module.
        module: Name,
        /// The constant.
        name: Name,
    },
    /// `if a { b } else { c }`
    If(Box<If>),
    /// `switch a { 1 => b, _ => c }`
    Switch(Box<Switch>),
    /// `{ let a = 1; a }`
    Block(Block),
    /// `|a, b| a + b`
    Closure {
        /// Its parameters.
        params: Vec<Name>,
        /// What it gives.
        body: Box<Node>,
    },
    /// `while`, `do`, `loop`, `for`
    Loop(Box<Loop>),
}

/// A piece of a text in backticks.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Text as it stands.
    Text(Name),
    /// What stands between `${` and `}`.
    Code(Block),
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What stands before the name.
    pub target: Target,
    /// The function.
    pub name: Name,
    /// Where its name stands.
    pub name_at: Range<usize>,
    /// The arguments, that before the dot excluded.
    pub args: Vec<Node>,
}

/// What stands before the name of a call.
#[derive(Clone, Debug)]
pub enum Target {
    /// Nothing: `name(…)`
    Function,
    /// A value: `value.name(…)`, `value?.name(…)`
    Method(Box<Node>),
    /// A module: `module::name(…)`
    Module(Name),
}

/// `if`, with its branches.
#[derive(Clone, Debug)]
pub struct If {
    /// What decides.
    pub condition: Node,
    /// What is done if it holds.
    pub then: Block,
    /// What is done if it does not.
    pub otherwise: Option<Block>,
}

/// `switch`, with its arms.
#[derive(Clone, Debug)]
pub struct Switch {
    /// What is looked at.
    pub of: Node,
    /// The arms, in order.
    pub arms: Vec<Arm>,
}

/// One arm of a `switch`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The literals or ranges that it stands for; none: `_`, everything.
    pub cases: Vec<Node>,
    /// What must hold besides.
    pub guard: Option<Node>,
    /// What it gives.
    pub body: Node,
}

/// A loop.
#[derive(Clone, Debug)]
pub enum Loop {
    /// `while condition { … }`
    While(Node, Block),
    /// `do { … } while condition`
    DoWhile(Block, Node),
    /// `do { … } until condition`
    DoUntil(Block, Node),
    /// `loop { … }`
    Endless(Block),
    /// `for item in items { … }`, `for (item, index) in items { … }`
    For {
        /// The name of an item.
        item: Name,
        /// The name of its index.
        index: Option<Name>,
        /// What is gone through.
        items: Node,
        /// What is done with each.
        body: Block,
    },
}

/// Statements; the last one's value is that of the whole.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// In order.
    pub statements: Vec<Statement>,
    /// Where, its braces included.
    pub at: Range<usize>,
}

/// One statement, and where it stands.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where.
    pub at: Range<usize>,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// An expression.
    Expression(Node),
    /// `let a = 1`, `const A = 1`
    Let {
        /// The variable.
        name: Name,
        /// Its first value.
        value: Option<Node>,
        /// Whether it never changes.
        constant: bool,
    },
    /// `a = 1`, `a.b += 1`
    Assign {
        /// What is changed: a variable, a member, an index.
        target: Node,
        /// The operator of `+=` and its like.
        operator: Option<Operator>,
        /// The new value, or the right side of the operator.
        value: Node,
    },
    /// `return a`
    Return(Option<Node>),
    /// `throw a`
    Throw(Option<Node>),
    /// `break a`
    Break(Option<Node>),
    /// `continue`
    Continue,
    /// `try { … } catch (error) { … }`
    Try {
        /// What is tried.
        body: Block,
        /// The name of the error.
        error: Option<Name>,
        /// What is done after one.
        handler: Block,
    },
    /// `fn name(a) { … }`
    Function {
        /// Its name.
        name: Name,
        /// Where that stands.
        name_at: Range<usize>,
        /// Its parameters.
        params: Vec<Name>,
        /// What it does.
        body: Block,
        /// Whether other modules cannot call it.
        private: bool,
    },
}

/// Something inside a node or block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Child<'n> {
    Node(&'n Node),
    Block(&'n Block),
}

impl Node {
    pub(crate) fn new(kind: Kind, at: Range<usize>) -> Self {
        let mut below = 0;
        kind.each_child(&mut |child| {
            below = below.max(match child {
                Child::Node(node) => node.height,
                Child::Block(block) => block.height(),
            });
        });
        Self {
            kind,
            at,
            bracketed: false,
            height: below.saturating_add(1),
        }
    }

    /// Levels of the tree from here down.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// Whether it is a literal `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The literal text that it is.
    pub fn as_text(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Kind {
    /// What lies directly inside, in the order of the text.
    pub(crate) fn each_child<'n>(&'n self, see: &mut dyn FnMut(Child<'n>)) {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Variable(_)
            | Self::This
            | Self::Constant { .. } => {}
            Self::Interpolated(pieces) => {
                for piece in pieces {
                    if let Piece::Code(block) = piece {
                        see(Child::Block(block));
                    }
                }
            }
            Self::Member { of, .. } | Self::Not(of) | Self::Negate(of) => see(Child::Node(of)),
            Self::Index { of, by: other } | Self::Binary(_, of, other) => {
                see(Child::Node(of));
                see(Child::Node(other));
            }
            Self::List(items) => items.iter().for_each(|item| see(Child::Node(item))),
            Self::Map(members) => members
                .iter()
                .for_each(|(_, value)| see(Child::Node(value))),
            Self::Call(call) => {
                if let Target::Method(of) = &call.target {
                    see(Child::Node(of));
                }
                call.args.iter().for_each(|arg| see(Child::Node(arg)));
            }
            Self::If(branches) => {
                see(Child::Node(&branches.condition));
                see(Child::Block(&branches.then));
                branches
                    .otherwise
                    .iter()
                    .for_each(|block| see(Child::Block(block)));
            }
            Self::Switch(switch) => {
                see(Child::Node(&switch.of));
                for arm in &switch.arms {
                    arm.cases
                        .iter()
                        .chain(&arm.guard)
                        .for_each(|node| see(Child::Node(node)));
                    see(Child::Node(&arm.body));
                }
            }
            Self::Block(block) => see(Child::Block(block)),
            Self::Closure { body, .. } => see(Child::Node(body)),
            Self::Loop(looped) => match &**looped {
                Loop::While(condition, body)
                | Loop::For {
                    items: condition,
                    body,
                    ..
                } => {
                    see(Child::Node(condition));
                    see(Child::Block(body));
                }
                Loop::DoWhile(body, condition) | Loop::DoUntil(body, condition) => {
                    see(Child::Block(body));
                    see(Child::Node(condition));
                }
                Loop::Endless(body) => see(Child::Block(body)),
            },
        }
    }
}

impl Block {
    fn height(&self) -> u16 {
        let mut height = 0;
        for statement in &self.statements {
            statement.kind.each_child(&mut |child| {
                height = height.max(match child {
                    Child::Node(node) => node.height,
                    Child::Block(block) => block.height().saturating_add(1),
                });
            });
        }
        height
    }

    /// The expression that it is, if it is no more than one.
    pub fn as_expression(&self) -> Option<&Node> {
        match self.statements.as_slice() {
            [
                Statement {
                    kind: StatementKind::Expression(node),
                    ..
                },
            ] => Some(node),
            _ => None,
        }
    }
}

impl StatementKind {
    /// What lies directly inside, in the order of the text.
    pub(crate) fn each_child<'n>(&'n self, see: &mut dyn FnMut(Child<'n>)) {
        match self {
            Self::Expression(node) => see(Child::Node(node)),
            Self::Let { value, .. }
            | Self::Return(value)
            | Self::Throw(value)
            | Self::Break(value) => value.iter().for_each(|value| see(Child::Node(value))),
            Self::Assign { target, value, .. } => {
                see(Child::Node(target));
                see(Child::Node(value));
            }
            Self::Continue => {}
            Self::Try { body, handler, .. } => {
                see(Child::Block(body));
                see(Child::Block(handler));
            }
            Self::Function { body, .. } => see(Child::Block(body)),
        }
    }
}
