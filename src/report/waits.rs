//! How long a task's transitions take to be fulfilled, and whether its limits fit that.
//!
//! A transition's time is what passes between the moment its state begins to wait, when its limit starts
//! too, and the moment the transition is taken; one that is taken at once has taken no time. The percentiles
//! are nearest ranks: p99 is the smallest time that 99 of 100 do not exceed.
//!
//! A state's limit is **too long** if it is more than 10 times the p99 of all that was taken from the state, at
//! least 20 times, and **too tight** if that p99 is more than 0.8 of it.

use super::frames::Frames;
use crate::event::{Event, ExecutionId, Fact, FrameId, Name, TimeoutScope};
use std::collections::HashMap;

/// How long the transitions of one task took, over any number of its executions.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// In the order in which they were first taken.
    transitions: Vec<Transition>,
    states: Vec<StateWaits>,
    open: HashMap<(ExecutionId, FrameId), Open>,
    frames: Frames,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    waits_since: Option<i64>,
    limit: Option<u64>,
}

#[derive(Clone, Debug)]
struct Transition {
    from: Name,
    to: Name,
    micros: Vec<u64>,
}

#[derive(Clone, Debug)]
struct StateWaits {
    name: Name,
    /// The limit of the first execution that waited here, which is the latest.
    limit: Option<u64>,
    micros: Vec<u64>,
    timeouts: usize,
}

/// How long one transition took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The state that was left.
    pub from: Name,
    /// The state that was entered.
    pub to: Name,
    /// How often it was taken.
    pub count: usize,
    /// Half of the times were no longer, in microseconds.
    pub p50: u64,
    /// 90 of 100 were no longer, in microseconds.
    pub p90: u64,
    /// 99 of 100 were no longer, in microseconds.
    pub p99: u64,
}

/// How a state's limit compares with what was waited there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The state.
    pub state: Name,
    /// Its limit in the latest run, in microseconds.
    pub limit: u64,
    /// How often a transition was taken from it.
    pub count: usize,
    /// 99 of 100 took no longer, in microseconds.
    pub p99: u64,
    /// How often the limit expired.
    pub timeouts: usize,
    /// What to change.
    pub advice: Option<Advice>,
}

/// What to change about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// It is much longer than what it waits for: a failure takes that long to be seen. This would do, in
    /// microseconds.
    TooLong(u64),
    /// What it waits for takes nearly as long: it will expire by chance. This would do, in microseconds.
    TooTight(u64),
}

/// How many times longer than p99 a limit may be.
const LOOSE: u64 = 10;
/// How many samples it takes to say so.
const SAMPLES: usize = 20;
/// The times that are kept of a state: a loop may have millions.
const MAX_SAMPLES: usize = 100_000;

impl Waits {
    /// Takes in the next event. Executions are given one after the other, the latest first.
    pub fn apply(&mut self, event: &Event) {
        let Some(execution) = event.execution else {
            return;
        };
        self.frames.apply(event);
        let id = (execution, event.frame);
        let named = |state: &Name| match self.frames.of(event) {
            None => Name::clone(state),
            Some(region) => format!("{region}/{state}").into(),
        };
        match &event.fact {
            Fact::StateEntered { .. } => {
                self.open.insert(id, Open::default());
            }
            Fact::WaitStarted { limit_micros } => {
                let open = self.open.entry(id).or_default();
                open.waits_since = Some(event.at);
                open.limit = *limit_micros;
            }
            Fact::TransitionTaken { from, to, .. } => {
                let Open { waits_since, limit } = self.open.remove(&id).unwrap_or_default();
                let micros =
                    waits_since.map_or(0, |since| (event.at - since).max(0).unsigned_abs());
                let (from, to) = (named(from), named(to));
                self.took(&from, &to, micros, limit);
            }
            Fact::TimedOut {
                state,
                scope: TimeoutScope::Transition,
                ..
            } => {
                let state = named(state);
                let limit = self.open.remove(&id).unwrap_or_default().limit;
                let state = self.state(&state);
                state.timeouts += 1;
                state.limit = state.limit.or(limit);
            }
            Fact::FrameClosed { .. } => {
                self.open.remove(&id);
            }
            Fact::ExecutionFinished { .. } => self.open.retain(|(open, _), _| *open != execution),
            // The task's own limit says nothing of one state.
            Fact::TimedOut {
                scope: TimeoutScope::Task,
                ..
            }
            | Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionStarted { .. }
            | Fact::InstructionFinished { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::ConditionChecked { .. }
            | Fact::Stayed { .. }
            | Fact::Deferred { .. }
            | Fact::CleanupStarted { .. }
            | Fact::CleanupSkipped { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::Log { .. }
            | Fact::SignalSent { .. }
            | Fact::FrameOpened(_)
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {}
        }
    }

    fn took(&mut self, from: &Name, to: &Name, micros: u64, limit: Option<u64>) {
        let state = self.state(from);
        state.limit = state.limit.or(limit);
        if state.micros.len() >= MAX_SAMPLES {
            return;
        }
        state.micros.push(micros);
        let same = |one: &&mut Transition| one.from == *from && one.to == *to;
        match self.transitions.iter_mut().find(same) {
            Some(transition) => transition.micros.push(micros),
            None => self.transitions.push(Transition {
                from: Name::clone(from),
                to: Name::clone(to),
                micros: vec![micros],
            }),
        }
    }

    fn state(&mut self, name: &Name) -> &mut StateWaits {
        let at = self.states.iter().position(|state| state.name == *name);
        let at = at.unwrap_or_else(|| {
            self.states.push(StateWaits {
                name: Name::clone(name),
                limit: None,
                micros: Vec::new(),
                timeouts: 0,
            });
            self.states.len() - 1
        });
        &mut self.states[at]
    }

    /// Each transition that was taken.
    #[must_use]
    pub fn times(&self) -> Vec<Times> {
        let times = self.transitions.iter().map(|transition| {
            let mut micros = transition.micros.clone();
            micros.sort_unstable();
            Times {
                from: Name::clone(&transition.from),
                to: Name::clone(&transition.to),
                count: micros.len(),
                p50: percentile(&micros, 50),
                p90: percentile(&micros, 90),
                p99: percentile(&micros, 99),
            }
        });
        times.collect()
    }

    /// Each state that has waited, with its limit.
    #[must_use]
    pub fn limits(&self) -> Vec<Limited> {
        let limits = self.states.iter().filter_map(|state| {
            let limit = state.limit?;
            let mut micros = state.micros.clone();
            micros.sort_unstable();
            let p99 = percentile(&micros, 99);
            Some(Limited {
                state: Name::clone(&state.name),
                limit,
                count: micros.len(),
                p99,
                timeouts: state.timeouts,
                advice: advice(limit, p99, micros.len()),
            })
        });
        limits.collect()
    }
}

fn advice(limit: u64, p99: u64, count: usize) -> Option<Advice> {
    /// A limit is given in whole tenths of a second.
    const TENTH: u64 = 100_000;
    let rounded = |micros: u64| micros.div_ceil(TENTH) * TENTH;
    if count == 0 {
        return None;
    }
    if u128::from(p99) * 10 > u128::from(limit) * 8 {
        return Some(Advice::TooTight(rounded(p99.saturating_mul(2))));
    }
    if count >= SAMPLES && limit > p99.saturating_mul(LOOSE) {
        // Other machines are slower: not below a second, if that is less than it is now.
        let least = 1_000_000.min(limit / 2);
        return Some(Advice::TooLong(rounded((3 * p99).max(least))));
    }
    None
}

/// The nearest rank, from times in order; 0 of none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Location;
    use std::sync::Arc;

    fn place() -> Arc<Location> {
        Arc::new(Location {
            file: "t.yaml".into(),
            path: "states.placed".into(),
            span: crate::event::Span::default(),
        })
    }

    /// One execution that waits in `placed` for so long, with a limit of 20 s.
    fn waited(waits: &mut Waits, micros: i64, to: Option<&str>) {
        let left = match to {
            Some(to) => Fact::TransitionTaken {
                from: "placed".into(),
                to: to.into(),
                place: place(),
                also_ready: Vec::new(),
            },
            None => Fact::TimedOut {
                scope: TimeoutScope::Transition,
                state: "placed".into(),
                limit_micros: 20_000_000,
                conditions: Vec::new(),
            },
        };
        let entered = Fact::StateEntered {
            state: "placed".into(),
            visit: 1,
        };
        let begins = Fact::WaitStarted {
            limit_micros: Some(20_000_000),
        };
        // What its instructions take does not count.
        for (at, fact) in [(0, entered), (500, begins), (500 + micros, left)] {
            waits.apply(&Event {
                run: "R".into(),
                seq: 1,
                at,
                execution: Some(1),
                frame: crate::event::ROOT,
                fact,
            });
        }
    }

    fn of(count: i64, scale: i64) -> Waits {
        let mut waits = Waits::default();
        for one in 1..=count {
            waited(&mut waits, one * scale, Some("shipped"));
        }
        waits
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times = &of(200, 1_000).times()[0];
        assert_eq!(times.count, 200);
        assert_eq!((times.p50, times.p90), (100_000, 180_000));
        assert_eq!(times.p99, 198_000);
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&[1, 2], 50), 1);
        assert_eq!(percentile(&[1, 2], 99), 2);
        assert_eq!(percentile(&[], 99), 0);
    }

    #[test]
    fn each_transition_has_its_own_times() {
        let mut waits = of(3, 1_000);
        waited(&mut waits, 5_000_000, Some("rejected"));
        waited(&mut waits, 20_000_000, None);
        let found: Vec<_> = (waits.times().iter())
            .map(|times| (times.to.to_string(), times.count, times.p99))
            .collect();
        let wanted = [("shipped", 3, 3_000), ("rejected", 1, 5_000_000)];
        assert_eq!(found, wanted.map(|(to, n, p99)| (to.to_owned(), n, p99)));
        let limit = &waits.limits()[0];
        assert_eq!((limit.count, limit.timeouts), (4, 1));
        assert_eq!(limit.p99, 5_000_000);
    }

    #[test]
    fn a_limit_is_too_long_at_ten_times_p99_of_twenty() {
        let advice = |count, scale| of(count, scale).limits()[0].advice;
        assert_eq!(advice(19, 1_000), None, "too few to say");
        assert_eq!(advice(20, 1_000), Some(Advice::TooLong(1_000_000)));
        assert_eq!(advice(20, 99_999), Some(Advice::TooLong(6_000_000)));
        assert_eq!(advice(20, 100_000), None, "exactly ten times is not more");
    }

    #[test]
    fn a_limit_is_too_tight_above_four_fifths() {
        let advice = |micros| {
            let mut waits = Waits::default();
            waited(&mut waits, micros, Some("shipped"));
            waits.limits()[0].advice
        };
        assert_eq!(advice(16_000_000), None);
        assert_eq!(advice(16_000_001), Some(Advice::TooTight(32_100_000)));
        let mut only_timeouts = Waits::default();
        waited(&mut only_timeouts, 20_000_000, None);
        assert_eq!(only_timeouts.limits()[0].advice, None);
    }

    #[test]
    fn what_decides_at_once_takes_no_time_and_has_no_limit() {
        let mut waits = Waits::default();
        for (at, fact) in [
            (
                0,
                Fact::StateEntered {
                    state: "here".into(),
                    visit: 1,
                },
            ),
            (
                90,
                Fact::TransitionTaken {
                    from: "here".into(),
                    to: "there".into(),
                    place: place(),
                    also_ready: Vec::new(),
                },
            ),
        ] {
            waits.apply(&Event {
                run: "R".into(),
                seq: 1,
                at,
                execution: Some(1),
                frame: crate::event::ROOT,
                fact,
            });
        }
        assert_eq!(waits.times()[0].p99, 0);
        assert_eq!(waits.limits(), []);
    }
}
