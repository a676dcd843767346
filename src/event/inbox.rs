use super::{Failure, Message};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Messages that one inbox holds at most; one more is an error, never a silent drop.
pub const MAX_MESSAGES: usize = 10_000;
/// Payload bytes that one inbox holds at most.
pub const MAX_BYTES: u64 = 64 << 20;
/// Changes of one subscription that wait at most to be written down: a connection that is lost and reopened again
/// and again ends with the last of them.
pub const MAX_CHANGES: usize = 1_000;

/// The receiving end of a subscription: a buffer that its client feeds and that conditions read.
///
/// A reader walks the buffer with a cursor of its own and *takes* only the message that fulfilled
/// its condition; what it passed over stays for others. Clones share one buffer. What is taken out of a
/// [`view`](Self::view) is still there for all who look at the buffer in another way.
///
/// What happens to the subscription itself ([`SubscriptionChange`]) stands in the buffer where it happened, between
/// the messages before it and those after it.
#[derive(Clone, Debug)]
pub struct Inbox {
    buffer: Arc<Mutex<Buffer>>,
    view: Option<Arc<View>>,
}

/// What was taken out of a view of a buffer.
#[derive(Debug, Default)]
struct View {
    taken: Mutex<BTreeSet<u64>>,
    /// The view that it is one of, if that is not the buffer itself.
    around: Option<Arc<Self>>,
}

impl View {
    fn taken(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's end of an [`Inbox`]. When the last one is dropped, the inbox is closed.
#[derive(Debug)]
pub struct Feed(Arc<Mutex<Buffer>>);

#[derive(Debug, Default)]
struct Buffer {
    messages: VecDeque<(u64, Message)>,
    next: u64,
    bytes: u64,
    received: u64,
    /// What nobody has written down yet, each with the number of the message that comes after it.
    changes: VecDeque<(u64, SubscriptionChange)>,
    /// How often the connection was lost.
    losses: u64,
    /// Whether it is lost now, and being opened again.
    is_lost: bool,
    over: Option<Over>,
    wakers: Vec<Waker>,
}

/// What happened to a subscription after it was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SubscriptionChange {
    /// Its connection broke, and is being opened again.
    Lost {
        /// What broke it.
        why: Failure,
    },
    /// It is open again. What was sent in between may be lost.
    Reopened,
    /// Its source has ended by itself.
    Ended,
    /// It broke for good.
    Broken {
        /// What broke it.
        why: Failure,
    },
}

impl SubscriptionChange {
    /// In one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "lost",
            Self::Reopened => "reopened",
            Self::Ended => "ended",
            Self::Broken { .. } => "broken",
        }
    }

    /// What a subscription did, behind its name.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "was lost",
            Self::Reopened => "is open again",
            Self::Ended => "has ended",
            Self::Broken { .. } => "broke",
        }
    }

    /// What broke it, if something did.
    #[must_use]
    pub fn why(&self) -> Option<&Failure> {
        match self {
            Self::Lost { why } | Self::Broken { why } => Some(why),
            Self::Reopened | Self::Ended => None,
        }
    }
}

/// Why nothing more can come out of an inbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// The source has ended by itself: that is no trouble, unless somebody waits for more.
    Ended,
    /// The subscription broke.
    Broken(Failure),
}

/// What stands next in an inbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A message, with its number.
    Message(u64, Message),
    /// Something that happened to the subscription, and that nobody has written down yet.
    Change(SubscriptionChange),
    /// Nothing more will come.
    Over(Over),
}

/// How a subscription stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// How often its connection was lost so far.
    pub losses: u64,
    /// Whether it is lost now.
    pub is_lost: bool,
    /// Whether it is over, and why.
    pub over: Option<Over>,
}

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    // A panic while the lock is held cannot leave the buffer half written: each use is one push or read.
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// A new, empty inbox and the feed that fills it.
    #[must_use]
    pub fn new() -> (Feed, Self) {
        let buffer = Arc::new(Mutex::new(Buffer::default()));
        let feed = Feed(Arc::clone(&buffer));
        (feed, Self { buffer, view: None })
    }

    /// Another view of the same buffer: it holds what nobody has taken out of this one, and what is taken out of it
    /// stays in this one until it is [settled](Self::settle).
    #[must_use]
    pub fn view(&self) -> Self {
        let taken = (self.view.as_ref()).map(|view| view.taken().clone());
        Self {
            buffer: Arc::clone(&self.buffer),
            view: Some(Arc::new(View {
                taken: Mutex::new(taken.unwrap_or_default()),
                around: self.view.clone(),
            })),
        }
    }

    /// Takes out of the inbox that this is a view of what was taken out of the view.
    pub fn settle(&self) {
        let Some(view) = &self.view else { return };
        let taken = view.taken().clone();
        if let Some(around) = &view.around {
            around.taken().extend(taken);
            return;
        }
        let mut buffer = lock(&self.buffer);
        for number in taken {
            buffer.take(number);
        }
    }

    /// Whether both look at one buffer.
    #[must_use]
    pub fn shares_buffer(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.buffer, &other.buffer)
    }

    fn next_at(&self, buffer: &mut Buffer, cursor: &mut u64) -> Option<Next> {
        let Some(view) = &self.view else {
            return buffer.next_at(cursor);
        };
        let taken = view.taken();
        loop {
            match buffer.next_at(cursor) {
                Some(Next::Message(number, _)) if taken.contains(&number) => {}
                next => return next,
            }
        }
    }

    /// What stands at or behind `cursor`: the first message that nobody took, or a change before it that nobody has
    /// written down. Moves the cursor behind a message. At the end it says so, again and again.
    pub fn poll_next(&self, cursor: &mut u64, context: &mut Context<'_>) -> Poll<Next> {
        let mut buffer = lock(&self.buffer);
        if let Some(next) = self.next_at(&mut buffer, cursor) {
            return Poll::Ready(next);
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

    /// The same as [`poll_next`](Self::poll_next), where nobody waits for what is not there yet.
    pub fn next_now(&self, cursor: &mut u64) -> Option<Next> {
        self.next_at(&mut lock(&self.buffer), cursor)
    }

    /// The first change that nobody has written down, wherever it stands. Whoever asks writes it down.
    #[must_use]
    pub fn next_change(&self) -> Option<SubscriptionChange> {
        let mut buffer = lock(&self.buffer);
        buffer.changes.pop_front().map(|(_, change)| change)
    }

    /// How the subscription stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let buffer = lock(&self.buffer);
        Standing {
            losses: buffer.losses,
            is_lost: buffer.is_lost,
            over: buffer.over.clone(),
        }
    }

    /// Takes the message with this number out of the buffer. True if it was still there.
    pub fn take(&self, number: u64) -> bool {
        let mut buffer = lock(&self.buffer);
        match &self.view {
            None => buffer.take(number),
            Some(view) => buffer.position(number).is_some() && view.taken().insert(number),
        }
    }

    /// Whether nobody has taken the message with this number.
    #[must_use]
    pub fn holds(&self, number: u64) -> bool {
        let is_taken = |view: &Arc<View>| view.taken().contains(&number);
        lock(&self.buffer).position(number).is_some() && !self.view.as_ref().is_some_and(is_taken)
    }

    /// How many messages came in so far, and how many of them nobody took.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let buffer = lock(&self.buffer);
        let left = match &self.view {
            None => buffer.messages.len(),
            Some(view) => {
                let taken = view.taken();
                let mut messages = buffer.messages.iter();
                let is_left = |(number, _): &&(u64, Message)| !taken.contains(number);
                messages.by_ref().filter(is_left).count()
            }
        };
        (buffer.received, left as u64)
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
            let failure = Failure::resource(format!(
                "{} messages of {} bytes wait that no condition took, more than the {MAX_MESSAGES} messages or {MAX_BYTES} bytes that a subscription may hold",
                buffer.messages.len() + 1,
                buffer.bytes + message.received
            ))
            .hint("narrow the source, so that only messages that matter arrive");
            buffer.close(Over::Broken(failure.clone()));
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

    /// The connection broke, and is being opened again: until [`reopened`](Self::reopened) nobody can say that
    /// nothing came.
    ///
    /// # Errors
    /// When that has happened too often; the inbox is then closed with that failure.
    pub fn lost(&self, why: Failure) -> Result<(), Failure> {
        let mut buffer = lock(&self.0);
        buffer.losses += 1;
        buffer.is_lost = true;
        buffer.change(SubscriptionChange::Lost { why })
    }

    /// The connection is open again.
    ///
    /// # Errors
    /// As [`lost`](Self::lost).
    pub fn reopened(&self) -> Result<(), Failure> {
        let mut buffer = lock(&self.0);
        buffer.is_lost = false;
        buffer.change(SubscriptionChange::Reopened)
    }

    /// The source has ended by itself: readers get what is buffered, then its end.
    pub fn end(&self) {
        lock(&self.0).close(Over::Ended);
    }

    /// The subscription broke: readers get what is buffered, then this failure.
    pub fn close(&self, failure: Failure) {
        lock(&self.0).close(Over::Broken(failure));
    }

    /// What has happened somewhere else, such as in a recording.
    pub(crate) fn replay(&self, change: SubscriptionChange) {
        // An inbox that is full has closed itself, and its readers learn of it.
        match change {
            SubscriptionChange::Lost { why } => drop(self.lost(why)),
            SubscriptionChange::Reopened => drop(self.reopened()),
            SubscriptionChange::Ended => self.end(),
            SubscriptionChange::Broken { why } => self.close(why),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.close(Failure::transport("the subscription has ended"));
    }
}

impl Buffer {
    fn position(&self, number: u64) -> Option<usize> {
        let messages = &self.messages;
        messages
            .binary_search_by_key(&number, |(number, _)| *number)
            .ok()
    }

    fn take(&mut self, number: u64) -> bool {
        let Some(index) = self.position(number) else {
            return false;
        };
        if let Some((_, message)) = self.messages.remove(index) {
            self.bytes = self.bytes.saturating_sub(message.received);
        }
        true
    }

    fn next_at(&mut self, cursor: &mut u64) -> Option<Next> {
        let from = self
            .messages
            .partition_point(|(number, _)| *number < *cursor);
        let message = self.messages.get(from);
        let before = message.map_or(self.next, |(number, _)| *number);
        if let Some((_, change)) = self.changes.pop_front_if(|(at, _)| *at <= before) {
            return Some(Next::Change(change));
        }
        if let Some((number, message)) = self.messages.get(from) {
            *cursor = number + 1;
            return Some(Next::Message(*number, message.clone()));
        }
        self.over.clone().map(Next::Over)
    }

    fn change(&mut self, change: SubscriptionChange) -> Result<(), Failure> {
        if self.changes.len() >= MAX_CHANGES {
            let failure = Failure::resource(format!(
                "the subscription was lost and reopened {} times while nobody looked at it, more than the {MAX_CHANGES} changes that may wait",
                self.losses
            ))
            .hint("find out why its server lets go; without `reconnect: true` the first loss ends it");
            self.close(Over::Broken(failure.clone()));
            return Err(failure);
        }
        self.changes.push_back((self.next, change));
        self.wake();
        Ok(())
    }

    fn close(&mut self, over: Over) {
        if self.over.is_some() {
            return;
        }
        let change = match &over {
            Over::Ended => SubscriptionChange::Ended,
            Over::Broken(why) => SubscriptionChange::Broken { why: why.clone() },
        };
        self.changes.push_back((self.next, change));
        self.over = Some(over);
        self.wake();
    }

    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}
