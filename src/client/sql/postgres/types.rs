//! The types of a database, as far as they matter to values.

use super::connection::{Connection, ConnectionError};
use postgres_protocol::Oid;
use postgres_types::{Kind, Type};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A type of PostgreSQL. A domain is what it is made of.
#[derive(Debug, PartialEq)]
pub(super) struct PgType {
    /// As SQL writes it, or the name that the server knows it by: `int4`, `mood`.
    pub(super) name: String,
    pub(super) form: Form,
}

/// What values of a type are made of.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// One of the types that every server has.
    Builtin,
    Array {
        element: Arc<PgType>,
        /// What stands between the items in a text.
        delimiter: char,
    },
    /// Anything else: enums, ranges, records, and the types of extensions.
    Other,
}

/// Types that the server was asked for.
#[derive(Debug, Default)]
pub(super) struct Types(Mutex<HashMap<Oid, Arc<PgType>>>);

impl Types {
    /// The types of these numbers; asks the server for those that are not known yet.
    pub(super) async fn of(
        &self,
        oids: impl Iterator<Item = Oid> + Clone,
        connection: &mut Connection,
    ) -> Result<Vec<Arc<PgType>>, ConnectionError> {
        let unknown: Vec<String> = oids
            .clone()
            .filter(|oid| self.known(*oid).is_none())
            .map(|oid| oid.to_string())
            .collect();
        if !unknown.is_empty() {
            let rows = connection.rows(&asked(&unknown.join(","))).await?;
            self.learn(&rows);
        }
        Ok(oids
            .map(|oid| {
                self.known(oid)
                    .unwrap_or_else(|| other(format!("type {oid}")))
            })
            .collect())
    }

    fn known(&self, oid: Oid) -> Option<Arc<PgType>> {
        if let Some(builtin) = Type::from_oid(oid) {
            return Some(Arc::new(of_builtin(&builtin)));
        }
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&oid).map(Arc::clone)
    }

    /// Takes in rows of number, name, the number of what it is made of, whether that makes a list, and a delimiter.
    fn learn(&self, rows: &[Vec<Option<String>>]) {
        let read = |row: &[Option<String>]| -> Option<(Oid, Row)> {
            let [oid, name, part, list, delimiter] = row else {
                return None;
            };
            let row = Row {
                name: name.clone()?,
                part: part.as_ref().and_then(|part| part.parse().ok()),
                list: list.as_deref() == Some("t"),
                delimiter: delimiter.as_ref()?.chars().next()?,
            };
            Some((oid.as_ref()?.parse().ok()?, row))
        };
        let rows: HashMap<Oid, Row> = rows.iter().filter_map(|row| read(row)).collect();
        for oid in rows.keys() {
            let made = self.made(*oid, &rows);
            let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            asked.insert(*oid, made);
        }
    }

    fn made(&self, oid: Oid, rows: &HashMap<Oid, Row>) -> Arc<PgType> {
        let Some(row) = rows.get(&oid) else {
            return self
                .known(oid)
                .unwrap_or_else(|| other(format!("type {oid}")));
        };
        match row.part {
            Some(base) if !row.list => self.made(base, rows),
            Some(element) => Arc::new(PgType {
                name: row.name.clone(),
                form: Form::Array {
                    element: self.made(element, rows),
                    delimiter: row.delimiter,
                },
            }),
            None => other(row.name.clone()),
        }
    }
}

/// A row of the server's list of types.
struct Row {
    name: String,
    /// What it is made of: the base of a domain, the elements of an array.
    part: Option<Oid>,
    /// Whether it is a list of these.
    list: bool,
    delimiter: char,
}

fn other(name: String) -> Arc<PgType> {
    let form = Form::Other;
    Arc::new(PgType { name, form })
}

fn of_builtin(builtin: &Type) -> PgType {
    let list = |name: &str, element: PgType, delimiter| PgType {
        name: format!("{name}[]"),
        form: Form::Array {
            element: Arc::new(element),
            delimiter,
        },
    };
    let name = builtin.name();
    let form = match builtin.kind() {
        Kind::Array(element) => {
            let delimiter = if *element == Type::BOX { ';' } else { ',' };
            return list(element.name(), of_builtin(element), delimiter);
        }
        Kind::Simple => Form::Builtin,
        // `_record`: a list of what is no type of a column.
        Kind::Pseudo if name.starts_with('_') => {
            let element = PgType {
                name: name[1..].to_owned(),
                form: Form::Other,
            };
            return list(&name[1..], element, ',');
        }
        _ => Form::Other,
    };
    PgType {
        name: name.to_owned(),
        form,
    }
}

/// The question for types, and for what they are made of.
fn asked(oids: &str) -> String {
    format!(
        "WITH RECURSIVE wanted (oid) AS (
           SELECT pg_catalog.unnest('{{{oids}}}'::pg_catalog.oid[])
           UNION
           SELECT CASE typtype WHEN 'd' THEN typbasetype ELSE typelem END
           FROM wanted JOIN pg_catalog.pg_type USING (oid)
           WHERE typtype = 'd' OR (typcategory = 'A' AND typarray = 0)
         )
         SELECT oid, pg_catalog.format_type(oid, NULL),
           CASE WHEN typtype = 'd' THEN typbasetype WHEN typcategory = 'A' AND typarray = 0 THEN typelem END,
           typtype <> 'd', typdelim
         FROM wanted JOIN pg_catalog.pg_type USING (oid)"
    )
}
