//! Where somebody looks: what is selected, what is open, what is being typed. Keys change it, and ask the
//! session for what it cannot do itself.

use super::keys::Action;
use super::state::{Ask, State};
use super::text;
use crate::event::Name;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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
    /// The file of the selected task.
    pub(super) selected: Option<Name>,
    /// The first line of a text that is seen. Drawing keeps it within the text.
    pub(super) top: usize,
    pub(super) prompt: Option<Prompt>,
    pub(super) search: String,
    /// A remark, until the next key.
    pub(super) status: Option<String>,
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
pub(super) enum Wish {
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
    pub(super) fn press(&mut self, key: &KeyEvent, state: &mut State) -> Option<Wish> {
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
    pub(super) fn keep_selected(&mut self, state: &State) {
        let kept = self.selected.as_deref();
        if !state.shown().any(|task| Some(&*task.file) == kept) {
            self.selected = state.shown().next().map(|task| Name::clone(&task.file));
        }
    }

    /// Tasks will run: one of them is selected, unless somebody reads about another.
    pub(super) fn turn_to(&mut self, wanted: &[Name]) {
        let looks = (self.selected.as_ref()).is_some_and(|selected| wanted.contains(selected));
        if self.view == View::List && !looks {
            self.selected = wanted.first().cloned().or(self.selected.take());
        }
    }

    fn act(&mut self, action: Action, state: &mut State) -> Option<Wish> {
        match action {
            Action::Down => self.step(1, state),
            Action::Up => self.step(-1, state),
            Action::PageDown => self.step(PAGE.cast_signed(), state),
            Action::PageUp => self.step(-PAGE.cast_signed(), state),
            Action::Top => self.step(isize::MIN, state),
            Action::Bottom => self.step(isize::MAX, state),
            Action::Open if self.view == View::List => self.show(View::Detail),
            Action::Open | Action::Back => self.show(View::List),
            Action::Graph if self.view == View::Graph => self.show(View::List),
            Action::Graph => self.show(View::Graph),
            Action::Help if self.view == View::Help => self.show(View::List),
            Action::Help => self.show(View::Help),
            Action::All => self.ask(Ask::All, state),
            Action::Failed => self.ask(Ask::Failed, state),
            Action::Again => self.ask(Ask::Again, state),
            Action::FilterPath => self.type_in(PromptKind::Path, state.filters.path.clone()),
            Action::FilterName => self.type_in(PromptKind::Name, state.filters.name.clone()),
            Action::Search => self.type_in(PromptKind::Search, String::new()),
            Action::Clear => {
                state.filters = super::state::Filters::default();
                self.search.clear();
            }
            Action::Cancel => {
                let count = state.cancel("cancelled by x");
                self.say(if count == 0 {
                    "nothing runs"
                } else {
                    "cancelled, cleaning up"
                });
            }
            Action::Pause => {
                state.paused = !state.paused;
                if state.paused {
                    self.say("paused: changes are noticed, nothing is run");
                } else if state.tasks.iter().any(|task| task.held) {
                    self.ask(Ask::Resumed, state);
                }
            }
            Action::NextFailure => self.turn_to_failure(true, state),
            Action::PreviousFailure => self.turn_to_failure(false, state),
            Action::Edit => return self.selected.clone().map(Wish::Edit),
            Action::Copy => {
                let task = self.selected.as_deref().and_then(|file| state.task(file));
                let curl = task.and_then(text::curl);
                if curl.is_none() {
                    self.say("there is no request to copy yet");
                }
                return curl.map(Wish::Copy);
            }
            Action::Web => self.say("there is no web UI yet: `funcy serve` is to come"),
            Action::Quit => return Some(Wish::Leave),
            Action::Interrupt => return Some(Wish::Interrupt),
        }
        None
    }

    pub(super) fn say(&mut self, text: &str) {
        self.status = Some(text.to_owned());
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.top = 0;
    }

    fn ask(&mut self, ask: Ask, state: &mut State) {
        let wanted = state.ask(ask, self.selected.as_deref());
        if wanted.is_empty() {
            self.say(match ask {
                Ask::Failed => "nothing has failed",
                _ => "there is nothing to run",
            });
        } else if ask != Ask::Again {
            self.turn_to(&wanted);
        }
    }

    fn type_in(&mut self, kind: PromptKind, text: String) {
        self.prompt = Some(Prompt { kind, text });
    }

    /// Lists and texts follow each letter.
    fn typed(&mut self, key: &KeyEvent, state: &mut State) {
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

    fn apply(&mut self, kind: PromptKind, text: String, state: &mut State) {
        match kind {
            PromptKind::Path => state.filters.path = text,
            PromptKind::Name => state.filters.name = text,
            PromptKind::Search => {
                let found = (state.shown())
                    .find(|task| task.name().contains(&text) || task.file.contains(&text))
                    .filter(|_| !text.is_empty());
                if let Some(task) = found {
                    self.selected = Some(Name::clone(&task.file));
                }
                self.search = text;
            }
        }
        self.keep_selected(state);
    }

    /// Moves the selection, or the text where one is read.
    fn step(&mut self, by: isize, state: &State) {
        if self.view != View::List {
            self.top = self.top.saturating_add_signed(by.clamp(-100_000, 100_000));
            return;
        }
        let files: Vec<&Name> = state.shown().map(|task| &task.file).collect();
        let at = files
            .iter()
            .position(|file| Some(*file) == self.selected.as_ref());
        let last = files.len().saturating_sub(1);
        let to = at.unwrap_or(0).saturating_add_signed(by).min(last);
        self.selected = files.get(to).map(|file| Name::clone(file));
    }

    /// The next task that is broken or has failed.
    fn turn_to_failure(&mut self, forward: bool, state: &State) {
        let mut shown: Vec<_> = state.shown().collect();
        if !forward {
            shown.reverse();
        }
        let at = shown
            .iter()
            .position(|task| Some(&task.file) == self.selected.as_ref());
        shown.rotate_left(at.map_or(0, |at| at + 1));
        match shown.iter().find(|task| task.is_bad()) {
            Some(task) => {
                self.selected = Some(Name::clone(&task.file));
                self.top = 0;
            }
            None => self.say("nothing has failed"),
        }
    }
}
