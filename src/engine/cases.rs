//! Reads the file in which a task's cases stand.

use super::compile::text_of;
use super::project::{Project, reason};
use crate::definition::{
    self, CaseTable, Diagnostic, MAX_CASE_FILE_BYTES, Parsed, SourceFile, Text,
};
use crate::event::{Name, Refusal};
use crate::os::read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Reads the file of cases that a task names. What its mistakes point into is added to `sources`.
pub(super) fn read_cases(
    task: &SourceFile,
    named: &Text,
    project: &Project,
    sources: &mut Vec<(Name, Name)>,
) -> Result<Parsed<CaseTable>, Vec<Diagnostic>> {
    let wrong = |message: String| Diagnostic::error("case-file", &task.name, named.span, message);
    let folder = task.path.parent().unwrap_or(Path::new(""));
    let path = folder.join(named.as_str());
    // Where it really leads: a link below the suite's folder may lead out of it.
    let real = std::fs::canonicalize(&path).map_err(|error| {
        let message = format!("`{}` cannot be read: {}", named.value, reason(&error));
        vec![wrong(message).hint("the path of a file of cases begins in the folder of the task")]
    })?;
    if let Err(Refusal { message, hint }) = project.permissions.read(&real) {
        return Err(vec![wrong(message).hint(hint)]);
    }
    let bytes = read(&real, MAX_CASE_FILE_BYTES).map_err(|error| {
        let message = format!("`{}` cannot be read: {}", named.value, reason(&error));
        vec![wrong(message)]
    })?;
    let shown = shown(Path::new(&*task.name), named.as_str());
    let name: Name = shown.display().to_string().into();
    let file = SourceFile::within(name, path, &bytes, MAX_CASE_FILE_BYTES);
    let file = Arc::new(file.map_err(|mistake| vec![*mistake])?);
    sources.push(text_of(&file));
    definition::parse_cases(&file)
}

/// The path as people see it: beside the name of the task, without `.` and what `..` takes back.
fn shown(task: &Path, named: &str) -> PathBuf {
    let mut shown = PathBuf::new();
    let folder = task.parent().unwrap_or(Path::new(""));
    for part in folder.join(named).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(shown.components().next_back(), Some(Component::Normal(_))) =>
            {
                shown.pop();
            }
            part => shown.push(part),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shown_as_the_task_is() {
        let shown = |task, named| shown(Path::new(task), named).display().to_string();
        assert_eq!(shown("tasks/t.yaml", "c.csv"), "tasks/c.csv");
        assert_eq!(shown("tasks/t.yaml", "../data/./c.csv"), "data/c.csv");
        assert_eq!(shown("t.yaml", "../c.csv"), "../c.csv");
        assert_eq!(shown("../t.yaml", "../c.csv"), "../../c.csv");
    }
}
