//! The terminal that the program writes to.

use rustix::termios::tcgetwinsize;
use std::io;

/// The columns and rows of the terminal that stderr or stdout is.
#[must_use]
pub fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stderr())
        .or_else(|_| tcgetwinsize(io::stdout()))
        .ok()?;
    (size.ws_col > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}
