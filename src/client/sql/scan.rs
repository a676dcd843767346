//! Tells where values stand in SQL, and splits that of PostgreSQL into statements. (SQLite splits its own.)

use crate::event::Failure;

/// Which database reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// One statement of a text.
#[derive(Debug, Default)]
pub(super) struct ScannedStatement {
    pub(super) verb: String,
    pub(super) returning: bool,
    /// Byte offsets: where it begins, and where its `;` ends.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it copies to or from the terminal (`COPY … FROM STDIN`).
    terminal: bool,
}

impl ScannedStatement {
    /// Whether it begins or ends a transaction.
    pub(super) fn is_control(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE"
        )
    }

    /// Refuses what would need a terminal.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.verb == "COPY" && self.terminal {
            return Err(
                Failure::protocol("COPY with data in the text itself is not supported")
                    .hint("write INSERT statements (`pg_dump --inserts` does)"),
            );
        }
        Ok(())
    }
}

/// What stands before a word, as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Previous {
    Begin,
    /// A `;` inside of a body.
    Semicolon,
    Other,
}

/// What the characters belong to.
#[derive(Clone, Debug, PartialEq)]
enum ScanState {
    Code,
    /// `'…'`, with backslash escapes (`E'…'`) or without.
    Text {
        escapes: bool,
    },
    /// `"…"`, `` `…` `` or `[…]`: a quoted name and the character that ends it.
    Name(char),
    /// `-- …`
    Line,
    /// `/* … */`, and how deep it is nested.
    Block(u32),
    /// `$tag$ … $tag$`
    Dollar(String),
}

/// Splits SQL into statements, as far as is needed to tell where values and `;` stand.
pub(super) struct Scan {
    dialect: Dialect,
    /// Whether the text may hold placeholders of its own.
    pub(super) placeholders: bool,
    state: ScanState,
    /// The character before the present one, inside code.
    before: char,
    offset: usize,
    current: Option<ScannedStatement>,
    /// Inside the body of a function (`BEGIN ATOMIC … END`), where `;` does not end the statement.
    body: bool,
    previous: Previous,
    done: Vec<ScannedStatement>,
}

/// Whether the character can be part of a name.
pub(super) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

impl Scan {
    /// At the beginning of a text.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            placeholders: false,
            state: ScanState::Code,
            before: ' ',
            offset: 0,
            current: None,
            body: false,
            previous: Previous::Other,
            done: Vec::new(),
        }
    }

    /// Reads on.
    pub(super) fn feed(&mut self, text: &str) -> Result<(), Failure> {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let used = match self.state.clone() {
                ScanState::Code => self.code(rest, character)?,
                ScanState::Text { escapes } => self.text(rest, escapes),
                ScanState::Name(end) => self.name(rest, character, end),
                ScanState::Line => {
                    if character == '\n' {
                        self.state = ScanState::Code;
                    }
                    character.len_utf8()
                }
                ScanState::Block(depth) => self.block(rest, character, depth),
                ScanState::Dollar(tag) => {
                    // Everything up to the closing tag at once.
                    match rest.find(&tag) {
                        Some(at) => {
                            self.state = ScanState::Code;
                            at + tag.len()
                        }
                        None => rest.len(),
                    }
                }
            };
            self.offset += used;
            rest = &rest[used..];
        }
        Ok(())
    }

    fn text(&mut self, rest: &str, escapes: bool) -> usize {
        if escapes && rest.starts_with('\\') {
            return 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        }
        if rest.starts_with("''") {
            return 2;
        }
        if rest.starts_with('\'') {
            self.state = ScanState::Code;
            return 1;
        }
        rest.chars().next().map_or(0, char::len_utf8)
    }

    fn name(&mut self, rest: &str, character: char, end: char) -> usize {
        if character == end {
            // Doubled, the sign stands for itself; not so `]`.
            if end != ']' && rest[1..].starts_with(end) {
                return 2;
            }
            self.state = ScanState::Code;
        }
        character.len_utf8()
    }

    fn block(&mut self, rest: &str, character: char, depth: u32) -> usize {
        if rest.starts_with("*/") {
            self.state = if depth > 1 {
                ScanState::Block(depth - 1)
            } else {
                ScanState::Code
            };
            return 2;
        }
        if self.dialect == Dialect::Postgres && rest.starts_with("/*") {
            self.state = ScanState::Block(depth + 1);
            return 2;
        }
        character.len_utf8()
    }

    /// One token of code; returns its length.
    fn code(&mut self, rest: &str, character: char) -> Result<usize, Failure> {
        let before = std::mem::replace(&mut self.before, character);
        if rest.starts_with("--") {
            self.state = ScanState::Line;
            return Ok(2);
        }
        if rest.starts_with("/*") {
            self.state = ScanState::Block(1);
            return Ok(2);
        }
        if character.is_whitespace() {
            return Ok(character.len_utf8());
        }
        if character == ';' {
            self.semicolon();
            return Ok(1);
        }
        self.begin();
        let postgres = self.dialect == Dialect::Postgres;
        match character {
            '\'' => {
                let escapes = postgres && before == 'E';
                self.state = ScanState::Text { escapes };
            }
            '"' => self.state = ScanState::Name('"'),
            '`' if !postgres => self.state = ScanState::Name('`'),
            '[' if !postgres => self.state = ScanState::Name(']'),
            '$' if postgres && !is_name(before) => {
                if let Some(tag) = dollar_tag(rest) {
                    self.state = ScanState::Dollar(tag.to_owned());
                    return Ok(tag.len());
                }
                if rest[1..].starts_with(|digit: char| digit.is_ascii_digit()) {
                    self.placeholder(rest)?;
                }
            }
            '?' | ':' | '@' | '$' if !postgres => self.placeholder(rest)?,
            _ if is_name(character) => {
                let end = rest
                    .find(|character: char| !is_name(character) && character != '$')
                    .unwrap_or(rest.len());
                let word = &rest[..end];
                // An `E` alone makes the quotes after it `E'…'`.
                self.before = match word {
                    "e" | "E" => 'E',
                    _ => 'x',
                };
                self.word(word);
                return Ok(end);
            }
            _ => {}
        }
        Ok(character.len_utf8())
    }

    fn placeholder(&self, rest: &str) -> Result<(), Failure> {
        if self.placeholders {
            return Ok(());
        }
        let end = rest[1..]
            .find(|character: char| !is_name(character))
            .map_or(rest.len(), |at| at + 1);
        Err(
            Failure::protocol(format!("the placeholder `{}` has no value", &rest[..end]))
                .hint("write ${expression} in its place: it is bound as a parameter"),
        )
    }

    fn begin(&mut self) {
        let start = self.offset;
        self.current.get_or_insert_with(|| ScannedStatement {
            start,
            ..ScannedStatement::default()
        });
    }

    fn word(&mut self, word: &str) {
        let previous = std::mem::replace(&mut self.previous, Previous::Other);
        let Some(found) = &mut self.current else {
            return;
        };
        if found.verb.is_empty() {
            found.verb = word.to_ascii_uppercase();
            return;
        }
        match word.to_ascii_uppercase().as_str() {
            "BEGIN" => self.previous = Previous::Begin,
            "ATOMIC" if previous == Previous::Begin && found.verb == "CREATE" => self.body = true,
            "END" if self.body && previous == Previous::Semicolon => self.body = false,
            "RETURNING" => found.returning = true,
            "STDIN" | "STDOUT" => found.terminal = true,
            _ => {}
        }
    }

    fn semicolon(&mut self) {
        if self.body {
            self.previous = Previous::Semicolon;
            return;
        }
        if let Some(mut found) = self.current.take() {
            found.end = self.offset + 1;
            self.done.push(found);
        }
    }

    /// A value stands here, before this character.
    pub(super) fn value(&mut self, number: usize, next: Option<char>) -> Result<(), Failure> {
        let place = match &self.state {
            ScanState::Code => {
                if is_name(self.before) || next.is_some_and(is_name) {
                    return Err(Failure::protocol(format!(
                        "the `${{…}}` number {number} stands inside a word"
                    ))
                    .hint("only whole values can be parameters, no names and no parts of a word"));
                }
                self.begin();
                self.before = ')';
                return Ok(());
            }
            ScanState::Text { .. } | ScanState::Dollar(_) => "quotes",
            ScanState::Name(_) => {
                return Err(Failure::protocol(format!(
                    "the `${{…}}` number {number} stands in a quoted name"
                ))
                .hint("only values can be parameters, names of tables and columns cannot"));
            }
            ScanState::Line | ScanState::Block(_) => "a comment",
        };
        Err(
            Failure::protocol(format!("the `${{…}}` number {number} stands in {place}"))
                .hint("it is bound as a parameter: write it without quotes, as in name = ${name}"),
        )
    }

    /// The statements of the whole text.
    pub(super) fn finish(mut self) -> Vec<ScannedStatement> {
        if let Some(mut found) = self.current.take() {
            found.end = self.offset;
            self.done.push(found);
        }
        self.done
    }
}

/// `$$` or `$tag$` at the beginning of the text.
fn dollar_tag(rest: &str) -> Option<&str> {
    let end = rest[1..].find('$')? + 1;
    let tag = &rest[1..end];
    let right = tag.chars().all(is_name) && !tag.starts_with(|first: char| first.is_ascii_digit());
    right.then(|| &rest[..=end])
}
