//! Operands: literals, names, lists, maps, texts with values, closures.

use super::{Parsed, Parser, foreign, is_keyword, refused_symbol, refused_word};
use crate::event::Name;
use crate::syntax::SyntaxError;
use crate::syntax::token::{self, Token, TokenKind};
use crate::syntax::tree::{Kind, Node, Piece, Target};
use std::ops::Range;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Parsed {
        let Some(token) = self.peek() else {
            return Err(self.operand_missing());
        };
        self.at += 1;
        let literal = |kind| Ok(Node::new(kind, token.at.clone()));
        match &token.kind {
            TokenKind::Int(value) => literal(Kind::Int(*value)),
            TokenKind::Float(value) => literal(Kind::Float(*value)),
            TokenKind::Text(text) => literal(Kind::Text(text.as_str().into())),
            TokenKind::Interpolated(pieces) => self.interpolated(pieces, &token.at),
            TokenKind::Word(word) => self.named(word, token),
            TokenKind::Symbol("(") => self.bracketed(token),
            TokenKind::Symbol("[") => self.list(token),
            TokenKind::Symbol("#{") => self.map(token),
            TokenKind::Symbol("|" | "||") => self.closure(token),
            TokenKind::Symbol("{") if self.statements => {
                self.at -= 1;
                let block = self.block()?;
                let at = block.at.clone();
                Ok(Node::new(Kind::Block(block), at))
            }
            TokenKind::Symbol("{") => Err(SyntaxError::new(
                token.at.clone(),
                "a block cannot stand in an expression",
            )
            .hint("a map is written `#{name: value}`")),
            TokenKind::Symbol("=") => {
                Err(SyntaxError::new(token.at.clone(), "`=` does not compare").hint("write `==`"))
            }
            TokenKind::Symbol(symbol) => Err(match refused_symbol(symbol) {
                Some(hint) => foreign(token, symbol, hint),
                None => SyntaxError::new(
                    token.at.clone(),
                    format!("a value is expected here, not `{symbol}`"),
                ),
            }),
        }
    }

    fn bracketed(&mut self, open: &Token) -> Parsed {
        if let Some(close) = self.peek().filter(|next| next.is(")")) {
            self.at += 1;
            return Ok(Node::new(Kind::Null, open.at.start..close.at.end));
        }
        let mut node = self.expression()?;
        self.expect(")", &open.at)?;
        node.bracketed = true;
        Ok(node)
    }

    fn named(&mut self, word: &str, token: &Token) -> Parsed {
        let literal = match word {
            "true" => Some(Kind::Bool(true)),
            "false" => Some(Kind::Bool(false)),
            "null" => Some(Kind::Null),
            "this" => Some(Kind::This),
            _ => None,
        };
        if let Some(kind) = literal {
            return Ok(Node::new(kind, token.at.clone()));
        }
        match word {
            "if" => return self.conditional(token),
            "switch" => return self.switch(token),
            "while" | "do" | "loop" | "for" if self.statements => return self.looped(word, token),
            "not" if self.peek().is_some_and(starts_operand) => {
                return Err(foreign(token, word, "write `!`"));
            }
            _ if is_keyword(word) => {
                return Err(SyntaxError::new(
                    token.at.clone(),
                    format!("`{word}` cannot stand in an expression"),
                )
                .hint("statements may stand in `save`, `set`, `outputs` and `eval`"));
            }
            _ => {}
        }
        if let Some(hint) = refused_word(word) {
            return Err(foreign(token, word, hint));
        }
        if self.eat("::") {
            return self.of_module(word, token);
        }
        if self.next_is("(") {
            return self.call(Target::Function, token, word, token.at.start);
        }
        Ok(Node::new(Kind::Variable(word.into()), token.at.clone()))
    }

    fn of_module(&mut self, module: &str, token: &Token) -> Parsed {
        let colons = self.tokens[self.at - 1].at.clone();
        let Some((name, word)) = self.peek().and_then(|token| Some((token, token.word()?))) else {
            return Err(SyntaxError::new(
                colons,
                "a function's name is missing after this",
            ));
        };
        self.at += 1;
        if self.next_is("(") {
            return self.call(Target::Module(module.into()), name, word, token.at.start);
        }
        let kind = Kind::Constant {
            module: module.into(),
            name: word.into(),
        };
        Ok(Node::new(kind, token.at.start..name.at.end))
    }

    fn list(&mut self, open: &Token) -> Parsed {
        let mut items = Vec::new();
        while self.peek().is_some_and(|token| !token.is("]")) {
            items.push(self.expression()?);
            if !self.eat(",") {
                break;
            }
        }
        let end = self.expect("]", &open.at)?;
        Ok(Node::new(Kind::List(items), open.at.start..end))
    }

    fn map(&mut self, open: &Token) -> Parsed {
        let mut members: Vec<(Name, Node)> = Vec::new();
        while let Some(token) = self.peek().filter(|token| !token.is("}")) {
            let key: Name = match &token.kind {
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
            members.push((key, self.expression()?));
            if !self.eat(",") {
                break;
            }
        }
        let end = self.expect("}", &open.at)?;
        Ok(Node::new(Kind::Map(members), open.at.start..end))
    }

    fn interpolated(&mut self, pieces: &[token::Piece], at: &Range<usize>) -> Parsed {
        let mut parsed = Vec::with_capacity(pieces.len());
        for piece in pieces {
            parsed.push(match piece {
                token::Piece::Text(text) => Piece::Text(text.as_str().into()),
                token::Piece::Code(tokens, code_at) => {
                    let mut inner = Parser::new(tokens, code_at.end, true);
                    inner.depth = self.depth;
                    Piece::Code(inner.whole_block(code_at)?)
                }
            });
        }
        Ok(Node::new(Kind::Interpolated(parsed), at.clone()))
    }

    fn closure(&mut self, open: &Token) -> Parsed {
        let mut params: Vec<Name> = Vec::new();
        if open.is("|") {
            while !self.next_is("|") {
                params.push(self.name("a parameter's name is expected here")?.0);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect("|", &open.at)?;
        }
        let outer = std::mem::replace(&mut self.statements, true);
        let body = self.body();
        self.statements = outer;
        let body = Box::new(body?);
        let at = open.at.start..self.before();
        Ok(Node::new(Kind::Closure { params, body }, at))
    }

    /// A name of the author's own: of a variable, a parameter, a function.
    pub(super) fn name(&mut self, wanted: &str) -> Parsed<(Name, Range<usize>)> {
        let at = self.here();
        match self.peek().and_then(Token::word) {
            Some(word) if !is_keyword(word) || word == "_" => {
                self.at += 1;
                Ok((word.into(), at))
            }
            Some(word) => Err(SyntaxError::new(
                at,
                format!("`{word}` is a word of the language, and no name"),
            )),
            None => Err(SyntaxError::new(at, wanted)),
        }
    }
}

fn starts_operand(token: &Token) -> bool {
    match &token.kind {
        TokenKind::Symbol(symbol) => matches!(*symbol, "(" | "[" | "#{" | "!" | "-"),
        TokenKind::Word(word) => !matches!(&**word, "and" | "or"),
        _ => true,
    }
}
