//! What each key does: one table for the session, the footer and the help.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyAction {
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Open,
    Back,
    All,
    Again,
    Failed,
    FilterPath,
    FilterName,
    Clear,
    Cancel,
    Pause,
    NextFailure,
    PreviousFailure,
    Search,
    Graph,
    Edit,
    Copy,
    Web,
    Help,
    Quit,
    Interrupt,
}

/// One line of the help.
pub(super) struct KeyHelp {
    /// As it is written on the keyboard.
    pub(super) keys: &'static str,
    /// What it does, in a word, for the footer.
    pub(super) word: &'static str,
    /// What it does.
    pub(super) does: &'static str,
}

const fn key(keys: &'static str, word: &'static str, does: &'static str) -> KeyHelp {
    KeyHelp { keys, word, does }
}

/// Every key, in the order of the help.
pub(super) const KEYS: &[KeyHelp] = &[
    key(
        "j k",
        "select",
        "select the next, the one before; scroll where there is text (arrows, PgUp, PgDn, Home, End too)",
    ),
    key(
        "Enter",
        "open",
        "open the selected task: why it failed, what happened; of failures with one cause, list each",
    ),
    key(
        "Esc",
        "back",
        "go back; make one row of failures with one cause",
    ),
    key("a", "all", "run all tasks that are shown"),
    key("r", "again", "run the selected task again"),
    key("f", "failed", "run again what failed"),
    key("n N", "failures", "select the next failure, the one before"),
    key("/", "search", "search for a task"),
    key("p", "path", "show and run only files whose path contains …"),
    key("t", "name", "show and run only tasks whose name contains …"),
    key("c", "clear", "clear the filters"),
    key("x", "cancel", "cancel what runs, with cleanup"),
    key(
        "Space",
        "pause",
        "notice changes, but run nothing, until Space is pressed again",
    ),
    key(
        "g",
        "graph",
        "draw the selected machine, and where the last run went",
    ),
    key(
        "e",
        "edit",
        "open $VISUAL or $EDITOR at the line that failed",
    ),
    key(
        "y",
        "copy",
        "copy the curl of the last request to the clipboard",
    ),
    key("u", "web", "open the web UI"),
    key("?", "help", "this help"),
    key("q", "quit", "end; what runs is cancelled and cleans up"),
    key(
        "Ctrl-C",
        "cancel",
        "once: cancel what runs, with cleanup; twice: end",
    ),
];

/// What this key asks for.
pub(super) fn action(key: &KeyEvent) -> Option<KeyAction> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | 'C') => Some(KeyAction::Interrupt),
            KeyCode::Char('d') => Some(KeyAction::PageDown),
            KeyCode::Char('u') => Some(KeyAction::PageUp),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char('j') | KeyCode::Down => KeyAction::Down,
        KeyCode::Char('k') | KeyCode::Up => KeyAction::Up,
        KeyCode::PageDown => KeyAction::PageDown,
        KeyCode::PageUp => KeyAction::PageUp,
        KeyCode::Home => KeyAction::Top,
        KeyCode::End => KeyAction::Bottom,
        KeyCode::Enter => KeyAction::Open,
        KeyCode::Esc => KeyAction::Back,
        KeyCode::Char('a') => KeyAction::All,
        KeyCode::Char('r') => KeyAction::Again,
        KeyCode::Char('f') => KeyAction::Failed,
        KeyCode::Char('p') => KeyAction::FilterPath,
        KeyCode::Char('t') => KeyAction::FilterName,
        KeyCode::Char('c') => KeyAction::Clear,
        KeyCode::Char('x') => KeyAction::Cancel,
        KeyCode::Char(' ') => KeyAction::Pause,
        KeyCode::Char('n') => KeyAction::NextFailure,
        KeyCode::Char('N') => KeyAction::PreviousFailure,
        KeyCode::Char('/') => KeyAction::Search,
        KeyCode::Char('g') => KeyAction::Graph,
        KeyCode::Char('e') => KeyAction::Edit,
        KeyCode::Char('y') => KeyAction::Copy,
        KeyCode::Char('u') => KeyAction::Web,
        KeyCode::Char('?') => KeyAction::Help,
        KeyCode::Char('q') => KeyAction::Quit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_help_does_something_of_its_own() {
        let mut seen = Vec::new();
        for keys in KEYS.iter().map(|key| key.keys) {
            for word in keys.split(' ') {
                let event = match word {
                    "Enter" => KeyEvent::from(KeyCode::Enter),
                    "Esc" => KeyEvent::from(KeyCode::Esc),
                    "Space" => KeyEvent::from(KeyCode::Char(' ')),
                    "Ctrl-C" => KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
                    one => KeyEvent::from(KeyCode::Char(one.chars().next().unwrap())),
                };
                let action = action(&event).expect(word);
                assert!(!seen.contains(&action), "{word}");
                seen.push(action);
            }
        }
    }
}
