pub(super) use crate::os::terminal::size;
use crate::report;
use std::io::{self, IsTerminal, Write};

/// Writes data to stdout. A reader that has gone away (`funcy … | head`) is no error of ours.
pub(super) fn data(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes to stdout what people read there: names and texts of files and systems may stand in it.
pub(super) fn text(text: &str) {
    data(&report::safe_lines(text));
}

/// Writes a value to stdout: to a program as it is, to a terminal so that it obeys nothing of it.
pub(super) fn value(value: &str) {
    if io::stdout().is_terminal() {
        text(value);
    } else {
        data(value);
    }
}

/// Writes a line about the work to stderr. Names and texts of files and systems may stand in it.
pub(super) fn note(text: &str) {
    rendered(&report::safe_lines(text));
}

/// The same of what was made of lines with a style, in which nothing is left that a terminal obeys but that.
pub(super) fn rendered(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what is wrong, and how to mend it.
pub(super) fn error(message: &str, hint: Option<&str>) {
    note(&format!("error: {message}"));
    if let Some(hint) = hint {
        note(&format!("  help: {hint}"));
    }
}

/// A stream that goes on quietly when its reader has gone away.
#[derive(Debug)]
pub(super) struct Lenient<W>(pub(super) W);

impl<W: Write> Write for Lenient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// A stream whose errors say which one it is.
#[derive(Debug)]
pub(super) struct Named<W>(pub(super) String, pub(super) W);

impl<W> Named<W> {
    fn named<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let text = format!("{} could not be written: {error}", self.0);
            io::Error::new(error.kind(), text)
        })
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.1.write(bytes);
        self.named(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.1.flush();
        self.named(result)
    }
}

/// Whether stderr is a terminal that can move its cursor.
pub(super) fn is_live() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
