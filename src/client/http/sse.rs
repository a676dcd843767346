//! The wire format of server-sent events.

use crate::event::Failure;
use std::time::Duration;

/// The longest line.
pub(super) const MAX_LINE: usize = 1 << 20;
/// The most bytes of one event's data.
pub(super) const MAX_EVENT: usize = 16 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; `message` unless the server named one.
    pub(super) name: String,
    /// Its data lines, joined.
    pub(super) data: String,
    /// The last id that the stream named, this event included.
    pub(super) id: String,
}

/// Cuts a byte stream into events, wherever its chunks begin and end.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The first line was read, so that no byte order mark can follow.
    started: bool,
    data: String,
    has_data: bool,
    name: String,
    id: String,
    retry: Option<Duration>,
}

impl Parser {
    /// A parser for the next connection: it knows the last id and the time to wait, but nothing of an
    /// event that was cut off.
    pub(super) fn resumed(&self) -> Self {
        Self {
            id: self.id.clone(),
            retry: self.retry,
            ..Self::default()
        }
    }

    /// The id to name when the stream is asked for again.
    pub(super) fn last_id(&self) -> &str {
        &self.id
    }

    /// The time to wait before that, if the server named one.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Reads the next bytes; each event that they complete is handed over.
    ///
    /// # Errors
    /// A line or an event is longer than it may be, or `each` failed.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Event) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'))
                .unwrap_or(bytes.len());
            if self.line.len() + end > MAX_LINE {
                return Err(Failure::resource(format!(
                    "a line of the event stream is longer than {MAX_LINE} bytes, the most that is kept"
                ))
                .hint("let the server send less at once, and the rest where it is asked for"));
            }
            self.line.extend_from_slice(&bytes[..end]);
            if end == bytes.len() {
                break;
            }
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let mut line = std::mem::take(&mut self.line);
            if let Some(event) = self.take_line(&line)? {
                each(event)?;
            }
            // Keeps the buffer for the next line.
            line.clear();
            self.line = line;
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Option<Event>, Failure> {
        let line = if std::mem::replace(&mut self.started, true) {
            line
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.data.len() + value.len() >= MAX_EVENT {
                    return Err(Failure::resource(format!(
                        "an event of the stream is longer than {MAX_EVENT} bytes, the most that is kept"
                    ))
                    .hint("let the server send less at once, and the rest where it is asked for"));
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.name),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            // A line that begins with a colon is a comment; other fields mean nothing.
            _ => {}
        }
        Ok(None)
    }

    /// An empty line ends an event; one without data is none.
    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| Event {
            name: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data,
            id: self.id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ErrorKind;
    use proptest::prelude::*;

    fn events(chunks: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser
                .feed(chunk, |event| {
                    events.push(event);
                    Ok(())
                })
                .unwrap();
        }
        events
    }

    fn event(name: &str, data: &str, id: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
            id: id.into(),
        }
    }

    const STREAM: &[u8] = b"\xef\xbb\xbf: hello\r\n\r\ndata: {\"a\":\r\ndata:1}\r\nid: 7\r\nevent: order\r\n\r\n\
        data\rdata\r\rid\ndata:  two\n\nevent: unused\n\nretry: 250\nretry: x\nunknown: 1\ndata: h\xc3\xa9\nid: a\0b\n\ndata: never ended\n";

    fn expected() -> Vec<Event> {
        vec![
            event("order", "{\"a\":\n1}", "7"),
            event("message", "\n", "7"),
            event("message", " two", ""),
            event("message", "hé", ""),
        ]
    }

    #[test]
    fn reads_the_format() {
        assert_eq!(events(&[STREAM]), expected());
        let mut parser = Parser::default();
        parser
            .feed(b"retry: 250\nid: 5\ndata: cut o", |_| Ok(()))
            .unwrap();
        let mut resumed = parser.resumed();
        assert_eq!(resumed.retry(), Some(Duration::from_millis(250)));
        assert_eq!(resumed.last_id(), "5");
        resumed.feed(b"\n\n", |event| panic!("{event:?}")).unwrap();
    }

    #[test]
    fn chunks_may_end_anywhere() {
        for size in 1..STREAM.len() {
            let chunks: Vec<_> = STREAM.chunks(size).collect();
            assert_eq!(events(&chunks), expected(), "chunks of {size}");
        }
    }

    #[test]
    fn lines_and_events_are_bounded() {
        let mut parser = Parser::default();
        let half = vec![b'a'; MAX_LINE / 2 + 1];
        parser.feed(&half, |_| Ok(())).unwrap();
        let failure = parser.feed(&half, |_| Ok(())).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Resource);

        let mut parser = Parser::default();
        let mut line = b"data:".to_vec();
        line.resize(MAX_LINE - 1, b'a');
        line.push(b'\n');
        let failure = (0..32)
            .find_map(|_| parser.feed(&line, |_| Ok(())).err())
            .unwrap();
        assert_eq!(failure.kind, ErrorKind::Resource);
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_same_events_in_any_chunks(
            bytes in proptest::collection::vec(proptest::sample::select(b"data:\n\r id0\0".to_vec()), 0..200),
            size in 1usize..20,
        ) {
            let chunks: Vec<_> = bytes.chunks(size).collect();
            prop_assert_eq!(events(&[&bytes]), events(&chunks));
        }
    }
}
