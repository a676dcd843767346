use super::world::TimedFact;
use crate::event::ROOT;

/// The trace of an execution in one short word: equal traces, facts and times alike, have equal hashes.
#[must_use]
pub fn trace_hash(facts: &[TimedFact]) -> String {
    let mut hash = blake3::Hasher::new();
    for TimedFact { at, frame, fact } in facts {
        hash.update(&at.0.to_le_bytes());
        if *frame != ROOT {
            hash.update(&frame.to_le_bytes());
        }
        // Facts are plain data, whose members have names: nothing in them refuses to be written.
        let _ = serde_json::to_writer(&mut hash, fact);
        hash.update(b"\n");
    }
    hash.finalize().to_hex()[..16].to_owned()
}
