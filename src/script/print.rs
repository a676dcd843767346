//! The tree as a text for Rhai.
//!
//! Every operator is written as a call of the function that has our meaning of it, so that closures, modules and
//! scripts mean the same by `==` as a condition does; `&&` and `||` are lazy forms of our own, `if` and `while` take
//! what is unknown as false. Each token that is written remembers where it came from.

mod statement;

use super::functions;
use super::printed::Printed;
use crate::event::Name;
use crate::syntax::tree::{
    Arm, Block, Call, Child, Kind, Loop, Node, Piece, StatementKind, Target,
};
use crate::syntax::{Operator, is_keyword};
use std::fmt::Write;
use std::ops::Range;

/// Written before every name that is the author's, which may be a reserved word of Rhai; the token mapper takes it off
/// again.
pub(super) const NAME: &str = "__w_";
/// Written before the name of one of our functions, so that none of Rhai's is meant.
pub(super) const FUNCTION: &str = "__f_";
/// Joins the pieces of a backtick text.
pub(super) const JOIN: &str = "__join";
/// A value that was computed before Rhai is asked: `__h0`, `__h1`, …
pub(super) const HOLE: &str = "__h";
/// Around what is assigned: opens JSON, so that a script can change its copy.
pub(super) const KEEP: &str = "__keep";
/// Around what a script has caught: an error of Rhai's own is one of ours.
pub(super) const CAUGHT: &str = "__caught";
/// Around what decides: unknown is false.
pub(super) const TEST: &str = "__test";
/// `!`
pub(super) const NOT: &str = "__not";
/// `-` before a value.
pub(super) const NEGATE: &str = "__neg";
/// Whether the first round of a `do` is still to come.
const FIRST: &str = "__first";
/// Members and indices behind a value.
pub(super) const PATH: &str = "__path";
/// Most steps of one call of [`PATH`].
pub(super) const MAX_STEPS: usize = 12;
/// Written behind the name of an operator that changes its left side: `+=`.
pub(super) const ASSIGN: &str = "_assign";
/// `==` beside a literal `null`.
pub(super) const SAME: &str = "__same";
/// `!=` beside a literal `null`.
pub(super) const DIFFERS: &str = "__differs";

/// What a call does, as far as its name and what is declared around it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// One of our functions.
    Ours(&'static functions::Function),
    /// A function of a module.
    Module,
    /// One that the source declares.
    Declared,
    /// A closure in a variable of the source.
    Variable,
    /// One of Rhai's, or the closure that a map holds.
    Rhai,
}

impl PartialEq for functions::Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for functions::Function {}

/// Functions of Rhai that cannot be called on a value.
const NO_METHODS: [&str; 4] = ["is_def_var", "is_def_fn", "print", "debug"];

/// Whether Rhai's function of this name is called on its first argument.
pub(super) fn is_called_on_a_value(name: &str, args: usize) -> bool {
    args > 0 && !NO_METHODS.contains(&name)
}

/// Writes trees.
#[derive(Default)]
pub(super) struct Printer {
    pub(super) out: Printed,
    /// Variables that the source declares around the place that is written, innermost last.
    scopes: Vec<Vec<Name>>,
    /// Functions that the source declares.
    functions: Vec<Name>,
}

impl Printer {
    /// A whole module, or the statements of a script.
    pub(super) fn program(&mut self, block: &Block) {
        for statement in &block.statements {
            if let StatementKind::Function { name, .. } = &statement.kind {
                self.functions.push(name.clone());
            }
        }
        self.scopes.push(Vec::new());
        self.statements(block, true);
        self.scopes.pop();
    }

    pub(super) fn into_printed(self) -> Printed {
        self.out
    }

    fn push(&mut self, token: &str, at: &Range<usize>) {
        self.out.push(token, at);
    }

    /// `name(inside)`
    fn wrapped(&mut self, name: &str, at: &Range<usize>, inside: impl FnOnce(&mut Self)) {
        self.push(name, at);
        self.push("(", at);
        inside(self);
        self.push(")", at);
    }

    fn within(&mut self, names: &[Name], work: impl FnOnce(&mut Self)) {
        self.scopes.push(names.to_vec());
        work(self);
        self.scopes.pop();
    }

    fn declares(&self, name: &str) -> bool {
        let mut names = self.scopes.iter().flatten();
        names.any(|known| **known == *name)
    }

    fn declares_root(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Variable(name) => self.declares(name),
            Kind::This => true,
            Kind::Member { of, .. } | Kind::Index { of, .. } => self.declares_root(of),
            _ => false,
        }
    }

    /// Who is called.
    pub(super) fn callee(&self, call: &Call) -> Callee {
        let count = call.args.len() + usize::from(matches!(call.target, Target::Method(_)));
        match &call.target {
            Target::Module(_) => Callee::Module,
            Target::Function if self.declares(&call.name) => Callee::Variable,
            _ if self.functions.contains(&call.name) => Callee::Declared,
            _ => match functions::find(&call.name) {
                Some(function) if function.arity.contains(&count) => Callee::Ours(function),
                _ => Callee::Rhai,
            },
        }
    }

    // -----------------------------------------------------------------------------------------------------
    // Expressions.

    pub(super) fn node(&mut self, node: &Node) {
        self.node_as(node, true);
    }

    /// An expression. Where its value is not `used`, what changes a list need not copy it.
    fn node_as(&mut self, node: &Node, used: bool) {
        let at = &node.at;
        match &node.kind {
            Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) => {
                let literal = literal(node).unwrap_or_default();
                self.push(&literal, at);
            }
            Kind::Variable(name) => self.push(&named(name), at),
            Kind::This => self.push("this", at),
            Kind::Interpolated(pieces) => self.join(pieces, at),
            Kind::Member { .. } | Kind::Index { .. } => self.path(node),
            Kind::Not(of) => self.wrapped(NOT, at, |this| this.node(of)),
            Kind::Negate(of) => self.wrapped(NEGATE, at, |this| this.node(of)),
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, at),
            Kind::List(items) => {
                self.push("[", at);
                self.separated(items, at);
                self.push("]", at);
            }
            Kind::Map(members) => {
                self.push("#{", at);
                for (name, value) in members {
                    self.push(&quoted(name), at);
                    self.push(":", at);
                    self.node(value);
                    self.push(",", at);
                }
                self.push("}", at);
            }
            Kind::Call(call) => self.call(call, at, used),
            // In a block, as Rhai leaves a name that is a first argument for last.
            Kind::Constant { module, name } => {
                self.push("{", at);
                self.push(&named(module), at);
                self.push("::", at);
                self.push(&named(name), at);
                self.push("}", at);
            }
            Kind::If(branches) => {
                self.push("if", at);
                self.test(&branches.condition);
                self.block_as(&branches.then, used);
                if let Some(otherwise) = &branches.otherwise {
                    self.push("else", at);
                    self.block_as(otherwise, used);
                }
            }
            Kind::Switch(switch) => {
                self.push("switch", at);
                self.node(&switch.of);
                self.push("{", at);
                for arm in &switch.arms {
                    self.arm(arm, at, used);
                }
                self.push("}", at);
            }
            Kind::Block(block) => self.block_as(block, used),
            Kind::Closure { params, body } => {
                self.params("|", params, "|", at);
                self.within(params, |this| this.node(body));
            }
            Kind::Loop(looped) => self.looped(looped, at),
        }
    }

    fn separated(&mut self, nodes: &[Node], at: &Range<usize>) {
        for node in nodes {
            self.node(node);
            self.push(",", at);
        }
    }

    fn test(&mut self, condition: &Node) {
        self.wrapped(TEST, &condition.at, |this| this.node(condition));
    }

    fn binary(&mut self, operator: Operator, left: &Node, right: &Node, at: &Range<usize>) {
        if operator == Operator::Coalesce {
            self.push("(", at);
            self.node(left);
            self.push("??", at);
            self.node(right);
            self.push(")", at);
            return;
        }
        let name = match operator {
            Operator::Equal if left.is_null() || right.is_null() => SAME,
            Operator::NotEqual if left.is_null() || right.is_null() => DIFFERS,
            _ => operator.row().rhai_name,
        };
        self.wrapped(name, at, |this| {
            this.node(left);
            this.push(",", at);
            this.node(right);
        });
    }

    fn join(&mut self, pieces: &[Piece], at: &Range<usize>) {
        self.wrapped(JOIN, at, |this| {
            this.push("[", at);
            for piece in pieces {
                match piece {
                    Piece::Text(text) => this.push(&quoted(text), at),
                    Piece::Code(block) => this.block(block),
                }
                this.push(",", at);
            }
            this.push("]", at);
        });
    }

    /// Members and indices as one call, which copies nothing but what it finds.
    fn path(&mut self, node: &Node) {
        let mut steps = Vec::new();
        let mut root = node;
        while let Kind::Member { of, .. } | Kind::Index { of, .. } = &root.kind
            && steps.len() < MAX_STEPS
        {
            steps.push(root);
            let computed = matches!(&root.kind, Kind::Index { by, .. } if literal(by).is_none());
            root = of;
            // What stands before it may fail first.
            if computed {
                break;
            }
        }
        self.out
            .begin_path(steps.iter().rev().map(|step| step.at.end).collect());
        self.wrapped(PATH, &node.at, |this| {
            this.node(root);
            for step in steps.into_iter().rev() {
                this.push(",", &step.at);
                match &step.kind {
                    Kind::Member { name, .. } => this.push(&quoted(name), &step.at),
                    Kind::Index { by, .. } => this.node(by),
                    _ => {}
                }
            }
        });
    }

    /// What is changed in its place: a variable, and members and indices behind it.
    fn target(&mut self, node: &Node) {
        match &node.kind {
            Kind::Member { of, name } => {
                self.target(of);
                self.push(".", &node.at);
                self.push(&format!("{NAME}{name}"), &node.at);
            }
            Kind::Index { of, by } => {
                self.target(of);
                self.push("[", &node.at);
                self.node(by);
                self.push("]", &node.at);
            }
            _ => self.receiver(node),
        }
    }

    /// What stands before the dot of a method.
    fn receiver(&mut self, node: &Node) {
        match &node.kind {
            Kind::Variable(_) | Kind::This => self.node(node),
            _ => {
                self.push("(", &node.at);
                self.node(node);
                self.push(")", &node.at);
            }
        }
    }

    fn call(&mut self, call: &Call, at: &Range<usize>, used: bool) {
        let callee = self.callee(call);
        match (callee, &call.target) {
            (Callee::Module, Target::Module(module)) => {
                self.push(&named(module), at);
                self.push("::", at);
                self.plain_call(&named(&call.name), &call.args, call, at);
            }
            (Callee::Variable, _) => {
                self.push(&named(&call.name), &call.name_at);
                self.push(".", at);
                self.plain_call("call", &call.args, call, at);
            }
            (Callee::Ours(function), _) if function.changes() => self.change(call, at, used),
            (Callee::Ours(_), Target::Method(of)) => {
                let name = format!("{FUNCTION}{}", call.name);
                self.wrapped(&name, &call.name_at, |this| {
                    this.node(of);
                    this.push(",", at);
                    this.separated(&call.args, at);
                });
            }
            (Callee::Ours(_), _) => {
                let name = format!("{FUNCTION}{}", call.name);
                self.plain_call(&name, &call.args, call, at);
            }
            (Callee::Declared, Target::Method(of)) => {
                self.target(of);
                self.push(".", at);
                self.plain_call(&named(&call.name), &call.args, call, at);
            }
            (Callee::Declared, _) => self.plain_call(&named(&call.name), &call.args, call, at),
            (_, Target::Method(_)) | (Callee::Rhai, _) => self.call_of_rhai(call, at),
            (Callee::Module, _) => {}
        }
    }

    /// A call that changes what it is made on. Only what the source declares itself can be changed: of anything else a
    /// copy is, where somebody uses that.
    fn change(&mut self, call: &Call, at: &Range<usize>, used: bool) {
        let name = format!("{FUNCTION}{}", call.name);
        let (Some(first), rest) = receiver_of(call) else {
            return self.plain_call(&name, &call.args, call, at);
        };
        if used && !self.declares_root(first) {
            self.push(&name, &call.name_at);
            self.push("(", at);
            self.wrapped(KEEP, &first.at, |this| this.node(first));
            self.push(",", at);
            self.separated(rest, at);
            self.push(")", at);
            return;
        }
        self.target(first);
        self.push(".", at);
        let name = if used { name } else { name + ASSIGN };
        self.plain_call(&name, rest, call, at);
    }

    /// A function of Rhai: on a value that is missing it is not called at all.
    fn call_of_rhai(&mut self, call: &Call, at: &Range<usize>) {
        let (first, rest) = receiver_of(call);
        match first {
            Some(first) if !NO_METHODS.contains(&&*call.name) => {
                // A closure may look at what it is called for: of Rhai's own values that would be a data race. None of its
                // functions that are left to it changes anything.
                if call.args.iter().any(is_closure) {
                    self.wrapped(KEEP, &first.at, |this| this.node(first));
                } else {
                    self.receiver(first);
                }
                self.push("?.", at);
                self.plain_call(&call.name, rest, call, at);
            }
            _ => self.plain_call(&call.name, &call.args, call, at),
        }
    }

    fn plain_call(&mut self, name: &str, args: &[Node], call: &Call, at: &Range<usize>) {
        self.push(name, &call.name_at);
        self.push("(", at);
        self.separated(args, at);
        self.push(")", at);
    }

    fn params(&mut self, open: &str, params: &[Name], close: &str, at: &Range<usize>) {
        self.push(open, at);
        for (index, param) in params.iter().enumerate() {
            if index > 0 {
                self.push(",", at);
            }
            self.push(&named(param), at);
        }
        self.push(close, at);
    }

    fn arm(&mut self, arm: &Arm, at: &Range<usize>, used: bool) {
        if arm.cases.is_empty() {
            self.push("_", at);
        }
        for (index, case) in arm.cases.iter().enumerate() {
            if index > 0 {
                self.push("|", at);
            }
            match &case.kind {
                Kind::Binary(operator @ (Operator::Range | Operator::RangeInclusive), from, to) => {
                    self.case(from);
                    self.push(operator.symbol(), &case.at);
                    self.case(to);
                }
                _ => self.case(case),
            }
        }
        if let Some(guard) = &arm.guard {
            self.push("if", &guard.at);
            self.test(guard);
        }
        self.push("=>", at);
        self.node_as(&arm.body, used);
        self.push(",", at);
    }

    /// Rhai takes literals here alone, and says so where there is another thing.
    fn case(&mut self, node: &Node) {
        match literal(node) {
            Some(literal) => self.push(&literal, &node.at),
            None => self.node(node),
        }
    }

    fn looped(&mut self, looped: &Loop, at: &Range<usize>) {
        match looped {
            Loop::While(condition, body) => {
                self.push("while", at);
                self.test(condition);
                self.block_as(body, false);
            }
            Loop::DoWhile(body, condition) => self.do_while(body, condition, None),
            Loop::DoUntil(body, condition) => self.do_while(body, condition, Some(NOT)),
            Loop::Endless(body) => {
                self.push("loop", at);
                self.block_as(body, false);
            }
            Loop::For {
                item,
                index,
                items,
                body,
            } => {
                let names: Vec<Name> = std::iter::once(item).chain(index).cloned().collect();
                self.push("for", at);
                if index.is_some() {
                    self.push("(", at);
                }
                self.push(&named(item), at);
                if let Some(index) = index {
                    self.push(",", at);
                    self.push(&named(index), at);
                    self.push(")", at);
                }
                self.push("in", at);
                self.node(items);
                self.within(&names, |this| this.block_as(body, false));
            }
        }
    }

    /// `do`, as a `while` whose first round is not asked for: in Rhai's own, `continue` leaves out the condition, and so
    /// the end.
    fn do_while(&mut self, body: &Block, condition: &Node, not: Option<&str>) {
        let at = &body.at;
        for token in ["{", "let", FIRST, "=", "true", ";", "while"] {
            self.push(token, at);
        }
        self.wrapped(Operator::Or.row().rhai_name, at, |this| {
            this.push(FIRST, at);
            this.push(",", at);
            match not {
                Some(not) => this.wrapped(not, at, |this| this.test(condition)),
                None => this.test(condition),
            }
        });
        for token in ["{", FIRST, "=", "false", ";"] {
            self.push(token, at);
        }
        self.block_as(body, false);
        for token in [";", "}", ";", "}"] {
            self.push(token, at);
        }
    }
}

/// What a call is made on, and its other arguments: `f(x, y)` is `x.f(y)`.
fn receiver_of(call: &Call) -> (Option<&Node>, &[Node]) {
    match (&call.target, call.args.split_first()) {
        (Target::Method(of), _) => (Some(of), &call.args),
        (_, Some((first, rest))) => (Some(first), rest),
        (_, None) => (None, &[]),
    }
}

/// A name of the author's as Rhai takes it: of a variable, function, module or constant.
fn named(name: &str) -> String {
    format!("{NAME}{name}")
}

/// Whether a module may be called so.
pub(super) fn is_module_name(name: &str) -> bool {
    rhai::is_valid_identifier(name) && !is_keyword(name)
}

/// A literal of Rhai, where the node is one.
fn literal(node: &Node) -> Option<String> {
    Some(match &node.kind {
        Kind::Null => "()".to_owned(),
        Kind::Bool(value) => value.to_string(),
        // The smallest integer has no literal of its own.
        Kind::Int(i64::MIN) => "(-9223372036854775807 - 1)".to_owned(),
        Kind::Int(value) if *value < 0 => format!("({value})"),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => format!("{value:?}"),
        Kind::Text(text) => quoted(text),
        Kind::Negate(of) => match of.kind {
            Kind::Int(value) => value.checked_neg()?.to_string(),
            Kind::Float(value) => format!("{:?}", -value),
            _ => return None,
        },
        _ => return None,
    })
}

/// A text as a literal of Rhai.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a node holds something that only Rhai evaluates as it stands.
pub(super) fn is_closure(node: &Node) -> bool {
    matches!(node.kind, Kind::Closure { .. })
}

/// Looks at every call in a tree.
pub(super) fn each_call<'n>(node: &'n Node, see: &mut dyn FnMut(&'n Call)) {
    if let Kind::Call(call) = &node.kind {
        see(call);
    }
    node.kind.each_child(&mut |child| each_call_in(child, see));
}

/// The same in statements.
pub(super) fn each_call_in<'n>(child: Child<'n>, see: &mut dyn FnMut(&'n Call)) {
    match child {
        Child::Node(node) => each_call(node, see),
        Child::Block(block) => {
            for statement in &block.statements {
                (statement.kind).each_child(&mut |child| each_call_in(child, see));
            }
        }
    }
}
