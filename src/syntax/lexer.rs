//! Tokens with their place in bytes. One lexer serves expressions, templates, scripts and the look that
//! the decoder of YAML takes, so that quotes, comments and `${…}` mean the same everywhere.

use super::SyntaxError;
use super::operator::OPERATORS;
use super::token::{Piece, Token, TokenKind as Kind};
use std::sync::LazyLock;

/// Longest text of one expression, script or module, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;
/// Most tokens of one expression, script or module: compilation takes quadratic time in some of Rhai's constructs.
pub const MAX_TOKENS: usize = 20_000;
/// Deepest nesting of backtick texts.
const MAX_NESTING: usize = 8;

/// Symbols that are no operators between two sides. The last line is of other languages, to be refused in words.
const PUNCTUATION: [&str; 24] = [
    "!", "=", "?.", "?[", "::", "=>", "#{", "(", ")", "[", "]", "{", "}", ",", ".", ":", ";",
    "===", "!==", "...", "=~", "!~", "->", "++",
];

/// Every symbol, longest first.
static SYMBOLS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let operators = (OPERATORS.iter()).flat_map(|row| [Some(row.symbol), row.assignment]);
    let mut symbols: Vec<&str> = operators
        .flatten()
        .filter(|symbol| !symbol.ends_with("in"))
        .chain(PUNCTUATION)
        .chain(["--"])
        .collect();
    symbols.sort_by_key(|symbol| std::cmp::Reverse(symbol.len()));
    symbols
});

/// All tokens of a source.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, SyntaxError> {
    if source.len() > MAX_SOURCE {
        return Err(SyntaxError::new(
            0..source.len(),
            format!(
                "the text is {} bytes long, {MAX_SOURCE} are allowed",
                source.len()
            ),
        )
        .hint("move functions to a module in `scripts/`"));
    }
    let mut lexer = Lexer::new(source, 0);
    let mut out = Vec::new();
    while let Some(token) = lexer.next()? {
        out.push(token);
    }
    Ok(out)
}

/// The byte of the `}` that closes a `${` which ends at byte `start`.
///
/// # Errors
/// It is not closed, or what stands inside it has no tokens.
pub(crate) fn end_of_hole(source: &str, start: usize) -> Result<usize, SyntaxError> {
    Lexer::new(source, start).until_brace().map(|(_, end)| end)
}

pub(super) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    count: usize,
    nesting: usize,
    /// Where the first `//` stands.
    pub(super) comment: Option<usize>,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str, at: usize) -> Self {
        Self {
            source,
            at,
            count: 0,
            nesting: 0,
            comment: None,
        }
    }

    /// Goes on behind something that is no token.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = self.at.max(at).min(self.source.len());
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn until_brace(&mut self) -> Result<(Vec<Token>, usize), SyntaxError> {
        let opened = self.at.saturating_sub(2);
        let mut depth = 0usize;
        let mut out = Vec::new();
        while let Some(token) = self.next()? {
            if token.is("{") || token.is("#{") {
                depth += 1;
            } else if token.is("}") {
                if depth == 0 {
                    return Ok((out, token.at.start));
                }
                depth -= 1;
            }
            out.push(token);
        }
        Err(SyntaxError::new(opened..opened + 2, "`${` is not closed")
            .hint("add `}`; a literal `${` is written `$${` in a template"))
    }

    pub(super) fn next(&mut self) -> Result<Option<Token>, SyntaxError> {
        self.skip_space()?;
        let start = self.at;
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        self.count += 1;
        if self.count > MAX_TOKENS {
            return Err(SyntaxError::new(
                start..start + first.len_utf8(),
                format!("the expression has more than {MAX_TOKENS} tokens"),
            )
            .hint("put parts of it into functions of a module, and data into a file"));
        }
        let kind = match first {
            '0'..='9' => self.number()?,
            '"' | '\'' => self.text(first)?,
            '`' => self.interpolated()?,
            '#' if raw_hashes(self.rest()).is_some() => self.raw_text()?,
            _ if first == '_' || first.is_ascii_alphabetic() => self.word(),
            _ => self.symbol(first)?,
        };
        Ok(Some(Token {
            kind,
            at: start..self.at,
        }))
    }

    fn skip_space(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.starts_with("//") {
                self.comment.get_or_insert(self.at);
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(c) = self.peek() {
                self.at += c.len_utf8();
            } else {
                return Err(
                    SyntaxError::new(start..start + 2, "the comment is not closed")
                        .hint("add `*/`"),
                );
            }
        }
    }

    fn word(&mut self) -> Kind {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        self.at += end;
        Kind::Word(rest[..end].into())
    }

    fn symbol(&mut self, first: char) -> Result<Kind, SyntaxError> {
        let rest = self.rest();
        if rest.starts_with("!in")
            && !rest[3..].starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric())
        {
            self.at += 3;
            return Ok(Kind::Symbol("!in"));
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.at += symbol.len();
            return Ok(Kind::Symbol(symbol));
        }
        let at = self.at..self.at + first.len_utf8();
        Err(match first {
            '?' => SyntaxError::new(at, "`a ? b : c` is not part of the language").hint("write `if a { b } else { c }`"),
            '“' | '”' | '„' | '‘' | '’' => SyntaxError::new(at, format!("`{first}` is not a quote here")).hint("use `\"` or `'`"),
            '$' => SyntaxError::new(at, "`$` has no meaning inside an expression")
                .hint("an expression names a variable as `name`; `jsonpath(value, '$.a')` takes a JSONPath"),
            _ => SyntaxError::new(at, format!("`{first}` has no meaning here")),
        })
    }

    fn digits(&mut self, radix: u32) -> usize {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c != '_' && !c.is_digit(radix))
            .unwrap_or(rest.len());
        self.at += end;
        end
    }

    fn number(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        let radix = match self.rest().get(..2) {
            Some("0x" | "0X") => 16,
            Some("0o" | "0O") => 8,
            Some("0b" | "0B") => 2,
            _ => 10,
        };
        if radix != 10 {
            self.at += 2;
            self.digits(radix);
            self.unit(start)?;
            let digits = self.source[start + 2..self.at].replace('_', "");
            return u64::from_str_radix(&digits, radix)
                .map(|bits| Kind::Int(bits.cast_signed()))
                .map_err(|_| {
                    SyntaxError::new(start..self.at, "this is not a number of at most 64 bits")
                });
        }
        self.digits(10);
        let mut float = false;
        if self.rest().starts_with('.')
            && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit())
        {
            float = true;
            self.at += 1;
            self.digits(10);
        }
        let exponent = self.rest();
        if exponent.starts_with(['e', 'E']) {
            let sign = usize::from(exponent[1..].starts_with(['+', '-']));
            if exponent[1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
                float = true;
                self.at += 1 + sign;
                self.digits(10);
            }
        }
        self.unit(start)?;
        let digits = self.source[start..self.at].replace('_', "");
        if float {
            return match digits.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Kind::Float(value)),
                _ => Err(SyntaxError::new(start..self.at, "this number is too large")),
            };
        }
        digits.parse().map(Kind::Int).map_err(|_| {
            SyntaxError::new(start..self.at, "this integer does not fit into 64 bits")
                .hint("compare it as a text")
        })
    }

    /// Refuses what stands right behind a number.
    fn unit(&mut self, start: usize) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        if end == 0 {
            return Ok(());
        }
        let text = &self.source[start..self.at + end];
        let error = SyntaxError::new(start..self.at + end, format!("`{text}` is not a number"));
        Err(match rest.as_bytes()[0] {
            b's' | b'm' | b'h' | b'd' | b'u' | b'n' => {
                error.hint(format!("a duration is written `duration('{text}')`"))
            }
            _ => error.hint("quote it if it is a text"),
        })
    }

    fn text(&mut self, quote: char) -> Result<Kind, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(unclosed(start, quote));
            };
            let here = self.at;
            self.at += c.len_utf8();
            match c {
                _ if c == quote => {
                    if self.peek() != Some(quote) {
                        return Ok(Kind::Text(out));
                    }
                    self.at += 1;
                    out.push(quote);
                }
                '\\' => self.escape(here, &mut out)?,
                '\n' => return Err(cut_by_line_break(start, quote, self.rest())),
                '\r' if self.peek() == Some('\n') => {}
                _ => out.push(c),
            }
        }
    }

    fn escape(&mut self, start: usize, out: &mut String) -> Result<(), SyntaxError> {
        let Some(c) = self.peek() else {
            return Err(SyntaxError::new(start..self.at, "nothing follows the `\\`"));
        };
        self.at += c.len_utf8();
        let digits = match c {
            'n' | 'r' | 't' | '\\' | '"' | '\'' | '`' | '$' => {
                out.push(match c {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                });
                return Ok(());
            }
            '\n' => {
                let rest = self.rest();
                self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
                return Ok(());
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                return Err(
                    SyntaxError::new(start..self.at, format!("`\\{c}` is not an escape")).hint(
                        format!(
                            "write `\\\\{c}` for a backslash and `{c}`, or a raw text: `#\"\\{c}\"#`"
                        ),
                    ),
                );
            }
        };
        let decoded = self
            .rest()
            .get(..digits)
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32);
        match decoded {
            Some(decoded) => {
                self.at += digits;
                out.push(decoded);
                Ok(())
            }
            None => Err(SyntaxError::new(
                start..self.at,
                format!("`\\{c}` needs {digits} hexadecimal digits of a character"),
            )),
        }
    }

    fn raw_text(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        let hashes = raw_hashes(self.rest()).unwrap_or(1);
        let body = start + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        match self.source[body..].find(&end) {
            Some(len) => {
                self.at = body + len + end.len();
                Ok(Kind::Text(self.source[body..body + len].to_owned()))
            }
            None => Err(SyntaxError::new(start..body, "the text is not closed")
                .hint(format!("add `{end}`"))),
        }
    }

    fn interpolated(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(SyntaxError::new(
                start..start + 1,
                "backtick texts are nested too deeply",
            ));
        }
        self.at += 1;
        let mut pieces = Vec::new();
        let mut text = String::new();
        // A line break right behind the opening backtick is not part of the text.
        let rest = self.rest();
        self.at += if rest.starts_with("\r\n") {
            2
        } else {
            usize::from(rest.starts_with('\n'))
        };
        loop {
            let rest = self.rest();
            let Some(c) = self.peek() else {
                return Err(unclosed(start, '`'));
            };
            if rest.starts_with("``") || rest.starts_with("\\${") {
                text.push_str(if c == '`' { "`" } else { "${" });
                self.at += if c == '`' { 2 } else { 3 };
            } else if c == '`' {
                self.at += 1;
                break;
            } else if rest.starts_with("${") {
                self.at += 2;
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                let from = self.at;
                let (tokens, end) = self.until_brace()?;
                pieces.push(Piece::Code(tokens, from..end));
            } else {
                text.push(c);
                self.at += c.len_utf8();
            }
        }
        self.nesting -= 1;
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Kind::Interpolated(pieces))
    }
}

/// How many `#` open a raw text (`#"…"#`) here.
fn raw_hashes(rest: &str) -> Option<usize> {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..]
        .starts_with('"')
        .then_some(hashes)
        .filter(|n| *n > 0)
}

/// A line break inside of a text that may end in a later line.
fn cut_by_line_break(start: usize, quote: char, rest: &str) -> SyntaxError {
    if !rest.contains(quote) {
        return unclosed(start, quote);
    }
    SyntaxError::new(start..start + 1, "the text is not closed in its line").hint(
        "a line break in it is written `\\n`; YAML's double quotes make one of that first, so write `\\\\n` within them",
    )
}

fn unclosed(start: usize, quote: char) -> SyntaxError {
    SyntaxError::new(start..start + 1, "the text is not closed").hint(format!("add `{quote}`"))
}
