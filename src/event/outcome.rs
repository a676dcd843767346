use serde::{Deserialize, Serialize};

/// How an execution, or a whole run, ended. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A final state was reached.
    Passed,
    /// Passed, but only on a retry.
    Flaky,
    /// Not run, for a stated reason.
    Skipped,
    /// An expectation was false, a `fail_when` held, or a `fail` state was entered.
    Failed,
    /// A transition or task deadline expired.
    TimedOut,
    /// A client, a script, a cleanup or the engine broke.
    Error,
    /// Stopped from outside.
    Cancelled,
    /// The process died while it ran; found out afterwards.
    Interrupted,
}

impl Outcome {
    /// Every outcome, from best to worst.
    pub const ALL: [Self; 8] = [
        Self::Passed,
        Self::Flaky,
        Self::Skipped,
        Self::Failed,
        Self::TimedOut,
        Self::Error,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// The word that people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Flaky => "flaky",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether this counts as a success of the task.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky | Self::Skipped)
    }
}

/// How many executions ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    counts: [u32; 8],
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        self.counts[outcome as usize] += 1;
    }

    /// How all of them together ended: like the worst. A task that was left out says nothing of the others.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let ended = Outcome::ALL.into_iter().rev();
        let mut ended = ended.filter(|outcome| self.of(*outcome) > 0);
        match ended.next() {
            Some(Outcome::Skipped) => ended.next().unwrap_or(Outcome::Skipped),
            worst => worst.unwrap_or(Outcome::Passed),
        }
    }

    /// How many ended like this.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u32 {
        self.counts[outcome as usize]
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts.iter().sum()
    }

    /// Each outcome that occurred with its count, from best to worst.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u32)> + '_ {
        Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome, self.of(outcome)))
            .filter(|(_, count)| *count > 0)
    }
}
