use crate::event::{Failure, Permissions};
use crate::script::{Chance, Host};
use std::sync::Arc;

/// What the scripts of one execution may ask: the wall clock, chance from a seed, the environment.
pub(super) struct LiveHost {
    permissions: Arc<Permissions>,
    chance: Chance,
}

impl LiveHost {
    pub(super) fn new(permissions: Arc<Permissions>, chance: Chance) -> Self {
        Self {
            permissions,
            chance,
        }
    }
}

impl Host for LiveHost {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn chance(&self, place: u64) -> [u8; 16] {
        self.chance.draw(place)
    }

    fn env(&self, name: &str) -> Result<Option<String>, Failure> {
        environment(&self.permissions, name)
    }
}

/// An environment variable, if it may be read.
///
/// # Errors
/// Names the permission that is missing.
pub fn environment(permissions: &Permissions, name: &str) -> Result<Option<String>, Failure> {
    permissions.env(name)?;
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::protocol(format!(
            "the environment variable `{name}` is not UTF-8"
        ))),
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
