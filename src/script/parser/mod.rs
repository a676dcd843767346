//! From tokens to [`Node`]s: one expression, with the precedences of Rhai.
//!
//! What only Rhai can evaluate (closures, `switch`, blocks, its own functions, modules) becomes a
//! [`Leaf`]; the operands beside it stay ours and are passed in.

mod call;
mod operand;

use super::SyntaxError;
use super::arithmetic::Arithmetic;
use super::lexer::{Kind as TokenKind, Token};
use super::lint;
use super::node::{Kind, Leaf, Node, Operator, Step};
use super::ops::Comparison;
use super::rhai_error;
use super::translate::{Translation, is_dot};
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

/// Whether a token stands in statements only.
fn is_statement(token: &Token) -> bool {
    let word = |word: &str| {
        matches!(
            word,
            "let" | "const" | "for" | "while" | "loop" | "do" | "return" | "throw" | "try" | "fn"
        )
    };
    token.is(";") || token.word().is_some_and(word)
}

/// Whether a token may belong to statements: `if a { b } c` are two.
pub(super) fn may_be_statement(token: &Token) -> bool {
    is_statement(token) || token.is("{") || token.is_word("if") || token.is_word("switch")
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

/// The operator of a symbol that has a precedence.
fn operator(symbol: &str, beside_null: bool) -> Operator {
    match symbol {
        "in" => Operator::In { negated: false },
        "!in" => Operator::In { negated: true },
        ".." => Operator::Range { inclusive: false },
        "..=" => Operator::Range { inclusive: true },
        "&" => Operator::Bits("&"),
        "|" => Operator::Bits("|"),
        "^" => Operator::Bits("^"),
        _ => match (comparison(symbol), arithmetic(symbol)) {
            (Some(how), _) if beside_null && how.is_equality() => Operator::CompareNull(how),
            (Some(how), _) => Operator::Compare(how),
            (None, how) => {
                Operator::Calculate(how.expect("every symbol with a precedence is known"))
            }
        },
    }
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
            refuse_no_bool(&left, token)?;
            refuse_no_bool(&right, token)?;
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

    fn refuse_chain(&self, left: &Node, token: &Token) -> Parsed<()> {
        let (
            TokenKind::Symbol(symbol),
            Kind::Binary(Operator::Compare(before) | Operator::CompareNull(before), ..),
        ) = (&token.kind, &left.kind)
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

/// `x == 'a' || 'b'` is never what its author means.
fn refuse_no_bool(operand: &Node, token: &Token) -> Parsed<()> {
    let symbol = match &token.kind {
        TokenKind::Symbol(symbol @ ("&&" | "||")) => *symbol,
        TokenKind::Word(word) if matches!(&**word, "and" | "or") => word,
        _ => return Ok(()),
    };
    let never_bool = match &operand.kind {
        Kind::Literal(value) => !value.is_bool(),
        Kind::List(_)
        | Kind::Map(_)
        | Kind::Join(_)
        | Kind::Negate(_)
        | Kind::Binary(Operator::Calculate(_) | Operator::Range { .. }, ..) => true,
        _ => false,
    };
    if !never_bool {
        return Ok(());
    }
    Err(SyntaxError::new(
        operand.at.clone(),
        format!("`{symbol}` needs true or false on both sides"),
    )
    .hint("write the whole comparison again, or `x in ['a', 'b']`"))
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
        _ => Kind::Binary(operator(symbol, beside_null), left, right),
    };
    Node::new(kind, at)
}
