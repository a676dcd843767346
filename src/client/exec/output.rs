use std::collections::VecDeque;

/// Bytes that are kept from the beginning, and as many from the end.
const HALF: usize = 4 << 20;

/// What a process prints: all of it, or the beginning and the end.
#[derive(Debug, Default)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Output {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (first, rest) = bytes.split_at(bytes.len().min(HALF - self.head.len()));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(HALF)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(HALF);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// All bytes that were printed.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Those that were not kept.
    pub(super) fn left_out(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// The text; what is not UTF-8 is replaced.
    pub(super) fn into_text(self) -> String {
        let left_out = self.left_out();
        let mut bytes = self.head;
        if left_out > 0 {
            bytes.extend_from_slice(format!("\n… {left_out} bytes left out …\n").as_bytes());
        }
        bytes.extend(self.tail);
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_flood_is_left_out() {
        let mut output = Output::default();
        output.push(b"head");
        for _ in 0..40 {
            output.push(&vec![b'x'; 1 << 20]);
        }
        output.push(b"tail");
        assert_eq!(output.total(), (40 << 20) + 8);
        assert_eq!(output.left_out(), (32 << 20) + 8);
        let text = output.into_text();
        assert!(text.starts_with("headx") && text.ends_with("xtail"));
        assert!(text.contains("\n… 33554440 bytes left out …\n"));
    }

    #[test]
    fn what_fits_is_kept_in_any_pieces() {
        let bytes: Vec<u8> = (0..2 * HALF).map(|at| b'a' + (at % 23) as u8).collect();
        for size in [1000, HALF - 1, HALF + 1, 2 * HALF] {
            let mut output = Output::default();
            bytes.chunks(size).for_each(|chunk| output.push(chunk));
            assert_eq!(output.left_out(), 0);
            assert!(output.into_text().as_bytes() == bytes, "pieces of {size}");
        }
    }
}
