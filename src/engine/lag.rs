use crate::event::{BusyCause, Fact, Headline};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the engine gives a sign of life.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// How late that is, in microseconds, before it is a fact.
const NOTICED: u64 = 100_000;
/// A verdict depends on it if it took at least this part of the time that was over.
const PART: u64 = 20;
/// Stalls that are kept to judge later verdicts by.
const KEPT: usize = 1000;

/// How long the engine could not go on, and when: all tasks run on one thread, and none of them sees time that passes
/// while it does not run. Times are microseconds since the run began.
#[derive(Debug, Default)]
pub(super) struct Lag(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The last sign of life. `None`: nobody gives any.
    alive: Option<u64>,
    stalls: VecDeque<Stall>,
    /// How many of them, the last ones, are not recorded yet.
    unrecorded: usize,
}

/// A time in which nothing went on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stall {
    from: u64,
    to: u64,
    cause: BusyCause,
}

impl Seen {
    fn add(&mut self, stall: Stall) {
        if self.stalls.len() == KEPT {
            self.stalls.pop_front();
        }
        self.stalls.push_back(stall);
        self.unrecorded = (self.unrecorded + 1).min(KEPT);
    }
}

impl Lag {
    /// The engine's thread is at work, and will say so again within a [`TICK`].
    pub(super) fn alive(&self, now: u64) {
        let mut seen = self.seen();
        if let Some(due) = seen.alive.map(|last| last + TICK.as_micros() as u64)
            && now > due + NOTICED
        {
            let cause = BusyCause::Computing;
            seen.add(Stall {
                from: due,
                to: now,
                cause,
            });
        }
        seen.alive = Some(now);
    }

    /// The same, where only an ongoing stall matters.
    pub(super) fn look(&self, now: u64) {
        if self.seen().alive.is_some() {
            self.alive(now);
        }
    }

    /// Somebody has waited that long until something was recorded.
    pub(super) fn waited(&self, from: u64, to: u64) {
        if to.saturating_sub(from) > NOTICED {
            let cause = BusyCause::Recording;
            self.seen().add(Stall { from, to, cause });
        }
    }

    /// What has not been recorded yet, the oldest first.
    pub(super) fn unrecorded(&self) -> Option<Fact> {
        let mut seen = self.seen();
        let at = seen.stalls.len().checked_sub(seen.unrecorded)?;
        let Stall { from, to, cause } = *seen.stalls.get(at)?;
        seen.unrecorded -= 1;
        let micros = to - from;
        Some(Fact::EngineBusy { cause, micros })
    }

    /// Says so at a verdict that may depend on it: that something came too late, or was not seen. `now`: when it was
    /// given.
    pub(super) fn explain(&self, headline: &mut Headline, now: u64) {
        if !headline.failure.kind.is_of_time() {
            return;
        }
        let from = now.saturating_sub(headline.micros);
        for cause in [BusyCause::Computing, BusyCause::Recording] {
            let micros = self.within(from, now, cause);
            if micros > NOTICED && micros.saturating_mul(PART) >= headline.micros {
                let busy = format!("{} meanwhile", cause.sentence(micros));
                let hint = &mut headline.failure.hint;
                *hint = Some(match hint.take() {
                    Some(hint) => format!("{busy}; {hint}"),
                    None => busy,
                });
            }
        }
    }

    /// How long it was so between two moments. Waits of several tasks at once count once.
    fn within(&self, from: u64, to: u64, cause: BusyCause) -> u64 {
        let seen = self.seen();
        let mut reached = from;
        let mut total = 0;
        for stall in seen.stalls.iter().filter(|stall| stall.cause == cause) {
            let begin = stall.from.max(reached);
            let end = stall.to.min(to);
            total += end.saturating_sub(begin);
            reached = reached.max(end);
        }
        total
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ErrorKind, Failure};

    const MS: u64 = 1000;

    fn explained(lag: &Lag, kind: ErrorKind, micros: u64, now: u64) -> Option<String> {
        let mut headline = Headline::of(Failure::new(kind, "no transition within 3s"));
        headline.micros = micros;
        lag.explain(&mut headline, now);
        headline.failure.hint
    }

    #[test]
    fn a_late_sign_of_life_is_a_fact_once() {
        let lag = Lag::default();
        lag.look(900 * MS);
        for at in [1000, 1050, 1199, 3449] {
            lag.alive(at * MS);
        }
        let busy = Fact::EngineBusy {
            cause: BusyCause::Computing,
            micros: 2200 * MS,
        };
        assert_eq!(lag.unrecorded(), Some(busy));
        assert_eq!(lag.unrecorded(), None);
    }

    #[test]
    fn a_verdict_on_time_says_what_it_may_depend_on() {
        let lag = Lag::default();
        lag.alive(1000 * MS);
        // Noticed by whoever gives the verdict, before the next sign of life.
        lag.look(3050 * MS);
        let said = explained(&lag, ErrorKind::Timeout, 3000 * MS, 4000 * MS);
        assert_eq!(
            said.as_deref(),
            Some("the engine was busy for 2s meanwhile")
        );
        assert_eq!(
            explained(&lag, ErrorKind::Expect, 3000 * MS, 4000 * MS),
            None
        );
        // It was over, or of no weight.
        assert_eq!(
            explained(&lag, ErrorKind::Timeout, 900 * MS, 4000 * MS),
            None
        );
        assert_eq!(
            explained(&lag, ErrorKind::Timeout, 60_000 * MS, 61_000 * MS),
            None
        );
    }

    #[test]
    fn waits_of_several_tasks_count_once() {
        let lag = Lag::default();
        for from in [1000, 1100, 1200] {
            lag.waited(from * MS, 2000 * MS);
        }
        lag.waited(2000 * MS, 2050 * MS);
        assert_eq!(lag.within(0, 9000 * MS, BusyCause::Recording), 1000 * MS);
        let said = explained(&lag, ErrorKind::Transport, 3000 * MS, 4000 * MS).unwrap();
        assert!(said.contains("waited 1s for its journal"), "{said}");
    }
}
