use super::scan::{Dialect, Scan, is_name};
use crate::client::contract::Template;
use crate::client::received::from_base64;
use crate::event::{Failure, Json, ValueType, ValueTypes};
use std::fmt::Write as _;

/// A value to bind, or an item of one.
#[derive(Debug)]
pub(super) struct Bound<'s> {
    pub(super) json: &'s Json,
    types: &'s ValueTypes,
    /// Where it stands among the values of its statement, as a JSON Pointer.
    at: String,
}

impl Bound<'_> {
    /// What it is, if JSON alone does not tell.
    pub(super) fn kind(&self) -> Option<ValueType> {
        self.types.at(&self.at)
    }

    /// The bytes that it is.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let text = self.json.as_str()?;
        (self.kind() == Some(ValueType::Bytes))
            .then(|| from_base64(text).ok())
            .flatten()
    }

    /// The item of the list that it is.
    pub(super) fn item<'i>(&'i self, index: usize, json: &'i Json) -> Bound<'i> {
        Bound {
            json,
            types: self.types,
            at: format!("{}/{index}", self.at),
        }
    }
}

/// One statement with its parameters.
#[derive(Debug, PartialEq)]
pub(super) struct Statement {
    dialect: Dialect,
    texts: Vec<String>,
    /// What is bound, in order.
    values: Vec<Json>,
    types: ValueTypes,
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
    pub(super) fn read(template: Template, dialect: Dialect) -> Result<Self, Failure> {
        let Template {
            texts,
            values,
            types,
        } = template;
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
        let first = match &statements[..] {
            // SQLite knows better where its statements end, and what they are.
            [first, ..] if dialect == Dialect::Sqlite => first,
            [] => return Err(empty()),
            [first] => first,
            [_, _, ..] => return Err(several(statements.len())),
        };
        if dialect == Dialect::Postgres {
            first.check()?;
            if first.is_control() {
                return Err(controls(&first.verb));
            }
        }
        Ok(Self {
            dialect,
            verb: first.verb.clone(),
            returning: first.returning,
            texts,
            values,
            types,
        })
    }

    /// What is bound, in order.
    pub(super) fn parameters(&self) -> impl ExactSizeIterator<Item = Bound<'_>> {
        self.values.iter().enumerate().map(|(index, json)| Bound {
            json,
            types: &self.types,
            at: format!("/{index}"),
        })
    }

    /// The text with a numbered placeholder for each value.
    pub(super) fn numbered(&self) -> String {
        let sign = match self.dialect {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        let mut sql = String::new();
        for (index, text) in self.texts.iter().enumerate() {
            if index > 0 {
                let _ = write!(sql, "{sign}{index}");
            }
            sql.push_str(text);
        }
        sql
    }
}

/// A file of statements for PostgreSQL, ready to run inside a transaction: a `BEGIN` and a `COMMIT` around them, as dumps
/// have, are left out. And how many they are.
///
/// # Errors
/// When it is empty, controls transactions in another way, or reads data from the terminal.
pub(super) fn fixture(text: &str) -> Result<(String, u64), Failure> {
    let mut scan = Scan::new(Dialect::Postgres);
    scan.placeholders = true;
    check_bytes(text)?;
    scan.feed(text)?;
    let statements = scan.finish();
    for statement in &statements {
        statement.check()?;
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
        return Err(fixture_controls(&control[0].verb));
    }
    let count = statements.len() - control.len();
    if count == 0 {
        return Err(empty_fixture());
    }
    let mut sql = text.to_owned();
    for statement in control.iter().rev() {
        sql.replace_range(statement.start..statement.end, "");
    }
    Ok((sql, count as u64))
}

/// The refusal of a text without a statement.
pub(super) fn empty() -> Failure {
    Failure::protocol("the statement is empty")
}

/// The refusal of more than one.
pub(super) fn several(count: impl std::fmt::Display) -> Failure {
    Failure::protocol(format!("{count} statements are written where one is due"))
        .hint("`transaction: […]` takes several, `fixture: FILE` a whole file")
}

/// The refusal of a statement that begins or ends a transaction.
pub(super) fn controls(verb: &str) -> Failure {
    Failure::protocol(format!("{verb} does not hold from one request to the next"))
        .hint("`transaction: [STATEMENT, …]` runs statements all or nothing")
}

/// The refusal of a fixture with a transaction of its own.
pub(super) fn fixture_controls(verb: &str) -> Failure {
    Failure::protocol(format!("the fixture controls transactions itself ({verb})"))
        .hint("a fixture runs in one transaction, all or nothing: leave BEGIN and COMMIT out")
}

/// The refusal of a fixture without a statement.
pub(super) fn empty_fixture() -> Failure {
    Failure::protocol("the fixture holds no statement")
}

/// The protocols of databases end a text at a zero byte.
pub(super) fn check_bytes(text: &str) -> Result<(), Failure> {
    if text.contains('\0') {
        return Err(Failure::protocol("the statement holds a zero byte"));
    }
    Ok(())
}

const READS: [&str; 7] = [
    "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "PRAGMA",
];

/// The first word in capitals, and whether the statement only reads, as far as its words tell.
pub(super) fn reads(text: &str) -> (String, bool) {
    let mut schema = text
        .split(|character: char| !is_name(character))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase);
    let first = schema.next().unwrap_or_default();
    let reads = READS.contains(&first.as_str())
        && !schema.any(|word| {
            matches!(
                word.as_str(),
                "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "REPLACE" | "INTO"
            )
        });
    (first, reads)
}

/// The channel of a `NOTIFY` that is written without quotes and not in lower case.
pub(super) fn folded_channel(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    let verb = words.next()?;
    let name = words.next()?.split([',', ';']).next()?;
    let is_name = name
        .chars()
        .all(|c| c == '_' || c == '$' || c.is_alphanumeric());
    let folds = name.chars().any(char::is_uppercase);
    (verb.eq_ignore_ascii_case("notify") && is_name && folds).then_some(name)
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
            types: ValueTypes::default(),
        };
        Statement::read(template, dialect).map_err(|failure| failure.message)
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
            postgres(&["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;"])
                .is_ok()
        );
        // `begin` is a name like any other.
        assert_eq!(
            postgres(&["CREATE TABLE a (begin int); SELECT 2"]).unwrap_err(),
            "2 statements are written where one is due"
        );
    }

    #[test]
    fn transactions_and_terminals_are_refused() {
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
            postgres(&["COPY a FROM STDIN"])
                .unwrap_err()
                .contains("COPY")
        );
    }

    #[test]
    fn a_fixture_may_be_wrapped_in_a_transaction() {
        let dump = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE a(b);\nINSERT INTO a VALUES('BEGIN;');\nCOMMIT;\n";
        let (sql, count) = fixture(dump).unwrap();
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
            assert!(fixture(wrong).is_err(), "{wrong}");
        }
        assert!(fixture("-- nothing\n").is_err());
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
