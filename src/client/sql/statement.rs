use crate::client::contract::Template;
use crate::event::{Failure, Json};
use std::fmt::Write as _;

/// Which database reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// One statement with its parameters.
#[derive(Debug, PartialEq)]
pub(super) struct Statement {
    dialect: Dialect,
    texts: Vec<String>,
    /// What is bound, in order.
    pub(super) values: Vec<Json>,
    /// Its first word, in capitals.
    pub(super) verb: String,
    /// Whether it hands back the rows that it changes.
    pub(super) returning: bool,
}

impl Statement {
    /// Checks that the template is one statement, and that its values stand where a parameter can.
    ///
    /// # Errors
    /// When it is not, with how to write it.
    pub(super) fn read(
        template: Template,
        dialect: Dialect,
        everything: bool,
    ) -> Result<Self, Failure> {
        let Template { texts, values } = template;
        if texts.len() != values.len() + 1 {
            return Err(Failure::protocol(
                "a statement needs one text more than values",
            ));
        }
        let mut scan = Scan::new(dialect);
        for (index, text) in texts.iter().enumerate() {
            check_bytes(text)?;
            scan.feed(text)?;
            if index < values.len() {
                let next = texts[index + 1].chars().next();
                scan.value(index + 1, next)?;
            }
        }
        let statements = scan.finish();
        let [first] = &statements[..] else {
            return Err(match statements.len() {
                0 => Failure::protocol("the statement is empty"),
                count => {
                    Failure::protocol(format!("{count} statements are written where one is due"))
                        .hint("`transaction: […]` takes several, `fixture: FILE` a whole file")
                }
            });
        };
        first.check(everything)?;
        if first.is_control() {
            return Err(Failure::protocol(format!(
                "{} does not hold from one request to the next",
                first.verb
            ))
            .hint("`transaction: [STATEMENT, …]` runs statements all or nothing"));
        }
        Ok(Self {
            dialect,
            verb: first.verb.clone(),
            returning: first.returning,
            texts,
            values,
        })
    }

    /// The text with a numbered placeholder for each value.
    pub(super) fn numbered(&self) -> String {
        let sign = match self.dialect {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        self.filled(|sql, number| {
            let _ = write!(sql, "{sign}{number}");
        })
    }

    /// The text with placeholders that turn a text into a value of each parameter's type.
    pub(super) fn cast(&self, types: &[String]) -> String {
        self.filled(|sql, number| {
            let _ = match types.get(number - 1) {
                Some(name) => write!(sql, "(CAST(${number} AS {name}))"),
                None => write!(sql, "${number}"),
            };
        })
    }

    fn filled(&self, placeholder: impl Fn(&mut String, usize)) -> String {
        let mut sql = String::new();
        for (index, text) in self.texts.iter().enumerate() {
            if index > 0 {
                placeholder(&mut sql, index);
            }
            sql.push_str(text);
        }
        sql
    }
}

/// A file of statements, ready to run inside a transaction: a `BEGIN` and a `COMMIT` around them, as dumps
/// have, are left out.
///
/// # Errors
/// When it is empty, controls transactions in another way, or reads data from the terminal.
pub(super) fn fixture(
    text: &str,
    dialect: Dialect,
    everything: bool,
) -> Result<(String, usize), Failure> {
    let mut scan = Scan::new(dialect);
    scan.placeholders = true;
    check_bytes(text)?;
    scan.feed(text)?;
    let statements = scan.finish();
    for statement in &statements {
        statement.check(everything)?;
    }
    let control: Vec<_> = statements
        .iter()
        .filter(|statement| statement.is_control())
        .collect();
    let wrapped = match &control[..] {
        [begin, commit] => {
            matches!(begin.verb.as_str(), "BEGIN" | "START")
                && matches!(commit.verb.as_str(), "COMMIT" | "END")
        }
        _ => false,
    };
    if !control.is_empty() && !wrapped {
        return Err(Failure::protocol(format!(
            "the fixture controls transactions itself ({})",
            control[0].verb
        ))
        .hint("a fixture runs in one transaction, all or nothing: leave BEGIN and COMMIT out"));
    }
    let count = statements.len() - control.len();
    if count == 0 {
        return Err(Failure::protocol("the fixture holds no statement"));
    }
    let mut sql = text.to_owned();
    for statement in control.iter().rev() {
        sql.replace_range(statement.start..statement.end, "");
    }
    Ok((sql, count))
}

/// The protocols of databases end a text at a zero byte.
fn check_bytes(text: &str) -> Result<(), Failure> {
    if text.contains('\0') {
        return Err(Failure::protocol("the statement holds a zero byte"));
    }
    Ok(())
}

/// One statement of a text.
#[derive(Debug, Default)]
struct Found {
    verb: String,
    returning: bool,
    /// Byte offsets: where it begins, and where its `;` ends.
    start: usize,
    end: usize,
    /// Whether it copies to or from the terminal (`COPY … FROM STDIN`).
    terminal: bool,
    into: bool,
    dialect: Option<Dialect>,
}

impl Found {
    fn is_control(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE"
        )
    }

    fn check(&self, everything: bool) -> Result<(), Failure> {
        if self.verb == "COPY" && self.terminal {
            return Err(
                Failure::protocol("COPY with data in the text itself is not supported")
                    .hint("write INSERT statements (`pg_dump --inserts` does)"),
            );
        }
        let opens = self.verb == "ATTACH" || (self.verb == "VACUUM" && self.into);
        if self.dialect == Some(Dialect::Sqlite) && opens && !everything {
            return Err(Failure::protocol(format!(
                "the task may not open another database file ({})",
                self.verb
            ))
            .hint("configure a client for it, or allow everything with --allow-all"));
        }
        Ok(())
    }
}

/// What the characters belong to.
#[derive(Clone, Debug, PartialEq)]
enum State {
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
struct Scan {
    dialect: Dialect,
    /// Whether the text may hold placeholders of its own.
    placeholders: bool,
    state: State,
    /// The character before the present one, inside code.
    before: char,
    offset: usize,
    current: Option<Found>,
    /// Inside the body of a trigger or function, where `;` does not end the statement.
    body: bool,
    after_semicolon: bool,
    done: Vec<Found>,
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

impl Scan {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            placeholders: false,
            state: State::Code,
            before: ' ',
            offset: 0,
            current: None,
            body: false,
            after_semicolon: false,
            done: Vec::new(),
        }
    }

    fn feed(&mut self, text: &str) -> Result<(), Failure> {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let used = match self.state.clone() {
                State::Code => self.code(rest, character)?,
                State::Text { escapes } => self.text(rest, escapes),
                State::Name(end) => self.name(rest, character, end),
                State::Line => {
                    if character == '\n' {
                        self.state = State::Code;
                    }
                    character.len_utf8()
                }
                State::Block(depth) => self.block(rest, character, depth),
                State::Dollar(tag) => {
                    // Everything up to the closing tag at once.
                    match rest.find(&tag) {
                        Some(at) => {
                            self.state = State::Code;
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
            self.state = State::Code;
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
            self.state = State::Code;
        }
        character.len_utf8()
    }

    fn block(&mut self, rest: &str, character: char, depth: u32) -> usize {
        if rest.starts_with("*/") {
            self.state = if depth > 1 {
                State::Block(depth - 1)
            } else {
                State::Code
            };
            return 2;
        }
        if self.dialect == Dialect::Postgres && rest.starts_with("/*") {
            self.state = State::Block(depth + 1);
            return 2;
        }
        character.len_utf8()
    }

    /// One token of code; returns its length.
    fn code(&mut self, rest: &str, character: char) -> Result<usize, Failure> {
        let before = std::mem::replace(&mut self.before, character);
        if rest.starts_with("--") {
            self.state = State::Line;
            return Ok(2);
        }
        if rest.starts_with("/*") {
            self.state = State::Block(1);
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
                self.state = State::Text { escapes };
            }
            '"' => self.state = State::Name('"'),
            '`' if !postgres => self.state = State::Name('`'),
            '[' if !postgres => self.state = State::Name(']'),
            '$' if postgres && !is_name(before) => {
                if let Some(tag) = dollar_tag(rest) {
                    self.state = State::Dollar(tag.to_owned());
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
        let (start, dialect) = (self.offset, self.dialect);
        self.current.get_or_insert_with(|| Found {
            start,
            dialect: Some(dialect),
            ..Found::default()
        });
    }

    fn word(&mut self, word: &str) {
        let after_semicolon = std::mem::take(&mut self.after_semicolon);
        let Some(found) = &mut self.current else {
            return;
        };
        if found.verb.is_empty() {
            found.verb = word.to_ascii_uppercase();
            return;
        }
        match word.to_ascii_uppercase().as_str() {
            "BEGIN" if found.verb == "CREATE" => self.body = true,
            "END" if self.body && after_semicolon => self.body = false,
            "RETURNING" => found.returning = true,
            "STDIN" | "STDOUT" => found.terminal = true,
            "INTO" => found.into = true,
            _ => {}
        }
    }

    fn semicolon(&mut self) {
        if self.body {
            self.after_semicolon = true;
            return;
        }
        if let Some(mut found) = self.current.take() {
            found.end = self.offset + 1;
            self.done.push(found);
        }
    }

    /// A value stands here, before this character.
    fn value(&mut self, number: usize, next: Option<char>) -> Result<(), Failure> {
        let place = match &self.state {
            State::Code => {
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
            State::Text { .. } | State::Dollar(_) => "quotes",
            State::Name(_) => {
                return Err(Failure::protocol(format!(
                    "the `${{…}}` number {number} stands in a quoted name"
                ))
                .hint("only values can be parameters, names of tables and columns cannot"));
            }
            State::Line | State::Block(_) => "a comment",
        };
        Err(
            Failure::protocol(format!("the `${{…}}` number {number} stands in {place}"))
                .hint("it is bound as a parameter: write it without quotes, as in name = ${name}"),
        )
    }

    fn finish(mut self) -> Vec<Found> {
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

const READS: [&str; 7] = [
    "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "PRAGMA",
];

/// The first word in capitals, and whether the statement only reads, as far as its words tell.
pub(super) fn reads(text: &str) -> (String, bool) {
    let mut words = text
        .split(|character: char| !is_name(character))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase);
    let first = words.next().unwrap_or_default();
    let reads = READS.contains(&first.as_str())
        && !words.any(|word| {
            matches!(
                word.as_str(),
                "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "REPLACE" | "INTO"
            )
        });
    (first, reads)
}

/// Whether a statement that begins with this word belongs to `query`.
pub(super) fn is_query(verb: &str) -> bool {
    READS.contains(&verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(texts: &[&str], dialect: Dialect) -> Result<Statement, String> {
        let template = Template {
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
            values: vec![json!(1); texts.len() - 1],
        };
        Statement::read(template, dialect, false).map_err(|failure| failure.message)
    }

    fn postgres(texts: &[&str]) -> Result<Statement, String> {
        read(texts, Dialect::Postgres)
    }

    fn sqlite(texts: &[&str]) -> Result<Statement, String> {
        read(texts, Dialect::Sqlite)
    }

    #[test]
    fn values_become_placeholders() {
        let statement = postgres(&["SELECT * FROM a WHERE b = ", " AND c > ", ";"]).unwrap();
        assert_eq!(
            statement.numbered(),
            "SELECT * FROM a WHERE b = $1 AND c > $2;"
        );
        assert_eq!(
            statement.cast(&["int4".into(), "uuid".into()]),
            "SELECT * FROM a WHERE b = (CAST($1 AS int4)) AND c > (CAST($2 AS uuid));"
        );
        assert_eq!(statement.verb, "SELECT");
        let statement = sqlite(&["insert into a values (", ", ", ") returning id"]).unwrap();
        assert_eq!(
            statement.numbered(),
            "insert into a values (?1, ?2) returning id"
        );
        assert_eq!(statement.verb, "INSERT");
        assert!(statement.returning);
    }

    #[test]
    fn a_value_between_quotes_is_refused() {
        for texts in [
            ["SELECT '", "'"],
            ["SELECT 'it''s ", "'"],
            ["SELECT E'\\' ", "'"],
            ["SELECT $$ ", " $$"],
            ["SELECT $a$ $$ ", " $a$"],
        ] {
            assert_eq!(
                postgres(&texts).unwrap_err(),
                "the `${…}` number 1 stands in quotes",
                "{texts:?}"
            );
        }
        for texts in [["SELECT 1 -- ", ""], ["SELECT /* /* */ ", " */ 1"]] {
            assert_eq!(
                postgres(&texts).unwrap_err(),
                "the `${…}` number 1 stands in a comment",
                "{texts:?}"
            );
        }
        assert!(
            postgres(&["SELECT * FROM \"", "\""])
                .unwrap_err()
                .contains("quoted name")
        );
        assert!(
            sqlite(&["SELECT * FROM [", "]"])
                .unwrap_err()
                .contains("quoted name")
        );
        assert!(
            sqlite(&["SELECT * FROM `", "`"])
                .unwrap_err()
                .contains("quoted name")
        );
        assert!(
            postgres(&["SELECT * FROM t", ""])
                .unwrap_err()
                .contains("inside a word")
        );
        assert!(
            postgres(&["SELECT ", "0"])
                .unwrap_err()
                .contains("inside a word")
        );
    }

    #[test]
    fn what_only_looks_like_quotes_is_none() {
        for texts in [
            ["SELECT 'it''s', ", ""],
            ["SELECT '\\', ", ""],
            ["SELECT E'\\'', ", ""],
            ["SELECT $$ ' $$, ", ""],
            ["SELECT 1 -- '\n, ", ""],
            ["SELECT /* ' /* */ */ ", ""],
            ["SELECT a[", "]"],
            ["SELECT a.b$c, \"x'y\", ", ""],
            ["SELECT (", ")::text"],
            ["SELECT a->>'k' ? ", ""],
            ["SELECT date'\\', ", ""],
        ] {
            assert!(postgres(&texts).is_ok(), "{texts:?}");
        }
        assert!(sqlite(&["SELECT [it's], `a'b`, ", ""]).is_ok());
        assert!(sqlite(&["SELECT '\\', ", ""]).is_ok());
    }

    #[test]
    fn placeholders_without_a_value_are_refused() {
        assert_eq!(
            postgres(&["SELECT $1"]).unwrap_err(),
            "the placeholder `$1` has no value"
        );
        for text in [
            "SELECT ?",
            "SELECT ?1",
            "SELECT :id",
            "SELECT @id",
            "SELECT $id",
        ] {
            assert!(
                sqlite(&[text]).unwrap_err().contains("placeholder"),
                "{text}"
            );
        }
        assert!(postgres(&["SELECT a::text, b[1:2], a @> b, '$1'"]).is_ok());
    }

    #[test]
    fn one_statement_is_due() {
        assert_eq!(postgres(&["  "]).unwrap_err(), "the statement is empty");
        assert!(postgres(&["SELECT 1\0"]).unwrap_err().contains("zero byte"));
        assert_eq!(
            postgres(&["SELECT 1; SELECT 2"]).unwrap_err(),
            "2 statements are written where one is due"
        );
        assert!(postgres(&["SELECT ';' ; -- end"]).is_ok());
        assert!(
            sqlite(&[
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET x = CASE WHEN 1 THEN 2 END; DELETE FROM c; END"
            ])
            .is_ok()
        );
        assert!(
            postgres(&["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;"])
                .is_ok()
        );
    }

    #[test]
    fn transactions_and_other_files_are_refused() {
        for text in [
            "BEGIN",
            "start transaction",
            "COMMIT",
            "rollback",
            "SAVEPOINT a",
        ] {
            assert!(
                postgres(&[text]).unwrap_err().contains("from one request"),
                "{text}"
            );
        }
        assert!(
            sqlite(&["ATTACH '/etc/x' AS x"])
                .unwrap_err()
                .contains("may not")
        );
        assert!(
            sqlite(&["VACUUM INTO '/tmp/x'"])
                .unwrap_err()
                .contains("may not")
        );
        assert!(sqlite(&["VACUUM"]).is_ok());
        assert!(
            postgres(&["COPY a FROM STDIN"])
                .unwrap_err()
                .contains("COPY")
        );
        let attach = Template {
            texts: vec!["ATTACH 'x' AS x".into()],
            values: vec![],
        };
        assert!(Statement::read(attach, Dialect::Sqlite, true).is_ok());
    }

    #[test]
    fn a_fixture_may_be_wrapped_in_a_transaction() {
        let dump = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE a(b);\nINSERT INTO a VALUES('BEGIN;');\nCOMMIT;\n";
        let (sql, count) = fixture(dump, Dialect::Sqlite, false).unwrap();
        assert_eq!(
            sql,
            "PRAGMA foreign_keys=OFF;\n\nCREATE TABLE a(b);\nINSERT INTO a VALUES('BEGIN;');\n\n"
        );
        assert_eq!(count, 3);
        for wrong in [
            "COMMIT; SELECT 1",
            "BEGIN; COMMIT; BEGIN; COMMIT",
            "ROLLBACK",
        ] {
            assert!(fixture(wrong, Dialect::Postgres, false).is_err(), "{wrong}");
        }
        assert!(fixture("-- nothing\n", Dialect::Postgres, false).is_err());
    }

    #[test]
    fn reading_is_told_from_writing() {
        assert!(reads("select 1").1);
        assert!(reads("WITH a AS (SELECT 1) SELECT * FROM a").1);
        assert!(!reads("WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a").1);
        assert!(!reads("INSERT INTO a VALUES (1)").1);
        assert!(!reads("SELECT * INTO b FROM a").1);
    }
}
