//! Trees as source text, every constructor by an exhaustive match.

use crate::syntax::tree::{
    Arm, Block, Call, Kind, Loop, Node, Piece, Statement, StatementKind, Target,
};
use crate::syntax::{Associativity, Operator};
use std::fmt::Write;

/// The text of a script. With `brackets` around every part, two texts are the same only if the trees are.
pub(super) fn written(root: &Node, brackets: bool) -> String {
    let mut out = Writer {
        out: String::new(),
        brackets,
    };
    match &root.kind {
        Kind::Block(block) if !root.bracketed || brackets => out.statements(&block.statements),
        _ => out.node(root, LOOSEST),
    }
    out.out
}

/// How tightly a place binds, above the precedences of the operators: a whole, an operand of `!`, what a `.` follows.
const LOOSEST: u8 = 0;
const UNARY: u8 = 240;
const POSTFIX: u8 = 250;
const ATOM: u8 = 255;

struct Writer {
    out: String,
    brackets: bool,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn node(&mut self, node: &Node, least: u8) {
        let tight = binds(&node.kind);
        let needed = tight < least || node.bracketed || least == ATOM;
        if needed || self.brackets && tight < ATOM {
            self.push("(");
            self.kind(&node.kind);
            self.push(")");
        } else {
            self.kind(&node.kind);
        }
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::Null => self.push("null"),
            Kind::Bool(value) => self.push(if *value { "true" } else { "false" }),
            // A sign is an operator; all 64 bits have a number of their own.
            Kind::Int(value) if *value < 0 => {
                let _ = write!(self.out, "0x{value:x}");
            }
            Kind::Int(value) => {
                let _ = write!(self.out, "{value}");
            }
            Kind::Float(value) => {
                let _ = write!(self.out, "{value:?}");
            }
            Kind::Text(text) => self.text(text),
            Kind::Variable(name) => self.push(name),
            Kind::This => self.push("this"),
            Kind::Interpolated(pieces) => {
                self.push("`");
                for piece in pieces {
                    self.piece(piece);
                }
                self.push("`");
            }
            Kind::Member { of, name } => {
                self.node(of, POSTFIX);
                self.push(".");
                self.push(name);
            }
            Kind::Index { of, by } => {
                self.node(of, POSTFIX);
                self.push("[");
                self.node(by, LOOSEST);
                self.push("]");
            }
            Kind::Not(of) => {
                self.push("! ");
                self.node(of, UNARY);
            }
            Kind::Negate(of) => {
                self.push("- ");
                self.node(of, UNARY);
            }
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right),
            Kind::List(items) => {
                self.push("[");
                self.separated(items);
                self.push("]");
            }
            Kind::Map(members) => {
                self.push("#{");
                for (name, value) in members {
                    self.text(name);
                    self.push(": ");
                    self.node(value, LOOSEST);
                    self.push(", ");
                }
                self.push("}");
            }
            Kind::Call(call) => self.call(call),
            Kind::Constant { module, name } => {
                let _ = write!(self.out, "{module}::{name}");
            }
            Kind::If(branches) => {
                self.push("if ");
                self.node(&branches.condition, LOOSEST);
                self.block(&branches.then);
                if let Some(otherwise) = &branches.otherwise {
                    self.push(" else ");
                    self.block(otherwise);
                }
            }
            Kind::Switch(switch) => {
                self.push("switch ");
                self.node(&switch.of, LOOSEST);
                self.push(" {");
                for arm in &switch.arms {
                    self.arm(arm);
                }
                self.push("}");
            }
            Kind::Block(block) => self.block(block),
            Kind::Closure { params, body } => {
                self.push("|");
                self.push(&params.join(", "));
                self.push("| ");
                self.node(body, LOOSEST);
            }
            Kind::Loop(looped) => self.looped(looped),
        }
    }

    fn call(&mut self, call: &Call) {
        match &call.target {
            Target::Function => {}
            Target::Method(of) => {
                self.node(of, POSTFIX);
                self.push(".");
            }
            Target::Module(module) => {
                self.push(module);
                self.push("::");
            }
        }
        self.push(&call.name);
        self.push("(");
        self.separated(&call.args);
        self.push(")");
    }

    fn separated(&mut self, nodes: &[Node]) {
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.node(node, LOOSEST);
        }
    }

    fn binary(&mut self, operator: Operator, left: &Node, right: &Node) {
        let row = operator.row();
        let (mut on_left, on_right) = match row.associativity {
            Associativity::Left => (row.precedence, row.precedence + 1),
            Associativity::Right => (row.precedence + 1, row.precedence),
        };
        // Comparisons in a row are refused.
        if let Kind::Binary(before, ..) = &left.kind
            && (operator.is_equality() && before.is_equality()
                || operator.is_order() && before.is_order())
        {
            on_left = ATOM;
        }
        self.node(left, on_left);
        // Either way of writing it comes up.
        let symbol = row
            .word
            .filter(|_| self.out.len().is_multiple_of(2))
            .filter(|_| !self.brackets);
        let _ = write!(self.out, " {} ", symbol.unwrap_or(row.symbol));
        self.node(right, on_right);
    }

    fn text(&mut self, text: &str) {
        let quote = if text.contains('\'') { '"' } else { '\'' };
        self.out.push(quote);
        for c in text.chars() {
            match c {
                '\n' => self.push("\\n"),
                '\r' => self.push("\\r"),
                '\t' => self.push("\\t"),
                '\\' => self.push("\\\\"),
                c if c == quote => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                c => self.out.push(c),
            }
        }
        self.out.push(quote);
    }

    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => {
                let text = text.replace('`', "``").replace("${", "\\${");
                self.push(&text);
            }
            Piece::Code(block) => {
                self.push("${");
                match block.as_expression() {
                    // Braces right inside would be those of the piece itself.
                    Some(node) if matches!(node.kind, Kind::Block(_)) => self.node(node, ATOM),
                    Some(node) => self.node(node, LOOSEST),
                    None => self.statements(&block.statements),
                }
                self.push("}");
            }
        }
    }

    fn arm(&mut self, arm: &Arm) {
        if arm.cases.is_empty() {
            self.push("_");
        }
        for (index, case) in arm.cases.iter().enumerate() {
            if index > 0 {
                self.push(" | ");
            }
            self.node(case, Operator::BitOr.row().precedence + 1);
        }
        if let Some(guard) = &arm.guard {
            self.push(" if ");
            self.node(guard, LOOSEST);
        }
        self.push(" => ");
        self.node(&arm.body, LOOSEST);
        self.push(", ");
    }

    fn looped(&mut self, looped: &Loop) {
        match looped {
            Loop::While(condition, body) => {
                self.push("while ");
                self.node(condition, LOOSEST);
                self.block(body);
            }
            Loop::DoWhile(body, condition) => {
                self.push("do ");
                self.block(body);
                self.push(" while ");
                self.node(condition, LOOSEST);
            }
            Loop::DoUntil(body, condition) => {
                self.push("do ");
                self.block(body);
                self.push(" until ");
                self.node(condition, LOOSEST);
            }
            Loop::Endless(body) => {
                self.push("loop ");
                self.block(body);
            }
            Loop::For {
                item,
                index,
                items,
                body,
            } => {
                match index {
                    Some(index) => {
                        let _ = write!(self.out, "for ({item}, {index}) in ");
                    }
                    None => {
                        let _ = write!(self.out, "for {item} in ");
                    }
                }
                self.node(items, LOOSEST);
                self.block(body);
            }
        }
    }

    fn block(&mut self, block: &Block) {
        self.push(" { ");
        self.statements(&block.statements);
        self.push(" }");
    }

    fn statements(&mut self, statements: &[Statement]) {
        for (index, statement) in statements.iter().enumerate() {
            if index > 0 {
                self.push("; ");
            }
            self.statement(&statement.kind);
        }
    }

    fn statement(&mut self, kind: &StatementKind) {
        match kind {
            StatementKind::Expression(node) => self.node(node, LOOSEST),
            StatementKind::Let {
                name,
                value,
                constant,
            } => {
                self.push(if *constant { "const " } else { "let " });
                self.push(name);
                if let Some(value) = value {
                    self.push(" = ");
                    self.node(value, LOOSEST);
                }
            }
            StatementKind::Assign {
                target,
                operator,
                value,
            } => {
                self.node(target, LOOSEST);
                let symbol = operator.and_then(|operator| operator.row().assignment);
                let _ = write!(self.out, " {} ", symbol.unwrap_or("="));
                self.node(value, LOOSEST);
            }
            StatementKind::Return(value) => self.jump("return", value.as_ref()),
            StatementKind::Throw(value) => self.jump("throw", value.as_ref()),
            StatementKind::Break(value) => self.jump("break", value.as_ref()),
            StatementKind::Continue => self.push("continue"),
            StatementKind::Try {
                body,
                error,
                handler,
            } => {
                self.push("try");
                self.block(body);
                self.push(" catch");
                if let Some(error) = error {
                    let _ = write!(self.out, " ({error})");
                }
                self.block(handler);
            }
            StatementKind::Function {
                name,
                name_at: _,
                params,
                body,
                private,
            } => {
                if *private {
                    self.push("private ");
                }
                let _ = write!(self.out, "fn {name}({})", params.join(", "));
                self.block(body);
            }
        }
    }

    fn jump(&mut self, word: &str, value: Option<&Node>) {
        self.push(word);
        if let Some(value) = value {
            self.push(" ");
            self.node(value, LOOSEST);
        }
    }
}

/// How tightly what a node is made of holds together.
fn binds(kind: &Kind) -> u8 {
    match kind {
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Interpolated(_)
        | Kind::Variable(_)
        | Kind::This
        | Kind::Constant { .. }
        | Kind::List(_)
        | Kind::Map(_) => ATOM,
        Kind::Member { .. } | Kind::Index { .. } | Kind::Call(_) => POSTFIX,
        Kind::Not(_) | Kind::Negate(_) => UNARY,
        Kind::Binary(operator, ..) => operator.row().precedence,
        Kind::If(_) | Kind::Switch(_) | Kind::Block(_) | Kind::Closure { .. } | Kind::Loop(_) => {
            LOOSEST
        }
    }
}
