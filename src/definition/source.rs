use super::diagnostic::Diagnostic;
use super::model::SourceFile;
use crate::event::{Name, Pos, Span};
use std::path::PathBuf;

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;

impl SourceFile {
    /// A file as it was read. A byte order mark at its beginning is dropped.
    ///
    /// # Errors
    /// It is larger than [`MAX_FILE_BYTES`], no UTF-8, or holds a control character.
    pub fn from_bytes(
        name: impl Into<Name>,
        path: impl Into<PathBuf>,
        bytes: &[u8],
    ) -> Result<Self, Box<Diagnostic>> {
        Self::within(name, path, bytes, MAX_FILE_BYTES)
    }

    /// The same of a file that may have more bytes, or fewer.
    ///
    /// # Errors
    /// As [`Self::from_bytes`], with this limit.
    pub fn within(
        name: impl Into<Name>,
        path: impl Into<PathBuf>,
        bytes: &[u8],
        limit: usize,
    ) -> Result<Self, Box<Diagnostic>> {
        let name = name.into();
        let nowhere = Span {
            start: Pos { line: 1, column: 1 },
            end: Pos { line: 1, column: 1 },
        };
        if bytes.len() > limit {
            return Err(Box::new(
                Diagnostic::error(
                    "file-size",
                    &name,
                    nowhere,
                    format!(
                        "the file has {} bytes; at most {limit} are read",
                        bytes.len()
                    ),
                )
                .hint("put large data into a file of its own and read it where it is needed"),
            ));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => return Err(Box::new(encoding(&name, bytes, error.valid_up_to()))),
        };
        let file = Self {
            name,
            path: path.into(),
            text: text.into(),
        };
        match file.control_character() {
            Some(diagnostic) => Err(Box::new(diagnostic)),
            None => Ok(file),
        }
    }

    /// The first character that no text file should hold: it would be invisible in every report, and
    /// some parsers stop at it.
    pub(crate) fn control_character(&self) -> Option<Diagnostic> {
        let bytes = self.text.as_bytes();
        let at = bytes.iter().enumerate().position(|(index, byte)| {
            (*byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'))
                || *byte == 0x7f
                || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'))
        })?;
        let byte = bytes[at];
        let message = if byte == b'\r' {
            "a carriage return stands alone: lines end with a line feed".to_owned()
        } else {
            format!("the file holds a control character (U+{byte:04X})")
        };
        let span = Lines::new(&self.text).span(at..at + 1);
        Some(
            Diagnostic::error("control-character", &self.name, span, message)
                .hint("remove it; in a double-quoted text it can be written as an escape"),
        )
    }
}

/// What is wrong with a file that is no UTF-8.
fn encoding(name: &Name, bytes: &[u8], valid: usize) -> Diagnostic {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let start = Lines::new(&before).pos(before.len());
    let span = Span {
        start,
        end: Pos {
            line: start.line,
            column: start.column + 1,
        },
    };
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let message = if utf16 {
        "the file is UTF-16, not UTF-8".to_owned()
    } else {
        format!("the file is not UTF-8: byte {valid} belongs to no character")
    };
    Diagnostic::error("file-encoding", name, span, message).hint("save it as UTF-8")
}

/// Every so many bytes the number of characters before is kept.
const STRIDE: usize = 128;

/// Where the lines of a text begin, and the way between bytes, characters and places; each step takes
/// the same short time however long the lines are.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The byte at which each line begins.
    starts: Vec<u32>,
    /// The number of characters that begin before byte `index * STRIDE`; empty if the text is ASCII.
    counts: Vec<u32>,
}

impl<'a> Lines<'a> {
    /// The lines of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(index, _)| index as u32 + 1),
        );
        let mut counts = Vec::new();
        if !text.is_ascii() {
            let mut total = 0;
            for chunk in text.as_bytes().chunks(STRIDE) {
                counts.push(total);
                total += characters(chunk);
            }
            counts.push(total);
        }
        Self {
            text,
            starts,
            counts,
        }
    }

    /// The number of characters that begin before this byte.
    fn characters_before(&self, byte: usize) -> usize {
        if self.counts.is_empty() {
            return byte;
        }
        let block = (byte / STRIDE).min(self.counts.len() - 1);
        let from = (block * STRIDE).min(byte);
        (self.counts[block] + characters(&self.text.as_bytes()[from..byte])) as usize
    }

    /// The byte at which the character with this number begins.
    pub(crate) fn byte_of_character(&self, index: usize) -> usize {
        if self.counts.is_empty() {
            return index.min(self.text.len());
        }
        let block = self
            .counts
            .partition_point(|count| *count as usize <= index)
            .saturating_sub(1);
        let mut left = index - self.counts[block] as usize;
        let mut byte = (block * STRIDE).min(self.text.len());
        let bytes = self.text.as_bytes();
        while byte < bytes.len() {
            if is_first(bytes[byte]) {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            byte += 1;
        }
        byte
    }

    /// The place of this byte.
    pub(crate) fn pos(&self, byte: usize) -> Pos {
        let byte = byte.min(self.text.len());
        let line = self
            .starts
            .partition_point(|start| *start as usize <= byte)
            .max(1);
        let start = self.starts[line - 1] as usize;
        let column = self.characters_before(byte) - self.characters_before(start) + 1;
        Pos {
            line: line as u32,
            column: column as u32,
        }
    }

    /// The places of these bytes.
    pub(crate) fn span(&self, bytes: std::ops::Range<usize>) -> Span {
        Span {
            start: self.pos(bytes.start),
            end: self.pos(bytes.end),
        }
    }

    /// The byte at this place; a place past the end of a line is the end of the line.
    pub(crate) fn byte(&self, pos: Pos) -> usize {
        let line = (pos.line as usize).clamp(1, self.starts.len());
        let start = self.starts[line - 1] as usize;
        let character = self.characters_before(start) + (pos.column as usize).saturating_sub(1);
        self.byte_of_character(character).min(self.line_end(start))
    }

    /// The text of this stretch.
    pub(crate) fn slice(&self, span: Span) -> &'a str {
        let start = self.byte(span.start);
        let end = self.byte(span.end).max(start);
        &self.text[start..end]
    }

    /// The byte behind the last character of the line that holds this byte.
    pub(crate) fn line_end(&self, byte: usize) -> usize {
        let line = self.starts.partition_point(|start| *start as usize <= byte);
        let end = match self.starts.get(line) {
            Some(next) => *next as usize - 1,
            None => self.text.len(),
        };
        let is_windows = end > byte && self.text.as_bytes()[end - 1] == b'\r';
        end - usize::from(is_windows)
    }

    /// The byte at which the line that holds this byte begins.
    pub(crate) fn line_start(&self, byte: usize) -> usize {
        let line = self.starts.partition_point(|start| *start as usize <= byte);
        self.starts[line.max(1) - 1] as usize
    }
}

fn characters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| is_first(**byte)).count() as u32
}

/// Whether a character begins with this byte.
fn is_first(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_finds_its_place_and_back() {
        let text = "aé→\nb𝄞c\r\n\n".repeat(50) + "ende";
        let lines = Lines::new(&text);
        let (mut line, mut column) = (1, 1);
        for (index, (byte, c)) in text.char_indices().enumerate() {
            let pos = Pos { line, column };
            assert_eq!(lines.pos(byte), pos, "byte {byte}");
            assert_eq!(lines.byte_of_character(index), byte);
            if c != '\n' {
                assert_eq!(lines.byte(pos), byte);
            }
            (line, column) = if c == '\n' {
                (line + 1, 1)
            } else {
                (line, column + 1)
            };
        }
        assert_eq!(lines.pos(text.len() + 9).line, line);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let code = |bytes: &[u8]| {
            SourceFile::from_bytes("a.yaml", "a.yaml", bytes)
                .err()
                .map(|d| (d.code, d.span.start.line, d.span.start.column))
        };
        assert_eq!(code("\u{feff}a: 1\n".as_bytes()), None);
        assert_eq!(code(b"a: 1\nbc\xff"), Some(("file-encoding", 2, 3)));
        assert_eq!(code(b"\xff\xfea\0"), Some(("file-encoding", 1, 1)));
        assert_eq!(code(b"a: \0"), Some(("control-character", 1, 4)));
        assert_eq!(code(b"a: 1\rb: 2"), Some(("control-character", 1, 5)));
        assert_eq!(code(b"a: 1\r\n"), None);
        assert_eq!(
            code(&vec![b'a'; MAX_FILE_BYTES + 1]),
            Some(("file-size", 1, 1))
        );
    }
}
