//! What of a run may start next. Pure: it is asked and told, and knows no clock and no runtime.

use super::locks::Locks;
use crate::event::Name;
use std::collections::{BTreeSet, HashMap};

/// The place of a unit in the order of its run: one task, or one case of it, with all its attempts.
pub(super) type Unit = usize;

/// The units of one run, in the order in which they start when nothing keeps them from it. Of those that simply wait for
/// their turn, or run, it holds nothing: there may be 100,000.
#[derive(Debug)]
pub(super) struct Schedule<'r> {
    /// How many units there are.
    units: usize,
    /// How many run at once.
    jobs: usize,
    running: usize,
    /// The first whose turn has not come yet.
    fresh: Unit,
    /// Those before it that were kept from starting by a lock, and may try again.
    woken: BTreeSet<Unit>,
    /// The locks of the units that have some.
    locks: HashMap<Unit, &'r [Name]>,
    held: Locks,
    /// By a lock: those that were kept from starting by it.
    parked: HashMap<&'r Name, BTreeSet<Unit>>,
    /// Whether the first unit that does not pass keeps all others from starting.
    fail_fast: bool,
    closed: bool,
}

impl<'r> Schedule<'r> {
    /// Units with these locks, of which at most `jobs` run at once.
    pub(super) fn new(
        locks: impl ExactSizeIterator<Item = &'r [Name]>,
        jobs: usize,
        fail_fast: bool,
    ) -> Self {
        Self {
            units: locks.len(),
            jobs: jobs.max(1),
            running: 0,
            fresh: 0,
            woken: BTreeSet::new(),
            locks: locks
                .enumerate()
                .filter(|(_, locks)| !locks.is_empty())
                .collect(),
            held: Locks::default(),
            parked: HashMap::new(),
            fail_fast,
            closed: false,
        }
    }

    /// The next unit that may start now; it counts as running from here on. `None`: none before another has ended.
    pub(super) fn next(&mut self) -> Option<Unit> {
        while !self.closed && self.running < self.jobs {
            let unit = self.next_in_order()?;
            let locks = self.locks_of(unit);
            match self.held.take(locks) {
                Ok(()) => {
                    self.running += 1;
                    return Some(unit);
                }
                Err(held) => {
                    self.parked.entry(held).or_default().insert(unit);
                    // It may have been woken for another of its locks, which the next can have now.
                    for name in locks.iter().filter(|name| *name != held) {
                        self.wake(name);
                    }
                }
            }
        }
        None
    }

    fn next_in_order(&mut self) -> Option<Unit> {
        let woken = self.woken.pop_first();
        woken.or_else(|| {
            let unit = (self.fresh < self.units).then_some(self.fresh)?;
            self.fresh += 1;
            Some(unit)
        })
    }

    fn locks_of(&self, unit: Unit) -> &'r [Name] {
        self.locks.get(&unit).copied().unwrap_or_default()
    }

    /// A unit has ended. Whether no other may start since it did not pass.
    pub(super) fn ended(&mut self, unit: Unit, is_good: bool) -> bool {
        self.running -= 1;
        let locks = self.locks_of(unit);
        self.held.give_back(locks);
        for name in locks {
            self.wake(name);
        }
        let stops = self.fail_fast && !is_good;
        self.closed |= stops;
        stops
    }

    /// A unit is gone without an end: nobody knows what it holds, so that its locks stay taken.
    pub(super) fn lost(&mut self) {
        self.running -= 1;
    }

    /// Nothing starts any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Lets the first of those that a lock has kept try again: only one of them can have it, and there may be 100,000.
    fn wake(&mut self, lock: &Name) {
        if let Some(parked) = self.parked.get_mut(lock) {
            self.woken.extend(parked.pop_first());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that may start now.
    fn started(schedule: &mut Schedule<'_>) -> Vec<Unit> {
        std::iter::from_fn(|| schedule.next()).collect()
    }

    fn without_locks(units: usize, jobs: usize, fail_fast: bool) -> Schedule<'static> {
        Schedule::new(std::iter::repeat_n(&[][..], units), jobs, fail_fast)
    }

    fn locks(of: &[&[&str]]) -> Vec<Vec<Name>> {
        let names = |names: &&[&str]| names.iter().copied().map(Name::from).collect();
        of.iter().map(names).collect()
    }

    #[test]
    fn units_start_in_their_order_as_many_at_once_as_may() {
        let mut schedule = without_locks(4, 2, false);
        assert_eq!(started(&mut schedule), [0, 1]);
        assert!(!schedule.ended(1, true));
        assert_eq!(started(&mut schedule), [2]);
        assert!(!schedule.ended(0, false));
        assert!(!schedule.ended(2, true));
        assert_eq!(started(&mut schedule), [3]);
        assert!(!schedule.ended(3, true));
        assert!(started(&mut schedule).is_empty());
    }

    #[test]
    fn at_least_one_runs() {
        assert_eq!(started(&mut without_locks(2, 0, false)), [0]);
    }

    #[test]
    fn the_first_that_does_not_pass_may_stop_all_others() {
        let mut schedule = without_locks(4, 2, true);
        assert_eq!(started(&mut schedule), [0, 1]);
        assert!(!schedule.ended(0, true));
        assert_eq!(started(&mut schedule), [2]);
        assert!(schedule.ended(1, false));
        assert!(started(&mut schedule).is_empty());
    }

    #[test]
    fn one_that_is_closed_starts_nothing() {
        let mut schedule = without_locks(2, 1, false);
        assert_eq!(started(&mut schedule), [0]);
        schedule.close();
        assert!(!schedule.ended(0, true));
        assert!(started(&mut schedule).is_empty());
    }

    #[test]
    fn what_waits_for_a_lock_holds_up_nothing_else() {
        let locks = locks(&[&["a"], &["a", "b"], &["b"], &[], &["a"]]);
        let mut schedule = Schedule::new(locks.iter().map(|one| &one[..]), 9, false);
        assert_eq!(started(&mut schedule), [0, 2, 3]);
        schedule.ended(0, true);
        assert_eq!(started(&mut schedule), [4], "1 waits for `b`");
        schedule.ended(2, true);
        assert!(started(&mut schedule).is_empty(), "1 waits for `a`");
        schedule.ended(4, true);
        assert_eq!(started(&mut schedule), [1]);
    }

    /// Random units: no two that share a lock run at once, all run once, and none waits that could run.
    #[test]
    fn whatever_the_locks_are_everything_runs_and_nothing_waits_in_vain() {
        for seed in 0..500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let units: Vec<Vec<Name>> = (0..random.usize(1..30))
                .map(|_| {
                    let names = "abcde".chars().filter(|_| random.u8(0..4) == 0);
                    names.map(|name| Name::from(name.to_string())).collect()
                })
                .collect();
            let jobs = random.usize(1..6);
            let all = units.iter().map(|one| &one[..]);
            let mut schedule = Schedule::new(all, jobs, false);
            let mut running: Vec<Unit> = Vec::new();
            let mut waiting: BTreeSet<Unit> = (0..units.len()).collect();
            let conflict =
                |one: Unit, other: Unit| units[one].iter().any(|lock| units[other].contains(lock));
            loop {
                while let Some(unit) = schedule.next() {
                    assert!(waiting.remove(&unit), "seed {seed}: {unit} runs twice");
                    assert!(
                        !running.iter().any(|other| conflict(unit, *other)),
                        "seed {seed}"
                    );
                    running.push(unit);
                }
                assert!(running.len() <= jobs, "seed {seed}");
                let could_run =
                    |unit: &&Unit| !running.iter().any(|other| conflict(**unit, *other));
                let in_vain = waiting.iter().find(could_run);
                assert!(
                    running.len() == jobs || in_vain.is_none(),
                    "seed {seed}: {in_vain:?} waits in vain"
                );
                if running.is_empty() {
                    break;
                }
                let unit = running.swap_remove(random.usize(0..running.len()));
                schedule.ended(unit, true);
            }
            assert!(waiting.is_empty(), "seed {seed}: {waiting:?} never ran");
        }
    }
}
