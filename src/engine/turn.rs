use pin_project_lite::pin_project;
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How long an execution may go on before others are let go first.
const TURN: Duration = Duration::from_millis(5);

thread_local! {
    /// When the execution that runs on this thread was let run.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

pin_project! {
    /// A future that notes when its turn begins: whoever records many facts in one turn lets others go first now and
    /// then. It holds nothing else, since many are alive at once.
    pub(super) struct Turns<F> {
        #[pin]
        future: F,
    }
}

impl<F> Turns<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Turns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        BEGAN.set(Some(Instant::now()));
        let result = self.project().future.poll(context);
        BEGAN.set(None);
        result
    }
}

/// Whether the execution that runs now has gone on for long enough by this time.
pub(super) fn is_long(now: Instant) -> bool {
    let began = BEGAN.get();
    began.is_some_and(|began| now.saturating_duration_since(began) > TURN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_turn_is_long_once_its_time_is_over() {
        let turn = async {
            let begin = Instant::now();
            let at_first = is_long(begin);
            while begin.elapsed() <= TURN {
                std::hint::spin_loop();
            }
            (at_first, is_long(Instant::now()))
        };
        assert_eq!(Turns::new(turn).now_or_never(), Some((false, true)));
        assert!(!is_long(Instant::now()), "nobody has a turn");
    }
}
