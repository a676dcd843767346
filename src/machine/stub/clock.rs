//! The virtual clock: a timeline of what is due, and futures that wait for a point on it.

use super::Stubbed;
use crate::event::{Failure, Feed, Json, Message};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// What happens at a point of the timeline.
pub(super) enum Due {
    Wake(Waker),
    /// A message arrives, or the subscription ends.
    Arrive(Arc<Feed>, Result<Json, Failure>),
}

impl Due {
    pub(super) fn happen(self) {
        match self {
            Self::Wake(waker) => waker.wake(),
            // A full inbox closes itself, which its reader learns.
            Self::Arrive(feed, Ok(value)) => drop(feed.push(Message {
                value: Arc::new(value),
                received: 0,
            })),
            Self::Arrive(feed, Err(failure)) => feed.close(failure),
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

/// A timer of the virtual clock. Forgotten when it is dropped.
pub(super) struct Sleep<'w> {
    pub(super) world: &'w Stubbed,
    pub(super) at: u64,
    pub(super) key: Option<(u64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.world.lock();
        if self.world.micros() >= self.at {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            inner.sequence += 1;
            (self.at, inner.sequence)
        });
        inner
            .timeline
            .insert(key, Due::Wake(context.waker().clone()));
        drop(inner);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.world.lock().timeline.remove(&key);
        }
    }
}

/// Counts a request while it is under way, also when it is dropped.
pub(super) struct InFlight<'w>(&'w Stubbed);

impl<'w> InFlight<'w> {
    pub(super) fn new(world: &'w Stubbed) -> Self {
        world.lock().in_flight += 1;
        Self(world)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}
