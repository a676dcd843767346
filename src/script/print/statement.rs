//! Statements and blocks, as Rhai takes them.

use super::{ASSIGN, CAUGHT, KEEP, Printer, named};
use crate::event::Name;
use crate::syntax::tree::{Block, Node, StatementKind};
use std::ops::Range;

impl Printer {
    pub(super) fn block(&mut self, block: &Block) {
        self.block_as(block, true);
    }

    pub(super) fn block_as(&mut self, block: &Block, used: bool) {
        self.push("{", &block.at);
        self.within(&[], |this| this.statements(block, used));
        self.push("}", &block.at);
    }

    /// Statements; `used`: the value of the last is that of the whole.
    pub(super) fn statements(&mut self, block: &Block, used: bool) {
        let last = block.statements.len().saturating_sub(1);
        for (index, statement) in block.statements.iter().enumerate() {
            let at = &statement.at;
            self.statement(&statement.kind, at, used && index == last);
            if !matches!(statement.kind, StatementKind::Function { .. }) {
                self.push(";", at);
            }
        }
    }

    fn statement(&mut self, kind: &StatementKind, at: &Range<usize>, used: bool) {
        match kind {
            StatementKind::Expression(node) => self.node_as(node, used),
            StatementKind::Let {
                name,
                value,
                constant,
            } => {
                self.push(if *constant { "const" } else { "let" }, at);
                self.push(&named(name), at);
                if let Some(value) = value {
                    self.push("=", at);
                    if *constant {
                        self.node(value);
                    } else {
                        self.wrapped(KEEP, &value.at, |this| this.node(value));
                    }
                }
                if let Some(scope) = self.scopes.last_mut() {
                    scope.push(name.clone());
                }
            }
            StatementKind::Assign {
                target,
                operator,
                value,
            } => {
                self.target(target);
                match operator {
                    None => {
                        self.push("=", at);
                        self.wrapped(KEEP, &value.at, |this| this.node(value));
                    }
                    Some(operator) => {
                        self.push(".", at);
                        let name = format!("{}{ASSIGN}", operator.row().rhai_name);
                        self.wrapped(&name, at, |this| this.node(value));
                    }
                }
            }
            StatementKind::Return(value) => self.jump("return", value.as_ref(), at),
            StatementKind::Throw(value) => self.jump("throw", value.as_ref(), at),
            StatementKind::Break(value) => self.jump("break", value.as_ref(), at),
            StatementKind::Continue => self.push("continue", at),
            StatementKind::Try {
                body,
                error,
                handler,
            } => {
                self.push("try", at);
                self.block_as(body, used);
                self.push("catch", at);
                if let Some(error) = error {
                    self.push("(", at);
                    self.push(&named(error), at);
                    self.push(")", at);
                }
                let names: Vec<Name> = error.iter().cloned().collect();
                self.push("{", at);
                if let Some(error) = error {
                    let error = named(error);
                    self.push(&error, at);
                    self.push("=", at);
                    self.wrapped(CAUGHT, at, |this| this.push(&error, at));
                    self.push(";", at);
                }
                self.within(&names, |this| this.block_as(handler, used));
                self.push("}", at);
            }
            StatementKind::Function {
                name,
                name_at,
                params,
                body,
                private,
            } => {
                if *private {
                    self.push("private", at);
                }
                self.push("fn", at);
                self.push(&named(name), name_at);
                self.params("(", params, ")", at);
                let outer = std::mem::take(&mut self.scopes);
                self.within(params, |this| this.block(body));
                self.scopes = outer;
            }
        }
    }

    fn jump(&mut self, word: &str, value: Option<&Node>, at: &Range<usize>) {
        self.push(word, at);
        if let Some(value) = value {
            self.node(value);
        }
    }
}
