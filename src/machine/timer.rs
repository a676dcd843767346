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
pub(super) fn timed<F, M, S>(
    earliest: &Earliest,
    set: M,
    inner: F,
) -> impl Future<Output = F::Output> + use<'_, F, M, S>
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::race::first;
    use crate::sim::VirtualWorld;
    use std::cell::RefCell;

    /// Drives a future that waits, and tells which timers of the world it took.
    fn timers(world: &VirtualWorld, earliest: &Earliest, waits: impl Future) -> Vec<u64> {
        let timers = RefCell::new(Vec::new());
        let set = |at: Moment| {
            timers.borrow_mut().push(at.0);
            world.sleep_until(at)
        };
        let ended = world.block_on(timed(earliest, set, waits));
        assert!(ended.is_ok(), "the timers wake it");
        timers.into_inner()
    }

    #[test]
    fn waits_side_by_side_share_a_timer() {
        let (world, earliest) = (VirtualWorld::new(), Earliest::default());
        let at = |micros| earliest.sleep_until(&world, Moment(micros));
        let waits = async {
            first(at(5), first(at(3), at(9))).await;
            assert_eq!(world.now(), Moment(3));
            at(4).await;
            assert_eq!(world.now(), Moment(4));
        };
        assert_eq!(timers(&world, &earliest, waits), [3, 4]);
    }

    #[test]
    fn a_timer_that_nobody_waits_for_any_more_is_left_until_it_goes_off() {
        let (world, earliest) = (VirtualWorld::new(), Earliest::default());
        let at = |micros| earliest.sleep_until(&world, Moment(micros));
        let waits = async {
            let mut polled = false;
            let second_poll = poll_fn(|context| {
                if std::mem::replace(&mut polled, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            });
            first(second_poll, at(2)).await;
            assert_eq!(world.now(), Moment(0));
            at(5).await;
            assert_eq!(world.now(), Moment(5));
        };
        assert_eq!(timers(&world, &earliest, waits), [2, 5]);
    }
}
