//! Words for servers that cannot be reached.

use std::error::Error;
use std::io;

/// What is at the bottom of an error, in short: `connection refused`.
pub(in crate::client) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    let mut last = error;
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if let Some(words) = io_words(io) {
                return words;
            }
            // `source` passes over the error that is wrapped.
            if let Some(inner) = io.get_ref() {
                return reason(inner);
            }
        }
        last = error;
        cause = error.source();
    }
    last.to_string()
}

fn io_words(error: &io::Error) -> Option<String> {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by the server",
        io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => {
            "the server closed the connection"
        }
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::BrokenPipe => "the connection is broken",
        // The system's number says no more than its words.
        _ if error.get_ref().is_none() => {
            let text = error.to_string();
            return Some(match text.find(" (os error") {
                Some(end) => text[..end].to_lowercase(),
                None => text,
            });
        }
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_at_the_bottom() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(reason(&refused), "connection refused");
        let wrapped = io::Error::other(refused);
        assert_eq!(reason(&wrapped), "connection refused");
        assert_eq!(reason(&io::Error::other("odd")), "odd");
    }
}
