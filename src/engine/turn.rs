use super::event_log::EventLog;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// A future that tells the event log when its turn on the engine's thread begins: whoever records many facts in one
    /// turn lets others go first now and then.
    pub(super) struct Turns<'l, F> {
        #[pin]
        future: F,
        event_log: &'l EventLog,
    }
}

impl<'l, F> Turns<'l, F> {
    pub(super) fn new(event_log: &'l EventLog, future: F) -> Self {
        Self { future, event_log }
    }
}

impl<F: Future> Future for Turns<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.event_log.begin_turn();
        this.future.poll(context)
    }
}
