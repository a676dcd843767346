use crate::cli::history::{
    CommandError, Format, mark_words, nothing, report_status, word, write_marks,
};
use crate::cli::journal::Kept;
use crate::cli::options::Global;
use crate::cli::output;
use crate::event::ExecutionId;
use crate::journal::{ExecutionRow, History, JournalError, Mark, RunStatus, marks, usual_micros};
use crate::report::{self, Advice, Ink, Limited, Style, Times, Waits, cut_middle, length, width};
use serde_json::json;
use std::collections::HashSet;
use std::ops::ControlFlow;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task, by its whole name
    #[arg(value_name = "TASK")]
    task: String,
    /// How many of its last executions
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
    /// `json`: one JSON document a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    journal: Kept,
}

/// The last results that are drawn.
const DRAWN: usize = 20;

pub(super) fn run(global: &Global, args: &Args) -> Result<(), CommandError> {
    let history = args.journal.open()?;
    let past = |task: &str, case: Option<&str>| {
        let last = args.last as usize;
        history.store().history(task, case, None, last)
    };
    let mut rows = past(&args.task, None)?;
    // `order[eu]` is a case of `order`.
    let name = args
        .task
        .strip_suffix(']')
        .and_then(|name| name.split_once('['));
    if let Some((task, case)) = name.filter(|_| rows.is_empty()) {
        rows = past(task, Some(case))?;
    }
    let Some(latest) = rows.first() else {
        return Err(nothing(
            &format!("no task called `{}` has run", args.task),
            "`funcy runs task:order*` finds runs by a part of a task's name",
        ));
    };
    let task = Past {
        marks: marks(&rows),
        usual: usual_micros(&rows),
        statuses: statuses(&history, &rows)?,
        waits: waits(&history, &rows)?,
        latest,
        executions: rows.len(),
    };
    output::data(&match args.format {
        Format::Json => format!("{}\n", task.to_json()),
        Format::Human => task.text(global.out_style()),
    });
    Ok(())
}

/// What the last executions of a task tell.
struct Past<'r> {
    latest: &'r ExecutionRow,
    executions: usize,
    marks: Vec<Mark>,
    usual: Option<u64>,
    /// How they stand, the latest first.
    statuses: Vec<RunStatus>,
    waits: Waits,
}

fn statuses(history: &History, rows: &[ExecutionRow]) -> Result<Vec<RunStatus>, JournalError> {
    let mut found = Vec::with_capacity(DRAWN);
    for row in rows.iter().take(DRAWN) {
        let run = match history.store().run(&row.run)? {
            Some(run) => history.status(&run),
            None => continue,
        };
        found.push(run.of(row));
    }
    Ok(found)
}

/// Reads the events of these executions, each run's once.
fn waits(history: &History, rows: &[ExecutionRow]) -> Result<Waits, JournalError> {
    let mut waits = Waits::default();
    for of_run in rows.chunk_by(|one, other| one.run == other.run) {
        let wanted: HashSet<ExecutionId> = of_run.iter().map(|row| row.number).collect();
        history.events_where(
            &of_run[0].run,
            1,
            |execution| execution.is_some_and(|id| wanted.contains(&id)),
            |event| {
                waits.apply(&event);
                ControlFlow::Continue(())
            },
        )?;
    }
    Ok(waits)
}

impl Past<'_> {
    fn text(&self, style: Style) -> String {
        let mut out = String::new();
        style
            .line()
            .push(Ink::Strong, &self.latest.name())
            .push(Ink::Faint, &format!("  {}", self.latest.file))
            .write(&mut out);
        let mut line = style.line().push(Ink::Faint, "  last   ");
        for status in self.statuses.iter().rev() {
            let status = report_status(*status);
            line = line.push(Ink::Hue(status.hue()), status.glyph(style.unicode));
        }
        line.push(Ink::Faint, "  the latest at the end")
            .write(&mut out);
        write_marks("  marks  ", &self.marks, style, &mut out);
        if let Some(usual) = self.usual {
            style
                .line()
                .push(Ink::Faint, "  usual  ")
                .plain(&length(usual))
                .push(Ink::Faint, "  the median of the last 20 that passed")
                .write(&mut out);
        }
        let times = self.waits.times();
        if !times.is_empty() {
            let over = report::count(self.executions as u64, "execution");
            let title = format!("Time to be fulfilled, over {over}");
            out.push('\n');
            style.line().push(Ink::Strong, &title).write(&mut out);
            write_times(&times, style, &mut out);
        }
        let limits = self.waits.limits();
        if !limits.is_empty() {
            out.push('\n');
            style.line().push(Ink::Strong, "Limits").write(&mut out);
            for limit in &limits {
                write_limit(limit, style, &mut out);
            }
        }
        out
    }

    fn to_json(&self) -> serde_json::Value {
        let times = self.waits.times();
        let transitions = times.iter().map(|times| {
            json!({
                "from": times.from,
                "to": times.to,
                "count": times.count,
                "p50_micros": times.p50,
                "p90_micros": times.p90,
                "p99_micros": times.p99,
            })
        });
        let limits = self.waits.limits();
        let limits = limits.iter().map(|limit| {
            let (advice, better) = match limit.advice {
                Some(Advice::TooLong(better)) => (Some("too_long"), Some(better)),
                Some(Advice::TooTight(better)) => (Some("too_tight"), Some(better)),
                None => (None, None),
            };
            json!({
                "state": limit.state,
                "limit_micros": limit.limit,
                "count": limit.count,
                "p99_micros": limit.p99,
                "timeouts": limit.timeouts,
                "advice": advice,
                "better_micros": better,
            })
        });
        let last: Vec<_> = self.statuses.iter().map(|one| word(*one)).collect();
        json!({
            "task": self.latest.task,
            "file": self.latest.file,
            "executions": self.executions,
            "last": last,
            "marks": mark_words(&self.marks),
            "usual_micros": self.usual,
            "transitions": transitions.collect::<Vec<_>>(),
            "limits": limits.collect::<Vec<_>>(),
        })
    }
}

/// The columns of the numbers.
const NUMBERS: usize = 4 * 8;

fn write_times(times: &[Times], style: Style, out: &mut String) {
    let arrow = style.symbols().arrow;
    let name = |times: &Times| format!("{} {arrow} {}", times.from, times.to);
    let longest = times.iter().map(|one| width(&name(one))).max().unwrap_or(0);
    // Where the width is short the names give way.
    let room = style.width.saturating_sub(NUMBERS + 2).max(8);
    let column = longest.max("transition".len()).min(room);
    let row = |first: &str, numbers: [String; 4]| {
        let first = report::printable(first, style.unicode);
        let first = cut_middle(&first, column, style.symbols().ellipsis);
        let mut line = style.line().plain("  ").plain(&first);
        line.pad_to(column + 2);
        for number in &numbers {
            line.add(Ink::Plain, &format!("{number:>8}"));
        }
        line
    };
    let head = ["count", "p50", "p90", "p99"].map(str::to_owned);
    row("transition", head).write(out);
    for one in times {
        let numbers = [
            one.count.to_string(),
            length(one.p50),
            length(one.p90),
            length(one.p99),
        ];
        row(&name(one), numbers).write(out);
    }
}

fn write_limit(limit: &Limited, style: Style, out: &mut String) {
    let fulfilled = match limit.count {
        0 => "never fulfilled".to_owned(),
        _ => format!("p99 {}", length(limit.p99)),
    };
    let mut text = format!("  at most {}, {fulfilled}", length(limit.limit));
    if limit.timeouts > 0 {
        let times = report::count(limit.timeouts as u64, "time");
        text.push_str(&format!(", expired {times}"));
    }
    let third = (style.width / 3).max(8);
    let state = report::printable(&limit.state, style.unicode);
    let state = cut_middle(&state, third, style.symbols().ellipsis);
    let line = style
        .line()
        .plain("  ")
        .push(Ink::Strong, &state)
        .plain(&text);
    let Some(advice) = limit.advice else {
        return line.write(out);
    };
    let advice = style.line().push(
        Ink::Hue(report::Status::Waiting.hue()),
        &format!("{} {}", style.symbols().dot, advised(advice)),
    );
    let mut line = line;
    if line.width() + 1 + advice.width() > style.width {
        line.write(out);
        line = style.line().plain("   ");
    }
    line.add(Ink::Plain, " ");
    line.append(&advice);
    line.write(out);
}

/// What to change about a limit.
fn advised(advice: Advice) -> String {
    match advice {
        Advice::TooLong(better) => format!("too long: {} would do", length(better)),
        Advice::TooTight(better) => {
            format!("too tight: {} would be safe", length(better))
        }
    }
}
