use crate::event::{Failure, Permissions};
use crate::script::Host;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What the scripts of one execution may ask: the wall clock, chance from a seed, the environment.
pub(super) struct LiveHost {
    permissions: Arc<Permissions>,
    /// The run's seed, the task and the attempt: the same run gives the same values again.
    seed: [u8; 32],
    /// How often chance was asked for at each place.
    counts: Mutex<HashMap<u64, u64>>,
}

impl LiveHost {
    pub(super) fn new(permissions: Arc<Permissions>, seed: u64, task: &str, attempt: u32) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&seed.to_le_bytes())
            .update(task.as_bytes())
            .update(&attempt.to_le_bytes());
        Self {
            permissions,
            seed: *hash.finalize().as_bytes(),
            counts: Mutex::new(HashMap::new()),
        }
    }
}

impl Host for LiveHost {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn chance(&self, place: u64) -> [u8; 16] {
        let count = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(place).or_insert(0);
            *count += 1;
            *count
        };
        let mut hash = blake3::Hasher::new_keyed(&self.seed);
        hash.update(&place.to_le_bytes())
            .update(&count.to_le_bytes());
        let mut bytes = [0; 16];
        hash.finalize_xof().fill(&mut bytes);
        bytes
    }

    fn env(&self, name: &str) -> Result<Option<String>, Failure> {
        self.permissions.env(name)?;
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Failure::protocol(format!(
                "the environment variable `{name}` is not UTF-8"
            ))),
        }
    }
}

/// Milliseconds of a clock that never goes back; only differences mean something.
pub(super) fn millis() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START
        .get_or_init(std::time::Instant::now)
        .elapsed()
        .as_millis() as u64
}
