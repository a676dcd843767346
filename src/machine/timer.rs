//! One timer for a whole execution, however many of its futures wait for a moment.
//!
//! A `wait` waits for three at once: its own, the transition's deadline and the task's. A timer of the runtime is
//! larger than the rest of such a future, and setting it costs a lock. But all futures of an execution are
//! polled together, from the top: each one that waits says for when, and the top sets one timer to the
//! earliest.

use super::world::{Moment, World};
use pin_project_lite::pin_project;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// The earliest moment that a future of the execution waits for, as of the last time they were polled.
#[derive(Debug)]
pub(super) struct Earliest(AtomicU64);

/// Nothing waits for a moment.
const NEVER: Moment = Moment(u64::MAX);

impl Default for Earliest {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER.0))
    }
}

impl Earliest {
    /// Completes when the clock has reached this moment. Polled within [`timed`] only.
    pub(super) fn sleep_until<W: World>(&self, world: &W, at: Moment) -> impl Future<Output = ()> {
        poll_fn(move |_| {
            if world.now() >= at {
                return Poll::Ready(());
            }
            self.0.fetch_min(at.0, Ordering::Relaxed);
            Poll::Pending
        })
    }
}

pin_project! {
    /// The future of [`timed`].
    struct Timed<'a, F, M, S> {
        #[pin]
        inner: F,
        earliest: &'a Earliest,
        set: M,
        // When the timer goes off. Earlier than anything waits for is no harm: it is set anew then, which
        // costs less than at each step of a machine.
        due: Moment,
        #[pin]
        timer: Option<S>,
    }
}

impl<F, M, S> Future for Timed<'_, F, M, S>
where
    F: Future,
    M: Fn(Moment) -> S,
    S: Future<Output = ()>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        loop {
            this.earliest.0.store(NEVER.0, Ordering::Relaxed);
            if let Poll::Ready(value) = this.inner.as_mut().poll(context) {
                return Poll::Ready(value);
            }
            let earliest = Moment(this.earliest.0.load(Ordering::Relaxed));
            if earliest < *this.due {
                *this.due = earliest;
                this.timer.set(Some((this.set)(earliest)));
            }
            match this
                .timer
                .as_mut()
                .as_pin_mut()
                .map(|timer| timer.poll(context))
            {
                None | Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(())) => {
                    *this.due = NEVER;
                    this.timer.set(None);
                }
            }
        }
    }
}

/// Polls a future, and wakes it when the clock reaches the earliest moment that anything in it waits for.
/// `set` makes a timer.
pub(super) fn timed<'a, F, M, S>(
    earliest: &'a Earliest,
    set: M,
    inner: F,
) -> impl Future<Output = F::Output> + use<'a, F, M, S>
where
    F: Future,
    M: Fn(Moment) -> S,
    S: Future<Output = ()>,
{
    Timed {
        inner,
        earliest,
        set,
        due: NEVER,
        timer: None,
    }
}
