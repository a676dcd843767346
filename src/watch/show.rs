//! Where a session is shown: on a screen, or line by line. Each is told the same; a screen shows what it is
//! told with its next frame.

use super::mailbox::Mailbox;
use super::plain::Plain;
use super::screen;
use super::state::{Round, SessionState};
use super::terminal::Terminal;
use super::view_state::{Remark, ViewState};
use super::watched_task::WatchedTask;
use super::{Display, Options};
use crate::event::Name;
use crate::report;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::process::Command;

/// The most that is sent to the clipboard: terminals ignore what is longer.
const MAX_COPIED: usize = 74_994;

/// A screen or lines.
pub(super) enum Frontend {
    Lines(Box<Plain>),
    Screen(Box<Screen>),
}

/// A screen, and where somebody looks.
pub(super) struct Screen {
    terminal: Terminal,
    pub(super) view_state: ViewState,
    options: report::Options,
    /// Something has changed since the last frame.
    is_dirty: bool,
}

impl Frontend {
    /// Gives the terminal back, where there is one.
    pub(super) fn give_back(&mut self) {
        if let Self::Screen(screen) = self {
            screen.terminal.leave();
        }
    }

    /// # Errors
    /// When the terminal refuses.
    pub(super) fn open(options: &mut Options, mailbox: Mailbox) -> io::Result<Self> {
        let report = options.report.clone();
        Ok(
            match std::mem::replace(&mut options.display, Display::Screen) {
                Display::Lines(out) => Self::Lines(Box::new(Plain::new(out, report))),
                Display::Screen => {
                    let mut screen = Screen {
                        terminal: Terminal::take(mailbox)?,
                        view_state: ViewState::default(),
                        options: report,
                        is_dirty: true,
                    };
                    screen.view_state.say("loading");
                    Self::Screen(Box::new(screen))
                }
            },
        )
    }

    /// The command that runs a task again needs these words.
    pub(super) fn flags(&mut self, flags: String) {
        match self {
            Self::Lines(plain) => plain.options_mut().flags = flags,
            Self::Screen(screen) => screen.options.flags = flags,
        }
    }

    pub(super) fn options(&self) -> &report::Options {
        match self {
            Self::Lines(plain) => plain.options(),
            Self::Screen(screen) => &screen.options,
        }
    }

    pub(super) fn is_screen(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    /// Draws a frame, where there is something new to see.
    pub(super) fn frame(&mut self, state: &SessionState) -> io::Result<()> {
        match self {
            Self::Screen(screen) if screen.is_dirty && !screen.terminal.is_lent() => {
                screen.is_dirty = false;
                let Screen {
                    terminal,
                    view_state,
                    options,
                    ..
                } = &mut **screen;
                (terminal.drawing)
                    .draw(|frame| screen::draw(frame, state, view_state, options))
                    .map(drop)
            }
            _ => Ok(()),
        }
    }

    /// There is something new to see.
    pub(super) fn touch(&mut self) {
        if let Self::Screen(screen) = self {
            screen.is_dirty = true;
        }
    }

    /// The session has begun.
    pub(super) fn begun(&mut self, state: &SessionState) -> io::Result<()> {
        match self {
            Self::Lines(plain) => {
                let files = match state.tasks.len() {
                    1 => "1 file".to_owned(),
                    files => format!("{files} files"),
                };
                plain.note(&format!("watching {files}"))?;
                for task in &state.tasks {
                    plain.broken(task)?;
                }
                plain.why(state)
            }
            Self::Screen(screen) => {
                screen.view_state.status = None;
                screen.view_state.keep_selected(state);
                Ok(())
            }
        }
    }

    /// Files have changed, and these tasks are affected; `wanted` of them will run.
    pub(super) fn changed<'f>(
        &mut self,
        state: &SessionState,
        affected: impl Iterator<Item = &'f Name>,
        wanted: &[Name],
    ) -> io::Result<()> {
        let affected: Vec<&Name> = affected.collect();
        match self {
            Self::Lines(plain) => {
                plain.why(state)?;
                for task in affected.iter().filter_map(|file| state.task(file)) {
                    plain.broken(task)?;
                }
                Ok(())
            }
            Self::Screen(screen) => {
                let broken = affected.iter().filter(|file| {
                    let task = state.task(file);
                    task.is_some_and(|task| task.broken.is_some())
                });
                let first: Vec<Name> = (wanted.iter())
                    .chain(broken.copied())
                    .map(Name::clone)
                    .collect();
                screen.view_state.turn_to(&first);
                Ok(())
            }
        }
    }

    /// A new definition was judged on the last results.
    pub(super) fn replayed(&mut self, task: &WatchedTask) -> io::Result<()> {
        match self {
            Self::Lines(plain) => plain.replayed(task),
            Self::Screen(_) => Ok(()),
        }
    }

    /// A task has a result, as one of so many that have ended, of so many that were started together.
    pub(super) fn settled(&mut self, task: &WatchedTask, count: (u32, u32)) -> io::Result<()> {
        match self {
            Self::Lines(plain) => plain.settled(task, count),
            Self::Screen(_) => Ok(()),
        }
    }

    /// Nothing runs any more.
    pub(super) fn round(&mut self, round: &Round, now: i64) -> io::Result<()> {
        match self {
            Self::Lines(plain) => plain.round(round, now),
            Self::Screen(_) => Ok(()),
        }
    }

    /// A remark.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Lines(plain) => plain.note(text),
            Self::Screen(screen) => {
                screen.view_state.say(text);
                screen.is_dirty = true;
                Ok(())
            }
        }
    }

    /// What runs was cancelled by a key that `then` does this.
    pub(super) fn cancelled(&mut self, then: &'static str) -> io::Result<()> {
        match self {
            Self::Lines(plain) => plain.note(&format!("cancelled, cleaning up; {then}")),
            Self::Screen(screen) => {
                screen.view_state.status = Some(Remark::CleaningUp(then));
                screen.is_dirty = true;
                Ok(())
            }
        }
    }

    /// Sends something to the terminal that moves nothing on it: a bell, a word for the desktop.
    pub(super) fn send(&mut self, sequence: &str) -> io::Result<()> {
        match self {
            Self::Lines(plain) => plain.write(sequence),
            Self::Screen(_) => Terminal::send(sequence),
        }
    }
}

impl Screen {
    /// Puts a text on the clipboard of whoever sits at the terminal, also through ssh (OSC 52).
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let encoded = STANDARD.encode(text);
        if encoded.len() > MAX_COPIED {
            self.view_state
                .say("the request is too long for the clipboard");
            return Ok(());
        }
        self.view_state.say("copied");
        Terminal::send(&format!("\x1b]52;c;{encoded}\x07"))
    }

    /// Gives the terminal to an editor.
    pub(super) fn edit(&mut self, command: Command) -> io::Result<()> {
        self.terminal.lend(command)
    }

    /// The editor was closed.
    pub(super) fn edited(&mut self, trouble: Option<String>) -> io::Result<()> {
        if let Some(trouble) = trouble {
            self.view_state.say(&trouble);
        }
        self.is_dirty = true;
        self.terminal.closed()
    }

    /// The terminal has another size.
    pub(super) fn resize(&mut self) -> io::Result<()> {
        self.is_dirty = true;
        if self.terminal.is_lent() {
            return Ok(());
        }
        self.terminal.resize()
    }

    /// The last key was dealt with.
    pub(super) fn next_key(&self) {
        self.terminal.next_key();
    }
}
