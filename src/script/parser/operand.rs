//! Operands: literals, names, lists, maps, texts with values, `if`.

use super::{Parsed, Parser, TokenKind, is_statement, script};
use crate::script::SyntaxError;
use crate::script::lexer::{Piece, Token};
use crate::script::lint;
use crate::script::node::{Kind, Node};
use rhai::Dynamic;
use std::ops::Range;

impl<'t> Parser<'t> {
    pub(super) fn primary(&mut self) -> Parsed {
        let Some(token) = self.peek() else {
            return Err(self.operand_missing());
        };
        let literal = |value: Dynamic| Ok(Node::new(Kind::Literal(value), token.at.clone()));
        let first = self.at;
        self.at += 1;
        match &token.kind {
            TokenKind::Int(value) => literal((*value).into()),
            TokenKind::Float(value) => literal((*value).into()),
            TokenKind::Text(text) => literal(text.as_str().into()),
            TokenKind::Interpolated(pieces) => self.join(pieces, &token.at),
            TokenKind::Word(word) => self.named(word, token, first),
            TokenKind::Symbol("(") => {
                if let Some(close) = self.peek().filter(|next| next.is(")")) {
                    self.at += 1;
                    return Ok(Node::new(
                        Kind::Literal(Dynamic::UNIT),
                        token.at.start..close.at.end,
                    ));
                }
                let node = self.binary(0)?;
                self.expect(")", &token.at)?;
                Ok(node)
            }
            TokenKind::Symbol("[") => self.list(token),
            TokenKind::Symbol("#{") => self.map(token),
            TokenKind::Symbol("|" | "||") => self.closure(first),
            TokenKind::Symbol("{") => {
                if !self.blocks && !self.dry {
                    return Err(SyntaxError::new(
                        token.at.clone(),
                        "a block cannot stand in an expression",
                    )
                    .hint("a map is written `#{name: value}`"));
                }
                self.at = first;
                self.skip_block()?;
                self.opaque(first)
            }
            TokenKind::Symbol("=") => {
                Err(SyntaxError::new(token.at.clone(), "`=` does not compare").hint("write `==`"))
            }
            TokenKind::Symbol(symbol) => Err(SyntaxError::new(
                token.at.clone(),
                format!("a value is expected here, not `{symbol}`"),
            )),
        }
    }

    pub(super) fn named(&mut self, word: &str, token: &Token, first: usize) -> Parsed {
        let literal = match word {
            "true" => Some(Dynamic::TRUE),
            "false" => Some(Dynamic::FALSE),
            "null" => Some(Dynamic::UNIT),
            _ => None,
        };
        if let Some(value) = literal {
            return Ok(Node::new(Kind::Literal(value), token.at.clone()));
        }
        match word {
            "if" => return self.conditional(first),
            "switch" => {
                while self.peek().is_some_and(|token| !token.is("{")) {
                    self.at += 1;
                }
                self.skip_block()?;
                return self.opaque(first);
            }
            _ if lint::is_keyword(word) => {
                return Err(SyntaxError::new(
                    token.at.clone(),
                    format!("`{word}` cannot stand in an expression"),
                )
                .hint("statements may stand in `save`, `set`, `outputs` and `eval`"));
            }
            _ => {}
        }
        if self.next_is("::") {
            return self.module_call(first);
        }
        if self.next_is("(") {
            let (args, end) = self.arguments()?;
            return self.call(word, &token.at, None, args, token.at.start..end);
        }
        Ok(Node::new(Kind::Variable(word.into()), token.at.clone()))
    }

    pub(super) fn list(&mut self, open: &Token) -> Parsed {
        let mut items = Vec::new();
        while self.peek().is_some_and(|token| !token.is("]")) {
            items.push(self.binary(0)?);
            if !self.eat(",") {
                break;
            }
        }
        let end = self.expect("]", &open.at)?;
        Ok(Node::new(Kind::List(items), open.at.start..end))
    }

    pub(super) fn map(&mut self, open: &Token) -> Parsed {
        let mut members: Vec<(rhai::ImmutableString, Node)> = Vec::new();
        while self.peek().is_some_and(|token| !token.is("}")) {
            let Some(token) = self.peek() else { break };
            let key: rhai::ImmutableString = match &token.kind {
                TokenKind::Word(word) => (&**word).into(),
                TokenKind::Text(text) => text.as_str().into(),
                _ => {
                    return Err(SyntaxError::new(
                        token.at.clone(),
                        "a member's name is expected here",
                    ));
                }
            };
            if members.iter().any(|(known, _)| *known == key) {
                return Err(SyntaxError::new(
                    token.at.clone(),
                    format!("the member `{key}` is written twice"),
                ));
            }
            self.at += 1;
            self.expect(":", &token.at)?;
            members.push((key, self.binary(0)?));
            if !self.eat(",") {
                break;
            }
        }
        let end = self.expect("}", &open.at)?;
        Ok(Node::new(Kind::Map(members), open.at.start..end))
    }

    pub(super) fn join(&mut self, pieces: &'t [Piece], at: &Range<usize>) -> Parsed {
        let mut nodes = Vec::new();
        for piece in pieces {
            nodes.push(match piece {
                Piece::Text(text) => Node::new(Kind::Literal(text.as_str().into()), at.clone()),
                Piece::Code(tokens, code_at) => {
                    let mut inner = Parser {
                        tokens,
                        at: 0,
                        end: code_at.end,
                        depth: self.depth,
                        rhai: self.rhai,
                        dry: self.dry,
                        blocks: true,
                    };
                    match inner.binary(0) {
                        Ok(node) if inner.peek().is_none() => node,
                        // Not one expression: a whole script.
                        Err(error) if !tokens.iter().any(is_statement) => return Err(error),
                        _ if !self.dry => script(tokens, code_at.end, self.rhai)?,
                        _ => Node::new(Kind::Literal(Dynamic::UNIT), code_at.clone()),
                    }
                }
            });
        }
        Ok(Node::new(Kind::Join(nodes), at.clone()))
    }

    pub(super) fn conditional(&mut self, first: usize) -> Parsed {
        let depth = self.depth;
        if let Ok(node) = self.plain_if(first) {
            return Ok(node);
        }
        self.depth = depth;
        self.at = first;
        loop {
            while self.peek().is_some_and(|token| !token.is("{")) {
                self.at += 1;
            }
            self.skip_block()?;
            if !self.peek().is_some_and(|token| token.is_word("else")) {
                return self.opaque(first);
            }
        }
    }

    pub(super) fn plain_if(&mut self, first: usize) -> Parsed {
        self.at = first + 1;
        self.enter()?;
        let condition = Box::new(self.binary(0)?);
        let (then, mut end) = self.plain_block()?;
        let mut otherwise = None;
        if self.peek().is_some_and(|token| token.is_word("else")) {
            self.at += 1;
            let node = if self.peek().is_some_and(|token| token.is_word("if")) {
                let node = self.plain_if(self.at)?;
                end = node.at.end;
                node
            } else {
                let (node, block_end) = self.plain_block()?;
                end = block_end;
                node
            };
            otherwise = Some(Box::new(node));
        }
        self.depth -= 1;
        Ok(Node::new(
            Kind::If {
                condition,
                then: Box::new(then),
                otherwise,
            },
            self.tokens[first].at.start..end,
        ))
    }

    pub(super) fn plain_block(&mut self) -> Parsed<(Node, usize)> {
        let open = self
            .peek()
            .map_or(self.end..self.end, |token| token.at.clone());
        self.expect("{", &open)?;
        let node = self.binary(0)?;
        let end = self.expect("}", &open)?;
        Ok((node, end))
    }
}
