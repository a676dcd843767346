//! `cases`: a list, every combination of some values, or a file with a list.

use super::Decoder;
use super::fields::Field;
use crate::definition::cases::{CaseTable, Cases, Column, MAX_CASES, NAME};
use crate::definition::keys::CASES;
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Json, Name, Span, number};
use std::collections::{HashMap, HashSet};

/// Where a list of cases stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// In the task's file, where a text looks like a template.
    Inline,
    /// In a file of data.
    InFile,
}

impl Decoder<'_> {
    pub(super) fn cases(&mut self, field: Field<'_>) -> Option<Cases> {
        let at = field.key.span;
        match &field.node.kind {
            NodeKind::List(items) => {
                let table = self.case_list(items, at, Stands::Inline)?;
                Some(Cases::Table(table))
            }
            NodeKind::Map(_) => {
                let fields = self.object(field.node, &CASES, at)?;
                match (fields.get("file"), fields.get("matrix")) {
                    (Some(file), None) => self.case_file(file),
                    (None, Some(matrix)) => self.matrix(matrix).map(Cases::Table),
                    (Some(_), Some(second)) => {
                        let message = "`cases` is a list, a `file` or a `matrix`";
                        let diagnostic = self.error("too-many-keys", second.key.span, message);
                        self.report(diagnostic.hint("keep one of them"));
                        None
                    }
                    (None, None) => {
                        if fields.is_empty() {
                            self.no_cases(at);
                        }
                        None
                    }
                }
            }
            _ => {
                self.wrong_type(
                    field.node,
                    at,
                    "`cases` is a list of maps",
                    Some("write a list, `{file: cases.csv}` or `{matrix: {NAME: [VALUE, …]}}`"),
                );
                None
            }
        }
    }

    fn case_file(&mut self, field: Field<'_>) -> Option<Cases> {
        let path = self.literal(field)?;
        let is_known = CaseFormat::of(path.as_str()).is_some();
        if !is_known {
            let message = format!(
                "`{}` is no file of cases: its name ends in none of {}",
                path.value,
                CaseFormat::ENDINGS.join(", ")
            );
            let diagnostic = self.error("case-file", path.span, message);
            self.report(diagnostic);
        }
        is_known.then_some(Cases::File(path))
    }

    /// The whole of a YAML or JSON file.
    pub(super) fn case_document(&mut self, root: &Node) -> Option<CaseTable> {
        let at = self.root_place(root);
        let NodeKind::List(items) = &root.kind else {
            self.wrong_type(root, at, "a file of cases is a list of maps", None);
            return None;
        };
        self.case_list(items, at, Stands::InFile)
    }

    fn case_list(&mut self, items: &[Node], at: Span, stands: Stands) -> Option<CaseTable> {
        if !self.how_many(items.len(), at) {
            return None;
        }
        let mut table = CaseTable::new(self.file);
        let mut numbers = HashMap::new();
        let mut is_right = true;
        for item in items {
            if self.is_full() {
                return None;
            }
            let NodeKind::Map(written) = &item.kind else {
                let hint = "write `- { NAME: VALUE }`";
                self.wrong_type(item, item.span, "a case is a map", Some(hint));
                is_right = false;
                continue;
            };
            let mut members = Vec::with_capacity(written.len());
            for (key, node) in written {
                is_right &= numbers.contains_key(&key.value) || self.variable(key);
                let value = self.case_value(node, key.span, stands);
                is_right &= value.is_some();
                let column = Column {
                    name: Name::clone(&key.value),
                    span: key.span,
                };
                members.extend(value.map(|value| (column, value)));
            }
            if members.len() < written.len() {
                continue;
            }
            let span = self.first_line(item.span);
            is_right &= self.add_case(&mut table, span, members, &mut numbers);
        }
        (is_right && self.are_distinct(&table)).then_some(table)
    }

    /// Every combination, the last name's values changing first.
    fn matrix(&mut self, field: Field<'_>) -> Option<CaseTable> {
        let axes = self.map_of_names(field)?;
        let mut is_right = true;
        let mut values: Vec<(&Text, Vec<Json>)> = Vec::new();
        for (name, node) in axes {
            is_right &= self.variable(name);
            let NodeKind::List(items) = &node.kind else {
                let wanted = format!("`{}` is a list of values", name.value);
                self.wrong_type(node, name.span, &wanted, None);
                is_right = false;
                continue;
            };
            if items.is_empty() {
                self.no_cases(name.span);
                is_right = false;
            }
            let read = items
                .iter()
                .filter_map(|item| self.case_value(item, item.span, Stands::Inline))
                .collect::<Vec<_>>();
            is_right &= read.len() == items.len();
            values.push((name, read));
        }
        let count = values.iter().try_fold(1_usize, |count, (_, values)| {
            count.checked_mul(values.len())
        });
        let count = if axes.is_empty() { Some(0) } else { count };
        if !is_right || !self.how_many(count.unwrap_or(usize::MAX), field.key.span) {
            return None;
        }
        let mut table = CaseTable::new(self.file);
        let mut numbers = HashMap::new();
        for number in 0..count.unwrap_or_default() {
            let mut rest = number;
            let mut members: Vec<(Column, Json)> = Vec::with_capacity(values.len());
            for (name, values) in values.iter().rev() {
                let column = Column {
                    name: Name::clone(&name.value),
                    span: name.span,
                };
                members.push((column, values[rest % values.len()].clone()));
                rest /= values.len();
            }
            members.reverse();
            if !self.add_case(&mut table, field.key.span, members, &mut numbers) {
                return None;
            }
        }
        self.are_distinct(&table).then_some(table)
    }

    /// A value as it stands there. In a task's file, where others hold templates, one that looks like a template is a
    /// mistake: the name of a case is known before anything is evaluated.
    fn case_value(&mut self, node: &Node, at: Span, stands: Stands) -> Option<Json> {
        if stands == Stands::InFile {
            return Some(node.to_json());
        }
        let before = self.diagnostics.len();
        self.value(node, at);
        if let Some(text) = template_in(node) {
            let diagnostic = self
                .error(
                    "template-in-case",
                    text.span,
                    "a case holds no template: what it brings is known before anything is evaluated",
                )
                .hint("write the template in `vars`, which see the members of the case; `$${` is a `${` as it stands");
            self.report(diagnostic);
        }
        (self.diagnostics.len() == before).then(|| unescaped(node.to_json()))
    }

    fn add_case(
        &mut self,
        table: &mut CaseTable,
        span: Span,
        members: Vec<(Column, Json)>,
        numbers: &mut HashMap<Name, usize>,
    ) -> bool {
        let added = table.add(span, members, numbers);
        if let Err(message) = &added {
            let diagnostic = self
                .error("case-name", span, message.as_str())
                .hint(format!("add a short `{NAME}` to the case"));
            self.report(diagnostic);
        }
        added.is_ok()
    }

    /// Whether there are cases, and not too many.
    fn how_many(&mut self, count: usize, at: Span) -> bool {
        if count == 0 {
            self.no_cases(at);
        } else if count > MAX_CASES {
            let count = match count {
                usize::MAX => String::new(),
                count => format!(", and these are {count}"),
            };
            let message = format!("a task has at most {MAX_CASES} cases{count}");
            let diagnostic = self.error("too-many-cases", at, message);
            self.report(diagnostic.hint("divide them between several tasks"));
        }
        (1..=MAX_CASES).contains(&count)
    }

    fn no_cases(&mut self, at: Span) {
        let diagnostic = self
            .error(
                "no-cases",
                at,
                "there is no case here: the task would never run",
            )
            .hint("name at least one, or remove `cases`");
        self.report(diagnostic);
    }

    fn are_distinct(&mut self, table: &CaseTable) -> bool {
        let twice = table.twice();
        for (row, first) in &twice {
            let message = format!("two cases are called `{}`", row.name);
            let mut diagnostic = self
                .error("duplicate-case", row.span, message)
                .hint(format!(
                    "remove one of them, or give each a `{NAME}` of its own"
                ));
            if first.span != row.span {
                diagnostic = diagnostic.related(first.span, "first here");
            }
            self.report(diagnostic);
        }
        twice.is_empty()
    }

    /// The whole of a csv file: its first row names the members.
    pub(super) fn case_csv(&mut self) -> Option<CaseTable> {
        let text = self.lines.text;
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let Ok(header) = reader.headers().cloned() else {
            // It is UTF-8, and a first row has no other to be compared with.
            self.no_cases(Span::default());
            return None;
        };
        let header_spans = self.header_spans(&header);
        let mut seen = HashSet::new();
        let mut is_right = true;
        for (name, span) in header.iter().zip(&header_spans) {
            if seen.insert(name) {
                is_right &= self.csv_column(name, *span);
                continue;
            }
            let message = format!("the column `{name}` is there twice");
            let diagnostic = self.error("duplicate-key", *span, message);
            self.report(diagnostic);
            is_right = false;
        }
        if !is_right {
            return None;
        }
        let columns = header.iter().map(Name::from).zip(header_spans);
        let columns: Vec<Column> = columns.map(|(name, span)| Column { name, span }).collect();
        let mut table = CaseTable::new(self.file);
        let mut numbers = HashMap::new();
        for record in reader.records() {
            if self.is_full() {
                return None;
            }
            let at = |from: Option<&csv::Position>| {
                let start = from.map_or(0, |from| from.byte() as usize);
                // An empty line before it is none of its own.
                let start = start + text[start..].len() - text[start..].trim_start().len();
                self.lines.span(start..self.lines.line_end(start))
            };
            match record {
                Ok(record) => {
                    let span = at(record.position());
                    let cells = record.iter().map(number::typed);
                    let members = columns.iter().cloned().zip(cells).collect();
                    is_right &= self.add_case(&mut table, span, members, &mut numbers);
                }
                Err(error) => {
                    is_right = false;
                    let span = at(error.position());
                    self.broken_row(&error, span, header.len());
                }
            }
            if table.rows.len() > MAX_CASES {
                break;
            }
        }
        is_right &= !is_right || self.how_many(table.rows.len(), self.lines.span(0..0));
        (is_right && self.are_distinct(&table)).then_some(table)
    }

    fn csv_column(&mut self, name: &str, span: Span) -> bool {
        if name.contains([';', '\t']) {
            let message = "the cells of a csv file of cases are separated by commas";
            let diagnostic = self.error("broken-csv", span, message);
            self.report(diagnostic.hint("save it with `,` as the separator"));
            return false;
        }
        self.variable(&Text::plain(name, span))
    }

    fn broken_row(&mut self, error: &csv::Error, span: Span, wanted: usize) {
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { len, .. } => {
                format!("this row has {len} cells, and the first has {wanted}")
            }
            _ => format!("this is no csv: {error}"),
        };
        let quotes = self.lines.slice(span).matches('"').count();
        let hint = if quotes % 2 == 1 {
            "a quote is not closed: a `\"` inside of a cell is written `\"\"`"
        } else {
            "put a cell that holds a comma into double quotes"
        };
        let diagnostic = self.error("broken-csv", span, message).hint(hint);
        self.report(diagnostic);
    }

    /// Where the cells of the first row stand; the whole row, where some are quoted.
    fn header_spans(&self, header: &csv::StringRecord) -> Vec<Span> {
        let text = self.lines.text;
        let start = text.len() - text.trim_start_matches(['\r', '\n']).len();
        let end = self.lines.line_end(start);
        let row = text[start..end].trim_end();
        if row.contains('"') {
            return header.iter().map(|_| self.lines.span(start..end)).collect();
        }
        let mut from = start;
        let cells = row.split(',').map(|cell| {
            let span = self.lines.span(from..from + cell.len());
            from += cell.len() + 1;
            span
        });
        cells.collect()
    }
}

/// How a file of cases is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseFormat {
    Csv,
    /// JSON is read as the YAML that it is.
    Yaml,
}

impl CaseFormat {
    const ENDINGS: [&'static str; 4] = [".csv", ".json", ".yaml", ".yml"];

    /// By the end of the name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let ending = Self::ENDINGS.into_iter().find(|end| name.ends_with(end))?;
        Some(if ending == ".csv" {
            Self::Csv
        } else {
            Self::Yaml
        })
    }
}

/// A text that looks like a template.
fn template_in(node: &Node) -> Option<&Text> {
    match &node.kind {
        NodeKind::Text(text) => text
            .as_str()
            .replace("$${", "")
            .contains("${")
            .then_some(text),
        NodeKind::List(items) => items.iter().find_map(template_in),
        NodeKind::Map(members) => members.iter().find_map(|(_, node)| template_in(node)),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => None,
    }
}

/// A `$${` is a `${` that is meant as it stands, as everywhere in a task.
fn unescaped(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(text.replace("$${", "${")),
        Json::Array(items) => Json::Array(items.into_iter().map(unescaped).collect()),
        Json::Object(members) => {
            let members = members.into_iter();
            Json::Object(
                members
                    .map(|(key, value)| (key, unescaped(value)))
                    .collect(),
            )
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value,
    }
}
