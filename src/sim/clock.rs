//! The virtual clock: a timeline of what is due, and futures that wait for a point on it.

use crate::event::{Feed, Json, Message, SubscriptionChange};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What a subscription brings.
#[derive(Clone, Debug)]
pub(super) enum Brought {
    Message(Json),
    Change(SubscriptionChange),
}

impl Brought {
    /// Whether nothing comes behind it.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Message(_) => false,
            Self::Change(change) => matches!(
                change,
                SubscriptionChange::Ended | SubscriptionChange::Broken { .. }
            ),
        }
    }
}

/// What happens at a point of the timeline.
pub(super) enum Due {
    Wake(Waker),
    /// A subscription brings something.
    Arrive(Arc<Feed>, Brought),
}

impl Due {
    pub(super) fn happen(self) {
        match self {
            Self::Wake(waker) => waker.wake(),
            // A full inbox closes itself, which its reader learns.
            Self::Arrive(feed, Brought::Message(value)) => drop(feed.push(Message {
                value: Arc::new(value),
                received: 0,
            })),
            Self::Arrive(feed, Brought::Change(change)) => feed.replay(change),
        }
    }
}

/// Whether the future that is being driven wants to be polled.
pub(super) struct Flag(pub(super) AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A clock that stands still until it is told to jump, in microseconds.
#[derive(Default)]
pub(super) struct Clock {
    /// The scripts' clock reads it too.
    now: Arc<AtomicU64>,
    timeline: Mutex<Timeline>,
}

/// What is due, by time, and at one time in the order of its registration.
#[derive(Default)]
struct Timeline {
    registered: u64,
    due: BTreeMap<(u64, u64), Due>,
}

impl Timeline {
    fn key(&mut self, at: u64) -> (u64, u64) {
        self.registered += 1;
        (at, self.registered)
    }
}

impl Clock {
    pub(super) fn micros(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// The time, for whoever reads it without the clock.
    pub(super) fn shared(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.now)
    }

    pub(super) fn sleep_until(&self, at: u64) -> Sleep<'_> {
        Sleep {
            clock: self,
            at,
            key: None,
        }
    }

    pub(super) fn schedule(&self, at: u64, due: Due) {
        let mut timeline = self.timeline();
        let key = timeline.key(at);
        timeline.due.insert(key, due);
    }

    /// When the next thing is due.
    pub(super) fn next(&self) -> Option<u64> {
        let timeline = self.timeline();
        timeline.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Jumps there, and lets everything happen that is due by then.
    pub(super) fn jump(&self, at: u64) {
        let due = {
            let mut timeline = self.timeline();
            self.now.fetch_max(at, Ordering::AcqRel);
            let later = timeline.due.split_off(&(at + 1, 0));
            std::mem::replace(&mut timeline.due, later)
        };
        due.into_values().for_each(Due::happen);
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A timer of the virtual clock. Forgotten when it is dropped.
pub(super) struct Sleep<'c> {
    clock: &'c Clock,
    at: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.micros() >= self.at {
            return Poll::Ready(());
        }
        let mut timeline = self.clock.timeline();
        let key = self.key.unwrap_or_else(|| timeline.key(self.at));
        let wake = Due::Wake(context.waker().clone());
        timeline.due.insert(key, wake);
        drop(timeline);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.timeline().due.remove(&key);
        }
    }
}
