//! Futures side by side, polled in the order of the file. `select!` of the runtime picks a random winner among
//! those that are ready together; here the one written first wins, so that the same answers give the
//! same run.

use pin_project_lite::pin_project;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future on the heap.
pub(super) type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The first of two to complete; the left one if both are ready.
pub(super) enum Either<A, B> {
    Left(A),
    Right(B),
}

pin_project! {
    /// The future of [`first`]. Written out, since an `async fn` would hold both of its arguments twice,
    /// and these are nested.
    struct First<L, R> {
        #[pin]
        left: L,
        #[pin]
        right: R,
    }
}

impl<L: Future, R: Future> Future for First<L, R> {
    type Output = Either<L::Output, R::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.left.poll(context) {
            return Poll::Ready(Either::Left(value));
        }
        this.right.poll(context).map(Either::Right)
    }
}

/// Races two futures. The left one is polled first, so it wins a tie.
pub(super) fn first<L: Future, R: Future>(
    left: L,
    right: R,
) -> impl Future<Output = Either<L::Output, R::Output>> {
    First { left, right }
}

/// Everything that completed in the first pass in which anything did, with its index; empty if there is
/// nothing to wait for. A future that yields `None` has dropped out.
pub(super) async fn first_pass<T>(arms: &mut [Option<Pending<'_, Option<T>>>]) -> Vec<(usize, T)> {
    poll_fn(|context| {
        let mut ready = Vec::new();
        let mut waiting = false;
        for (index, slot) in arms.iter_mut().enumerate() {
            let Some(arm) = slot else { continue };
            match arm.as_mut().poll(context) {
                Poll::Ready(end) => {
                    *slot = None;
                    if let Some(value) = end {
                        ready.push((index, value));
                    }
                }
                Poll::Pending => waiting = true,
            }
        }
        if ready.is_empty() && waiting {
            Poll::Pending
        } else {
            Poll::Ready(ready)
        }
    })
    .await
}

/// Runs all, `limit` at once, in order; the results keep that order. The first failure ends it and
/// drops the others.
pub(super) async fn all_bounded<'a, T, E>(
    mut rest: impl Iterator<Item = Pending<'a, Result<T, E>>>,
    limit: usize,
) -> Result<Vec<T>, E> {
    let mut results: Vec<Option<T>> = Vec::new();
    let mut running: Vec<(usize, Pending<'a, Result<T, E>>)> = Vec::new();
    poll_fn(|context| {
        loop {
            while running.len() < limit.max(1) {
                let Some(future) = rest.next() else { break };
                running.push((results.len(), future));
                results.push(None);
            }
            if running.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let mut failed = None;
            let before = running.len();
            running.retain_mut(|(index, future)| {
                if failed.is_some() {
                    return true;
                }
                match future.as_mut().poll(context) {
                    Poll::Pending => true,
                    Poll::Ready(Ok(value)) => {
                        results[*index] = Some(value);
                        false
                    }
                    Poll::Ready(Err(error)) => {
                        failed = Some(error);
                        false
                    }
                }
            });
            if let Some(error) = failed {
                running.clear();
                return Poll::Ready(Err(error));
            }
            // A place has become free: start the next one in this pass.
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await?;
    Ok(results.into_iter().flatten().collect())
}
