//! The one mailbox of a session: files, keys, runs and signals all arrive here, in order.

use crossterm::event::Event as Input;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Messages that may wait.
const QUEUE: usize = 4096;

/// What a session is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Something happened to files.
    File(notify::Event),
    /// A key was pressed, or the terminal has another size.
    Input(Input),
    /// A run has come further.
    Wake,
    /// A signal asks the program to end.
    Signal(&'static str),
    /// The editor was closed; why it did not work.
    EditorClosed(Option<String>),
}

/// Sends to a session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailbox {
    sender: SyncSender<Message>,
    flags: Arc<Flags>,
}

/// Receives what was sent.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) receiver: Receiver<Message>,
    flags: Arc<Flags>,
}

#[derive(Debug, Default)]
struct Flags {
    /// A wake-up is on its way: no second one is needed.
    waking: AtomicBool,
    /// A file event found no room.
    lost: AtomicBool,
}

/// A new mailbox, and its other end.
pub(super) fn mailbox() -> (Mailbox, Inbox) {
    let (sender, receiver) = sync_channel(QUEUE);
    let flags = Arc::new(Flags::default());
    let inbox = Inbox {
        receiver,
        flags: Arc::clone(&flags),
    };
    (Mailbox { sender, flags }, inbox)
}

impl Mailbox {
    /// A signal of this name asks the program to end.
    pub fn signal(&self, name: &'static str) {
        // A session that is 4096 messages behind will not be hurried by one more.
        let _ = self.sender.try_send(Message::Signal(name));
    }

    /// A run has come further. Never waits.
    pub(super) fn wake(&self) {
        if !self.flags.waking.swap(true, Ordering::AcqRel) {
            // Where there is no room, the session is awake.
            let _ = self.sender.try_send(Message::Wake);
        }
    }

    /// Something happened to files. Never waits: what finds no room is known to be lost.
    pub(super) fn file(&self, event: notify::Event) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::File(event)) {
            self.flags.lost.store(true, Ordering::Release);
        }
    }

    /// Waits for room; false when nobody receives any more.
    pub(super) fn send(&self, message: Message) -> bool {
        self.sender.send(message).is_ok()
    }
}

impl Inbox {
    /// From now on news wake the session again: to be called before the boards are read.
    pub(super) fn awake(&self) {
        self.flags.waking.store(false, Ordering::Release);
    }

    /// Whether file events were lost since the last call.
    pub(super) fn lost(&self) -> bool {
        self.flags.lost.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_told_once_and_files_never_block() {
        let (mailbox, inbox) = mailbox();
        mailbox.wake();
        mailbox.wake();
        assert!(matches!(inbox.receiver.try_recv(), Ok(Message::Wake)));
        assert!(inbox.receiver.try_recv().is_err());
        inbox.awake();
        mailbox.wake();
        assert!(inbox.receiver.try_recv().is_ok());

        for _ in 0..=QUEUE {
            mailbox.file(notify::Event::new(notify::EventKind::Any));
        }
        assert!(inbox.lost());
        assert!(!inbox.lost());
    }
}
