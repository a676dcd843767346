//! From tokens to [`Node`]s: one expression, with the precedences of Rhai.
//!
//! What only Rhai can evaluate (closures, `switch`, blocks, its own functions, modules) becomes a
//! [`Leaf`]; the operands beside it stay ours and are passed in.

use super::SyntaxError;
use super::arithmetic::Arithmetic;
use super::functions;
use super::lexer::{Kind as TokenKind, Piece, Token};
use super::lint;
use super::node::{Kind, Leaf, Node, Step};
use super::ops::Comparison;
use super::rhai_error;
use super::translate::{FUNCTION, HOLE, Translation, is_dot};
use rhai::Dynamic;
use std::ops::Range;

/// Deepest nesting of an expression.
const MAX_DEPTH: usize = 64;
/// Most levels of an expression's tree: `a + b + c` has three, without any bracket.
const MAX_HEIGHT: u16 = 256;

pub(super) struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    /// The byte behind the last token, where errors about its end point.
    end: usize,
    depth: usize,
    rhai: &'t rhai::Engine,
    /// Only the extent is wanted: leaves are not compiled.
    dry: bool,
    /// Whether `{ let …; … }` may stand for a value.
    blocks: bool,
}

type Parsed<T = Node> = Result<T, SyntaxError>;

/// An argument of a call, and the indices of its tokens.
type Argument = (Node, Range<usize>);

/// Parses tokens that are one expression as a whole.
pub(super) fn expression(
    tokens: &[Token],
    end: usize,
    rhai: &rhai::Engine,
    blocks: bool,
) -> Parsed {
    let mut parser = Parser {
        tokens,
        at: 0,
        end,
        depth: 0,
        rhai,
        dry: false,
        blocks,
    };
    let node = parser.binary(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(rest) => Err(unexpected_rest(rest)),
    }
}

/// Compiles a whole script for Rhai.
pub(super) fn script(tokens: &[Token], end: usize, rhai: &rhai::Engine) -> Parsed {
    let mut translation = Translation::default();
    translation.tokens(tokens);
    let at = tokens.first().map_or(0, |token| token.at.start)..end;
    let leaf = compile(translation, Vec::new(), tokens, rhai, &at)?;
    Ok(Node::new(Kind::Rhai(Box::new(leaf)), at))
}

fn compile(
    translation: Translation,
    holes: Vec<Node>,
    tokens: &[Token],
    rhai: &rhai::Engine,
    at: &Range<usize>,
) -> Parsed<Leaf> {
    let ast = rhai
        .compile(&translation.text)
        .map_err(|error| rhai_error::syntax(&error, &translation, at))?;
    Ok(Leaf {
        ast,
        translation,
        holes,
        reads: lint::lint(tokens).names(),
        maybe: false,
        name_at: None,
    })
}

fn precedence(token: &Token) -> Option<u8> {
    Some(match &token.kind {
        TokenKind::Symbol("||" | "|" | "^") => 30,
        TokenKind::Symbol("&&" | "&") => 60,
        TokenKind::Symbol("==" | "!=") => 90,
        TokenKind::Symbol("!in") => 110,
        TokenKind::Symbol("<" | "<=" | ">" | ">=") => 130,
        TokenKind::Symbol("??") => 135,
        TokenKind::Symbol(".." | "..=") => 140,
        TokenKind::Symbol("+" | "-") => 150,
        TokenKind::Symbol("*" | "/" | "%") => 180,
        TokenKind::Symbol("**") => 190,
        TokenKind::Symbol("<<" | ">>") => 210,
        TokenKind::Word(word) => match &**word {
            "or" => 30,
            "and" => 60,
            "in" => 110,
            _ => return None,
        },
        _ => return None,
    })
}

fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(symbol: &str) -> Option<Arithmetic> {
    Some(match symbol {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "%" => Arithmetic::Remainder,
        "**" => Arithmetic::Power,
        "<<" => Arithmetic::ShiftLeft,
        ">>" => Arithmetic::ShiftRight,
        _ => return None,
    })
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn next_is(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| token.is(symbol))
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.next_is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str, opened: &Range<usize>) -> Parsed<usize> {
        match self.peek() {
            Some(token) if token.is(symbol) => {
                self.at += 1;
                Ok(token.at.end)
            }
            Some(token) if matches!(token.kind, TokenKind::Symbol("=" | "=>" | ";")) => {
                Err(unexpected_rest(token))
            }
            Some(token) => Err(SyntaxError::new(
                token.at.clone(),
                format!("`{symbol}` is missing here"),
            )),
            None => Err(
                SyntaxError::new(opened.clone(), "this bracket is not closed")
                    .hint(format!("add `{symbol}`")),
            ),
        }
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let at = self
                .peek()
                .map_or(self.end..self.end, |token| token.at.clone());
            return Err(SyntaxError::new(
                at,
                format!("the expression is nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        Ok(())
    }

    fn binary(&mut self, least: u8) -> Parsed {
        self.enter()?;
        let mut left = self.unary()?;
        while let Some(token) = self.peek() {
            let Some(strength) = precedence(token).filter(|strength| *strength > least) else {
                break;
            };
            self.refuse_chain(&left, token)?;
            self.at += 1;
            // `**` alone binds to the right.
            let right = self.binary(if token.is("**") {
                strength - 1
            } else {
                strength
            })?;
            left = combine(left, token, right);
            if left.height > MAX_HEIGHT {
                return Err(SyntaxError::new(
                    token.at.clone(),
                    "the expression has too many operators",
                )
                .hint("use `in` with a list, `sum(…)`, or a function of a module"));
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `1 < 2 < 3` compares a bool with a number in most languages; nobody means that.
    fn refuse_chain(&self, left: &Node, token: &Token) -> Parsed<()> {
        let (TokenKind::Symbol(symbol), Kind::Compare(before, ..) | Kind::CompareNull(before, ..)) =
            (&token.kind, &left.kind)
        else {
            return Ok(());
        };
        let Some(how) = comparison(symbol) else {
            return Ok(());
        };
        let same = how.is_equality() == before.is_equality();
        // The place of a left side in brackets ends before its closing bracket.
        let in_brackets = self.tokens[self.at - 1].at.start >= left.at.end;
        if same && !in_brackets {
            return Err(
                SyntaxError::new(token.at.clone(), "comparisons cannot be chained")
                    .hint("write `a < b && b < c`"),
            );
        }
        Ok(())
    }

    fn unary(&mut self) -> Parsed {
        let Some(token) = self.peek() else {
            return Err(self.operand_missing());
        };
        let wrap: fn(Box<Node>) -> Kind = match token.kind {
            TokenKind::Symbol("!") => Kind::Not,
            TokenKind::Symbol("-") => Kind::Negate,
            TokenKind::Symbol("+") => {
                self.at += 1;
                self.enter()?;
                let node = self.unary();
                self.depth -= 1;
                return node;
            }
            _ => return self.postfix(),
        };
        self.at += 1;
        self.enter()?;
        let of = self.unary()?;
        self.depth -= 1;
        let at = token.at.start..of.at.end;
        Ok(Node::new(wrap(Box::new(of)), at))
    }

    fn operand_missing(&self) -> SyntaxError {
        match self.tokens.last() {
            Some(last) => SyntaxError::new(last.at.clone(), "a value is missing after this"),
            None => SyntaxError::new(0..self.end, "the expression is empty"),
        }
    }

    fn postfix(&mut self) -> Parsed {
        let mut node = self.primary()?;
        while let Some(token) = self.peek() {
            if is_dot(token) {
                node = self.member(node)?;
            } else if token.is("[") || token.is("?[") {
                self.at += 1;
                let by = self.binary(0)?;
                let end = self.expect("]", &token.at)?;
                node = step(node, Step::Index(by, end));
            } else {
                break;
            }
        }
        Ok(node)
    }

    fn member(&mut self, node: Node) -> Parsed {
        let maybe = self.next_is("?.");
        let dot = self.at;
        self.at += 1;
        let Some((name, word)) = self.peek().and_then(|token| Some((token, token.word()?))) else {
            return Err(SyntaxError::new(
                self.tokens[dot].at.clone(),
                "a member's name is missing after this",
            )
            .hint("a name with other characters is written `x['first-name']`"));
        };
        self.at += 1;
        if !self.next_is("(") {
            return Ok(step(node, Step::Member(word.into(), name.at.end)));
        }
        let (args, end) = self.arguments()?;
        let at = node.at.start..end;
        self.call(word, &name.at, Some((node, maybe)), args, at)
    }

    fn primary(&mut self) -> Parsed {
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

    fn named(&mut self, word: &str, token: &Token, first: usize) -> Parsed {
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

    fn list(&mut self, open: &Token) -> Parsed {
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

    fn map(&mut self, open: &Token) -> Parsed {
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

    fn join(&mut self, pieces: &'t [Piece], at: &Range<usize>) -> Parsed {
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
                        _ if !self.dry => script(tokens, code_at.end, self.rhai)?,
                        _ => Node::new(Kind::Literal(Dynamic::UNIT), code_at.clone()),
                    }
                }
            });
        }
        Ok(Node::new(Kind::Join(nodes), at.clone()))
    }

    /// `if a { b } else { c }`: ours if every block is one expression.
    fn conditional(&mut self, first: usize) -> Parsed {
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

    fn plain_if(&mut self, first: usize) -> Parsed {
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

    fn plain_block(&mut self) -> Parsed<(Node, usize)> {
        let open = self
            .peek()
            .map_or(self.end..self.end, |token| token.at.clone());
        self.expect("{", &open)?;
        let node = self.binary(0)?;
        let end = self.expect("}", &open)?;
        Ok((node, end))
    }

    /// Goes behind the block that opens at the next token.
    fn skip_block(&mut self) -> Parsed<()> {
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

    /// A closure, from its first `|`.
    fn closure(&mut self, first: usize) -> Parsed {
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

    /// A leaf of the tokens since `first`.
    fn opaque(&mut self, first: usize) -> Parsed {
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

    /// The arguments of a call: each with the tokens that it consists of.
    fn arguments(&mut self) -> Parsed<(Vec<Argument>, usize)> {
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

    fn module_call(&mut self, first: usize) -> Parsed {
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

    fn call(
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
                let args = receiver
                    .into_iter()
                    .map(|(node, _)| node)
                    .chain(args.into_iter().map(|(node, _)| node))
                    .collect();
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

    /// A call that Rhai makes: operands are evaluated here and passed in, closures are written out.
    fn leaf_call(
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

/// What stands behind an expression that is complete.
fn unexpected_rest(token: &Token) -> SyntaxError {
    let at = token.at.clone();
    match &token.kind {
        TokenKind::Symbol("=") => SyntaxError::new(at, "`=` does not compare").hint("write `==`"),
        TokenKind::Symbol(symbol @ ("+=" | "-=" | "*=" | "/=" | "%=")) => SyntaxError::new(
            at,
            format!("`{symbol}` changes a variable, which an expression cannot"),
        )
        .hint("use `set`"),
        TokenKind::Symbol(";") => SyntaxError::new(at, "this is one expression, `;` ends it")
            .hint("statements may stand in `save`, `set`, `outputs` and `eval`"),
        TokenKind::Symbol("=>") => SyntaxError::new(at, "`=>` has no meaning here")
            .hint("a closure is written `|x| x > 1`"),
        TokenKind::Symbol(":") => SyntaxError::new(at, "`:` has no meaning here")
            .hint("a map is written `#{name: value}`"),
        TokenKind::Symbol(symbol) => {
            SyntaxError::new(at, format!("`{symbol}` is not expected here"))
        }
        TokenKind::Word(word) => SyntaxError::new(
            at,
            format!("`{word}` is not expected here, an operator is missing"),
        ),
        _ => SyntaxError::new(at, "an operator is missing before this"),
    }
}

fn step(node: Node, step: Step) -> Node {
    let at = node.at.start..step.end();
    let kind = match node.kind {
        Kind::Path(of, mut steps) => {
            steps.push(step);
            Kind::Path(of, steps)
        }
        kind => Kind::Path(Box::new(Node::new(kind, node.at)), vec![step]),
    };
    Node::new(kind, at)
}

fn combine(left: Node, token: &Token, right: Node) -> Node {
    let at = left.at.start..right.at.end;
    let beside_null = left.is_null() || right.is_null();
    let (left, right) = (Box::new(left), Box::new(right));
    let symbol = match &token.kind {
        TokenKind::Symbol(symbol) => symbol,
        TokenKind::Word(word) => match &**word {
            "and" => "&&",
            "or" => "||",
            _ => "in",
        },
        _ => "",
    };
    let kind = match symbol {
        "&&" => Kind::And(left, right),
        "||" => Kind::Or(left, right),
        "??" => Kind::Coalesce(left, right),
        "in" | "!in" => Kind::Contains {
            needle: left,
            hay: right,
            negated: symbol == "!in",
        },
        ".." | "..=" => Kind::Range {
            start: left,
            end: right,
            inclusive: symbol == "..=",
        },
        "&" => Kind::Bits("&", left, right),
        "|" => Kind::Bits("|", left, right),
        "^" => Kind::Bits("^", left, right),
        _ => match (comparison(symbol), arithmetic(symbol)) {
            (Some(how @ (Comparison::Equal | Comparison::NotEqual)), _) if beside_null => {
                Kind::CompareNull(how, left, right)
            }
            (Some(how), _) => Kind::Compare(how, left, right),
            (None, Some(how)) => Kind::Calculate(how, left, right),
            // `precedence` knows no other symbol.
            (None, None) => Kind::Coalesce(left, right),
        },
    };
    Node::new(kind, at)
}
