//! What of a run may start next. Pure: it is asked and told, and knows no clock and no runtime.

use std::collections::VecDeque;

/// The place of a unit in the order of its run: one task, or one case of it, with all its attempts.
pub(super) type Unit = usize;

/// The units of one run, in the order in which they start when nothing keeps them from it.
#[derive(Debug)]
pub(super) struct Schedule {
    /// How many run at once.
    jobs: usize,
    running: usize,
    /// Those that may start, in their order.
    ready: VecDeque<Unit>,
    /// Whether the first unit that does not pass keeps all others from starting.
    fail_fast: bool,
    closed: bool,
}

impl Schedule {
    /// So many units, of which at most `jobs` run at once.
    pub(super) fn new(units: usize, jobs: usize, fail_fast: bool) -> Self {
        Self {
            jobs: jobs.max(1),
            running: 0,
            ready: (0..units).collect(),
            fail_fast,
            closed: false,
        }
    }

    /// The next unit that may start now; it counts as running from here on. `None`: none before another has ended.
    pub(super) fn next(&mut self) -> Option<Unit> {
        if self.closed || self.running >= self.jobs {
            return None;
        }
        let unit = self.ready.pop_front()?;
        self.running += 1;
        Some(unit)
    }

    /// A unit has ended. Whether no other may start since it did not pass.
    pub(super) fn ended(&mut self, is_good: bool) -> bool {
        self.running -= 1;
        let stops = self.fail_fast && !is_good;
        self.closed |= stops;
        stops
    }

    /// Nothing starts any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that may start now.
    fn started(schedule: &mut Schedule) -> Vec<Unit> {
        std::iter::from_fn(|| schedule.next()).collect()
    }

    #[test]
    fn units_start_in_their_order_as_many_at_once_as_may() {
        let mut schedule = Schedule::new(4, 2, false);
        assert_eq!(started(&mut schedule), [0, 1]);
        assert!(!schedule.ended(true));
        assert_eq!(started(&mut schedule), [2]);
        assert!(!schedule.ended(false));
        assert!(!schedule.ended(true));
        assert_eq!(started(&mut schedule), [3]);
        assert!(!schedule.ended(true));
        assert!(started(&mut schedule).is_empty());
    }

    #[test]
    fn at_least_one_runs() {
        assert_eq!(started(&mut Schedule::new(2, 0, false)), [0]);
    }

    #[test]
    fn the_first_that_does_not_pass_may_stop_all_others() {
        let mut schedule = Schedule::new(4, 2, true);
        assert_eq!(started(&mut schedule), [0, 1]);
        assert!(!schedule.ended(true));
        assert_eq!(started(&mut schedule), [2]);
        assert!(schedule.ended(false));
        assert!(started(&mut schedule).is_empty());
    }

    #[test]
    fn one_that_is_closed_starts_nothing() {
        let mut schedule = Schedule::new(2, 1, false);
        assert_eq!(started(&mut schedule), [0]);
        schedule.close();
        assert!(!schedule.ended(true));
        assert!(started(&mut schedule).is_empty());
    }
}
