//! The terminal itself: taken over as a whole, lent to an editor, and given back as it was, also when the
//! session panics.

use super::mailbox::{Mailbox, Message};
use super::session::THREAD;
use crossterm::event::{self, Event, KeyCode, KeyEvent};
use crossterm::terminal::{
    self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal as Drawing, TerminalOptions, Viewport};
use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Whether a session has the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal in the hands of a session.
pub(super) struct Terminal {
    pub(super) drawing: Drawing<CrosstermBackend<BufWriter<Stdout>>>,
    /// Lets the reader go on behind a key: while an editor is open, keys are the editor's.
    go_on: SyncSender<()>,
    mailbox: Mailbox,
    taken: bool,
}

impl Terminal {
    /// Takes the terminal over. What stands on it stays in its scrollback.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub(super) fn take(mailbox: Mailbox) -> io::Result<Self> {
        restore_on_panic();
        let (go_on, wait) = sync_channel(1);
        let reader = mailbox.clone();
        let mut terminal = Self {
            drawing: drawing()?,
            go_on,
            mailbox,
            taken: false,
        };
        terminal.enter()?;
        std::thread::Builder::new()
            .name("funcy-keys".into())
            .spawn(move || read(&reader, &wait))?;
        Ok(terminal)
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.taken = true;
        TAKEN.store(true, Ordering::Release);
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        self.resize()
    }

    /// The terminal has another size, or what stands on it is not known: the next frame is drawn as a whole.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub(super) fn resize(&mut self) -> io::Result<()> {
        self.drawing = drawing()?;
        execute!(io::stdout(), Clear(ClearType::All))
    }

    /// Gives the terminal back.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.taken) {
            give_back();
        }
    }

    /// The key that was read last has been dealt with.
    pub(super) fn next_key(&self) {
        // The reader waits for one word at most.
        let _ = self.go_on.try_send(());
    }

    /// Runs a command on the terminal; its end comes as a message. No key is read until
    /// [`Self::closed`] is called.
    ///
    /// # Errors
    /// When there is no thread.
    pub(super) fn lend(&mut self, mut command: Command) -> io::Result<()> {
        self.leave();
        let mailbox = self.mailbox.clone();
        std::thread::Builder::new()
            .name("funcy-editor".into())
            .spawn(move || {
                command.stdin(Stdio::inherit());
                let trouble = match command.status() {
                    Ok(status) if status.success() => None,
                    Ok(status) => Some(format!("the editor ended with {status}")),
                    Err(error) => Some(format!("the editor does not start: {error}")),
                };
                mailbox.send(Message::EditorClosed(trouble));
            })?;
        Ok(())
    }

    /// The command has ended: the terminal is the session's again.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub(super) fn closed(&mut self) -> io::Result<()> {
        self.enter()?;
        self.next_key();
        Ok(())
    }

    /// Whether a command has the terminal.
    pub(super) fn is_lent(&self) -> bool {
        !self.taken
    }

    /// Sends something to the terminal that moves nothing on it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn send(sequence: &str) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(sequence.as_bytes())?;
        out.flush()
    }
}

/// Draws on the whole screen as it is now. Its size is fixed: drawing that follows the size by itself asks the
/// terminal where its cursor is, and the answer would come to the reader of keys.
fn drawing() -> io::Result<Drawing<CrosstermBackend<BufWriter<Stdout>>>> {
    let (columns, rows) = terminal::size()?;
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns.max(1), rows.max(1)));
    let backend = CrosstermBackend::new(BufWriter::new(io::stdout()));
    Drawing::with_options(backend, TerminalOptions { viewport })
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Reads keys until nobody takes them any more. Behind each key it waits until that was dealt with, so that
/// none is taken away from an editor that the key opens.
fn read(mailbox: &Mailbox, wait: &Receiver<()>) {
    loop {
        let Ok(event) = event::read() else {
            // The terminal is gone: nobody can press a key any more, nor see anything.
            let quit = KeyEvent::from(KeyCode::Char('q'));
            mailbox.send(Message::Input(Event::Key(quit)));
            return;
        };
        let is_key = matches!(event, Event::Key(_));
        if !mailbox.send(Message::Input(event)) || (is_key && wait.recv().is_err()) {
            return;
        }
    }
}

/// Gives the terminal back if a session has it, when the process is about to end without it.
pub fn give_terminal_back() {
    if TAKEN.load(Ordering::Acquire) {
        give_back();
    }
}

fn give_back() {
    TAKEN.store(false, Ordering::Release);
    let mut out = io::stdout();
    // Each step is tried, whatever became of the one before.
    let _ = disable_raw_mode();
    let _ = execute!(out, LeaveAlternateScreen, cursor::Show);
}

/// A panic of the session gives the terminal back before it is printed. One of a task is contained by the
/// engine, which reports it: printed, it would only spoil the screen.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_taken = TAKEN.load(Ordering::Acquire);
            let is_session = std::thread::current().name() == Some(THREAD);
            if is_taken && is_session {
                give_back();
            }
            if is_session || !is_taken {
                before(panic);
            }
        }));
    });
}
