//! What is said of a task, in the words and lines that a screen and a pipe share.

use super::catalog::Findings;
use super::rows::{Row, RowKind};
use super::state::{Round, SessionState};
use super::watched_task::{End, Missed, Replay, Settled, WatchedTask};
use crate::definition;
use crate::event::{Attempted, Event, Fact, Name, Outcome, Pos, Tally};
use crate::report::{self, Color, Ink, Line, Options, Status, Style};

/// One line about a task: what it does, or what it came to.
pub(super) fn row(task: &WatchedTask, now: i64, style: Style) -> Line {
    if let Some(active) = &task.active {
        let mark = replayed_mark(task, style);
        let narrow = Style {
            width: style
                .width
                .saturating_sub(mark.as_ref().map_or(0, Line::width)),
            ..style
        };
        let written = active.progress.read();
        let mut line = match written.live.running.values().next() {
            Some(running) => report::running_row(running, now, narrow),
            None => head(task, Status::Running, style).push(Ink::Faint, "  starting"),
        };
        if let Some(mark) = mark {
            line.append(&mark);
        }
        return line;
    }
    let mut line = match &task.result {
        _ if task.broken.is_some() => broken_row(task, style),
        Some(result) => settled_row(task, result, None, style),
        None => head(task, Status::Pending, style),
    };
    if let Some(mark) = replayed_mark(task, style) {
        line.append(&mark);
    }
    if task.queued {
        line.add(Ink::Faint, "  queued");
    } else if task.held {
        line.add(Ink::Faint, "  changed");
    } else if task.broken.is_none() && task.is_stale() {
        line.add(Ink::Faint, "  stale");
    }
    match task.missed {
        None => {}
        Some(Missed::Cancelled) => line.add(Ink::Faint, "  cancelled since"),
        Some(Missed::NotRun) => line.add(Ink::Faint, "  not run again"),
    }
    line
}

/// One row of the list. Of failures with one cause it says how many there are, why, and which.
pub(super) fn list_row(row: &Row<'_>, now: i64, style: Style) -> Line {
    let first = row.tasks[0];
    match row.kind {
        RowKind::Task => return self::row(first, now, style),
        RowKind::Member => {
            let narrow = Style {
                width: style.width.saturating_sub(2),
                ..style
            };
            let mut line = style.line().plain("  ");
            line.append(&self::row(first, now, narrow));
            return line;
        }
        RowKind::Group | RowKind::Heading => {}
    }
    let status = first.outcome().map_or(Status::Pending, Status::Ended);
    let reason = first.reason();
    let reason = reason.lines().next().unwrap_or_default();
    let times = if style.unicode { "×" } else { "x" };
    let mut line = style
        .line()
        .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
        .push(Ink::Strong, &format!(" {} {times}", row.tasks.len()))
        .push(Ink::Hue(status.hue()), &format!(" {reason}"));
    let queued = row.tasks.iter().filter(|task| task.queued).count();
    if queued > 0 {
        line.add(Ink::Faint, &format!("  {queued} queued"));
    }
    if row.kind == RowKind::Group {
        line.add(Ink::Faint, &format!("  {}", names(row)));
    }
    line
}

/// The names of the tasks that a row stands for.
pub(super) fn names(row: &Row<'_>) -> String {
    let names: Vec<&str> = row.tasks.iter().map(|task| task.name()).collect();
    names.join(", ")
}

fn head(task: &WatchedTask, status: Status, style: Style) -> Line {
    let third = (style.width / 2).max(8);
    let ellipsis = if style.unicode { "…" } else { "..." };
    let name = report::printable(task.name(), style.unicode);
    let name = report::cut_middle(&name, third, ellipsis);
    style
        .line()
        .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
        .plain(" ")
        .push(Ink::Strong, &name)
}

fn broken_row(task: &WatchedTask, style: Style) -> Line {
    let status = Status::Ended(Outcome::Error);
    let mut line = head(task, status, style);
    let message = task.broken.as_ref().and_then(|findings| {
        let first = findings.diagnostics.iter().find(|one| one.is_error())?;
        Some(match first.span.start.line {
            0 => first.message.clone(),
            line => format!("line {line}: {}", first.message),
        })
    });
    let message = message.unwrap_or_else(|| "its suite is broken".to_owned());
    line.add(Ink::Hue(status.hue()), &format!("  {message}"));
    if let Some(result) = &task.result {
        let word = result.outcome().word();
        line.add(Ink::Faint, &format!("  stale: {word} before"));
    }
    line
}

/// `count`: how many tasks of how many have ended.
pub(super) fn settled_row(
    task: &WatchedTask,
    result: &Settled,
    count: Option<(u32, u32)>,
    style: Style,
) -> Line {
    match &result.end {
        End::Ended(ended) => report::ended_row(ended, count, style),
        End::NeverBegan => {
            let status = Status::Ended(Outcome::Cancelled);
            head(task, status, style).push(Ink::Hue(status.hue()), "  cancelled before it began")
        }
        End::NoService(error) => {
            let status = Status::Ended(Outcome::Error);
            head(task, status, style).push(Ink::Hue(status.hue()), &format!("  {error}"))
        }
    }
}

fn replayed_mark(task: &WatchedTask, style: Style) -> Option<Line> {
    let replay = task.replayed.as_ref()?;
    let line = style.line().plain("  ");
    Some(match replay.outcome() {
        Some(outcome) => {
            let status = Status::Ended(outcome);
            line.push(Ink::Hue(status.hue()), status.glyph(style.unicode))
                .push(Ink::Faint, " replayed")
        }
        None => line.push(Ink::Faint, "not replayed"),
    })
}

/// The verdict of a replay, in lines.
pub(super) fn replayed(task: &WatchedTask, options: &Options, out: &mut Vec<Line>) {
    let style = options.style;
    match &task.replayed {
        None => {}
        Some(Replay::Left(why)) => {
            head(task, Status::Pending, style)
                .push(Ink::Faint, "  not replayed")
                .write(out);
            let room = style.width.saturating_sub(4).max(8);
            for piece in report::wrap(&report::printable(why, style.unicode), room, room) {
                style
                    .line()
                    .plain("    ")
                    .push(Ink::Faint, piece)
                    .write(out);
            }
        }
        Some(Replay::Judged(ended)) => {
            let status = Status::Ended(ended.outcome);
            head(task, status, style)
                .push(Ink::Faint, "  replayed: ")
                .push(Ink::Hue(status.hue()), status.word())
                .write(out);
            if !ended.outcome.is_good() {
                out.extend(ended.failure_lines(None, options));
            }
        }
    }
}

/// The whole failure of the last result; empty after a good end.
pub(super) fn failure(result: &Settled, options: &Options) -> Vec<Line> {
    match &result.end {
        End::Ended(ended) => ended.failure_lines(Some(&result.run), options),
        End::NeverBegan => Vec::new(),
        End::NoService(error) => {
            let style = options.style;
            let mut out = Vec::new();
            let hue = Ink::Hue(Status::Ended(Outcome::Error).hue());
            style.line().push(hue, &error.to_string()).write(&mut out);
            for line in error.output.trim_end().lines() {
                style
                    .line()
                    .push(Ink::Faint, "  | ")
                    .plain(line)
                    .write(&mut out);
            }
            out
        }
    }
}

/// What is wrong with a file.
pub(super) fn findings(findings: &Findings, style: Style) -> String {
    let source = |file: &str| findings.sources.get(file).map(Name::clone);
    let colored = style.color != Color::Never;
    definition::render(
        &findings.diagnostics,
        &source,
        colored,
        style.width.min(200),
    )
}

/// `✗ 1 failed  ✓ 3 passed  in 1.2s`.
pub(super) fn round(round: &Round, now: i64, style: Style) -> Line {
    let mut tally = Tally::default();
    round.ended.values().for_each(|outcome| tally.add(*outcome));
    let mut line = style.line();
    for piece in report::counted(&tally, style) {
        line.append(&piece);
        line.add(Ink::Plain, "  ");
    }
    if round.ended.is_empty() {
        line.add(Ink::Faint, "nothing came to a result  ");
    }
    let micros = (now - round.began).max(0).unsigned_abs();
    line.push(Ink::Faint, &format!("in {}", report::length(micros)))
}

/// How all tasks stand: `✗ 1 failed  ✓ 13 passed`.
pub(super) fn standing(state: &SessionState, style: Style) -> Line {
    let mut tally = Tally::default();
    for task in state.tasks.iter().filter(|task| task.broken.is_none()) {
        if let Some(result) = &task.result {
            tally.add(result.outcome());
        }
    }
    let broken = state
        .tasks
        .iter()
        .filter(|task| task.broken.is_some())
        .count();
    let mut line = style.line();
    let mut pieces = report::counted(&tally, style);
    if broken > 0 {
        let status = Status::Ended(Outcome::Error);
        let text = format!("{} {broken} broken", status.glyph(style.unicode));
        pieces.insert(0, style.line().push(Ink::Hue(status.hue()), &text));
    }
    let running = state.running();
    let (ended, tasks) = state.progress();
    if ended < tasks && tasks > 1 {
        line.add(Ink::Strong, &format!("{ended}/{tasks}"));
    }
    if running > 0 {
        let status = Status::Running;
        let text = format!("{} {running} running", status.glyph(style.unicode));
        pieces.push(style.line().push(Ink::Hue(status.hue()), &text));
    }
    for piece in pieces {
        if !line.is_empty() {
            line.add(Ink::Plain, "  ");
        }
        line.append(&piece);
    }
    line
}

/// Where to look: what is wrong with the file, else where the last run failed, else its beginning.
pub(super) fn place(task: &WatchedTask) -> (Name, Pos) {
    let broken = task.broken.as_ref().and_then(|findings| {
        let first = findings.diagnostics.iter().find(|one| one.is_error())?;
        Some((Name::clone(&first.file), first.span.start))
    });
    let failed = task.result.as_ref().and_then(|result| match &result.end {
        End::Ended(ended) => {
            let (file, pos) = report::anchor(ended.headline.as_deref()?)?;
            Some((Name::from(file), pos))
        }
        End::NoService(_) | End::NeverBegan => None,
    });
    let start = Pos { line: 1, column: 1 };
    broken
        .or(failed)
        .map(|(file, pos)| (file, pos.max(start)))
        .unwrap_or((Name::clone(&task.file), start))
}

/// The command that repeats the last request of a failure, or the last request at all.
pub(super) fn curl(task: &WatchedTask) -> Option<String> {
    let result = task.result.as_ref()?;
    let headline = match &result.end {
        End::Ended(ended) => ended.headline.as_deref(),
        End::NoService(_) | End::NeverBegan => None,
    };
    let failed = headline.and_then(|headline| {
        let mut conditions = headline.conditions.iter();
        let waited = || conditions.find_map(|state| state.again.as_deref());
        headline.failure.again.as_deref().or_else(waited)
    });
    failed.map(str::to_owned).or_else(|| {
        let mut events = result.kept.events.iter().rev();
        events.find_map(|event| repeat(&event.fact))
    })
}

fn repeat(fact: &Fact) -> Option<String> {
    match fact.result()? {
        Attempted::Reply(reply) => reply.again.as_ref().map(ToString::to_string),
        Attempted::Failure(failure) => failure.again.clone(),
    }
}

/// One line for each failure and diagnostic, as editors read them: `file:line:column: error: message`.
pub(super) fn locations(state: &SessionState) -> String {
    let mut out = String::new();
    let mut add = |file: &str, at: Pos, kind: &str, message: &str| {
        let message = message.lines().next().unwrap_or_default();
        let (line, column) = (at.line.max(1), at.column.max(1));
        let message = report::printable(message, true);
        out.push_str(&format!("{file}:{line}:{column}: {kind}: {message}\n"));
    };
    for task in state.tasks.iter().filter(|task| task.is_bad()) {
        if let Some(findings) = &task.broken {
            for one in &findings.diagnostics {
                let kind = if one.is_error() { "error" } else { "warning" };
                add(&one.file, one.span.start, kind, &one.message);
            }
            continue;
        }
        let Some(result) = &task.result else {
            continue;
        };
        let (file, at) = place(task);
        let message = match &result.end {
            End::Ended(ended) => {
                let state = ended.state.as_ref().map(|state| format!("state {state}: "));
                let state = state.unwrap_or_default();
                format!(
                    "{} {}: {state}{}",
                    ended.name(),
                    ended.outcome.word(),
                    ended.reason()
                )
            }
            End::NoService(_) | End::NeverBegan => result.end.reason(),
        };
        add(&file, at, "error", &message);
    }
    out
}

/// The states that the task has been in, and the one in which it is or has ended.
pub(super) fn path(task: &WatchedTask) -> (Vec<Name>, Option<Name>) {
    let states = |visits: &[report::Visit]| -> Vec<Name> {
        visits
            .iter()
            .map(|visit| Name::clone(&visit.state))
            .collect()
    };
    if let Some(active) = &task.active {
        let written = active.progress.read();
        let running = written.live.running.values().next();
        return running.map_or_else(Default::default, |running| {
            (states(&running.path), running.at.state.clone())
        });
    }
    match task.result.as_ref().map(|result| &result.end) {
        Some(End::Ended(ended)) => (states(&ended.path), ended.state.clone()),
        _ => Default::default(),
    }
}

/// The lines that are listed.
const MAX_LISTED: usize = 500;

/// What happened, each event with its time since the beginning.
pub(super) fn happened(events: &[Event], style: Style, out: &mut Vec<Line>) {
    let begin = events.first().map_or(0, |event| event.at);
    let lines = report::event_lines(events, report::Frames::default(), begin, style);
    let more = lines.len().saturating_sub(MAX_LISTED);
    style.line().push(Ink::Strong, "What happened").write(out);
    if more > 0 {
        let text = format!("  {more} earlier lines are not shown");
        style.line().push(Ink::Faint, &text).write(out);
    }
    out.extend(lines.into_iter().skip(more));
}
