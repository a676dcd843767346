//! The cases of a task as they were written: a table of which each row is a run of its own.

use super::model::SourceFile;
use super::node::Text;
use crate::event::{Json, Name, Span};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Most cases that one task may have.
pub const MAX_CASES: usize = 100_000;
/// The largest file of cases that is read, in bytes.
pub const MAX_CASE_FILE_BYTES: usize = 16 << 20;
/// The longest name of a case, in characters: it stands in every report.
const MAX_NAME: usize = 100;

/// What `cases` says.
#[derive(Clone, Debug, PartialEq)]
pub enum Cases {
    /// A csv, JSON or YAML file, by its path from the task's.
    File(Text),
    /// All of them.
    Table(CaseTable),
}

/// The cases, with their places.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseTable {
    /// The file that they stand in: the task's, or one of their own.
    pub file: Arc<SourceFile>,
    /// What some case brings, in the order in which it first stands there.
    pub columns: Vec<Column>,
    /// In their order.
    pub rows: Vec<CaseRow>,
}

/// What some case brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The variable.
    pub name: Name,
    /// Where it first stands.
    pub span: Span,
}

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRow {
    /// Its name.
    pub name: Name,
    /// Where it stands.
    pub span: Span,
    /// The value of each column; `None`: it does not bring that one, as no value behind the last.
    pub values: Box<[Option<Json>]>,
}

impl CaseTable {
    /// One without cases.
    pub(super) fn new(file: &Arc<SourceFile>) -> Self {
        Self {
            file: Arc::clone(file),
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a case that brings these; `members` are of different names.
    ///
    /// # Errors
    /// Why it has no name, in words.
    pub(super) fn add(
        &mut self,
        span: Span,
        members: Vec<(Column, Json)>,
        numbers: &mut HashMap<Name, usize>,
    ) -> Result<(), String> {
        let name = name_of(&members)?;
        let mut values = Vec::with_capacity(self.columns.len());
        for (column, value) in members {
            let known = numbers.get(&column.name).copied();
            let number = known.unwrap_or_else(|| {
                numbers.insert(Name::clone(&column.name), self.columns.len());
                self.columns.push(column);
                self.columns.len() - 1
            });
            if values.len() <= number {
                values.resize(number + 1, None);
            }
            values[number] = Some(value);
        }
        self.rows.push(CaseRow {
            name: name.into(),
            span,
            values: values.into(),
        });
        Ok(())
    }

    /// The second of two cases with one name, each with the first.
    pub(super) fn twice(&self) -> Vec<(&CaseRow, &CaseRow)> {
        let mut first: HashMap<&str, &CaseRow> = HashMap::with_capacity(self.rows.len());
        let mut found = Vec::new();
        for row in &self.rows {
            match first.get(&*row.name) {
                Some(before) => found.push((row, *before)),
                None => drop(first.insert(&row.name, row)),
            }
        }
        found
    }

    /// What of these a case does not bring, though others do.
    pub fn lacking<'t>(
        &'t self,
        row: &'t CaseRow,
        elsewhere: &'t HashSet<Name>,
    ) -> impl Iterator<Item = &'t Name> {
        let brings = |number: usize| row.values.get(number).is_some_and(Option::is_some);
        let columns = self.columns.iter().enumerate();
        columns
            .filter(move |(number, column)| {
                // Where one case has a name of its own, the others need none.
                &*column.name != NAME && !brings(*number) && !elsewhere.contains(&column.name)
            })
            .map(|(_, column)| &column.name)
    }
}

/// The member that names a case.
pub const NAME: &str = "name";

/// The name of a case: its `name`, else its values joined.
fn name_of(members: &[(Column, Json)]) -> Result<String, String> {
    let own = members.iter().find(|(column, _)| &*column.name == NAME);
    let name = if let Some((_, value)) = own {
        word(value).ok_or("the `name` of a case is a text")?
    } else {
        let words = members.iter().map(|(_, value)| word(value));
        let words: Option<Vec<String>> = words.collect();
        words
            .ok_or("this case has a list, a map or null, which give no name")?
            .join("-")
    };
    if name.trim().is_empty() {
        return Err("this case has no name".to_owned());
    }
    if name.chars().count() > MAX_NAME {
        return Err(format!(
            "the name of this case is longer than {MAX_NAME} characters"
        ));
    }
    if name.contains(char::is_control) {
        return Err("the name of this case holds a line break or another control character".into());
    }
    Ok(name)
}

/// A value as a part of a name.
fn word(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
