//! Work on large payloads, beside the thread that runs all tasks: whatever takes long there delays the timers of every
//! other task.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use tokio::sync::Semaphore;

/// A payload of more bytes is decoded and parsed on a thread of its own. Handing over costs about as much as parsing
/// this much.
pub(in crate::client) const LARGE: usize = 64 * 1024;

/// As many payloads are worked on at once as there are processors beside the one that runs the tasks.
static SEATS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors.saturating_sub(1).max(1)))
});

/// Whether anybody still wants the result of some work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    /// True once nobody does: what is left of the work is waste.
    pub(in crate::client) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn guard(&self) -> Guard {
        Guard(self.clone())
    }
}

/// Abandons the work when it is dropped.
pub(super) struct Guard(Abandoned);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does work on a payload of so many bytes: here if that is quick, else on a thread that may be busy. Dropping the
/// future abandons the work, which may look whether it was.
///
/// # Panics
/// When the work does.
pub(in crate::client) async fn offload<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce(&Abandoned) -> T + Send + 'static,
) -> T {
    if bytes <= LARGE {
        return work(&Abandoned::default());
    }
    let Ok(seat) = Arc::clone(&SEATS).acquire_owned().await else {
        unreachable!("nobody closes it");
    };
    let abandoned = Abandoned::default();
    let _guard = abandoned.guard();
    let working = tokio::task::spawn_blocking(move || {
        let _seat = seat;
        work(&abandoned)
    });
    match working
        .await
        .map_err(tokio::task::JoinError::try_into_panic)
    {
        Ok(result) => result,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime is being shut down, and with it whoever waits here.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// Lets others go first, again and again, where much comes bit by bit without a wait: an answer that unpacks to many
/// times its size, or thousands of rows.
#[derive(Debug, Default)]
pub(in crate::client) struct Pace(usize);

impl Pace {
    /// So many bytes have come.
    pub(in crate::client) async fn step(&mut self, bytes: usize) {
        self.0 += bytes;
        if self.0 > LARGE {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn what_is_large_does_not_hold_the_thread() {
        let here = thread::current().id();
        let small = offload(LARGE, |_| thread::current().id()).await;
        assert_eq!(small, here);
        let large = offload(LARGE + 1, |_| thread::current().id()).await;
        assert_ne!(large, here);
    }

    /// Work that nobody waits for any more ends, and gives its seat to the next.
    #[tokio::test]
    async fn work_that_was_abandoned_is_told() {
        let begin = Instant::now();
        for _ in 0..3 {
            let endless = offload(usize::MAX, |abandoned| {
                while !abandoned.is_set() {
                    thread::yield_now();
                }
            });
            let cut = tokio::time::timeout(Duration::from_millis(20), endless).await;
            assert!(cut.is_err());
        }
        let next = tokio::time::timeout(Duration::from_secs(30), offload(usize::MAX, |_| 7));
        assert_eq!(next.await, Ok(7));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    #[should_panic(expected = "as it was meant")]
    async fn a_panic_is_passed_on() {
        offload(usize::MAX, |_| panic!("as it was meant")).await;
    }
}
