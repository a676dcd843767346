use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// How an execution, or a whole run, ended. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A final state was reached.
    Passed,
    /// It did not pass, as is known of it (`xfail`).
    Known,
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
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Known,
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
            Self::Known => "known",
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
        matches!(
            self,
            Self::Passed | Self::Known | Self::Flaky | Self::Skipped
        )
    }

    /// Its place among the counts: that of the order in which outcomes came to the language, so that old counts are
    /// read as they were meant.
    fn place(self) -> usize {
        match self {
            Self::Passed => 0,
            Self::Flaky => 1,
            Self::Skipped => 2,
            Self::Failed => 3,
            Self::TimedOut => 4,
            Self::Error => 5,
            Self::Cancelled => 6,
            Self::Interrupted => 7,
            Self::Known => 8,
        }
    }
}

/// How many executions ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    #[serde(deserialize_with = "counts")]
    counts: [u32; Outcome::ALL.len()],
}

/// Counts as they were written, also by a version that knew fewer outcomes.
fn counts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[u32; Outcome::ALL.len()], D::Error> {
    let written = Vec::<u32>::deserialize(deserializer)?;
    let mut counts = [0; Outcome::ALL.len()];
    if written.len() > counts.len() {
        return Err(D::Error::invalid_length(
            written.len(),
            &"a count for each outcome",
        ));
    }
    counts[..written.len()].copy_from_slice(&written);
    Ok(counts)
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        self.counts[outcome.place()] += 1;
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
        self.counts[outcome.place()]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_version_that_knew_fewer_outcomes_are_read() {
        let old: Tally = serde_json::from_str(r#"{"counts":[5,1,0,2,0,0,0,3]}"#).unwrap();
        assert_eq!(old.of(Outcome::Passed), 5);
        assert_eq!(old.of(Outcome::Failed), 2);
        assert_eq!(old.of(Outcome::Interrupted), 3);
        assert_eq!(old.of(Outcome::Known), 0);
        let mut new = old;
        new.add(Outcome::Known);
        let text = serde_json::to_string(&new).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), new);
        assert!(serde_json::from_str::<Tally>(r#"{"counts":[0,0,0,0,0,0,0,0,0,0]}"#).is_err());
    }

    #[test]
    fn each_outcome_has_a_place_of_its_own() {
        let mut tally = Tally::default();
        for outcome in Outcome::ALL {
            tally.add(outcome);
        }
        assert!(
            Outcome::ALL
                .into_iter()
                .all(|outcome| tally.of(outcome) == 1)
        );
        assert!(Outcome::ALL.is_sorted());
    }
}
