//! A JSONPath's source as tokens, by the lexical rules of the ABNF.

use super::check::Due;
use super::foreign;
use super::functions::{self, Function};
use crate::event::Json;
use crate::syntax::SyntaxError;
use serde_json::Number;
use std::ops::Range;

/// What a token is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `$`
    Root,
    /// `@`
    Current,
    Dot,
    DotDot,
    /// A member's name behind a dot.
    Name,
    Star,
    /// `[`
    Open,
    /// `]`
    Close,
    Comma,
    Colon,
    Question,
    /// `(` that groups.
    OpenGroup,
    /// `)` of a group or a function.
    CloseGroup,
    Not,
    /// `&&` or `||`
    Logical,
    Comparison,
    /// A quoted name in brackets.
    Quoted,
    /// An index, or a bound or the step of a slice.
    Integer,
    /// A literal of a filter.
    Literal(Json),
    /// A function's name with its opening parenthesis.
    Call(&'static Function),
    End,
    /// No token of JSONPath.
    Foreign,
}

/// A token and where it stands, in bytes.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

/// Longer signs first.
static SIGNS: [(&str, Kind); 21] = [
    ("..", Kind::DotDot),
    ("&&", Kind::Logical),
    ("||", Kind::Logical),
    ("==", Kind::Comparison),
    ("!=", Kind::Comparison),
    ("<=", Kind::Comparison),
    (">=", Kind::Comparison),
    ("<", Kind::Comparison),
    (">", Kind::Comparison),
    ("$", Kind::Root),
    ("@", Kind::Current),
    (".", Kind::Dot),
    ("*", Kind::Star),
    ("[", Kind::Open),
    ("]", Kind::Close),
    ("(", Kind::OpenGroup),
    (")", Kind::CloseGroup),
    (",", Kind::Comma),
    (":", Kind::Colon),
    ("?", Kind::Question),
    ("!", Kind::Not),
];

/// What JSON and the ABNF take for a blank.
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// The largest index, bound or step: what every JSON implementation has exactly (RFC 9535, 2.1).
const MAX_INTEGER: i64 = (1 << 53) - 1;

/// Longest piece of a path in a message, in characters.
const MAX_SHOWN: usize = 60;

pub(super) struct Tokens<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Tokens<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, at: 0 }
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn token(&mut self, kind: Kind, length: usize) -> Token {
        let start = self.at;
        self.at += length;
        Token {
            kind,
            at: start..self.at,
        }
    }

    /// The next token, where `due` may stand: the same text is a name behind a dot and a literal in a filter.
    pub(super) fn next(&mut self, due: Due) -> Result<Token, SyntaxError> {
        self.blanks(due)?;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(self.token(Kind::End, 0));
        };
        let word = word(rest);
        match first {
            _ if due.is_name() && !word.is_empty() => Ok(self.token(Kind::Name, word.len())),
            '"' | '\'' => self.quoted(first, due),
            '-' | '0'..='9' if due.is_integer() => self.integer(),
            '-' | '0'..='9' if due.is_operand() => self.number(),
            _ if !word.is_empty() => self.word(word, due),
            _ => Ok(self.sign(first)),
        }
    }

    fn blanks(&mut self, due: Due) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at = self.source.len() - self.rest().trim_start_matches(BLANKS).len();
        if self.at == start {
            return Ok(());
        }
        let where_to = match due {
            Due::Root => "before a JSONPath",
            Due::Member | Due::Descendant => "between a dot and the name",
            _ => return Ok(()),
        };
        let message = format!("no blank may stand {where_to}");
        Err(SyntaxError::new(start..self.at, message))
    }

    fn sign(&mut self, first: char) -> Token {
        let rest = self.rest();
        if let Some(foreign) = foreign::sign(rest) {
            return self.token(Kind::Foreign, foreign.len());
        }
        match SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            Some((sign, kind)) => self.token(kind.clone(), sign.len()),
            None => self.token(Kind::Foreign, first.len_utf8()),
        }
    }

    /// A word that is no member's name: a literal, a function, or nothing of JSONPath.
    fn word(&mut self, word: &str, due: Due) -> Result<Token, SyntaxError> {
        let behind = &self.rest()[word.len()..];
        let literal = match word {
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            "null" => Some(Json::Null),
            _ => None,
        };
        if let Some(literal) = literal {
            return Ok(self.token(Kind::Literal(literal), word.len()));
        }
        if !due.is_operand() || !behind.trim_start_matches(BLANKS).starts_with('(') {
            return Ok(self.token(Kind::Foreign, word.len()));
        }
        let at = self.at..self.at + word.len();
        let Some(function) = functions::find(word) else {
            let message = format!("JSONPath has no function `{}`", shown(word));
            return Err(SyntaxError::new(at, message).hint(foreign::function(word)));
        };
        if !behind.starts_with('(') {
            let message = format!("no blank may stand between `{word}` and its `(`");
            return Err(SyntaxError::new(at, message));
        }
        Ok(self.token(Kind::Call(function), word.len() + 1))
    }

    fn integer(&mut self) -> Result<Token, SyntaxError> {
        let token = self.digits();
        let text = &self.source[token.at.clone()];
        let short = shown(text);
        let plain = text.strip_prefix('-').unwrap_or(text);
        let fault = if !plain.bytes().all(|byte| byte.is_ascii_digit()) || plain.is_empty() {
            format!("`{short}` is no index: an index, a bound and a step are integers")
        } else if text != "0" && plain.starts_with('0') {
            format!("`{short}` is no index: zeros before the number and `-0` are not allowed")
        } else if plain
            .parse::<i64>()
            .is_ok_and(|number| number <= MAX_INTEGER)
        {
            return Ok(token);
        } else {
            format!("the index `{short}` is beyond ±{MAX_INTEGER}")
        };
        Err(SyntaxError::new(token.at, fault))
    }

    /// A number as JSON writes it, with its exact value.
    fn number(&mut self) -> Result<Token, SyntaxError> {
        let token = self.digits();
        let text = &self.source[token.at.clone()];
        match serde_json::from_str::<Number>(text) {
            Ok(number) if !number.is_f64() || text.contains(['.', 'e', 'E']) || text == "-0" => {
                Ok(Token {
                    kind: Kind::Literal(Json::Number(number)),
                    at: token.at,
                })
            }
            Ok(_) => {
                let message = format!("the integer {} does not fit into 64 bits", shown(text));
                Err(SyntaxError::new(token.at, message)
                    .hint("it would be rounded; with an exponent it is a float: `1e20`"))
            }
            Err(_) => {
                let message = format!("`{}` is no number as JSON writes it", shown(text));
                Err(SyntaxError::new(token.at, message).hint(
                    "no zero stands before it, a digit on both sides of the point: `0.5`, `-1`, `1e3`",
                ))
            }
        }
    }

    /// All that looks like one number, right or wrong.
    fn digits(&mut self) -> Token {
        let mut before = ' ';
        let length = self
            .rest()
            .find(|c: char| {
                let belongs = match c {
                    '-' => before == ' ' || matches!(before, 'e' | 'E'),
                    '+' => matches!(before, 'e' | 'E'),
                    '.' => before != '.',
                    _ => c.is_ascii_alphanumeric() || c == '_',
                };
                before = c;
                !belongs
            })
            .unwrap_or(self.rest().len());
        self.token(Kind::Integer, length)
    }

    fn quoted(&mut self, quote: char, due: Due) -> Result<Token, SyntaxError> {
        let start = self.at;
        let text = self.text(quote)?;
        Ok(Token {
            kind: if due.is_operand() {
                Kind::Literal(Json::String(text))
            } else {
                Kind::Quoted
            },
            at: start..self.at,
        })
    }

    /// The text between two quotes (RFC 9535, 2.3.1.2).
    fn text(&mut self, quote: char) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += quote.len_utf8();
        let mut text = String::new();
        while let Some(c) = self.rest().chars().next() {
            let at = self.at;
            self.at += c.len_utf8();
            match c {
                '\\' => text.push(self.escaped(at, quote)?),
                _ if c == quote => return Ok(text),
                _ if c < ' ' => {
                    let message = format!(
                        "the control character U+{:04X} stands in a text",
                        u32::from(c)
                    );
                    let hint = "write it as JSON does: `\\n`, `\\t`, `\\u000b`";
                    return Err(SyntaxError::new(at..self.at, message).hint(hint));
                }
                _ => text.push(c),
            }
        }
        let message = format!("the text that begins with {quote} has no end");
        Err(SyntaxError::new(start..self.at, message))
    }

    /// The character that an escape means; its backslash is read.
    fn escaped(&mut self, start: usize, quote: char) -> Result<char, SyntaxError> {
        let next = self.rest().chars().next();
        self.at += next.map_or(0, char::len_utf8);
        let meant = match next {
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some(c) if matches!(c, '/' | '\\') || c == quote => Some(c),
            Some('u') => self.unicode(),
            _ => None,
        };
        meant.ok_or_else(|| {
            let piece = shown(&self.source[start..self.at]);
            let error = SyntaxError::new(
                start..self.at,
                format!("`{piece}` is no escape of a text in a JSONPath"),
            );
            match next {
                Some('u') => error.hint(
                    "four hexadecimal digits follow `\\u`, and half of a surrogate pair needs the other",
                ),
                Some('"' | '\'') => error.hint("only the quote that ends the text is escaped"),
                _ => error.hint("a backslash itself is `\\\\`"),
            }
        })
    }

    /// The character of `\uXXXX`, or of two of them; `\u` is read.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hexadecimal()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        self.at += self.rest().starts_with("\\u").then_some(2)?;
        let low = self.hexadecimal()?;
        let low = (0xDC00..0xE000).contains(&low).then(|| low - 0xDC00)?;
        char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low)
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// A piece of a path as a message shows it: one line, and not too long.
pub(super) fn shown(piece: &str) -> String {
    let line: String = piece
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    crate::script::ops::cut(&line, MAX_SHOWN)
}

/// The name that a text begins with (RFC 9535, `member-name-shorthand`), or nothing.
pub(super) fn word(text: &str) -> &str {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    if !text.starts_with(first) {
        return "";
    }
    let end = text.find(|c: char| !first(c) && !c.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}
