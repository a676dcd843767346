use super::Event;
use std::sync::{Arc, Mutex, PoisonError};

/// Something that is told what happens, in order: a reporter, a journal, a page.
pub trait Sink: Send {
    /// The next events, a batch at a time.
    ///
    /// # Errors
    /// When they cannot be written. The run goes on; the failure is said at the end.
    fn accept(&mut self, events: &[Event]) -> std::io::Result<()>;

    /// Nothing more comes: write what is left.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A sink that somebody else holds as well: a terminal that also shows how time passes.
impl<S: Sink> Sink for Arc<Mutex<S>> {
    fn accept(&mut self, events: &[Event]) -> std::io::Result<()> {
        let mut sink = self.lock().unwrap_or_else(PoisonError::into_inner);
        sink.accept(events)
    }

    fn finish(&mut self) -> std::io::Result<()> {
        let mut sink = self.lock().unwrap_or_else(PoisonError::into_inner);
        sink.finish()
    }
}
