//! What the lexer makes of a text.

use std::ops::Range;

/// A token, and where it stands in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Int(i64),
    Float(f64),
    /// A text in either quotes, decoded.
    Text(String),
    /// A text in backticks.
    Interpolated(Vec<Piece>),
    /// A name or a keyword.
    Word(Box<str>),
    Symbol(&'static str),
}

/// A piece of a text in backticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// The tokens between `${` and `}`, and the stretch that they cover.
    Code(Vec<Token>, Range<usize>),
}

impl Token {
    pub(crate) fn is(&self, symbol: &str) -> bool {
        matches!(&self.kind, TokenKind::Symbol(s) if *s == symbol)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}
