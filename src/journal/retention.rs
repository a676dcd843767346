//! How long runs are kept, where a suite says so: what is older, or more than there is room for, is removed when a run
//! has ended, the oldest first.
//!
//! What was removed stays known with its head, so that the chain of what is left can be proved.

use super::{History, JournalError, Removal, RunRow, RunStatus};
use crate::event::RunId;
use std::time::Duration;

/// A rule for what is kept. At least one of both is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Runs that began longer ago are removed.
    pub keep: Option<Duration>,
    /// So many bytes the journal may take.
    pub max: Option<u64>,
}

/// What was removed, and what is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many runs, since they were too old.
    pub old: usize,
    /// How many runs, since there was no room for them.
    pub crowded: usize,
    /// The bytes of the journal before.
    pub before: u64,
    /// And now.
    pub now: u64,
    /// It still takes more than it may: what is left may not be removed.
    pub is_over: bool,
}

/// Runs that are looked at together.
const PAGE: usize = 200;
/// Where there is no room, more is removed than there must be, so that not every run has to make the file smaller: down to
/// nine tenths.
const DOWN_TO: (u64, u64) = (9, 10);
/// A file with less room that holds nothing is left as it is: the room is free for what comes.
const WORTH_IT: u64 = 8 << 20;

impl Retention {
    /// The rule of a journal that several have a rule for: nothing is removed that one of them keeps. `None` if there
    /// are none, or one of them has none.
    pub fn of_all(rules: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        let longest = |one: Option<Duration>, other: Option<Duration>| Some(one?.max(other?));
        let largest = |one: Option<u64>, other: Option<u64>| Some(one?.max(other?));
        let rules: Option<Vec<Self>> = rules.into_iter().collect();
        let all = rules?.into_iter().reduce(|one, other| Self {
            keep: longest(one.keep, other.keep),
            max: largest(one.max, other.max),
        })?;
        (all != Self::default()).then_some(all)
    }
}

impl History {
    /// Removes what a rule does not keep, the oldest first. A run that is under way stays, and so do `current`, the run
    /// that has just ended, and an interrupted run as long as the run that cleaned up after it. `now`: microseconds
    /// since the Unix epoch.
    ///
    /// # Errors
    /// When the journal cannot be read or written; each run is then there as a whole, or gone as a whole.
    pub fn retain(
        &mut self,
        rule: &Retention,
        now: i64,
        current: &RunId,
    ) -> Result<Removed, JournalError> {
        let mut removed = Removed {
            before: self.store().size()?.total,
            ..Removed::default()
        };
        let mut last: Option<RunId> = None;
        loop {
            let page = self.store().oldest(last.as_ref(), PAGE)?;
            let Some(youngest) = page.last() else { break };
            last = Some(RunId::clone(&youngest.id));
            let old: Vec<RunRow> = match rule.keep {
                Some(keep) => self.removable(&page, current, |row| is_older(row, keep, now))?,
                None => Vec::new(),
            };
            removed.old += self.remove(&old)?;
            removed.crowded += self.make_room(rule, &page, &old, current)?;
            let is_old = rule.keep.is_some_and(|keep| is_older(youngest, keep, now));
            // What follows is younger.
            if page.len() < PAGE || !(is_old || self.is_over(rule)?) {
                break;
            }
        }
        self.give_back(rule)?;
        removed.now = self.store().size()?.total;
        removed.is_over = self.is_over(rule)?;
        Ok(removed)
    }

    fn is_over(&self, rule: &Retention) -> Result<bool, JournalError> {
        let size = self.store().size()?;
        Ok(rule.max.is_some_and(|max| size.total - size.free > max))
    }

    /// Those of a page that may be removed, if they should be.
    fn removable(
        &self,
        page: &[RunRow],
        current: &RunId,
        should: impl Fn(&RunRow) -> bool,
    ) -> Result<Vec<RunRow>, JournalError> {
        let mut found: Vec<RunRow> = Vec::new();
        for row in page.iter().filter(|row| should(row)) {
            // As its last event tells it: a column proves nothing.
            let told = self.find(&row.id)?;
            let stays = row.id == *current
                || self.status(&told) == RunStatus::Running
                || self.is_needed(&told, &found)?;
            if !stays {
                found.push(told);
            }
        }
        Ok(found)
    }

    /// Whether a run that is kept says that it cleaned up after this one.
    fn is_needed(&self, row: &RunRow, gone: &[RunRow]) -> Result<bool, JournalError> {
        let by = self.store().cleaned_up_by(&row.id)?;
        Ok(by.is_some_and(|by| gone.iter().all(|row| row.id != by)))
    }

    fn remove(&mut self, rows: &[RunRow]) -> Result<usize, JournalError> {
        let ids: Vec<RunId> = rows.iter().map(|row| RunId::clone(&row.id)).collect();
        if !ids.is_empty() {
            self.store_mut().remove(&ids, Removal::Retention)?;
        }
        Ok(ids.len())
    }

    /// Removes the oldest of a page until what is left has room. How many that were.
    fn make_room(
        &mut self,
        rule: &Retention,
        page: &[RunRow],
        gone: &[RunRow],
        current: &RunId,
    ) -> Result<usize, JournalError> {
        let Some(max) = rule.max else { return Ok(0) };
        if !self.is_over(rule)? {
            return Ok(0);
        }
        let target = max / DOWN_TO.1 * DOWN_TO.0;
        let left = |row: &RunRow| gone.iter().all(|gone| gone.id != row.id);
        let mut candidates = self.removable(page, current, left)?.into_iter().peekable();
        let mut count = 0;
        loop {
            let size = self.store().size()?;
            let over = (size.total - size.free).saturating_sub(target);
            if over == 0 || candidates.peek().is_none() {
                return Ok(count);
            }
            // As many as their events say, and at least one: how many bytes they take is known when they are gone.
            let mut bytes = 0;
            let mut batch = Vec::new();
            while let Some(row) = candidates.next_if(|_| batch.is_empty() || bytes < over) {
                bytes += row.bytes;
                batch.push(row);
            }
            count += self.remove(&batch)?;
        }
    }

    /// Makes the file smaller where it is larger than it may be, or mostly free.
    fn give_back(&mut self, rule: &Retention) -> Result<(), JournalError> {
        let size = self.store().size()?;
        let used = size.total - size.free;
        let too_large = rule.max.is_some_and(|max| size.total > max && used <= max);
        if !too_large && (size.free < WORTH_IT || size.free < used) {
            return Ok(());
        }
        match self.store_mut().compact() {
            // Another process writes: the next run tries again, and until then the room is free for what comes.
            Err(JournalError::Busy(_)) => Ok(()),
            done => done,
        }
    }
}

fn is_older(row: &RunRow, keep: Duration, now: i64) -> bool {
    let age = now.saturating_sub(row.started).max(0);
    Duration::from_micros(age.unsigned_abs()) > keep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_rules_nothing_is_removed_that_one_keeps() {
        let rule = |keep: Option<u64>, max| {
            Some(Retention {
                keep: keep.map(Duration::from_secs),
                max,
            })
        };
        let (short, long) = (rule(Some(1), Some(10)), rule(Some(2), Some(5)));
        assert_eq!(Retention::of_all([short]), short);
        assert_eq!(Retention::of_all([short, long]), rule(Some(2), Some(10)));
        assert_eq!(
            Retention::of_all([short, rule(Some(5), None)]),
            rule(Some(5), None)
        );
        assert_eq!(
            Retention::of_all([rule(None, Some(5)), rule(Some(5), None)]),
            None
        );
        assert_eq!(Retention::of_all([short, None]), None);
        assert_eq!(Retention::of_all([]), None);
    }
}
