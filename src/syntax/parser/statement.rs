//! Statements, blocks, and the expressions that are made of blocks.

use super::{Parsed, Parser, unexpected_rest};
use crate::syntax::SyntaxError;
use crate::syntax::operator::Operator;
use crate::syntax::token::{Token, TokenKind};
use crate::syntax::tree::{Arm, Block, If, Kind, Loop, Node, Statement, StatementKind, Switch};
use std::ops::Range;

impl Parser<'_> {
    /// Everything that is left, as statements.
    pub(super) fn statements_to_end(&mut self, from: usize) -> Parsed<Block> {
        let mut statements = Vec::new();
        while self.peek().is_some() {
            self.statement_into(&mut statements)?;
        }
        Ok(Block {
            statements,
            at: from..self.end,
        })
    }

    /// What stands between `${` and `}`.
    pub(super) fn whole_block(&mut self, at: &Range<usize>) -> Parsed<Block> {
        let node = self.whole_script()?;
        Ok(match node.kind {
            Kind::Block(block) if !node.bracketed => block,
            _ => Block {
                at: at.clone(),
                statements: vec![expression_statement(node)],
            },
        })
    }

    pub(super) fn whole_module(&mut self) -> Parsed<Block> {
        let block = self.statements_to_end(0)?;
        for statement in &block.statements {
            let allowed = matches!(
                statement.kind,
                StatementKind::Function { .. } | StatementKind::Let { constant: true, .. }
            );
            if !allowed {
                let first = self
                    .tokens
                    .iter()
                    .find(|token| token.at.start >= statement.at.start);
                return Err(SyntaxError::new(
                    first.map_or(statement.at.clone(), |token| token.at.clone()),
                    "a module holds functions and constants only",
                )
                .hint("put this into a function: `fn name() { … }`"));
            }
        }
        Ok(block)
    }

    /// `{ … }`
    pub(super) fn block(&mut self) -> Parsed<Block> {
        let open = self.here();
        if self.peek().is_none() {
            return Err(self.operand_missing());
        }
        self.expect("{", &open)?;
        self.enter()?;
        let outer = std::mem::replace(&mut self.statements, true);
        let mut statements = Vec::new();
        while self.peek().is_some_and(|token| !token.is("}")) {
            self.statement_into(&mut statements)?;
        }
        self.statements = outer;
        self.depth -= 1;
        let Some(close) = self.peek() else {
            return Err(SyntaxError::new(open, "this block is not closed").hint("add `}`"));
        };
        self.at += 1;
        Ok(Block {
            statements,
            at: open.start..close.at.end,
        })
    }

    fn statement_into(&mut self, statements: &mut Vec<Statement>) -> Parsed<()> {
        if self.eat(";") {
            return Ok(());
        }
        let statement = self.statement()?;
        let complete = ends_with_block(&statement.kind);
        statements.push(statement);
        match self.peek() {
            None => Ok(()),
            Some(token) if token.is(";") => {
                self.at += 1;
                Ok(())
            }
            Some(token) if token.is("}") || complete => Ok(()),
            Some(token) => Err(unfinished(token)),
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let start = self.here().start;
        let word = self.peek().and_then(Token::word).unwrap_or_default();
        let kind = match word {
            "let" | "const" => self.declaration(word == "const")?,
            "fn" | "private" => self.function()?,
            "return" | "throw" | "break" => {
                self.at += 1;
                let value = self.value_or_nothing()?;
                match word {
                    "return" => StatementKind::Return(value),
                    "throw" => StatementKind::Throw(value),
                    _ => StatementKind::Break(value),
                }
            }
            "continue" => {
                self.at += 1;
                StatementKind::Continue
            }
            "try" => self.tried()?,
            _ => self.expression_or_assignment(word)?,
        };
        Ok(Statement {
            kind,
            at: start..self.before(),
        })
    }

    fn expression_or_assignment(&mut self, word: &str) -> Parsed<StatementKind> {
        // What begins with such a word, or a brace, ends with its brace.
        let braced =
            matches!(word, "if" | "switch" | "while" | "do" | "loop" | "for") || self.next_is("{");
        let node = if braced {
            self.primary()?
        } else {
            self.expression()?
        };
        let Some(token) = self.peek() else {
            return Ok(StatementKind::Expression(node));
        };
        let TokenKind::Symbol(symbol) = token.kind else {
            return Ok(StatementKind::Expression(node));
        };
        let operator = Operator::of_assignment(symbol);
        if symbol != "=" && operator.is_none() {
            return Ok(StatementKind::Expression(node));
        }
        if !is_target(&node) {
            return Err(
                SyntaxError::new(node.at.clone(), "this cannot be assigned to")
                    .hint("a variable, a member or an index can; `==` compares"),
            );
        }
        if operator.is_some() && !is_repeatable(&node) {
            return Err(SyntaxError::new(
                node.at.clone(),
                format!("`{symbol}` would evaluate this twice"),
            )
            .hint("keep the index in a variable first: `let i = …`"));
        }
        self.at += 1;
        let value = self.expression()?;
        Ok(StatementKind::Assign {
            target: node,
            operator,
            value,
        })
    }

    /// What a closure does: an expression, a block, or one assignment.
    pub(super) fn body(&mut self) -> Parsed {
        let start = self.here().start;
        Ok(match self.expression_or_assignment("")? {
            StatementKind::Expression(node) => node,
            kind => {
                let at = start..self.before();
                let statement = Statement {
                    kind,
                    at: at.clone(),
                };
                let block = Block {
                    statements: vec![statement],
                    at: at.clone(),
                };
                Node::new(Kind::Block(block), at)
            }
        })
    }

    fn value_or_nothing(&mut self) -> Parsed<Option<Node>> {
        match self.peek() {
            None => Ok(None),
            Some(token) if token.is(";") || token.is("}") => Ok(None),
            Some(_) => self.expression().map(Some),
        }
    }

    fn declaration(&mut self, constant: bool) -> Parsed<StatementKind> {
        self.at += 1;
        let (name, _) = self.name("the name of a variable is expected here")?;
        let value = if self.eat("=") {
            Some(self.expression()?)
        } else {
            None
        };
        Ok(StatementKind::Let {
            name,
            value,
            constant,
        })
    }

    fn function(&mut self) -> Parsed<StatementKind> {
        let word = self.here();
        if self.depth > 0 {
            return Err(SyntaxError::new(
                word,
                "a function cannot be declared inside of something",
            )
            .hint("declare it outside, or write a closure: `let f = |x| …`"));
        }
        let private = self.eat_word("private");
        if !self.eat_word("fn") {
            return Err(SyntaxError::new(self.here(), "`fn` is missing here"));
        }
        let (name, name_at) = self.name("the name of a function is expected here")?;
        let open = self.here();
        self.expect("(", &open)?;
        let mut params = Vec::new();
        while self.peek().is_some_and(|token| !token.is(")")) {
            params.push(self.name("a parameter's name is expected here")?.0);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")", &open)?;
        let body = self.block()?;
        Ok(StatementKind::Function {
            name,
            name_at,
            params,
            body,
            private,
        })
    }

    fn tried(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let body = self.block()?;
        if !self.eat_word("catch") {
            return Err(SyntaxError::new(self.here(), "`catch` is missing here")
                .hint("write `try { … } catch (error) { … }`"));
        }
        let open = self.here();
        let error = if self.eat("(") {
            let (name, _) = self.name("the name of the error is expected here")?;
            self.expect(")", &open)?;
            Some(name)
        } else {
            None
        };
        Ok(StatementKind::Try {
            body,
            error,
            handler: self.block()?,
        })
    }

    // -----------------------------------------------------------------------------------------------------
    // Expressions that are made of blocks.

    pub(super) fn conditional(&mut self, word: &Token) -> Parsed {
        self.enter()?;
        let condition = self.expression()?;
        let then = self.block()?;
        let otherwise = if !self.eat_word("else") {
            None
        } else if let Some(next) = self.peek().filter(|next| next.is_word("if")) {
            self.at += 1;
            let node = self.conditional(next)?;
            Some(Block {
                at: node.at.clone(),
                statements: vec![expression_statement(node)],
            })
        } else {
            Some(self.block()?)
        };
        self.depth -= 1;
        let branches = If {
            condition,
            then,
            otherwise,
        };
        let at = word.at.start..self.before();
        self.sized(Node::new(Kind::If(Box::new(branches)), at))
    }

    pub(super) fn switch(&mut self, word: &Token) -> Parsed {
        self.enter()?;
        let of = self.expression()?;
        let open = self.here();
        self.expect("{", &open)?;
        let outer = std::mem::replace(&mut self.statements, true);
        let mut arms = Vec::new();
        while self.peek().is_some_and(|token| !token.is("}")) {
            let arm = self.arm()?;
            let complete = matches!(arm.body.kind, Kind::Block(_));
            arms.push(arm);
            if !self.eat(",") && !complete {
                break;
            }
        }
        self.statements = outer;
        let end = self.expect("}", &open)?;
        self.depth -= 1;
        let switch = Switch { of, arms };
        Ok(Node::new(
            Kind::Switch(Box::new(switch)),
            word.at.start..end,
        ))
    }

    fn arm(&mut self) -> Parsed<Arm> {
        let mut cases = Vec::new();
        if !self.eat_word("_") {
            loop {
                // Above `|`, which stands between two cases.
                cases.push(self.binary(Operator::BitOr.row().precedence)?);
                if !self.eat("|") {
                    break;
                }
            }
        }
        let guard = if self.eat_word("if") {
            Some(self.expression()?)
        } else {
            None
        };
        let here = self.here();
        self.expect("=>", &here)?;
        let body = if self.next_is("{") {
            self.primary()?
        } else {
            self.expression()?
        };
        Ok(Arm { cases, guard, body })
    }

    pub(super) fn looped(&mut self, word: &str, token: &Token) -> Parsed {
        let looped = match word {
            "while" => {
                let condition = self.expression()?;
                Loop::While(condition, self.block()?)
            }
            "loop" => Loop::Endless(self.block()?),
            "do" => {
                let body = self.block()?;
                if self.eat_word("until") {
                    Loop::DoUntil(body, self.expression()?)
                } else if self.eat_word("while") {
                    Loop::DoWhile(body, self.expression()?)
                } else {
                    return Err(SyntaxError::new(
                        self.here(),
                        "`while` or `until` is missing after the block of `do`",
                    ));
                }
            }
            _ => self.for_header_and_body()?,
        };
        let at = token.at.start..self.before();
        self.sized(Node::new(Kind::Loop(Box::new(looped)), at))
    }

    fn for_header_and_body(&mut self) -> Parsed<Loop> {
        let open = self.here();
        let (item, index) = if self.eat("(") {
            let (item, _) = self.name("the name of the item is expected here")?;
            let index = if self.eat(",") {
                Some(self.name("the name of the index is expected here")?.0)
            } else {
                None
            };
            self.expect(")", &open)?;
            (item, index)
        } else {
            (self.name("the name of the item is expected here")?.0, None)
        };
        if !self.eat_word("in") {
            return Err(SyntaxError::new(self.here(), "`in` is missing here")
                .hint("write `for item in list { … }`"));
        }
        Ok(Loop::For {
            item,
            index,
            items: self.expression()?,
            body: self.block()?,
        })
    }
}

fn expression_statement(node: Node) -> Statement {
    Statement {
        at: node.at.clone(),
        kind: StatementKind::Expression(node),
    }
}

/// Whether no `;` is needed behind a statement.
fn ends_with_block(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Expression(node) => match &node.kind {
            Kind::If(_) | Kind::Switch(_) | Kind::Block(_) => true,
            Kind::Loop(looped) => !matches!(**looped, Loop::DoWhile(..) | Loop::DoUntil(..)),
            _ => false,
        },
        StatementKind::Try { .. } | StatementKind::Function { .. } => true,
        _ => false,
    }
}

/// Whether a value can be assigned to it.
fn is_target(node: &Node) -> bool {
    match &node.kind {
        Kind::Variable(_) | Kind::This => true,
        Kind::Member { of, .. } | Kind::Index { of, .. } => is_target(of),
        _ => false,
    }
}

/// Whether evaluating it twice changes nothing.
fn is_repeatable(node: &Node) -> bool {
    match &node.kind {
        Kind::Variable(_) | Kind::This | Kind::Int(_) | Kind::Text(_) => true,
        Kind::Negate(of) | Kind::Member { of, .. } => is_repeatable(of),
        Kind::Index { of, by } => is_repeatable(of) && is_repeatable(by),
        Kind::Binary(operator, left, right) => {
            operator.is_arithmetic() && is_repeatable(left) && is_repeatable(right)
        }
        _ => false,
    }
}

/// What stands behind a statement that is not ended.
fn unfinished(token: &Token) -> SyntaxError {
    match &token.kind {
        TokenKind::Symbol(_) => unexpected_rest(token),
        _ => SyntaxError::new(token.at.clone(), "`;` is missing before this")
            .hint("statements are separated by `;`"),
    }
}
