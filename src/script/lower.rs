//! From the tree to [`Code`]: names are looked up, and what only Rhai can do is printed and compiled for it.
//!
//! The operands of a call that Rhai makes stay ours, and are passed in: so an explanation shows them.

use super::code::{Code, Kind, Leaf, Step};
use super::functions;
use super::print::{
    Callee, FUNCTION, HOLE, NAME, Printer, each_call, is_called_on_a_value, is_closure,
};
use super::printed::Printed;
use super::rhai_error;
use crate::event::Name;
use crate::syntax::tree::{self, Block, Call, Child, Node, Piece, StatementKind, Target};
use crate::syntax::{Operator, SyntaxError, uses};
use rhai::Dynamic;
use std::ops::Range;

type Lowered<T = Code> = Result<T, SyntaxError>;

/// Makes a tree ready to be evaluated.
///
/// # Errors
/// A literal pattern, path, time or duration that is none, and what Rhai refuses.
pub(super) fn lower(node: &Node, rhai: &rhai::Engine) -> Lowered {
    check_literals(node)?;
    let lowering = Lowering {
        rhai,
        printer: Printer::default(),
    };
    // A `return` leaves all that is around it, which Rhai alone can do then.
    if returns(node) {
        let kind = lowering.whole(node)?;
        let at = node.at.clone();
        return Ok(Code { kind, at });
    }
    lowering.node(node)
}

/// Whether a `return` in it leaves more than a closure or function.
fn returns(node: &Node) -> bool {
    if matches!(node.kind, tree::Kind::Closure { .. }) {
        return false;
    }
    let mut found = false;
    (node.kind).each_child(&mut |child| found = found || returns_within(child));
    found
}

fn returns_within(child: Child<'_>) -> bool {
    match child {
        Child::Node(node) => returns(node),
        Child::Block(block) => block.statements.iter().any(|statement| {
            let mut found = matches!(statement.kind, StatementKind::Return(_));
            if !matches!(statement.kind, StatementKind::Function { .. }) {
                (statement.kind).each_child(&mut |child| found = found || returns_within(child));
            }
            found
        }),
    }
}

/// A pattern, path, time or duration that is written out is checked before anything runs.
pub(super) fn check_literals(node: &Node) -> Lowered<()> {
    let mut found = Ok(());
    each_call(node, &mut |call| {
        if found.is_ok() {
            found = check_call(call);
        }
    });
    found
}

pub(super) fn check_call(call: &Call) -> Lowered<()> {
    let receiver = match &call.target {
        Target::Function => None,
        Target::Method(of) => Some(&**of),
        Target::Module(_) => return Ok(()),
    };
    let Some(function) = functions::find(&call.name) else {
        return Ok(());
    };
    for (index, arg) in receiver.into_iter().chain(&call.args).enumerate() {
        let Some(text) = arg.as_text() else { continue };
        functions::check_literal(function, index, text).map_err(|fault| {
            let error = SyntaxError::new(arg.at.clone(), fault.message);
            match fault.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
    }
    Ok(())
}

struct Lowering<'r> {
    rhai: &'r rhai::Engine,
    /// Asked who a call means.
    printer: Printer,
}

impl Lowering<'_> {
    fn node(&self, node: &Node) -> Lowered {
        let kind = match &node.kind {
            tree::Kind::Null => Kind::Literal(Dynamic::UNIT),
            tree::Kind::Bool(value) => Kind::Literal((*value).into()),
            tree::Kind::Int(value) => Kind::Literal((*value).into()),
            tree::Kind::Float(value) => Kind::Literal((*value).into()),
            tree::Kind::Text(text) => Kind::Literal((&**text).into()),
            tree::Kind::Variable(name) => Kind::Variable(name.clone()),
            tree::Kind::This => {
                return Err(SyntaxError::new(
                    node.at.clone(),
                    "`this` has a value inside of a closure only",
                ));
            }
            tree::Kind::Interpolated(pieces) => Kind::Join(self.pieces(pieces, &node.at)?),
            tree::Kind::Member { of, name } => {
                let step = Step::Member((&**name).into(), node.at.end);
                self.step(of, step)?
            }
            tree::Kind::Index { of, by } => {
                let step = Step::Index(self.node(by)?, node.at.end);
                self.step(of, step)?
            }
            tree::Kind::Not(of) => Kind::Not(self.boxed(of)?),
            tree::Kind::Negate(of) => match of.kind {
                // A number with its sign is a literal.
                tree::Kind::Int(value) if value != i64::MIN => Kind::Literal((-value).into()),
                tree::Kind::Float(value) => Kind::Literal((-value).into()),
                _ => Kind::Negate(self.boxed(of)?),
            },
            tree::Kind::Binary(operator, left, right) => {
                let beside_null = operator.is_equality() && (left.is_null() || right.is_null());
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                if beside_null {
                    Kind::BesideNull(*operator, left, right)
                } else {
                    Kind::Binary(*operator, left, right)
                }
            }
            tree::Kind::List(items) => Kind::List(self.nodes(items)?),
            tree::Kind::Map(members) => Kind::Map(
                members
                    .iter()
                    .map(|(name, value)| Ok(((&**name).into(), self.node(value)?)))
                    .collect::<Lowered<_>>()?,
            ),
            tree::Kind::Call(call) => self.call(call, node)?,
            tree::Kind::If(branches) => {
                let then = branches.then.as_expression();
                let otherwise = branches.otherwise.as_ref().map(Block::as_expression);
                match (then, otherwise) {
                    (Some(then), None | Some(Some(_))) => Kind::If {
                        condition: self.boxed(&branches.condition)?,
                        then: self.boxed(then)?,
                        otherwise: otherwise
                            .flatten()
                            .map(|node| self.boxed(node))
                            .transpose()?,
                    },
                    _ => self.whole(node)?,
                }
            }
            tree::Kind::Block(block) => match block.as_expression() {
                Some(inner) => return self.node(inner),
                None => self.whole(node)?,
            },
            tree::Kind::Constant { .. }
            | tree::Kind::Switch(_)
            | tree::Kind::Closure { .. }
            | tree::Kind::Loop(_) => self.whole(node)?,
        };
        Ok(Code {
            kind,
            at: node.at.clone(),
        })
    }

    fn boxed(&self, node: &Node) -> Lowered<Box<Code>> {
        self.node(node).map(Box::new)
    }

    fn nodes(&self, nodes: &[Node]) -> Lowered<Vec<Code>> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn step(&self, of: &Node, step: Step) -> Lowered<Kind> {
        let of = self.node(of)?;
        Ok(match of.kind {
            Kind::Path(root, mut steps) => {
                steps.push(step);
                Kind::Path(root, steps)
            }
            kind => Kind::Path(Box::new(Code { kind, at: of.at }), vec![step]),
        })
    }

    fn pieces(&self, pieces: &[Piece], at: &Range<usize>) -> Lowered<Vec<Code>> {
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Ok(Code {
                    kind: Kind::Literal((&**text).into()),
                    at: at.clone(),
                }),
                Piece::Code(block) => {
                    if let Some(node) = block.as_expression() {
                        self.node(node)
                    } else {
                        let node = Node::new(tree::Kind::Block(block.clone()), block.at.clone());
                        self.node(&node)
                    }
                }
            })
            .collect()
    }

    fn call(&self, call: &Call, node: &Node) -> Lowered<Kind> {
        let has_closure = call.args.iter().any(is_closure);
        match self.printer.callee(call) {
            Callee::Ours(function) if !has_closure => {
                let receiver = match &call.target {
                    Target::Method(of) => Some(self.node(of)?),
                    _ => None,
                };
                let mut args: Vec<Code> = receiver.into_iter().collect();
                args.extend(self.nodes(&call.args)?);
                Ok(Kind::Call(function, args))
            }
            callee => self.call_by_rhai(call, node, callee),
        }
    }

    /// A call that Rhai makes: of its own functions, of a module, or of one of ours with a closure.
    fn call_by_rhai(&self, call: &Call, node: &Node, callee: Callee) -> Lowered<Kind> {
        let mut printer = Printer::default();
        let mut holes = Vec::new();
        let mut reads: Vec<Name> = Vec::new();
        let out = &mut printer.out;
        let mut hole = |code: Code, out: &mut Printed| {
            out.push(&format!("{HOLE}{}", holes.len()), &code.at);
            holes.push(code);
        };
        let ours = matches!(callee, Callee::Ours(_));
        let (receiver, args) = match &call.target {
            Target::Method(of) => (Some(&**of), &call.args[..]),
            Target::Module(module) => {
                out.push(&format!("{NAME}{module}"), &node.at);
                out.push("::", &node.at);
                (None, &call.args[..])
            }
            // `f(x, y)` of Rhai's own is `x.f(y)`.
            Target::Function => match call.args.split_first() {
                Some((first, rest)) if !ours && is_called_on_a_value(&call.name, 1) => {
                    (Some(first), rest)
                }
                _ => (None, &call.args[..]),
            },
        };
        let method = receiver.filter(|_| !ours);
        if let Some(of) = method {
            hole(self.node(of)?, out);
            out.push(".", &of.at);
        }
        let name = match callee {
            Callee::Ours(_) => format!("{FUNCTION}{}", call.name),
            Callee::Module => format!("{NAME}{}", call.name),
            _ => call.name.to_string(),
        };
        out.push(&name, &call.name_at);
        out.push("(", &call.name_at);
        for arg in receiver.filter(|_| ours).into_iter().chain(args) {
            if is_closure(arg) {
                printer.node(arg);
                for name in uses(arg).names() {
                    if !reads.contains(&name) {
                        reads.push(name);
                    }
                }
            } else {
                hole(self.node(arg)?, &mut printer.out);
            }
            printer.out.push(",", &call.name_at);
        }
        printer.out.push(")", &call.name_at);
        let needs_first = !matches!(callee, Callee::Module) && method.is_some();
        let mut leaf = self.compile(printer.into_printed(), holes, reads, &node.at)?;
        leaf.needs_first = needs_first;
        leaf.name_at = Some(call.name_at.clone());
        Ok(Kind::Rhai(Box::new(leaf)))
    }

    /// All of a node as Rhai's.
    fn whole(&self, node: &Node) -> Lowered<Kind> {
        let mut printer = Printer::default();
        match &node.kind {
            tree::Kind::Block(block) => printer.program(block),
            _ => printer.node(node),
        }
        let reads = uses(node).names();
        let leaf = self.compile(printer.into_printed(), Vec::new(), reads, &node.at)?;
        Ok(Kind::Rhai(Box::new(leaf)))
    }

    fn compile(
        &self,
        printed: Printed,
        holes: Vec<Code>,
        reads: Vec<Name>,
        at: &Range<usize>,
    ) -> Lowered<Leaf> {
        let ast = self
            .rhai
            .compile(&printed.text)
            .map_err(|error| rhai_error::syntax(&error, &printed, at))?;
        Ok(Leaf {
            ast,
            printed,
            holes,
            reads,
            needs_first: false,
            name_at: None,
        })
    }
}

/// Whether the value is `null` because its author wrote so: `null`, `… ?? null`.
pub(super) fn says_null(code: &Code) -> bool {
    match &code.kind {
        Kind::Literal(value) => value.is_unit(),
        Kind::Binary(Operator::Coalesce, _, right) => says_null(right),
        Kind::If {
            then, otherwise, ..
        } => says_null(then) || otherwise.as_deref().is_some_and(says_null),
        _ => false,
    }
}
