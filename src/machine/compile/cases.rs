//! The cases of a task: what each brings, what it lacks, and what of it nobody reads.

use super::Compiler;
use crate::definition::{CASE_NAME, CaseTable};
use crate::event::Name;
use crate::machine::program::Case;
use crate::script::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// Cases that are told for one and the same mistake: there may be 100,000.
const TOLD: usize = 20;

impl<'a> Compiler<'a> {
    /// Names that cases bring.
    pub(super) fn case_columns(&self) -> impl Iterator<Item = &'a Name> + use<'a> {
        let table = self.task.case_table();
        table
            .into_iter()
            .flat_map(|table| &table.columns)
            .map(|column| &column.name)
    }

    /// The cases, each with its variables.
    pub(super) fn cases(&mut self) -> Box<[Arc<Case>]> {
        let Some(table) = self.task.case_table() else {
            return Box::default();
        };
        self.check_case_members(table);
        self.check_params(table);
        let cases = table.rows.iter().map(|row| {
            let members = table.columns.iter().zip(&row.values);
            let vars = members.filter_map(|(column, value)| {
                let value = Value::from(value.as_ref()?);
                Some((Name::clone(&column.name), value))
            });
            Arc::new(Case {
                name: Name::clone(&row.name),
                vars: vars.collect(),
            })
        });
        cases.collect()
    }

    /// What one case brings and another does not must come from somewhere else.
    fn check_case_members(&mut self, table: &CaseTable) {
        let elsewhere: HashSet<Name> = self.declared_outside_cases();
        let lacking = table.rows.iter().filter_map(|row| {
            let lacking: Vec<String> = table
                .lacking(row, &elsewhere)
                .map(|name| format!("`{name}`"))
                .collect();
            (!lacking.is_empty()).then(|| (row, lacking.join(", ")))
        });
        for (row, names) in lacking.take(TOLD) {
            let message = format!(
                "the case `{}` does not bring {names}, and others do",
                row.name
            );
            let hint = "add it to the case, or a value for all of them to `vars`";
            self.error(
                "case-member",
                &table.file.name,
                row.span,
                message,
                "",
                Some(hint.to_owned()),
            );
        }
    }

    /// A task with cases is complete with them: a parameter that none of them brings has been forgotten.
    fn check_params(&mut self, table: &CaseTable) {
        let brings = |name: &Name| table.columns.iter().any(|column| column.name == *name);
        for param in &self.task.params {
            if brings(&param.value) || self.project.given.contains(&param.value) {
                continue;
            }
            let message = format!("no case brings the parameter `{}`", param.value);
            let hint = format!(
                "add `{0}` to the cases, or give it with `--var {0}=…`",
                param.value
            );
            self.error(
                "case-member",
                &self.task.file.name,
                param.span,
                message,
                "",
                Some(hint),
            );
        }
    }

    /// A column that nothing reads: it is misspelt, or the task tests less than its cases say.
    pub(super) fn check_columns(&mut self) {
        let Some(table) = self.task.case_table() else {
            return;
        };
        for column in &table.columns {
            if &*column.name == CASE_NAME || self.outside_reads.contains(&column.name) {
                continue;
            }
            let message = format!("nothing reads `{}`, which the cases bring", column.name);
            let hint = "use it in an expression or a `${…}`, or remove it";
            self.warning(
                "unused-column",
                &table.file.name,
                column.span,
                message,
                "never read",
                Some(hint.to_owned()),
            );
        }
    }
}
