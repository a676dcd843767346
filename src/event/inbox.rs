use super::{Failure, Message};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Messages that one inbox holds at most; one more is an error, never a silent drop.
pub const MAX_MESSAGES: usize = 10_000;
/// Payload bytes that one inbox holds at most.
pub const MAX_BYTES: u64 = 64 << 20;

/// The receiving end of a subscription: a buffer that its client feeds and that conditions read.
///
/// A reader walks the buffer with a cursor of its own and *takes* only the message that fulfilled
/// its condition; what it passed over stays for others. Clones share one buffer.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Mutex<Buffer>>);

/// The client's end of an [`Inbox`]. When the last one is dropped, the inbox is closed.
#[derive(Debug)]
pub struct Feed(Arc<Mutex<Buffer>>);

#[derive(Debug, Default)]
struct Buffer {
    messages: VecDeque<(u64, Message)>,
    next: u64,
    bytes: u64,
    received: u64,
    closed: Option<Failure>,
    wakers: Vec<Waker>,
}

/// Why nothing more can come out of an inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxError(pub Failure);

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    // A panic while the lock is held cannot leave the buffer half written: each use is one push or read.
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// A new, empty inbox and the feed that fills it.
    #[must_use]
    pub fn new() -> (Feed, Self) {
        let buffer = Arc::new(Mutex::new(Buffer::default()));
        (Feed(Arc::clone(&buffer)), Self(buffer))
    }

    /// The first message at or after `cursor` that nobody took, with its number. Moves the cursor
    /// behind it.
    ///
    /// # Errors
    /// When the subscription ended and the buffer holds nothing more.
    pub fn poll_next(
        &self,
        cursor: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<(u64, Message), InboxError>> {
        let mut buffer = lock(&self.0);
        let from = buffer
            .messages
            .partition_point(|(number, _)| *number < *cursor);
        if let Some((number, message)) = buffer.messages.get(from) {
            *cursor = number + 1;
            return Poll::Ready(Ok((*number, message.clone())));
        }
        if let Some(failure) = &buffer.closed {
            return Poll::Ready(Err(InboxError(failure.clone())));
        }
        if !buffer
            .wakers
            .iter()
            .any(|waker| waker.will_wake(context.waker()))
        {
            buffer.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Takes the message with this number out of the buffer. True if it was still there.
    pub fn take(&self, number: u64) -> bool {
        let mut buffer = lock(&self.0);
        let Ok(index) = buffer
            .messages
            .binary_search_by_key(&number, |(number, _)| *number)
        else {
            return false;
        };
        if let Some((_, message)) = buffer.messages.remove(index) {
            buffer.bytes = buffer.bytes.saturating_sub(message.received);
        }
        true
    }

    /// How many messages came in so far, and how many of them nobody took.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let buffer = lock(&self.0);
        (buffer.received, buffer.messages.len() as u64)
    }
}

impl Feed {
    /// Adds a message and wakes the readers.
    ///
    /// # Errors
    /// When the inbox is full; it is then closed with that failure, so that its readers learn of it.
    pub fn push(&self, message: Message) -> Result<(), Failure> {
        let mut buffer = lock(&self.0);
        if buffer.messages.len() >= MAX_MESSAGES || buffer.bytes + message.received > MAX_BYTES {
            let failure = Failure::limit(format!(
                "the subscription holds {} messages ({} bytes) that no condition took, more than it may",
                buffer.messages.len(),
                buffer.bytes
            ))
            .hint("narrow the source, so that only messages that matter arrive");
            buffer.close(failure.clone());
            return Err(failure);
        }
        let number = buffer.next;
        buffer.next += 1;
        buffer.received += 1;
        buffer.bytes += message.received;
        buffer.messages.push_back((number, message));
        buffer.wake();
        Ok(())
    }

    /// Ends the inbox: readers get what is buffered, then this failure.
    pub fn close(&self, failure: Failure) {
        lock(&self.0).close(failure);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        lock(&self.0).close(Failure::transport("the subscription has ended"));
    }
}

impl Buffer {
    fn close(&mut self, failure: Failure) {
        if self.closed.is_none() {
            self.closed = Some(failure);
            self.wake();
        }
    }

    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}
