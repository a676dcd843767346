//! What a simulation reads: files, and the journal.

use super::super::bounds;
use super::super::exit::Exit;
use super::super::options::Global;
use super::super::{journal, output};
use crate::definition::{self, Diagnostic, MAX_FILE_BYTES, SourceFile};
use crate::engine::Loaded;
use crate::event::{Event, Fact, Json, Name, RunId};
use crate::journal::{History, JournalError};
use crate::machine::Machine;
use crate::report::Color;
use crate::sim::{Recording, Stubs};
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// The longest recording that is read.
const MAX_RECORDING: u64 = 1 << 30;

/// The events of a recorded run.
pub(super) fn events(path: &Path) -> Result<Vec<Event>, Exit> {
    let shown = path.display();
    let unreadable = |error: &io::Error| {
        output::error(&format!("{shown} cannot be read: {error}"), None);
        Exit::Usage
    };
    let file = bounds::open(path).map_err(|error| unreadable(&error))?;
    let mut events = Vec::new();
    let mut lines = BufReader::new(file.take(MAX_RECORDING + 1));
    let mut line = Vec::new();
    let mut bytes = 0;
    for number in 1.. {
        line.clear();
        let read = lines
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable(&error))?;
        bytes += read as u64;
        if read == 0 {
            break;
        }
        if bytes > MAX_RECORDING {
            let message = format!(
                "{shown} is larger than {} GiB, the most that is read of a recording",
                MAX_RECORDING >> 30
            );
            let hint = "record the task alone, or name the run of the journal: `--run RUN`";
            output::error(&message, Some(hint));
            return Err(Exit::Usage);
        }
        match serde_json::from_slice::<Event>(&line) {
            Ok(event) => events.push(event),
            Err(_) if is_trace(&line) => {}
            Err(error) => {
                output::error(
                    &format!("{shown}:{number} is no event: {error}"),
                    Some("`funcy run --report ndjson=FILE` writes such a file"),
                );
                return Err(Exit::Usage);
            }
        }
    }
    Ok(events)
}

/// The events of the last execution of this task in a run of the journal, and the run's id. Of all other
/// executions none is held: a run may have any number of them.
pub(super) fn kept(
    history: &History,
    run: &str,
    task: &Loaded,
) -> Result<(Vec<Event>, RunId), Exit> {
    let read = || -> Result<_, JournalError> {
        let row = history.find(run)?;
        let mut events = Vec::new();
        history.events(&row.id, 1, |event| {
            if matches!(event.fact, Fact::RunStarted(_) | Fact::ExecutionStarted(_)) {
                events.push(event);
            }
            ControlFlow::Continue(())
        })?;
        let Some(execution) = Recording::last_of(&events, &task.machine, task.case.as_deref())
        else {
            return Ok((events, row.id));
        };
        events.retain(|event| event.execution.is_none());
        history.events(&row.id, 1, |event| {
            if event.execution == Some(execution) {
                events.push(event);
            }
            ControlFlow::Continue(())
        })?;
        Ok((events, row.id))
    };
    read().map_err(|error| journal::failed(&error))
}

/// The line behind the events of a simulation, or an empty one.
fn is_trace(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
        || serde_json::from_slice::<Json>(line).is_ok_and(|value| value["kind"] == "trace")
}

/// The stubs of a file, with every mistake said.
pub(super) fn stubs(global: &Global, path: &Path, machine: &Machine) -> Result<Stubs, Exit> {
    let name: Name = path.display().to_string().into();
    let mut bytes = Vec::new();
    let read = bounds::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        output::error(&format!("{name} cannot be read: {error}"), None);
        return Err(Exit::Usage);
    }
    let file = match SourceFile::from_bytes(Name::clone(&name), path, &bytes) {
        Ok(file) => Arc::new(file),
        Err(diagnostic) => return Err(wrong(global, &name, &"".into(), &[*diagnostic])),
    };
    let parsed = definition::parse_stubs(&file).and_then(|parsed| {
        Stubs::of(machine, &file, &parsed.value).map(|stubs| (stubs, parsed.warnings))
    });
    match parsed {
        Ok((stubs, warnings)) => {
            if !warnings.is_empty() {
                wrong(global, &name, &file.text, &warnings);
            }
            Ok(stubs)
        }
        Err(diagnostics) => Err(wrong(global, &name, &file.text, &diagnostics)),
    }
}

/// The stubs of a template that was made for this task.
pub(super) fn of_template(text: &str, machine: &Machine) -> Option<Stubs> {
    let name: Name = "stubs".into();
    let file = SourceFile::from_bytes(name, Path::new("stubs"), text.as_bytes()).ok()?;
    let file = Arc::new(file);
    let parsed = definition::parse_stubs(&file).ok()?;
    Stubs::of(machine, &file, &parsed.value).ok()
}

fn wrong(global: &Global, name: &Name, text: &Name, diagnostics: &[Diagnostic]) -> Exit {
    let style = global.style(io::stderr().is_terminal());
    let source = |file: &str| (*file == **name).then(|| Name::clone(text));
    let color = style.color != Color::Never;
    let rendered = definition::render(diagnostics, &source, color, style.width.min(200));
    output::rendered(rendered.trim_end());
    Exit::Usage
}
