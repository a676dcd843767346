use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Chance from a seed: the same task, attempt, place and count give the same bytes again, in every world.
#[derive(Debug)]
pub struct Chance {
    key: [u8; 32],
    /// How often each place has asked.
    counts: Mutex<HashMap<u64, u64>>,
}

impl Chance {
    /// The chance of one execution: of the run's seed, the task's file, its case and its attempt.
    #[must_use]
    pub fn new(seed: u64, task: &str, case: Option<&str>, attempt: u32) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&seed.to_le_bytes())
            .update(task.as_bytes())
            .update(&attempt.to_le_bytes());
        if let Some(case) = case {
            hash.update(case.as_bytes());
        }
        Self {
            key: *hash.finalize().as_bytes(),
            counts: Mutex::default(),
        }
    }

    /// The next bytes for a place.
    #[must_use]
    pub fn draw(&self, place: u64) -> [u8; 16] {
        let count = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(place).or_insert(0);
            *count += 1;
            *count
        };
        let mut hash = blake3::Hasher::new_keyed(&self.key);
        hash.update(&place.to_le_bytes())
            .update(&count.to_le_bytes());
        let mut bytes = [0; 16];
        hash.finalize_xof().fill(&mut bytes);
        bytes
    }
}
