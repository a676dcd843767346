use super::Event;

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
