//! From tokens to the tree.
//!
//! The grammar is that of Rhai, with the words and refusals of the dialect; how tightly operators bind is
//! said by the table of [`operator`](super::operator) alone.

mod operand;
mod statement;

use super::SyntaxError;
use super::lexer;
use super::operator::{Associativity, Operator};
use super::token::{Token, TokenKind};
use super::tree::{Block, Call, Kind, Node, Target};
use std::ops::Range;

/// Deepest nesting of brackets, closures and operands.
const MAX_DEPTH: usize = 64;
/// Most levels of the tree: `a + b + c` has three, without any bracket.
const MAX_HEIGHT: u16 = 256;

pub(super) type Parsed<T = Node> = Result<T, SyntaxError>;

pub(super) struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    /// The byte behind the last token, where errors about its end point.
    end: usize,
    depth: usize,
    /// Whether statements may stand here: at the top of a script, and inside of every block.
    statements: bool,
}

/// One expression.
///
/// # Errors
/// What does not parse, with its place.
pub fn expression(source: &str) -> Parsed {
    let tokens = lexer::tokens(source)?;
    Parser::new(&tokens, source.len(), false).whole_expression()
}

/// A script: statements, the last of which gives its value. An expression is a script too.
///
/// # Errors
/// What does not parse, with its place.
pub fn script(source: &str) -> Parsed {
    let tokens = lexer::tokens(source)?;
    Parser::new(&tokens, source.len(), true).whole_script()
}

/// A module: functions and constants.
///
/// # Errors
/// What does not parse, with its place, and statements that would do something when it is loaded.
pub fn module(source: &str) -> Parsed<Block> {
    let tokens = lexer::tokens(source)?;
    let mut parser = Parser::new(&tokens, source.len(), true);
    parser.whole_module()
}

impl<'t> Parser<'t> {
    fn new(tokens: &'t [Token], end: usize, statements: bool) -> Self {
        Self {
            tokens,
            at: 0,
            end,
            depth: 0,
            statements,
        }
    }

    fn whole_expression(&mut self) -> Parsed {
        let node = self.expression()?;
        match self.peek() {
            None => Ok(node),
            Some(rest) => Err(unexpected_rest(rest)),
        }
    }

    /// An operator in a statement's position may go on with what a brace closed: `if a { 1 } else { 2 } == 1` is one
    /// expression. So a script is first read as one.
    fn whole_script(&mut self) -> Parsed {
        let error = match self.whole_expression() {
            Ok(node) => return Ok(node),
            Err(error) => error,
        };
        if !self.tokens.iter().any(may_be_statement) {
            return Err(error);
        }
        self.at = 0;
        self.depth = 0;
        let from = self.tokens.first().map_or(0, |token| token.at.start);
        let block = self.statements_to_end(from)?;
        let at = block.at.clone();
        self.sized(Node::new(Kind::Block(block), at))
    }

    // -----------------------------------------------------------------------------------------------------
    // Tokens.

    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn next_is(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| token.is(symbol))
    }

    fn next_is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is_word(word))
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.next_is(symbol);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.next_is_word(word);
        self.at += usize::from(found);
        found
    }

    /// Where the next token stands; behind the last one, the end.
    fn here(&self) -> Range<usize> {
        self.peek()
            .map_or(self.end..self.end, |token| token.at.clone())
    }

    /// The end of the token before.
    fn before(&self) -> usize {
        self.at
            .checked_sub(1)
            .map_or(0, |before| self.tokens[before].at.end)
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
            return Err(SyntaxError::new(
                self.here(),
                format!("the expression is nested more than {MAX_DEPTH} levels deep"),
            )
            .hint("put inner parts into variables (`let`), or into functions of a module"));
        }
        Ok(())
    }

    fn sized(&self, node: Node) -> Parsed {
        if node.height() > MAX_HEIGHT {
            let at = self
                .at
                .checked_sub(1)
                .map_or(0..self.end, |before| self.tokens[before].at.clone());
            return Err(SyntaxError::new(
                at,
                format!("the expression has more than {MAX_HEIGHT} operators in a row"),
            )
            .hint("use `in` with a list, `sum(…)`, or a function of a module"));
        }
        Ok(node)
    }

    // -----------------------------------------------------------------------------------------------------
    // Expressions.

    fn expression(&mut self) -> Parsed {
        self.binary(0)
    }

    fn binary(&mut self, least: u8) -> Parsed {
        self.enter()?;
        let start = self.here().start;
        let mut left = self.unary()?;
        while let Some(token) = self.peek() {
            let Some(operator) = operator(token) else {
                break;
            };
            let row = operator.row();
            if row.precedence <= least {
                break;
            }
            refuse_chain(&left, operator, token)?;
            self.at += 1;
            let right = self.binary(match row.associativity {
                Associativity::Left => row.precedence,
                Associativity::Right => row.precedence - 1,
            })?;
            if operator.is_logical() {
                refuse_no_bool(&left, token)?;
                refuse_no_bool(&right, token)?;
            }
            let at = start..self.before();
            let kind = Kind::Binary(operator, Box::new(left), Box::new(right));
            left = self.sized(Node::new(kind, at))?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let Some(token) = self.peek() else {
            return Err(self.operand_missing());
        };
        let wrap: fn(Box<Node>) -> Kind = match token.kind {
            TokenKind::Symbol("!") => Kind::Not,
            TokenKind::Symbol("-") => Kind::Negate,
            // A plus before a value means nothing.
            TokenKind::Symbol("+") => {
                self.at += 1;
                self.enter()?;
                let node = self.unary()?;
                self.depth -= 1;
                return Ok(node);
            }
            _ => return self.postfix(),
        };
        self.at += 1;
        self.enter()?;
        let of = self.unary()?;
        self.depth -= 1;
        let at = token.at.start..self.before();
        Ok(Node::new(wrap(Box::new(of)), at))
    }

    fn operand_missing(&self) -> SyntaxError {
        match self.tokens.last() {
            Some(last) => SyntaxError::new(last.at.clone(), "a value is missing after this"),
            None => SyntaxError::new(0..self.end, "the expression is empty"),
        }
    }

    fn postfix(&mut self) -> Parsed {
        let start = self.here().start;
        let mut node = self.primary()?;
        while let Some(token) = self.peek() {
            node = if token.is(".") || token.is("?.") {
                self.member(node, start)?
            } else if token.is("[") || token.is("?[") {
                self.at += 1;
                let by = self.expression()?;
                let end = self.expect("]", &token.at)?;
                let at = start..end;
                let (of, by) = (Box::new(node), Box::new(by));
                Node::new(Kind::Index { of, by }, at)
            } else {
                break;
            };
            node = self.sized(node)?;
        }
        Ok(node)
    }

    /// A member of, or a method on, what begins at `start`.
    fn member(&mut self, of: Node, start: usize) -> Parsed {
        let dot = self.here();
        self.at += 1;
        let Some((token, word)) = self.peek().and_then(|token| Some((token, token.word()?))) else {
            return Err(
                SyntaxError::new(dot, "a member's name is missing after this")
                    .hint("a name with other characters is written `x['first-name']`"),
            );
        };
        self.at += 1;
        if self.next_is("(") {
            return self.call(Target::Method(Box::new(of)), token, word, start);
        }
        let at = start..token.at.end;
        let of = Box::new(of);
        let name = word.into();
        Ok(Node::new(Kind::Member { of, name }, at))
    }

    /// A call whose name has been read: its arguments are next.
    fn call(&mut self, target: Target, token: &Token, word: &str, start: usize) -> Parsed {
        if let Some(hint) = refused_call(word) {
            return Err(foreign(token, word, hint));
        }
        let (args, end) = self.arguments()?;
        let call = Call {
            target,
            name: word.into(),
            name_at: token.at.clone(),
            args,
        };
        Ok(Node::new(Kind::Call(call), start..end))
    }

    fn arguments(&mut self) -> Parsed<(Vec<Node>, usize)> {
        let open = self.here();
        self.at += 1;
        let mut args = Vec::new();
        while self.peek().is_some_and(|token| !token.is(")")) {
            args.push(self.expression()?);
            if !self.eat(",") {
                break;
            }
        }
        let end = self.expect(")", &open)?;
        Ok((args, end))
    }
}

/// The operator between two sides that a token is.
fn operator(token: &Token) -> Option<Operator> {
    match &token.kind {
        TokenKind::Symbol(symbol) => Operator::of_symbol(symbol),
        TokenKind::Word(word) => Operator::of_word(word),
        _ => None,
    }
}

/// `a < b < c` compares a bool with `c`.
fn refuse_chain(left: &Node, operator: Operator, token: &Token) -> Parsed<()> {
    let Kind::Binary(before, ..) = &left.kind else {
        return Ok(());
    };
    let chained =
        operator.is_equality() && before.is_equality() || operator.is_order() && before.is_order();
    if chained && !left.bracketed {
        return Err(
            SyntaxError::new(token.at.clone(), "comparisons cannot be chained")
                .hint("write `a < b && b < c`"),
        );
    }
    Ok(())
}

/// `x == 'a' || 'b'` is never what its author means.
fn refuse_no_bool(operand: &Node, token: &Token) -> Parsed<()> {
    let never_bool = match &operand.kind {
        Kind::Null
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Interpolated(_)
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Negate(_) => true,
        Kind::Binary(operator, ..) => operator.is_arithmetic() && !is_bits(*operator),
        _ => false,
    };
    if !never_bool {
        return Ok(());
    }
    let symbol = match &token.kind {
        TokenKind::Symbol(symbol) => symbol,
        _ => token.word().unwrap_or_default(),
    };
    Err(SyntaxError::new(
        operand.at.clone(),
        format!("`{symbol}` needs true or false on both sides"),
    )
    .hint("write the whole comparison again, or `x in ['a', 'b']`"))
}

fn is_bits(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::BitAnd | Operator::BitOr | Operator::BitXor
    )
}

/// Whether a token may belong to statements: `if a { b } c` are two.
fn may_be_statement(token: &Token) -> bool {
    let statement = |word: &str| {
        is_keyword(word)
            && !matches!(
                word,
                "true" | "false" | "null" | "and" | "or" | "in" | "_" | "this"
            )
    };
    let assigns = match &token.kind {
        TokenKind::Symbol(symbol) => *symbol == "=" || Operator::of_assignment(symbol).is_some(),
        _ => false,
    };
    assigns || token.is(";") || token.is("{") || token.word().is_some_and(statement)
}

/// What stands behind an expression that is complete.
fn unexpected_rest(token: &Token) -> SyntaxError {
    let at = token.at.clone();
    match &token.kind {
        TokenKind::Symbol("=") => SyntaxError::new(at, "`=` does not compare").hint("write `==`"),
        TokenKind::Symbol(symbol) if Operator::of_assignment(symbol).is_some() => SyntaxError::new(
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
        TokenKind::Symbol(symbol) => match refused_symbol(symbol) {
            Some(hint) => foreign(token, symbol, hint),
            None => SyntaxError::new(at, format!("`{symbol}` is not expected here")),
        },
        TokenKind::Word(word) => SyntaxError::new(
            at,
            format!("`{word}` is not expected here, an operator is missing"),
        ),
        _ => SyntaxError::new(at, "an operator is missing before this"),
    }
}

// ---------------------------------------------------------------------------------------------------------
// What other languages have and this one does not, with what to write instead.

fn foreign(token: &Token, word: &str, hint: &str) -> SyntaxError {
    SyntaxError::new(
        token.at.clone(),
        format!("`{word}` is not part of the language"),
    )
    .hint(hint)
}

fn refused_symbol(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "===" => "write `==`",
        "!==" => "write `!=`",
        "=~" => "write `matches(text, 'pattern')`",
        "!~" => "write `!matches(text, 'pattern')`",
        "++" => "write `+= 1`",
        "--" => "write `-= 1`",
        "->" => "a closure is written `|x| x + 1`",
        "..." => "a range is written `1..5` or `1..=5`",
        _ => return None,
    })
}

fn refused_call(name: &str) -> Option<&'static str> {
    Some(match name {
        "eval" => "write the expression itself",
        "Fn" => "write a closure: `|x| name(x)`",
        "curry" => "a closure keeps what it names: `|x| name(a, x)`",
        _ => return None,
    })
}

fn refused_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "undefined" | "nil" | "None" => "a missing value is written `null`",
        "import" => "modules of `scripts/` need no import: `NAME::function(…)`",
        "export" => "every function of a module can be called",
        _ => return None,
    })
}

/// Words that are never the name of a variable.
pub(crate) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "true"
            | "false"
            | "null"
            | "and"
            | "or"
            | "in"
            | "if"
            | "else"
            | "switch"
            | "let"
            | "const"
            | "for"
            | "while"
            | "until"
            | "loop"
            | "do"
            | "break"
            | "continue"
            | "return"
            | "throw"
            | "try"
            | "catch"
            | "fn"
            | "private"
            | "this"
            | "_"
    )
}
