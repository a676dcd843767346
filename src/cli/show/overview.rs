use super::Args;
use crate::cli::history::{self, CommandError, Format, mark_words};
use crate::cli::replay;
use crate::cli::{output, run, when};
use crate::event::{ExecutionId, RunId};
use crate::journal::{ExecutionRow, History, JournalError, Mark, RunRow, RunStatus};
use crate::report::{
    self, Cause, Ended, Hue, Ink, Line, Live, Options, Style, causes, counted, cut_end, length,
    path_text, running_since,
};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

/// The tasks that passed and are listed; nobody reads thousands of them.
const LISTED: usize = 200;
/// The tasks of one cause that are named.
const NAMED: usize = 20;

/// The whole run: how it ended, its tasks, its failures by cause.
pub(super) fn run(
    history: &History,
    row: &RunRow,
    args: &Args,
    style: Style,
) -> Result<(), CommandError> {
    let rows = history.executions(&row.id)?;
    let wanted = args.wanted(&rows)?;
    let page = Page::read(history, row, rows, &wanted)?;
    if args.format == Format::Json {
        output::data(&format!("{}\n", page.to_json()?));
        return Ok(());
    }
    let options = Options {
        style,
        ..replay::options(history, row)?
    };
    let mut out = String::new();
    page.head(style, &mut out)?;
    page.tasks(style, &mut out)?;
    page.failures(&options, &mut out);
    output::data(&out);
    Ok(())
}

struct Page<'h> {
    history: &'h History,
    row: &'h RunRow,
    status: RunStatus,
    rows: HashMap<ExecutionId, ExecutionRow>,
    /// In the order of their numbers.
    ended: Vec<Ended>,
    live: Live,
}

impl<'h> Page<'h> {
    fn read(
        history: &'h History,
        row: &'h RunRow,
        rows: Vec<ExecutionRow>,
        wanted: &HashSet<ExecutionId>,
    ) -> Result<Self, JournalError> {
        let status = history.status(row);
        let mut live = Live::default();
        let mut ended = Vec::new();
        let wants =
            |execution: Option<ExecutionId>| execution.is_none_or(|id| wanted.contains(&id));
        history.events_where(&row.id, 1, wants, |event| {
            ended.extend(live.apply(&event));
            ControlFlow::Continue(())
        })?;
        if status != RunStatus::Running {
            ended.extend(live.interrupt());
        }
        ended.sort_by_key(|one| one.id);
        Ok(Self {
            history,
            row,
            status,
            rows: rows.into_iter().map(|row| (row.number, row)).collect(),
            ended,
            live,
        })
    }

    /// What the past says of an execution; of the attempts before a task's last nothing is said.
    fn marks(&self, ended: &Ended) -> Result<Vec<Mark>, JournalError> {
        match self.rows.get(&ended.id) {
            Some(row) if ended.last_attempt => self.history.marks(row),
            _ => Ok(Vec::new()),
        }
    }

    fn head(&self, style: Style, out: &mut String) -> Result<(), JournalError> {
        let row = self.row;
        let status = history::report_status(self.status);
        let hue = Ink::Hue(status.hue());
        style
            .line()
            .push(hue, status.glyph(style.unicode))
            .push(hue, &format!(" {}", status.word()))
            .push(Ink::Faint, &format!(" {} ", style.symbols().dot))
            .push(Ink::Strong, &format!("run {}", row.id))
            .write(out);
        let mut fact = |label: &str, value: &Line| {
            let mut line = style.line().push(Ink::Faint, &format!("  {label}"));
            line.pad_to(11);
            line.append(value);
            line.write(out);
        };
        let plain = |text: &str| style.line().plain(text);
        fact("began", &plain(&when::exact(row.started, run::now())));
        let took = match (self.status, row.outcome) {
            (RunStatus::Running, _) => {
                length((run::now() - row.started).max(0).unsigned_abs()) + " so far"
            }
            (_, Some(_)) => length(row.micros),
            (_, None) => {
                let last = length((self.live.now - row.started).max(0).unsigned_abs());
                format!("its process ended without a word, {last} or more after it began")
            }
        };
        fact("took", &plain(&took));
        let tally = self.history.tally(row)?;
        let mut counts = style.line();
        for piece in counted(&tally, style) {
            if !counts.is_empty() {
                counts = counts.plain("  ");
            }
            counts.append(&piece);
        }
        let left = row.tasks.saturating_sub(tally.total());
        if left > 0 && self.status != RunStatus::Running {
            counts = counts.push(Ink::Faint, &format!("  {left} not run"));
        }
        fact("tasks", &counts);
        fact("command", &plain(&history::command(&row.command)));
        if let Some(env) = &row.env {
            fact("env", &plain(env));
        }
        if !row.labels.is_empty() {
            let labels = row.labels.iter();
            let labels: Vec<_> = labels
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            fact("labels", &plain(&labels.join(" ")));
        }
        let head = row.head.get(..16).unwrap_or(&row.head);
        let kept = format!("{}, {}, head {head}", row.events, history::bytes(row.bytes));
        fact("events", &plain(&kept));
        Ok(())
    }

    fn tasks(&self, style: Style, out: &mut String) -> Result<(), JournalError> {
        if self.ended.is_empty() && self.live.running.is_empty() {
            return Ok(());
        }
        out.push('\n');
        style.line().push(Ink::Strong, "Tasks").write(out);
        let mut good = 0;
        for ended in &self.ended {
            good += usize::from(ended.outcome.is_good());
            if ended.outcome.is_good() && good > LISTED {
                continue;
            }
            report::ended_row(ended, None, style).write(out);
            let marks = self.marks(ended)?;
            history::write_marks("  marks  ", &marks, style, out);
            let path = path_text(ended, style);
            if !path.is_empty() {
                let path = report::printable(&path, style.unicode);
                let room = style.width.saturating_sub(2);
                let path = cut_end(&path, room.saturating_mul(3), style.symbols().ellipsis);
                for line in report::wrap(&path, room, room) {
                    style
                        .line()
                        .push(Ink::Faint, &format!("  {line}"))
                        .write(out);
                }
            }
        }
        if good > LISTED {
            let more = format!(
                "+{} more that passed; `--task GLOB` shows them",
                good - LISTED
            );
            style.line().push(Ink::Faint, &more).write(out);
        }
        for running in self.live.running.values() {
            running_since(running, run::now(), true, style).write(out);
        }
        Ok(())
    }

    /// What did not pass in the end. Of a task that was tried again only the last attempt.
    fn causes(&self) -> Vec<Cause> {
        let failed = self.ended.iter();
        causes(failed.filter(|ended| ended.last_attempt).cloned())
    }

    fn failures(&self, options: &Options, out: &mut String) {
        let style = options.style;
        let run: Option<&RunId> = self.live.run.as_ref();
        for cause in self.causes() {
            let [first, others @ ..] = &cause.failed[..] else {
                continue;
            };
            out.push('\n');
            out.push_str(&first.failure_text(run, options));
            if others.is_empty() {
                continue;
            }
            let mut names: Vec<String> = others.iter().take(NAMED).map(Ended::name).collect();
            if others.len() > NAMED {
                names.push(format!("+{} more", others.len() - NAMED));
            }
            let text = format!(
                "the same in {}: {}",
                report::count(others.len() as u64, "other task"),
                names.join(", ")
            );
            let text = report::printable(&text, style.unicode);
            let room = style.width.saturating_sub(2);
            for line in report::wrap(&text, room, room) {
                let line = format!("  {line}");
                style.line().push(Ink::Hue(Hue::Waiting), &line).write(out);
            }
        }
    }

    fn to_json(&self) -> Result<serde_json::Value, JournalError> {
        let mut tasks = Vec::with_capacity(self.ended.len());
        for ended in &self.ended {
            let path = ended.path.iter();
            let path = path.map(|visit| json!({ "state": visit.state, "at": visit.at }));
            let headline = ended.headline.as_ref();
            tasks.push(json!({
                "execution": ended.id,
                "task": ended.started.task,
                "case": ended.started.case,
                "file": ended.started.file,
                "attempt": ended.started.attempt,
                "attempts": ended.started.attempts,
                "status": history::word(RunStatus::Ended(ended.outcome)),
                "began": ended.began,
                "ended": ended.at,
                "micros": ended.metrics.micros,
                "state": ended.state,
                "marks": mark_words(&self.marks(ended)?),
                "failure": headline.map(|headline| json!({
                    "kind": headline.failure.kind,
                    "message": headline.failure.message,
                })),
                "path": path.collect::<Vec<_>>(),
            }));
        }
        for running in self.live.running.values() {
            tasks.push(report::running_json(running));
        }
        let causes = self.causes();
        let causes = causes.iter().map(|cause| {
            let executions: Vec<ExecutionId> = cause.failed.iter().map(|one| one.id).collect();
            let tasks: Vec<String> = cause.failed.iter().map(Ended::name).collect();
            json!({ "kind": cause.kind, "text": cause.text, "executions": executions, "tasks": tasks })
        });
        let mut json = history::to_json(self.history, self.row)?;
        json["causes"] = causes.collect::<Vec<_>>().into();
        json["executions"] = tasks.into();
        Ok(json)
    }
}
