//! Calls, and what only Rhai can evaluate.

use super::{Argument, Parsed, Parser, TokenKind, compile};
use crate::script::SyntaxError;
use crate::script::functions;
use crate::script::lexer::Token;
use crate::script::node::{Kind, Node};
use crate::script::translate::{FUNCTION, HOLE, Translation};
use rhai::Dynamic;
use std::ops::Range;

impl Parser<'_> {
    pub(super) fn skip_block(&mut self) -> Parsed<()> {
        let open = self
            .peek()
            .map_or(self.end..self.end, |token| token.at.clone());
        let mut depth = 0usize;
        while let Some(token) = self.peek() {
            self.at += 1;
            match token.kind {
                TokenKind::Symbol("{" | "#{" | "(" | "[" | "?[") => depth += 1,
                TokenKind::Symbol("}" | ")" | "]") => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(SyntaxError::new(open, "this block is not closed").hint("add `}`"))
    }

    pub(super) fn closure(&mut self, first: usize) -> Parsed {
        if self.tokens[first].is("|") {
            while self.peek().is_some_and(|token| !token.is("|")) {
                self.at += 1;
            }
            self.expect("|", &self.tokens[first].at)?;
        }
        if self.next_is("{") {
            self.skip_block()?;
        } else {
            let dry = std::mem::replace(&mut self.dry, true);
            let body = self.binary(0);
            self.dry = dry;
            body?;
        }
        self.opaque(first)
    }

    pub(super) fn opaque(&mut self, first: usize) -> Parsed {
        let tokens = &self.tokens[first..self.at];
        let at = tokens[0].at.start..tokens[tokens.len() - 1].at.end;
        if self.dry {
            return Ok(Node::new(Kind::Literal(Dynamic::UNIT), at));
        }
        let mut translation = Translation::default();
        translation.tokens(tokens);
        let leaf = compile(translation, Vec::new(), tokens, self.rhai, &at)?;
        Ok(Node::new(Kind::Rhai(Box::new(leaf)), at))
    }

    pub(super) fn arguments(&mut self) -> Parsed<(Vec<Argument>, usize)> {
        let open = self.tokens[self.at].at.clone();
        self.at += 1;
        let mut args = Vec::new();
        while self.peek().is_some_and(|token| !token.is(")")) {
            let first = self.at;
            let node = self.binary(0)?;
            args.push((node, first..self.at));
            if !self.eat(",") {
                break;
            }
        }
        let end = self.expect(")", &open)?;
        Ok((args, end))
    }

    pub(super) fn module_call(&mut self, first: usize) -> Parsed {
        self.at = first + 2;
        let Some(name) = self.peek().filter(|token| token.word().is_some()) else {
            return Err(SyntaxError::new(
                self.tokens[first + 1].at.clone(),
                "a function's name is missing after this",
            ));
        };
        self.at += 1;
        if !self.next_is("(") {
            // A constant of the module.
            return self.opaque(first);
        }
        let (args, end) = self.arguments()?;
        let at = self.tokens[first].at.start..end;
        self.leaf_call(
            &[&self.tokens[first], &self.tokens[first + 1], name],
            None,
            args,
            at,
        )
    }

    pub(super) fn call(
        &mut self,
        word: &str,
        name_at: &Range<usize>,
        receiver: Option<(Node, bool)>,
        args: Vec<Argument>,
        at: Range<usize>,
    ) -> Parsed {
        let is_closure = |(_, tokens): &Argument| {
            self.tokens[tokens.start].is("|") || self.tokens[tokens.start].is("||")
        };
        let count = args.len() + usize::from(receiver.is_some());
        let function = functions::find(word).filter(|function| function.arity.contains(&count));
        match function {
            Some(function) if !args.iter().any(is_closure) => {
                let maybe = receiver.as_ref().is_some_and(|(_, maybe)| *maybe);
                let args: Vec<Node> = receiver
                    .into_iter()
                    .map(|(node, _)| node)
                    .chain(args.into_iter().map(|(node, _)| node))
                    .collect();
                check_literals(word, &args)?;
                Ok(Node::new(
                    Kind::Call {
                        function,
                        args,
                        maybe,
                    },
                    at,
                ))
            }
            _ => {
                let name = Token {
                    kind: TokenKind::Word(word.into()),
                    at: name_at.clone(),
                };
                self.leaf_call(&[&name], receiver, args, at)
            }
        }
    }

    pub(super) fn leaf_call(
        &mut self,
        name: &[&Token],
        receiver: Option<(Node, bool)>,
        args: Vec<Argument>,
        at: Range<usize>,
    ) -> Parsed {
        if self.dry {
            return Ok(Node::new(Kind::Literal(Dynamic::UNIT), at));
        }
        let mut translation = Translation::default();
        let mut holes = Vec::new();
        let mut closures: Vec<Token> = Vec::new();
        let maybe = receiver.as_ref().is_some_and(|(_, maybe)| *maybe);
        if let Some((node, _)) = receiver {
            translation.push(&format!("{HOLE}0"), &node.at);
            translation.push(".", &node.at);
            holes.push(node);
        }
        for (index, token) in name.iter().enumerate() {
            let word = token.word().unwrap_or("::");
            let ours = name.len() == 1 && functions::find(word).is_some();
            let written = if ours {
                format!("{FUNCTION}{word}")
            } else {
                word.to_owned()
            };
            translation.push(&written, &name[index].at);
        }
        let name_at = &name[name.len() - 1].at;
        translation.push("(", name_at);
        for (node, tokens) in args {
            let tokens = &self.tokens[tokens];
            // `Fn('name')` and `call` look at what stands there, not at its value.
            if tokens[0].is("|") || tokens[0].is("||") {
                translation.tokens(tokens);
                closures.extend_from_slice(tokens);
                closures.push(Token {
                    kind: TokenKind::Symbol(","),
                    at: node.at.clone(),
                });
            } else {
                translation.push(&format!("{HOLE}{}", holes.len()), &node.at);
                holes.push(node);
            }
            translation.push(",", name_at);
        }
        translation.push(")", name_at);
        let mut leaf = compile(translation, holes, &closures, self.rhai, &at)?;
        leaf.maybe = maybe;
        leaf.name_at = Some(name_at.clone());
        Ok(Node::new(Kind::Rhai(Box::new(leaf)), at))
    }
}

/// A pattern, path, time or duration that is written out is checked before anything runs.
fn check_literals(function: &str, args: &[Node]) -> Parsed<()> {
    for (index, arg) in args.iter().enumerate() {
        let Kind::Literal(value) = &arg.kind else {
            continue;
        };
        if let Err(fault) = functions::check_literal(function, index, value) {
            let error = SyntaxError::new(arg.at.clone(), fault.message);
            return Err(match fault.hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
    }
    Ok(())
}
