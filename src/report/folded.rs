//! The one fold behind every report: it holds how the run stands, and tells a format what to write.

use super::view::{Ended, Live};
use crate::event::{Event, Sink};
use std::io;

/// What a report writes of a run: a format says how things look, never what they mean.
pub trait Format: Send {
    /// Something happened. `live` is how the run stood before.
    fn event(&mut self, _event: &Event, _live: &Live) {}

    /// An execution has ended.
    fn ended(&mut self, ended: Ended, live: &Live);

    /// No more events come, and an execution was still under way: for most it has ended like any other.
    fn interrupted(&mut self, ended: Ended, live: &Live) {
        self.ended(ended, live);
    }

    /// A batch of events was taken in: whoever shows progress writes it now.
    ///
    /// # Errors
    /// When it cannot be written.
    fn progress(&mut self, _live: &Live) -> io::Result<()> {
        Ok(())
    }

    /// The end, told once and last: nothing runs any more.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(&mut self, live: &Live) -> io::Result<()>;
}

/// A report of this format: a fold over the events of a run.
#[derive(Debug)]
pub struct Folded<F> {
    pub(super) format: F,
    pub(super) live: Live,
    pub(super) finished: bool,
}

impl<F: Format> Folded<F> {
    /// A report of a run that has not begun.
    pub fn new(format: F) -> Self {
        Self {
            format,
            live: Live::default(),
            finished: false,
        }
    }

    /// How the run stands.
    pub fn live(&self) -> &Live {
        &self.live
    }
}

impl<F: Format> Sink for Folded<F> {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            self.format.event(event, &self.live);
            if let Some(ended) = self.live.apply(event) {
                self.format.ended(ended, &self.live);
            }
        }
        self.format.progress(&self.live)
    }

    fn finish(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        for ended in self.live.interrupt() {
            self.format.interrupted(ended, &self.live);
        }
        self.format.finish(&self.live)
    }
}
