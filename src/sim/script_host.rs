//! What scripts may ask of a virtual world.

use super::clock::Clock;
use crate::event::Failure;
use crate::script::{Chance, Host};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads environment variables, or says why one may not be read.
pub(super) type Environment = dyn Fn(&str) -> Result<Option<String>, Failure> + Send + Sync;

/// The virtual clock as a wall clock, chance from a seed, and an environment that is given.
pub(super) struct VirtualHost {
    /// Microseconds since the world began.
    clock: Arc<AtomicU64>,
    /// What the wall clock shows when the world begins, in microseconds since the Unix epoch.
    began: i64,
    chance: Chance,
    environment: Option<Arc<Environment>>,
}

impl VirtualHost {
    pub(super) fn new(
        clock: &Clock,
        began: i64,
        chance: Chance,
        environment: Option<Arc<Environment>>,
    ) -> Self {
        Self {
            clock: clock.shared(),
            began,
            chance,
            environment,
        }
    }
}

impl Host for VirtualHost {
    fn now(&self) -> jiff::Timestamp {
        let at = self
            .began
            .saturating_add_unsigned(self.clock.load(Ordering::Acquire));
        jiff::Timestamp::from_microsecond(at).unwrap_or(jiff::Timestamp::MAX)
    }

    fn chance(&self, place: u64) -> [u8; 16] {
        self.chance.draw(place)
    }

    fn env(&self, name: &str) -> Result<Option<String>, Failure> {
        match &self.environment {
            Some(environment) => environment(name),
            None => Ok(None),
        }
    }
}
