//! What is read of one task: its failure, what happened, its machine.

use super::diagnostics;
use super::drawn;
use crate::event::Event;
use crate::graph::Glyphs;
use crate::report::{self, Ink, Options, Style};
use crate::watch::rows::RowKind;
use crate::watch::state::SessionState;
use crate::watch::text;
use crate::watch::view_state::ViewState;
use crate::watch::watched_task::WatchedTask;
use ratatui::text::Line;
use std::collections::BTreeMap;

/// The lines of names of tasks that have one cause.
const MAX_NAMES: usize = 3;

/// What matters now of the selected row, below the list.
pub(super) fn preview(
    state: &SessionState,
    view_state: &ViewState,
    options: &Options,
) -> Vec<Line<'static>> {
    let Some(task) = selected(state, view_state) else {
        return Vec::new();
    };
    let rows = view_state.rows(state);
    let row = rows.iter().find(|row| row.holds(Some(&task.file)));
    let mut lines = Vec::new();
    if let Some(row) = row.filter(|row| row.kind == RowKind::Group) {
        let style = options.style;
        let names = report::printable(&text::names(row), style.unicode).into_owned();
        let text = format!("{} tasks have this cause: {names}", row.tasks.len());
        let mut pieces = report::wrap(&text, style.width, style.width).into_iter();
        lines.extend((pieces.by_ref().take(MAX_NAMES)).map(|piece| faint(piece, style)));
        if pieces.next().is_some() {
            lines.push(faint(style.symbols().ellipsis, style));
        }
        lines.push(Line::default());
    }
    lines.extend(matters(task, options));
    lines
}

fn faint(text: &str, style: Style) -> Line<'static> {
    drawn(&style.line().push(Ink::Faint, text))
}

/// Everything about the selected task: how it stands and why, and what happened.
pub(super) fn detail(
    state: &SessionState,
    view_state: &ViewState,
    options: &Options,
) -> [Vec<Line<'static>>; 2] {
    let style = options.style;
    let Some(task) = selected(state, view_state) else {
        return Default::default();
    };
    let mut out = vec![style.line()];
    text::row(task, state.now, style).write(&mut out);
    style.line().push(Ink::Faint, &task.file).write(&mut out);
    if let Some(active) = &task.active {
        let newest = task.definition.as_ref();
        let is_older =
            newest.is_some_and(|newest| newest.machine.hash != active.definition.machine.hash);
        if is_older {
            let text = "runs with the definition that it started with";
            style.line().push(Ink::Faint, text).write(&mut out);
        }
        let written = active.progress.read();
        for running in written.live.running.values() {
            report::running_facts(running, state.now, style, &mut out);
        }
    }
    let mut lines: Vec<Line<'_>> = out.iter().map(drawn).collect();
    lines.push(Line::default());
    lines.extend(matters(task, options));
    let events: Vec<Event> = match (&task.active, &task.result) {
        (Some(active), _) => active.progress.read().kept.events.clone(),
        (None, Some(result)) => result.kept.events.clone(),
        (None, None) => Vec::new(),
    };
    let mut happened = Vec::new();
    if !events.is_empty() {
        let mut out = vec![style.line()];
        text::happened(&events, style, &mut out);
        happened.extend(out.iter().map(drawn));
    }
    [lines, happened]
}

/// What is wrong with the file, what the replay said, why the last run failed.
fn matters(task: &WatchedTask, options: &Options) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(findings) = &task.broken {
        lines.extend(diagnostics::lines(&text::findings(findings, options.style)));
    }
    let mut out = Vec::new();
    text::replayed(task, options, &mut out);
    if let Some(result) = &task.result {
        let failure = text::failure(result, options);
        if !failure.is_empty() && task.is_stale() {
            let stale = "of the definition before:";
            options.style.line().push(Ink::Faint, stale).write(&mut out);
        }
        out.extend(failure);
    }
    lines.extend(out.iter().map(drawn));
    lines
}

/// The machine of the selected task, and where its last run went.
pub(super) fn graph(
    state: &SessionState,
    view_state: &ViewState,
    style: Style,
) -> Vec<Line<'static>> {
    let Some(task) = selected(state, view_state) else {
        return Vec::new();
    };
    let Some(definition) = &task.definition else {
        let line = style.line().push(
            Ink::Faint,
            "this file has never been good: there is no machine",
        );
        return vec![drawn(&line)];
    };
    let mut drawing = definition.machine.drawing();
    let mut visits: BTreeMap<&str, usize> = BTreeMap::new();
    let (path, here) = text::path(task);
    for state in &path {
        *visits.entry(&**state).or_insert(0) += 1;
    }
    let signs = if style.unicode {
        ("×", "◀ here")
    } else {
        ("x", "<- here")
    };
    for node in &mut drawing.nodes {
        if let Some(count) = visits.get(&*node.id) {
            node.details.push(format!("visited {}{count}", signs.0));
        }
        if here.as_deref() == Some(&*node.id) {
            node.details.push(signs.1.to_owned());
        }
    }
    let glyphs = if style.unicode {
        Glyphs::Unicode
    } else {
        Glyphs::Ascii
    };
    let mut lines = vec![Line::default()];
    let text = drawing.to_ascii(style.width.min(120), glyphs);
    lines.extend(text.lines().map(|line| Line::from(line.to_owned())));
    lines
}

fn selected<'s>(state: &'s SessionState, view_state: &ViewState) -> Option<&'s WatchedTask> {
    state.task(view_state.selected.as_deref()?)
}
