//! I-Regexp (RFC 9485), the regular expressions of `match` and `search`, written out for the crate `regex`.
//!
//! I-Regexp is what all engines have in common: no `\d`, no lazy or possessive repetition, no look-around, no
//! groups but plain ones. What is in it means the same here as there, but for three things: `.` is neither a
//! line feed nor a carriage return, `[` and the doubled signs of set operations mean themselves within
//! brackets, and escapes of letters are few. `^` and `$`, ordinary characters in the grammar, are taken as
//! anchors, as the compliance tests of JSONPath have them.

use std::iter::Peekable;
use std::str::Chars;

/// Why a text is no I-Regexp.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

impl Refused {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// The engine could not hold it.
    pub(super) fn too_large() -> Self {
        Self::new("the regular expression is too large when compiled")
            .hint("repeat less: `{1000}` makes a thousand copies")
    }
}

/// Deepest nesting of groups.
const MAX_GROUPS: usize = 64;

/// What other engines have, with what to write instead.
const FOREIGN_ESCAPES: [(char, &str); 8] = [
    ('d', "write `[0-9]`"),
    ('D', "write `[^0-9]`"),
    ('w', "write `[A-Za-z0-9_]`"),
    ('W', "write `[^A-Za-z0-9_]`"),
    ('s', r"write `[ \\t\\n\\r]`"),
    ('S', r"write `[^ \\t\\n\\r]`"),
    (
        'b',
        "there are no word boundaries: name the character, `(^|[^a-z])`",
    ),
    ('$', "write `[$]`"),
];

/// The general categories of Unicode that `\p{…}` may name.
pub(super) const CATEGORIES: [&str; 36] = [
    "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "C",
    "Cc", "Cf", "Cn", "Co",
];

/// The same expression for the crate `regex`, or why it is none.
pub(super) fn translate(source: &str) -> Result<String, Refused> {
    let mut translation = Translation {
        rest: source.chars().peekable(),
        out: String::new(),
    };
    translation.branches()?;
    Ok(translation.out)
}

struct Translation<'s> {
    rest: Peekable<Chars<'s>>,
    out: String,
}

impl Translation<'_> {
    /// The whole expression. Groups are counted, so that no nesting fills the stack.
    fn branches(&mut self) -> Result<(), Refused> {
        let mut open = 0_usize;
        let mut repeatable = false;
        while let Some(c) = self.rest.next() {
            let after = match c {
                '(' if self.rest.peek() == Some(&'?') => {
                    return Err(Refused::new("`(?` is no group of an I-Regexp")
                        .hint("there are plain groups only: `(ab|cd)`"));
                }
                '(' => {
                    open += 1;
                    if open > MAX_GROUPS {
                        let message = format!("groups are nested more than {MAX_GROUPS} deep");
                        return Err(Refused::new(message));
                    }
                    self.out.push_str("(?:");
                    false
                }
                ')' => {
                    open = open
                        .checked_sub(1)
                        .ok_or_else(|| Refused::new("`)` closes nothing"))?;
                    self.out.push(')');
                    true
                }
                '|' => {
                    self.out.push('|');
                    false
                }
                '*' | '+' | '?' | '{' => {
                    self.quantifier(c, repeatable)?;
                    false
                }
                '[' => {
                    self.class()?;
                    true
                }
                ']' | '}' => {
                    return Err(Refused::new(format!("`{c}` closes nothing"))
                        .hint(r"itself it is `\\]`, `\\}`"));
                }
                '\\' => {
                    let escaped = self.escaped()?;
                    self.out.push_str(&escaped);
                    true
                }
                '.' => {
                    self.out.push_str(r"[^\n\r]");
                    true
                }
                '^' | '$' => {
                    self.out.push(c);
                    false
                }
                _ => {
                    self.literal(c);
                    true
                }
            };
            repeatable = after;
        }
        if open > 0 {
            return Err(Refused::new("`(` is not closed"));
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.out
            .push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    fn quantifier(&mut self, sign: char, repeatable: bool) -> Result<(), Refused> {
        if !repeatable {
            return Err(Refused::new(format!("`{sign}` repeats nothing"))
                .hint(r"itself it is `\\*`; there are no lazy or possessive repetitions"));
        }
        self.out.push(sign);
        if sign != '{' {
            return Ok(());
        }
        let mut bounds = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) if c.is_ascii_digit() || c == ',' => bounds.push(c),
                _ => {
                    return Err(
                        Refused::new("`{` begins no repetition").hint(r"itself it is `\\{`")
                    );
                }
            }
        }
        let (least, most) = match bounds.split_once(',') {
            Some((least, "")) => (least.parse().ok(), Some(u32::MAX)),
            Some((least, most)) => (least.parse().ok(), most.parse::<u32>().ok()),
            None => (bounds.parse::<u32>().ok(), bounds.parse().ok()),
        };
        match (least, most) {
            (Some(least), Some(most)) if least <= most => {
                self.out.push_str(&bounds);
                self.out.push('}');
                Ok(())
            }
            _ => Err(Refused::new(format!("`{{{bounds}}}` is no repetition"))
                .hint("write `{2}`, `{2,}` or `{2,5}`")),
        }
    }

    /// What a backslash and its character mean, written out; the backslash is read.
    fn escaped(&mut self) -> Result<String, Refused> {
        let Some(c) = self.rest.next() else {
            return Err(Refused::new("a backslash ends the regular expression"));
        };
        match c {
            'n' | 'r' | 't' => Ok(format!("\\{c}")),
            'p' | 'P' => self.category(c),
            '(' | ')' | '*' | '+' | '-' | '.' | '?' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' => {
                Ok(format!("\\{c}"))
            }
            _ => {
                let refused = Refused::new(format!("`\\{c}` is no escape of an I-Regexp"));
                let known = FOREIGN_ESCAPES.iter().find(|(foreign, _)| *foreign == c);
                Err(match known {
                    Some((_, hint)) => refused.hint(hint),
                    None => refused.hint("only what has a meaning of its own is escaped"),
                })
            }
        }
    }

    fn category(&mut self, sign: char) -> Result<String, Refused> {
        let mut name = String::new();
        let braced = self.rest.next() == Some('{');
        while braced && let Some(c) = self.rest.next_if(|c| *c != '}' && name.len() < 3) {
            name.push(c);
        }
        if braced && self.rest.next() == Some('}') && CATEGORIES.contains(&name.as_str()) {
            return Ok(format!("\\{sign}{{{name}}}"));
        }
        Err(
            Refused::new(format!("`\\{sign}{{{name}` names no category of Unicode"))
                .hint(r"write `\\p{L}` for letters, `\\p{Nd}` for digits, `\\p{Lu}` for capitals"),
        )
    }

    /// A class in brackets; `[` is read.
    fn class(&mut self) -> Result<(), Refused> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self
                .rest
                .next()
                .ok_or_else(|| Refused::new("`[` is not closed"))?;
            match c {
                ']' if !is_first => break,
                // First or last it means itself.
                '-' if is_first || self.rest.peek() == Some(&']') => self.out.push_str(r"\-"),
                _ => self.class_item(c)?,
            }
            is_first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// A character of a class, a range, or a category.
    fn class_item(&mut self, first: char) -> Result<(), Refused> {
        if first == '\\' && self.rest.peek().is_some_and(|c| matches!(c, 'p' | 'P')) {
            let category = self.escaped()?;
            self.out.push_str(&category);
            return Ok(());
        }
        let from = self.class_character(first)?;
        let mut ahead = self.rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']');
        if !is_range {
            return Ok(());
        }
        self.rest.next();
        self.out.push('-');
        let last = self.rest.next().unwrap_or('-');
        let to = self.class_character(last)?;
        if from > to {
            return Err(Refused::new(format!("the range `{from}-{to}` is empty")));
        }
        Ok(())
    }

    /// Writes one character of a class, and gives back which.
    fn class_character(&mut self, c: char) -> Result<char, Refused> {
        let meant = match c {
            '\\' => {
                let escaped = self.escaped()?;
                match escaped.as_str() {
                    r"\n" => '\n',
                    r"\r" => '\r',
                    r"\t" => '\t',
                    other if other.len() == 2 => other.chars().next_back().unwrap_or(c),
                    _ => {
                        return Err(Refused::new("a category of Unicode ends no range"));
                    }
                }
            }
            '-' | '[' | ']' => {
                return Err(Refused::new(format!("`{c}` stands in brackets"))
                    .hint(r"there it is written `\\-`, `\\[`, `\\]`"));
            }
            other => other,
        };
        // By its number, as `&&`, `--` and `~~` would be operations on sets.
        self.out.push_str(&format!("\\x{{{:x}}}", u32::from(meant)));
        Ok(meant)
    }
}
