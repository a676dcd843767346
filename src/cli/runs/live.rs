use super::Args;
use crate::cli::history::{CommandError, Format, command, nothing, say_size};
use crate::cli::options::Global;
use crate::cli::{output, run};
use crate::event::{ExecutionId, RunId};
use crate::journal::{History, JournalError, RunRow};
use crate::report::{self, Ink, Live, Status, Style, length, running_json, running_since};
use std::collections::HashSet;
use std::ops::ControlFlow;

pub(super) fn run(global: &Global, args: &Args) -> Result<(), CommandError> {
    let history = args.journal.open()?;
    let alive = history.alive()?;
    if alive.is_empty() {
        return Err(nothing(
            "nothing is under way",
            "`funcy runs` lists what has run",
        ));
    }
    let style = global.out_style();
    let mut text = String::new();
    for (at, row) in alive.iter().enumerate() {
        let live = fold(&history, row)?;
        match args.format {
            Format::Json => {
                for running in live.running.values() {
                    let mut json = running_json(running);
                    json["run"] = RunId::clone(&row.id).to_string().into();
                    text.push_str(&format!("{json}\n"));
                }
            }
            Format::Human => {
                if at > 0 {
                    text.push('\n');
                }
                write(row, &live, run::now(), style, &mut text);
            }
        }
    }
    output::data(&text);
    if args.format == Format::Human {
        say_size(&history)?;
    }
    Ok(())
}

/// How a run stands: what has ended is in its row already, and need not be read.
fn fold(history: &History, row: &RunRow) -> Result<Live, JournalError> {
    let open: HashSet<ExecutionId> = (history.executions(&row.id)?.iter())
        .filter(|execution| execution.outcome.is_none())
        .map(|execution| execution.number)
        .collect();
    let mut live = Live::default();
    let wanted = |execution: Option<ExecutionId>| execution.is_none_or(|id| open.contains(&id));
    history.events_where(&row.id, 1, wanted, |event| {
        live.apply(&event);
        ControlFlow::Continue(())
    })?;
    Ok(live)
}

/// `▶ running · run 7KP · for 12.3s · 3 of 14 done · funcy run tasks`, and a row for each execution.
fn write(row: &RunRow, live: &Live, now: i64, style: Style, out: &mut String) {
    let status = Status::Running;
    let hue = Ink::Hue(status.hue());
    let dot = format!(" {} ", style.symbols().dot);
    let passed = length((now - row.started).max(0).unsigned_abs());
    let done = row.tally.total();
    style
        .line()
        .push(hue, status.glyph(style.unicode))
        .push(hue, " running")
        .push(Ink::Faint, &dot)
        .push(Ink::Strong, &format!("run {}", row.id))
        .push(Ink::Faint, &dot)
        .plain(&format!("for {passed}"))
        .push(Ink::Faint, &dot)
        .plain(&format!(
            "{done} of {} done",
            report::count(row.tasks.into(), "task")
        ))
        .push(Ink::Faint, &format!("{dot}{}", command(&row.command)))
        .write(out);
    for running in live.running.values() {
        let inner = Style {
            width: style.width.saturating_sub(2),
            ..style
        };
        let mut indented = style.line().plain("  ");
        indented.append(&running_since(running, now, true, inner));
        indented.write(out);
    }
}
