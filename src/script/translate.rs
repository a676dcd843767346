//! From the dialect to Rhai.
//!
//! The tokens are written out again as Rhai would have them: `'…'` as `"…"`, `and` as `&&`, and every
//! operator whose meaning differs as an operator of our own (`__eq`), so that closures, modules and
//! scripts mean the same by `==` as a condition does. Each written token remembers where it came from.

use super::SyntaxError;
use super::functions;
use super::lexer::{Kind, Piece, Token};
use std::fmt::Write;
use std::ops::Range;

/// Written before the name of a member, which may be a reserved word; the token mapper takes it off again.
pub(super) const MEMBER: &str = "__w_";
/// Written before the name of one of our functions, so that none of Rhai's is meant.
pub(super) const FUNCTION: &str = "__f_";
/// Joins the pieces of a backtick text.
pub(super) const JOIN: &str = "__join";
/// A value that was computed before Rhai is asked: `__h0`, `__h1`, …
pub(super) const HOLE: &str = "__h";

/// Stands between `=` and what is assigned: opens JSON, so that a script can change its copy.
pub(super) const KEEP: &str = "__keep";

/// Our operators: the symbol, the name that Rhai knows it by, and its precedence.
pub(super) const OPERATORS: [(&str, &str, u8); 15] = [
    ("==", "__eq", 90),
    ("!=", "__ne", 90),
    ("in", "__in", 110),
    ("!in", "__nin", 110),
    ("<", "__lt", 130),
    ("<=", "__le", 130),
    (">", "__gt", 130),
    (">=", "__ge", 130),
    ("+", "__add", 150),
    ("-", "__sub", 150),
    ("*", "__mul", 180),
    ("/", "__div", 180),
    ("%", "__rem", 180),
    ("<<", "__shl", 210),
    (">>", "__shr", 210),
];
/// `==` beside a literal `null`.
pub(super) const SAME: &str = "__same";
/// `!=` beside a literal `null`.
pub(super) const DIFFERS: &str = "__differs";

/// Longest line that is written: Rhai counts columns in 16 bits.
const MAX_COLUMN: usize = 1_000;

/// A text for Rhai, and where its tokens came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Translation {
    pub(super) text: String,
    line: usize,
    column: usize,
    places: Vec<(usize, usize, Range<usize>)>,
}

impl Translation {
    /// Where the token at a position of Rhai came from.
    pub(super) fn place(&self, position: rhai::Position) -> Option<Range<usize>> {
        let key = (position.line()?, position.position().unwrap_or(1));
        let after = self
            .places
            .partition_point(|(line, column, _)| (*line, *column) <= key);
        self.places
            .get(after.checked_sub(1)?)
            .map(|(.., at)| at.clone())
    }

    pub(super) fn push(&mut self, token: &str, at: &Range<usize>) {
        if self.text.is_empty() {
            self.line = 1;
            self.column = 1;
        } else if self.column > MAX_COLUMN {
            self.text.push('\n');
            self.line += 1;
            self.column = 1;
        } else {
            self.text.push(' ');
            self.column += 1;
        }
        self.places.push((self.line, self.column, at.clone()));
        self.text.push_str(token);
        self.column += token.chars().count();
    }

    /// Appends tokens of the dialect.
    pub(super) fn tokens(&mut self, tokens: &[Token]) {
        let declared: Vec<&str> = tokens
            .windows(2)
            .filter(|pair| pair[0].is_word("fn"))
            .filter_map(|pair| pair[1].word())
            .collect();
        let mut in_for_header = false;
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let previous = index.checked_sub(1).map(|index| &tokens[index]);
            let next = tokens.get(index + 1);
            match &token.kind {
                Kind::Int(value) => self.push(&value.to_string(), &token.at),
                Kind::Float(value) => self.push(&format!("{value:?}"), &token.at),
                Kind::Text(text) => self.push(&quoted(text), &token.at),
                Kind::Interpolated(pieces) => self.pieces(pieces, &token.at),
                // `()` is one token of Rhai.
                Kind::Symbol("(") if next.is_some_and(|next| next.is(")")) => {
                    self.push("()", &token.at);
                    index += 1;
                }
                Kind::Symbol(symbol) => {
                    let binary = previous.is_some_and(Token::ends_operand);
                    let beside_null =
                        ends_in_null(&tokens[..index]) || begins_with_null(&tokens[index + 1..]);
                    self.symbol(symbol, &token.at, binary, beside_null);
                }
                Kind::Word(word) if &**word == "in" && in_for_header => {
                    in_for_header = false;
                    self.push("in", &token.at);
                }
                Kind::Word(word) => {
                    in_for_header |= &**word == "for"
                        && !previous.is_some_and(is_dot)
                        && !is_key(previous, next);
                    self.word(word, token, previous, next, &declared);
                }
            }
            if is_assigned(tokens, index) {
                self.push("()", &token.at);
                self.push(KEEP, &token.at);
            }
            index += 1;
        }
    }

    fn word(
        &mut self,
        word: &str,
        token: &Token,
        previous: Option<&Token>,
        next: Option<&Token>,
        declared: &[&str],
    ) {
        let is_call = next.is_some_and(|next| next.is("("));
        let is_member = previous.is_some_and(is_dot);
        let ours = is_call && functions::find(word).is_some() && !declared.contains(&word);
        let written = if is_member && is_call && ours {
            format!("{FUNCTION}{word}")
        } else if is_member && !is_call {
            format!("{MEMBER}{word}")
        } else if is_member {
            word.to_owned()
        } else if is_key(previous, next) {
            quoted(word)
        } else if ours
            && !previous.is_some_and(|previous| previous.is("::") || previous.is_word("fn"))
        {
            format!("{FUNCTION}{word}")
        } else {
            match word {
                "and" => "&&",
                "or" => "||",
                "null" => "()",
                "in" => "__in",
                _ => word,
            }
            .to_owned()
        };
        self.push(&written, &token.at);
    }

    fn symbol(&mut self, symbol: &str, at: &Range<usize>, binary: bool, beside_null: bool) {
        let written = match symbol {
            // Rhai's unary `+` means nothing.
            "+" if !binary => return,
            _ if !binary => symbol,
            "==" if beside_null => SAME,
            "!=" if beside_null => DIFFERS,
            _ => OPERATORS
                .iter()
                .find(|(ours, ..)| *ours == symbol)
                .map_or(symbol, |(_, name, _)| name),
        };
        self.push(written, at);
    }

    fn pieces(&mut self, pieces: &[Piece], at: &Range<usize>) {
        self.push(JOIN, at);
        self.push("( [", at);
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.push(&quoted(text), at),
                Piece::Code(tokens, _) => {
                    self.push("{", at);
                    self.tokens(tokens);
                    self.push("}", at);
                }
            }
            self.push(",", at);
        }
        self.push("] )", at);
    }
}

/// Whether an `=` stands at this index that assigns or declares what may be changed.
fn is_assigned(tokens: &[Token], index: usize) -> bool {
    let is_constant = index >= 2 && tokens[index - 2].is_word("const");
    tokens.get(index).is_some_and(|token| token.is("=")) && !is_constant
}

pub(super) fn is_dot(token: &Token) -> bool {
    token.is(".") || token.is("?.")
}

/// Whether the operand that begins here is a literal `null`, `()` or `(null)`.
fn begins_with_null(tokens: &[Token]) -> bool {
    match tokens {
        [first, ..] if first.is_word("null") => true,
        [open, close, ..] if open.is("(") && close.is(")") => true,
        [open, null, close, ..] => open.is("(") && null.is_word("null") && close.is(")"),
        _ => false,
    }
}

/// Whether the operand that ends here is a literal `null`, `()` or `(null)`.
fn ends_in_null(tokens: &[Token]) -> bool {
    let (before, closes) = match tokens {
        [before @ .., null] if null.is_word("null") => (before, false),
        [before @ .., open, close] if open.is("(") && close.is(")") => (before, true),
        [before @ .., open, null, close]
            if open.is("(") && null.is_word("null") && close.is(")") =>
        {
            (before, true)
        }
        _ => return false,
    };
    // Not the member of something, and not the arguments of a call.
    !before
        .last()
        .is_some_and(|last| is_dot(last) || closes && last.ends_operand())
}

/// Whether a word between these two is the key of a map.
pub(super) fn is_key(previous: Option<&Token>, next: Option<&Token>) -> bool {
    next.is_some_and(|next| next.is(":"))
        && previous.is_some_and(|previous| previous.is("#{") || previous.is(","))
}

/// Whether plain Rhai would not take the word as a name.
pub(super) fn is_reserved(word: &str) -> bool {
    rhai::Token::lookup_symbol_from_syntax(word).is_some()
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

/// Refuses what other languages have and this one does not, with what to write instead.
pub(super) fn refuse(tokens: &[Token]) -> Result<(), SyntaxError> {
    for (index, token) in tokens.iter().enumerate() {
        let previous = index.checked_sub(1).map(|index| &tokens[index]);
        let next = tokens.get(index + 1);
        let refused = match &token.kind {
            Kind::Symbol(symbol) => refused_symbol(symbol),
            Kind::Word(_) if is_key(previous, next) => None,
            Kind::Word(_)
                if previous.is_some_and(is_dot) && !next.is_some_and(|next| next.is("(")) =>
            {
                None
            }
            Kind::Word(word) => refused_word(word, next),
            Kind::Interpolated(pieces) => {
                for piece in pieces {
                    if let Piece::Code(tokens, _) = piece {
                        refuse(tokens)?;
                    }
                }
                None
            }
            _ => None,
        };
        if let Some((message, hint)) = refused {
            return Err(SyntaxError::new(token.at.clone(), message).hint(hint));
        }
    }
    Ok(())
}

fn refused_symbol(symbol: &str) -> Option<(String, &'static str)> {
    let hint = match symbol {
        "===" => "write `==`",
        "!==" => "write `!=`",
        "=~" => "write `matches(text, 'pattern')`",
        "!~" => "write `!matches(text, 'pattern')`",
        "++" => "write `+= 1`",
        "--" => "write `-= 1`",
        "->" => "a closure is written `|x| x + 1`",
        "..." => "a range is written `1..5` or `1..=5`",
        _ => return None,
    };
    Some((format!("`{symbol}` is not part of the language"), hint))
}

fn refused_word(word: &str, next: Option<&Token>) -> Option<(String, &'static str)> {
    let hint = match word {
        "not" if next.is_some_and(starts_operand) => "write `!`",
        "undefined" | "nil" | "None" => "a missing value is written `null`",
        "eval" if next.is_some_and(|next| next.is("(")) => "write the expression itself",
        "Fn" if next.is_some_and(|next| next.is("(")) => "write a closure: `|x| name(x)`",
        "curry" if next.is_some_and(|next| next.is("(")) => {
            "a closure keeps what it names: `|x| name(a, x)`"
        }
        "import" => "modules of `scripts/` need no import: `NAME::function(…)`",
        "export" => "every function of a module can be called",
        _ => return None,
    };
    Some((format!("`{word}` is not part of the language"), hint))
}

fn starts_operand(token: &Token) -> bool {
    match &token.kind {
        Kind::Symbol(symbol) => matches!(*symbol, "(" | "[" | "#{" | "!" | "-"),
        Kind::Word(word) => !matches!(&**word, "and" | "or"),
        _ => true,
    }
}
