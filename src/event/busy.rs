use super::length_text;
use serde::{Deserialize, Serialize};

/// What kept the engine from going on, so that timers were late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusyCause {
    /// Its thread computed, or was given no processor.
    Computing,
    /// Tasks waited until the journal or the reports had taken what had happened.
    Recording,
}

impl BusyCause {
    /// What was, for so many microseconds: `the engine was busy for 2.1s`.
    #[must_use]
    pub fn sentence(self, micros: u64) -> String {
        let length = length_text(micros);
        match self {
            Self::Computing => format!("the engine was busy for {length}"),
            Self::Recording => {
                format!("the engine waited {length} for its journal or its output")
            }
        }
    }
}
