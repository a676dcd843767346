use super::ExecutionId;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The trace that an execution is part of (W3C Trace Context, <https://www.w3.org/TR/trace-context/>): its id
/// goes out with requests and messages, so that what they caused is found in the traces of the system itself.
///
/// The id follows from the run's name and the execution's number: whoever has an event knows it.
#[derive(Debug)]
pub struct Trace {
    id: String,
    spans: AtomicU64,
}

impl Trace {
    /// The trace of an execution.
    #[must_use]
    pub fn of(run: &str, execution: ExecutionId) -> Self {
        let hash = blake3::hash(format!("{run}/{execution}").as_bytes());
        Self {
            id: hex(&hash.as_bytes()[..16]),
            spans: AtomicU64::new(0),
        }
    }

    /// The id: 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The value of the header `traceparent` for the next request: this trace, and a span of its own.
    #[must_use]
    pub fn parent(&self) -> String {
        let number = self.spans.fetch_add(1, Ordering::Relaxed);
        let span = blake3::hash(format!("{}/{number}", self.id).as_bytes());
        // The version, and the flag that says "sampled".
        format!("00-{}-{}-01", self.id, hex(&span.as_bytes()[..8]))
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_a_span_of_its_executions_trace() {
        let trace = Trace::of("R1", 1);
        let (first, second) = (trace.parent(), trace.parent());
        assert_eq!(first.len(), 55);
        assert!(first.starts_with(&format!("00-{}-", trace.id())));
        assert_eq!(first[..36], second[..36]);
        assert_ne!(first, second);
        assert_eq!(Trace::of("R1", 1).id(), trace.id());
        assert_ne!(Trace::of("R1", 2).id(), trace.id());
    }
}
