//! What is read of one task: its failure, what happened, its machine.

use super::ansi;
use crate::event::Event;
use crate::graph::Glyphs;
use crate::report::{self, Ink, Options, Style};
use crate::watch::state::{SessionState, WatchedTask};
use crate::watch::text;
use crate::watch::view_state::ViewState;
use ratatui::text::Line;
use std::collections::BTreeMap;

/// What matters now of the selected task, below the list.
pub(super) fn preview(
    state: &SessionState,
    view_state: &ViewState,
    options: &Options,
) -> Vec<Line<'static>> {
    let Some(task) = selected(state, view_state) else {
        return Vec::new();
    };
    ansi::lines(&matters(task, options))
}

/// Everything about the selected task.
pub(super) fn detail(
    state: &SessionState,
    view_state: &ViewState,
    options: &Options,
) -> Vec<Line<'static>> {
    let style = options.style;
    let Some(task) = selected(state, view_state) else {
        return Vec::new();
    };
    let mut out = String::from("\n");
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
    out.push('\n');
    out.push_str(&matters(task, options));
    let events: Vec<Event> = match (&task.active, &task.result) {
        (Some(active), _) => active.progress.read().kept.events.clone(),
        (None, Some(result)) => result.kept.events.clone(),
        (None, None) => Vec::new(),
    };
    if !events.is_empty() {
        out.push('\n');
        text::happened(&events, style, &mut out);
    }
    ansi::lines(&out)
}

/// What is wrong with the file, what the replay said, why the last run failed.
fn matters(task: &WatchedTask, options: &Options) -> String {
    let mut out = String::new();
    if let Some(findings) = &task.broken {
        out.push_str(&text::findings(findings, options.style));
    }
    text::replayed(task, options, &mut out);
    if let Some(result) = &task.result {
        let failure = text::failure(result, options);
        if !failure.is_empty() && task.is_stale() {
            let stale = "of the definition before:";
            options.style.line().push(Ink::Faint, stale).write(&mut out);
        }
        out.push_str(&failure);
    }
    out
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
        return vec![ansi::line(&line)];
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
    lines.extend(ansi::lines(&drawing.to_ascii(style.width.min(120), glyphs)));
    lines
}

fn selected<'s>(state: &'s SessionState, view_state: &ViewState) -> Option<&'s WatchedTask> {
    state.task(view_state.selected.as_deref()?)
}
