use super::scan::{Dialect, Scan, is_name};
use crate::client::contract::Template;
use crate::event::{Failure, Json};
use std::fmt::Write as _;

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
