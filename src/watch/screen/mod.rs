//! The session as a screen: a frame is a function of the state and of where somebody looks.

mod body;
mod diagnostics;

#[cfg(test)]
mod tests;

use super::keys::KEYS;
use super::state::SessionState;
use super::text;
use super::view_state::{Remark, View, ViewState};
use crate::report::{self, Ink, Look, Options, Style};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Below this many rows there is no room for anything beside the list.
const MIN_SPLIT: u16 = 10;
/// From this many columns on, what happened stands beside why, not below it: neither has lines that are longer.
const MIN_BESIDE: u16 = 150;

/// Draws everything.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    state: &SessionState,
    view_state: &mut ViewState,
    options: &Options,
) {
    let area = frame.area();
    let style = Style {
        width: usize::from(area.width),
        ..options.style
    };
    let options = Options {
        style,
        ..options.clone()
    };
    let rows = [
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(1),
    ];
    let [head, body, foot] = Layout::vertical(rows).areas(area);
    header(frame, head, state, style);
    match view_state.view {
        View::List => list_and_preview(frame, body, state, view_state, &options),
        View::Detail => detail(frame, body, state, view_state, &options),
        View::Graph => scrolled(
            frame,
            body,
            &body::graph(state, view_state, style),
            view_state,
        ),
        View::Help => scrolled(frame, body, &help(style), view_state),
    }
    footer(frame, foot, state, view_state, style);
}

fn header(frame: &mut Frame<'_>, area: Rect, state: &SessionState, style: Style) {
    let mut first = style.line().push(Ink::Strong, "funcy watch").plain("  ");
    first.append(&text::standing(state, style));
    let mut second = style.line().push(Ink::Plain, &state.why);
    if state.leaving {
        second.add(Ink::Strong, "  ending, cleaning up");
    } else if state.paused {
        second.add(Ink::Strong, "  paused");
    }
    for (what, part) in [("path", &state.filters.path), ("name", &state.filters.name)] {
        if !part.is_empty() {
            second.add(Ink::Faint, &format!("  {what}: {part}"));
        }
    }
    frame.render_widget(Paragraph::new(vec![drawn(&first), drawn(&second)]), area);
}

fn footer(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &SessionState,
    view_state: &ViewState,
    style: Style,
) {
    let remark = match &view_state.status {
        None => None,
        Some(Remark::Said(text)) => Some(text.clone()),
        Some(Remark::CleaningUp(then)) => {
            let cleans = (state.cleaning_up() > 0).then_some("cancelled, cleaning up");
            let then = Some(*then).filter(|then| !then.is_empty());
            let pieces: Vec<&str> = cleans.into_iter().chain(then).collect();
            Some(pieces.join("; ")).filter(|text| !text.is_empty())
        }
    };
    let line = match (&view_state.prompt, &remark) {
        // A remark stays until the next key, also while something is typed.
        (_, Some(remark)) => style.line().push(Ink::Strong, remark),
        (Some(prompt), None) => {
            let cursor = if style.unicode { "▏" } else { "_" };
            style
                .line()
                .push(Ink::Strong, prompt.kind.label())
                .plain(&prompt.text)
                .plain(cursor)
        }
        (None, None) => keys(view_state.view, style),
    };
    frame.render_widget(Paragraph::new(drawn(&line)), area);
}

/// As many keys as fit, the most useful first.
fn keys(view: View, style: Style) -> report::Line {
    let wanted: &[&str] = match view {
        View::List => &[
            "?", "q", "Enter", "a", "f", "r", "e", "n N", "/", "p", "t", "Space", "x", "g", "y",
        ],
        View::Detail => &["Esc", "?", "q", "j k", "r", "e", "y", "g", "n N"],
        View::Graph | View::Help => &["Esc", "q", "j k"],
    };
    let mut line = style.line();
    for key in wanted
        .iter()
        .filter_map(|keys| KEYS.iter().find(|key| key.keys == *keys))
    {
        let room = style.width.saturating_sub(line.width());
        let word = match key.keys {
            // The same keys move through a text.
            "j k" if view != View::List => "scroll",
            _ => key.word,
        };
        if key.keys.len() + word.len() + 3 > room {
            break;
        }
        if !line.is_empty() {
            line.add(Ink::Plain, "  ");
        }
        line.add(Ink::Strong, key.keys);
        line.add(Ink::Faint, &format!(" {word}"));
    }
    line
}

fn list_and_preview(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &SessionState,
    view_state: &mut ViewState,
    options: &Options,
) {
    view_state.keep_selected(state);
    let preview = body::preview(state, view_state, options);
    let count = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
    let tasks = count(view_state.rows(state).len());
    let split = area.height >= MIN_SPLIT && !preview.is_empty();
    let list_rows = if split {
        // The list gives way to what is read, has what that does not need, and never takes more than it needs itself.
        let left = area.height.saturating_sub(count(preview.len() + 1));
        tasks.clamp(1, (area.height * 2 / 5).max(3).max(left))
    } else {
        area.height
    };
    let [list, rest] =
        Layout::vertical([Constraint::Length(list_rows), Constraint::Min(0)]).areas(area);
    rows(frame, list, state, view_state, options.style);
    if split {
        let room = usize::from(rest.height).saturating_sub(1);
        let more = preview.len().saturating_sub(room);
        let mut lines = vec![Line::default()];
        let shown = if more > 0 {
            room.saturating_sub(1)
        } else {
            room
        };
        lines.extend(preview.into_iter().take(shown));
        if more > 0 {
            let text = format!("+{} more lines: Enter", more + 1);
            lines.push(drawn(&options.style.line().push(Ink::Faint, &text)));
        }
        frame.render_widget(Paragraph::new(lines), rest);
    }
}

/// Everything about the selected task: one text, or two side by side that are scrolled together.
fn detail(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &SessionState,
    view_state: &mut ViewState,
    options: &Options,
) {
    if area.width < MIN_BESIDE {
        let lines = body::detail(state, view_state, options).concat();
        return scrolled(frame, area, &lines, view_state);
    }
    let columns = [
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Fill(1),
    ];
    let [left, _, right] = Layout::horizontal(columns).areas(area);
    let half = Style {
        width: usize::from(left.width.min(right.width)),
        ..options.style
    };
    let half = Options {
        style: half,
        ..options.clone()
    };
    let [why, happened] = body::detail(state, view_state, &half);
    if happened.is_empty() {
        return scrolled(frame, area, &why, view_state);
    }
    let longest = why.len().max(happened.len());
    let pad = |mut lines: Vec<Line<'static>>| {
        lines.resize(longest, Line::default());
        lines
    };
    scrolled(frame, left, &pad(why), view_state);
    scrolled(frame, right, &pad(happened), view_state);
}

/// The rows around the selected one.
fn rows(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &SessionState,
    view_state: &ViewState,
    style: Style,
) {
    let shown = view_state.rows(state);
    if shown.is_empty() {
        let text = if state.filters.is_empty() {
            "no task file is here yet"
        } else {
            "no task matches; c clears the filters"
        };
        let line = style.line().push(Ink::Faint, text);
        frame.render_widget(Paragraph::new(drawn(&line)), area);
        return;
    }
    let room = usize::from(area.height);
    let at = (shown
        .iter()
        .position(|row| row.holds(view_state.selected.as_ref())))
    .unwrap_or(0);
    let first = at
        .saturating_sub(room / 2)
        .min(shown.len().saturating_sub(room));
    let narrow = Style {
        width: style.width.saturating_sub(2),
        ..style
    };
    let lines: Vec<Line<'_>> = (shown.iter().enumerate().skip(first).take(room))
        .map(|(index, row)| {
            let is_selected = index == at;
            let mark = match (is_selected, style.unicode) {
                (true, true) => "› ",
                (true, false) => "> ",
                (false, _) => "  ",
            };
            let mut line = drawn(&text::list_row(row, state.now, narrow));
            line.spans.insert(0, mark.into());
            if is_selected {
                line = line.patch_style(Modifier::BOLD);
            }
            line
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// A line of a report, span by span.
fn drawn(line: &report::Line) -> Line<'static> {
    let spans = line.spans();
    spans
        .map(|(look, piece)| Span::styled(piece.to_owned(), styled(look)))
        .collect()
}

fn styled(look: Look) -> ratatui::style::Style {
    let plain = ratatui::style::Style::default();
    match look {
        Look::Plain => plain,
        Look::Bold => plain.add_modifier(Modifier::BOLD),
        Look::Dim => plain.add_modifier(Modifier::DIM),
        // The codes of foregrounds: 30 and on, the bright ones 90 and on.
        Look::Ansi(code @ 90..) => plain.fg(Color::Indexed(code - 90 + 8)),
        Look::Ansi(code) => plain.fg(Color::Indexed(code.saturating_sub(30))),
        Look::Rgb([red, green, blue]) => plain.fg(Color::Rgb(red, green, blue)),
    }
}

/// A text from the line on that somebody has scrolled to.
fn scrolled(
    frame: &mut Frame<'_>,
    area: Rect,
    lines: &[Line<'static>],
    view_state: &mut ViewState,
) {
    let room = usize::from(area.height);
    view_state.top = view_state.top.min(lines.len().saturating_sub(room));
    let seen: Vec<Line<'_>> = lines
        .iter()
        .skip(view_state.top)
        .take(room)
        .cloned()
        .collect();
    frame.render_widget(Paragraph::new(seen), area);
}

fn help(style: Style) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    for key in KEYS {
        let mut line = style.line().plain("  ").push(Ink::Strong, key.keys);
        line.pad_to(10);
        let indent = 10;
        let room = style.width.saturating_sub(indent).max(8);
        for (at, piece) in report::wrap(key.does, room, room).into_iter().enumerate() {
            if at > 0 {
                lines.push(drawn(&line));
                line = style.line();
                line.pad_to(indent);
            }
            line.add(Ink::Plain, piece);
        }
        lines.push(drawn(&line));
    }
    lines
}
