//! What an expression refers to, found without evaluating it.

use super::lexer::{Kind, Piece, Token};
use super::translate::{is_dot, is_key};
use crate::event::Name;
use std::ops::Range;

/// What an expression refers to, found without evaluating it. Ranges are bytes of its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// Variables that are read.
    pub reads: Vec<Read>,
    /// Functions that are called.
    pub calls: Vec<Call>,
    /// Members that are looked up, from a variable on.
    pub paths: Vec<Path>,
    /// Variables that are assigned to, which is an error: a task's variables are constants to scripts.
    pub(super) assigned: Vec<Read>,
    /// The names of functions that the script itself declares.
    pub(super) declared: Vec<Name>,
}

impl Lint {
    /// The variables that are read, each once.
    pub(super) fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for read in &self.reads {
            if !names.contains(&read.name) {
                names.push(read.name.clone());
            }
        }
        names
    }
}

/// A variable that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub name: Name,
    /// Where.
    pub at: Range<usize>,
}

/// A function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The script module before `::`.
    pub module: Option<Name>,
    /// The function.
    pub name: Name,
    /// How many arguments it is given, the one before the dot included.
    pub args: usize,
    /// Whether it was called as `value.name(…)`.
    pub method: bool,
    /// Where its name stands.
    pub at: Range<usize>,
}

/// A chain of members from a variable on: `res.body.status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The variable.
    pub root: Name,
    /// The members; an index that is a literal stands here as its text.
    pub members: Vec<Name>,
    /// Where.
    pub at: Range<usize>,
}

/// Looks through tokens, with the names that the script itself declares kept apart.
pub(super) fn lint(tokens: &[Token]) -> Lint {
    let mut scan = Scan::default();
    scan.tokens(tokens);
    scan.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    Bracket,
    /// The body of a closure that is one expression: ends at a comma, semicolon or closing bracket.
    Closure,
}

struct Frame<'t> {
    opened: Opened,
    names: Vec<&'t str>,
    /// Declared by a `let` that has not ended yet.
    pending: Vec<&'t str>,
}

struct Scan<'t> {
    out: Lint,
    frames: Vec<Frame<'t>>,
    /// Names for the next block: of a `for`, `fn` or `catch`.
    next_block: Vec<&'t str>,
}

impl Default for Scan<'_> {
    fn default() -> Self {
        Self {
            out: Lint::default(),
            frames: vec![Frame {
                opened: Opened::Bracket,
                names: Vec::new(),
                pending: Vec::new(),
            }],
            next_block: Vec::new(),
        }
    }
}

impl<'t> Scan<'t> {
    fn tokens(&mut self, tokens: &'t [Token]) {
        let mut index = 0;
        while index < tokens.len() {
            index = match &tokens[index].kind {
                Kind::Symbol(symbol) => self.symbol(symbol, tokens, index),
                Kind::Word(word) => self.word(word, tokens, index),
                Kind::Interpolated(pieces) => {
                    self.pieces(pieces);
                    index + 1
                }
                _ => index + 1,
            };
        }
    }

    fn pieces(&mut self, pieces: &'t [Piece]) {
        for piece in pieces {
            if let Piece::Code(tokens, _) = piece {
                self.open(Opened::Bracket, Vec::new());
                self.tokens(tokens);
                self.close();
            }
        }
    }

    fn open(&mut self, opened: Opened, names: Vec<&'t str>) {
        self.frames.push(Frame {
            opened,
            names,
            pending: Vec::new(),
        });
    }

    fn end_closures(&mut self) {
        while self
            .frames
            .last()
            .is_some_and(|frame| frame.opened == Opened::Closure)
        {
            self.frames.pop();
        }
    }

    fn close(&mut self) {
        self.end_closures();
        if self.frames.len() > 1 {
            self.frames.pop();
        }
    }

    fn symbol(&mut self, symbol: &str, tokens: &'t [Token], index: usize) -> usize {
        let operand = index
            .checked_sub(1)
            .is_some_and(|before| tokens[before].ends_operand());
        match symbol {
            "{" => {
                let names = std::mem::take(&mut self.next_block);
                self.open(Opened::Bracket, names);
            }
            "#{" | "(" | "[" | "?[" => self.open(Opened::Bracket, Vec::new()),
            "}" | ")" | "]" => self.close(),
            "," => self.end_closures(),
            ";" => {
                self.end_closures();
                if let Some(frame) = self.frames.last_mut() {
                    frame.names.append(&mut frame.pending);
                }
            }
            "||" if !operand => self.open(Opened::Closure, Vec::new()),
            "|" if !operand => {
                let (names, after) = names_until(tokens, index + 1, |token| token.is("|"));
                self.open(Opened::Closure, names);
                return after;
            }
            _ => {}
        }
        index + 1
    }

    fn word(&mut self, word: &'t str, tokens: &'t [Token], index: usize) -> usize {
        let previous = index.checked_sub(1).map(|index| &tokens[index]);
        let next = tokens.get(index + 1);
        let member = previous.is_some_and(is_dot);
        if next.is_some_and(|next| next.is("(")) && !is_keyword(word) {
            self.call(word, tokens, index, member);
            return index + 1;
        }
        let of_module = previous.is_some_and(|previous| previous.is("::"));
        if member || of_module || is_key(previous, next) || next.is_some_and(|next| next.is("::")) {
            return index + 1;
        }
        match word {
            "let" | "const" => {
                if let (Some(name), Some(frame)) =
                    (next.and_then(Token::word), self.frames.last_mut())
                {
                    frame.pending.push(name);
                }
                return index + 2;
            }
            "for" => {
                let (names, after) = names_until(tokens, index + 1, |token| token.is_word("in"));
                self.next_block = names;
                return after;
            }
            "fn" => {
                let (mut names, after) = names_until(tokens, index + 1, |token| token.is(")"));
                if !names.is_empty() {
                    self.out.declared.push(names.remove(0).into());
                }
                self.next_block = names;
                return after;
            }
            "catch" => {
                if next.is_some_and(|next| next.is("(")) {
                    let (names, after) = names_until(tokens, index + 2, |token| token.is(")"));
                    self.next_block = names;
                    return after;
                }
            }
            _ if is_keyword(word) => {}
            _ if self.knows(word) => {}
            _ => self.read(word, tokens, index),
        }
        index + 1
    }

    fn knows(&self, name: &str) -> bool {
        self.frames.iter().any(|frame| frame.names.contains(&name))
    }

    fn read(&mut self, name: &str, tokens: &'t [Token], index: usize) {
        let at = tokens[index].at.clone();
        let name: Name = name.into();
        self.out.reads.push(Read {
            name: name.clone(),
            at: at.clone(),
        });
        let (members, after) = path(tokens, index + 1);
        let end = tokens[after - 1].at.end;
        if tokens.get(after).is_some_and(is_assignment) {
            self.out.assigned.push(Read {
                name: name.clone(),
                at: at.start..end,
            });
        }
        if !members.is_empty() {
            self.out.paths.push(Path {
                root: name,
                members,
                at: at.start..end,
            });
        }
    }

    fn call(&mut self, name: &str, tokens: &'t [Token], index: usize, method: bool) {
        let module = (index >= 2 && tokens[index - 1].is("::"))
            .then(|| tokens[index - 2].word().map(Name::from))
            .flatten();
        if module.is_none() && self.knows(name) {
            return;
        }
        self.out.calls.push(Call {
            module,
            name: name.into(),
            args: arguments(tokens, index + 1) + usize::from(method),
            method,
            at: tokens[index].at.clone(),
        });
    }
}

/// The words up to a token, and the index after it.
fn names_until(tokens: &[Token], from: usize, end: impl Fn(&Token) -> bool) -> (Vec<&str>, usize) {
    let len = tokens[from..]
        .iter()
        .position(end)
        .unwrap_or(tokens.len() - from);
    let names = tokens[from..from + len]
        .iter()
        .filter_map(Token::word)
        .collect();
    (names, (from + len + 1).min(tokens.len()))
}

/// The members that follow a variable, and the index of the first token behind them.
fn path(tokens: &[Token], from: usize) -> (Vec<Name>, usize) {
    let mut members = Vec::new();
    let mut index = from;
    loop {
        match (
            tokens.get(index),
            tokens.get(index + 1),
            tokens.get(index + 2),
        ) {
            (Some(dot), Some(member), next)
                if is_dot(dot) && !next.is_some_and(|next| next.is("(")) =>
            {
                let Some(word) = member.word() else { break };
                members.push(word.into());
                index += 2;
            }
            (Some(open), Some(key), Some(close))
                if (open.is("[") || open.is("?[")) && close.is("]") =>
            {
                match &key.kind {
                    Kind::Int(value) => members.push(value.to_string().into()),
                    Kind::Text(text) => members.push(text.as_str().into()),
                    _ => break,
                }
                index += 3;
            }
            _ => break,
        }
    }
    (members, index)
}

/// How many arguments stand in the brackets that open at `open`.
fn arguments(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    let mut count = 0;
    let mut index = open;
    while let Some(token) = tokens.get(index) {
        let operand = index > 0 && tokens[index - 1].ends_operand();
        match &token.kind {
            Kind::Symbol("(" | "[" | "{" | "#{" | "?[") => depth += 1,
            Kind::Symbol(")" | "]" | "}") => {
                depth -= 1;
                if depth == 0 {
                    // A comma may stand behind the last argument.
                    let trailing = tokens[index - 1].is(",");
                    return if index == open + 1 {
                        0
                    } else {
                        count + usize::from(!trailing)
                    };
                }
            }
            Kind::Symbol(",") if depth == 1 => count += 1,
            Kind::Symbol("|") if !operand => {
                index = names_until(tokens, index + 1, |token| token.is("|")).1;
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    count
}

fn is_assignment(token: &Token) -> bool {
    matches!(
        token.kind,
        Kind::Symbol(
            "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "**=" | "<<=" | ">>=" | "&=" | "|=" | "^="
        )
    )
}

/// Words that are never the name of a variable.
pub(super) fn is_keyword(word: &str) -> bool {
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
