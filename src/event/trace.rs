use super::ExecutionId;
use std::sync::atomic::{AtomicU64, Ordering};

/// The trace that an execution is part of (W3C Trace Context, <https://www.w3.org/TR/trace-context/>): its id
/// goes out with requests and messages, so that what they caused is found in the traces of the system itself.
///
/// The id follows from the run's name and the execution's number: whoever has an event knows it.
#[derive(Debug)]
pub struct Trace {
    id: String,
    /// What the ids of its spans are made from.
    seed: u64,
    spans: AtomicU64,
}

impl Trace {
    /// The trace of an execution.
    #[must_use]
    pub fn of(run: &str, execution: ExecutionId) -> Self {
        let hash = blake3::hash(format!("{run}/{execution}").as_bytes());
        let (id, rest) = hash.as_bytes().split_at(16);
        let (seed, _) = rest.split_first_chunk().expect("a hash has 32 bytes");
        Self {
            id: hash.to_hex()[..2 * id.len()].to_owned(),
            seed: u64::from_be_bytes(*seed),
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
        // An odd factor: 2^64 requests have an id of their own each. 0 is no id.
        let span = (self.seed.wrapping_add(number).wrapping_mul(ODD)).max(1);
        // The version, and the flag that says "sampled".
        format!("00-{}-{span:016x}-01", self.id)
    }
}

/// The golden ratio of 2^64: ids that follow each other look nothing alike.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

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
