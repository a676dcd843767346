//! Conditions that were unknown every time they were asked: a misspelt member passes no check, and is told of.

use super::execution::{Env, Execution};
use super::program::Guard;
use super::world::World;
use crate::event::{Fact, Missing, NeverKnown};
use std::sync::Arc;

/// Which conditions have had an answer: a bit for each of the machine's.
#[derive(Default)]
pub(super) struct Known(Box<[u64]>);

impl Known {
    pub(super) fn of(guards: u32) -> Self {
        Self(vec![0; (guards as usize).div_ceil(64)].into())
    }

    fn add(&mut self, number: u32) {
        if let Some(word) = self.0.get_mut(number as usize / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn has(&self, number: u32) -> bool {
        let word = self.0.get(number as usize / 64);
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}

/// A condition that had no answer so far.
pub(super) struct Unknown {
    number: u32,
    never_known: NeverKnown,
}

impl<W: World> Execution<'_, W> {
    /// Notes whether a condition had an answer.
    pub(super) fn note_answer(&self, guard: &Guard, is_known: bool, env: Env<'_>) {
        let mut inner = self.inner();
        if is_known {
            inner.known.add(guard.number);
            return;
        }
        if inner.known.has(guard.number) {
            return;
        }
        let unknown = &mut inner.rare().unknown;
        if let Some(one) = unknown.iter_mut().find(|one| one.number == guard.number) {
            one.never_known.asked += 1;
            return;
        }
        drop(inner);
        // Once for each condition: why it is unknown costs an evaluation.
        let missing = self.explain(guard, env).missing;
        self.inner().rare().unknown.push(Unknown {
            number: guard.number,
            never_known: NeverKnown {
                place: Arc::clone(&guard.place),
                source: guard.expression.source().trim().into(),
                asked: 1,
                missing,
            },
        });
    }

    /// The conditions that never had an answer, in the order in which they were first asked.
    fn never_known(&self) -> Vec<NeverKnown> {
        let mut inner = self.inner();
        let Some(rare) = &mut inner.rare else {
            return Vec::new();
        };
        let unknown = std::mem::take(&mut rare.unknown);
        unknown
            .into_iter()
            .filter(|one| !inner.known.has(one.number))
            .map(|one| one.never_known)
            .filter(|one| !is_about_the_error_alone(&one.missing))
            .collect()
    }

    /// Writes them down, and tells how many there are.
    pub(super) async fn record_never_known(&self) -> u32 {
        let mut count = 0;
        for one in self.never_known() {
            count += 1;
            self.record(Fact::NeverKnown(Box::new(one))).await;
        }
        count
    }
}

/// `error` has no members until something has failed, which is as it should be.
fn is_about_the_error_alone(missing: &[Missing]) -> bool {
    let of_error = |path: &str| {
        let rest = path.strip_prefix("error");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '?']))
    };
    !missing.is_empty() && missing.iter().all(|missing| of_error(&missing.path))
}
