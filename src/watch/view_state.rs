//! Where somebody looks: what is selected, what is open, what is being typed. Keys change it, and ask the
//! session for what it cannot do itself.

use super::keys::KeyAction;
use super::rows::{Row, RowKind, rows};
use super::state::{RunTrigger, SessionState};
use super::text;
use crate::event::Name;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::HashSet;

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    /// All tasks.
    #[default]
    List,
    /// The selected task.
    Detail,
    /// Its machine.
    Graph,
    /// The keys.
    Help,
}

/// The eye of a session.
#[derive(Debug, Default)]
pub(super) struct ViewState {
    pub(super) view: View,
    /// The file of the selected task; of one of them, where a row stands for several.
    pub(super) selected: Option<Name>,
    /// The causes whose failures are listed one by one.
    pub(super) opened: HashSet<Name>,
    /// The first line of a text that is seen. Drawing keeps it within the text.
    pub(super) top: usize,
    pub(super) prompt: Option<Prompt>,
    pub(super) search: String,
    pub(super) status: Option<Remark>,
}

/// What the footer says instead of the keys, until the next one is pressed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// This.
    Said(String),
    /// That what was cancelled cleans up, as long as it does; and what the same key would do next.
    CleaningUp(&'static str),
}

/// Something that is being typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) kind: PromptKind,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptKind {
    Path,
    Name,
    Search,
}

impl PromptKind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Path => "path contains: ",
            Self::Name => "name contains: ",
            Self::Search => "search: ",
        }
    }
}

/// What a key asks of the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionCommand {
    Edit(Name),
    Copy(String),
    Interrupt,
    Leave,
}

/// The lines that a page key moves by.
const PAGE: usize = 10;
/// The longest text that is typed.
const MAX_TYPED: usize = 200;

impl ViewState {
    /// A key was pressed.
    pub(super) fn press(
        &mut self,
        key: &KeyEvent,
        state: &mut SessionState,
    ) -> Option<SessionCommand> {
        self.status = None;
        let interrupts = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.prompt.is_some() && !interrupts {
            self.typed(key, state);
            return None;
        }
        let wish = self.act(super::keys::action(key)?, state);
        self.keep_selected(state);
        wish
    }

    /// A selection that is shown: the one that was, else the first.
    pub(super) fn keep_selected(&mut self, state: &SessionState) {
        let kept = self.selected.as_deref();
        if !state.visible().any(|task| Some(&*task.file) == kept) {
            self.selected = state.visible().next().map(|task| Name::clone(&task.file));
        }
    }

    /// Tasks will run: one of them is selected, unless somebody reads about another.
    pub(super) fn turn_to(&mut self, wanted: &[Name]) {
        let looks = (self.selected.as_ref()).is_some_and(|selected| wanted.contains(selected));
        if self.view == View::List && !looks {
            self.selected = wanted.first().cloned().or(self.selected.take());
        }
    }

    /// The rows of the list.
    pub(super) fn rows<'s>(&self, state: &'s SessionState) -> Vec<Row<'s>> {
        rows(state, &self.opened)
    }

    /// Lists the failures of the selected row one by one; whether it stands for several.
    fn open_group(&mut self, state: &SessionState) -> bool {
        let rows = self.rows(state);
        let selected = rows.iter().find(|row| row.holds(self.selected.as_ref()));
        let group = selected.filter(|row| row.kind == RowKind::Group);
        let cause = group.and_then(|row| row.tasks.first()?.cause());
        let is_group = cause.is_some();
        self.opened.extend(cause);
        is_group
    }

    /// Makes one row of the failures that the selected one is listed with.
    fn close_group(&mut self, state: &SessionState) {
        let task = self.selected.as_deref().and_then(|file| state.task(file));
        if let Some(cause) = task.and_then(super::watched_task::WatchedTask::cause) {
            self.opened.remove(&cause);
        }
    }

    fn act(&mut self, action: KeyAction, state: &mut SessionState) -> Option<SessionCommand> {
        match action {
            KeyAction::Down => self.step(1, state),
            KeyAction::Up => self.step(-1, state),
            KeyAction::PageDown => self.step(PAGE.cast_signed(), state),
            KeyAction::PageUp => self.step(-PAGE.cast_signed(), state),
            KeyAction::Top => self.step(isize::MIN, state),
            KeyAction::Bottom => self.step(isize::MAX, state),
            KeyAction::Open if self.view == View::List => {
                if !self.open_group(state) {
                    self.show(View::Detail);
                }
            }
            KeyAction::Back if self.view == View::List => self.close_group(state),
            KeyAction::Open | KeyAction::Back => self.show(View::List),
            KeyAction::Graph if self.view == View::Graph => self.show(View::List),
            KeyAction::Graph => self.show(View::Graph),
            KeyAction::Help if self.view == View::Help => self.show(View::List),
            KeyAction::Help => self.show(View::Help),
            KeyAction::All => self.ask(RunTrigger::All, state),
            KeyAction::Failed => self.ask(RunTrigger::Failed, state),
            KeyAction::Again => self.ask(RunTrigger::Again, state),
            KeyAction::FilterPath => self.type_in(PromptKind::Path, state.filters.path.clone()),
            KeyAction::FilterName => self.type_in(PromptKind::Name, state.filters.name.clone()),
            KeyAction::Search => self.type_in(PromptKind::Search, String::new()),
            KeyAction::Clear => {
                state.filters = super::state::Filters::default();
                self.search.clear();
            }
            KeyAction::Cancel => {
                if state.cancel("cancelled by x") == 0 {
                    self.say("nothing runs");
                } else {
                    self.status = Some(Remark::CleaningUp(""));
                }
            }
            KeyAction::Pause => {
                state.paused = !state.paused;
                if state.paused {
                    self.say("paused: changes are noticed, nothing is run");
                } else if state.tasks.iter().any(|task| task.held) {
                    self.ask(RunTrigger::Resumed, state);
                }
            }
            KeyAction::NextFailure => self.turn_to_failure(true, state),
            KeyAction::PreviousFailure => self.turn_to_failure(false, state),
            KeyAction::Edit => return self.selected.clone().map(SessionCommand::Edit),
            KeyAction::Copy => {
                let task = self.selected.as_deref().and_then(|file| state.task(file));
                let curl = task.and_then(text::curl);
                if curl.is_none() {
                    self.say("there is no request to copy yet");
                }
                return curl.map(SessionCommand::Copy);
            }
            KeyAction::Web => self.say("there is no web UI yet: `funcy serve` is to come"),
            KeyAction::Quit => return Some(SessionCommand::Leave),
            KeyAction::Interrupt => return Some(SessionCommand::Interrupt),
        }
        None
    }

    pub(super) fn say(&mut self, text: &str) {
        self.status = Some(Remark::Said(text.to_owned()));
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.top = 0;
    }

    fn ask(&mut self, ask: RunTrigger, state: &mut SessionState) {
        let selected: Vec<Name> = (self.rows(state).iter())
            .filter(|row| row.holds(self.selected.as_ref()))
            .flat_map(|row| row.tasks.iter().map(|task| Name::clone(&task.file)))
            .collect();
        let wanted = state.ask(ask, &selected);
        if wanted.is_empty() {
            self.say(match ask {
                RunTrigger::Failed => "nothing has failed",
                _ => "there is nothing to run",
            });
        } else if ask != RunTrigger::Again {
            self.turn_to(&wanted);
        }
    }

    fn type_in(&mut self, kind: PromptKind, text: String) {
        self.prompt = Some(Prompt { kind, text });
    }

    /// Lists and texts follow each letter.
    fn typed(&mut self, key: &KeyEvent, state: &mut SessionState) {
        let Some(prompt) = &mut self.prompt else {
            return;
        };
        let kind = prompt.kind;
        match key.code {
            KeyCode::Enter => {
                self.prompt = None;
                return;
            }
            KeyCode::Esc => {
                prompt.text.clear();
                self.apply(kind, String::new(), state);
                self.prompt = None;
                return;
            }
            KeyCode::Backspace => drop(prompt.text.pop()),
            KeyCode::Char(letter) if prompt.text.len() < MAX_TYPED => prompt.text.push(letter),
            _ => return,
        }
        let text = prompt.text.clone();
        self.apply(kind, text, state);
    }

    fn apply(&mut self, kind: PromptKind, text: String, state: &mut SessionState) {
        match kind {
            PromptKind::Path => state.filters.path = text,
            PromptKind::Name => state.filters.name = text,
            PromptKind::Search => {
                let found = (state.visible())
                    .find(|task| task.name().contains(&text) || task.file.contains(&text))
                    .filter(|_| !text.is_empty());
                if let Some(task) = found {
                    self.selected = Some(Name::clone(&task.file));
                    // What was looked for is to be seen.
                    self.open_group(state);
                }
                self.search = text;
            }
        }
        self.keep_selected(state);
    }

    /// Moves the selection, or the text where one is read.
    fn step(&mut self, by: isize, state: &SessionState) {
        if self.view != View::List {
            self.top = self.top.saturating_add_signed(by.clamp(-100_000, 100_000));
            return;
        }
        let mut rows = self.rows(state);
        rows.retain(Row::is_selectable);
        let at = rows
            .iter()
            .position(|row| row.holds(self.selected.as_ref()));
        let last = rows.len().saturating_sub(1);
        let to = at.unwrap_or(0).saturating_add_signed(by).min(last);
        if at != Some(to) {
            self.selected = rows.get(to).map(first_file);
        }
    }

    /// The next task that is broken or has failed.
    fn turn_to_failure(&mut self, forward: bool, state: &SessionState) {
        let mut rows = self.rows(state);
        rows.retain(Row::is_selectable);
        if !forward {
            rows.reverse();
        }
        let at = rows
            .iter()
            .position(|row| row.holds(self.selected.as_ref()));
        rows.rotate_left(at.map_or(0, |at| at + 1));
        let is_bad = |row: &&Row<'_>| row.tasks.iter().any(|task| task.is_bad());
        match rows.iter().find(is_bad) {
            Some(row) => {
                self.selected = Some(first_file(row));
                self.top = 0;
            }
            None => self.say("nothing has failed"),
        }
    }
}

fn first_file(row: &Row<'_>) -> Name {
    Name::clone(&row.tasks[0].file)
}
