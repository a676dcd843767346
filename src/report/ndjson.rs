//! Every event as a line of JSON, as it happens.

use crate::event::{Event, Sink};
use std::io::{self, BufWriter, Write};

/// Writes each event on one line, and flushes after each batch, so that whoever reads along is never
/// more than a batch behind.
pub struct Ndjson {
    writer: BufWriter<Box<dyn Write + Send>>,
}

impl Ndjson {
    /// Writes here.
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer: BufWriter::with_capacity(64 * 1024, writer),
        }
    }
}

impl Sink for Ndjson {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            serde_json::to_writer(&mut self.writer, event)?;
            self.writer.write_all(b"\n")?;
        }
        self.writer.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Shared, sample_run};
    use super::*;

    #[test]
    fn a_line_for_each_event_that_reads_back_as_it_was() {
        let events = sample_run();
        let shared = Shared::default();
        let mut sink = Ndjson::new(Box::new(shared.clone()));
        sink.accept(&events).expect("written");
        let text = shared.text();
        assert_eq!(text.lines().count(), events.len());
        for (line, event) in text.lines().zip(&events) {
            let read: Event = serde_json::from_str(line).expect(line);
            assert_eq!(read, *event);
        }
    }
}
