//! Conditions that were unknown every time they were asked: a misspelt member passes no check, and is told of.

use super::frame::{Env, Frame};
use super::instance::Shared;
use super::program::Guard;
use super::world::World;
use crate::event::{Fact, Missing, NeverKnown};
use std::sync::Arc;

/// Which conditions have had an answer: a bit for each of the machine's. Those beyond the first 64 are few machines',
/// and cost the others nothing.
#[derive(Default)]
pub(super) struct Known {
    first: u64,
}

/// The bits of conditions from the 65th on.
#[derive(Default)]
pub(super) struct MoreKnown(Vec<u64>);

const BITS: u32 = u64::BITS;

fn add(shared: &mut Shared, number: u32) {
    let bit = 1 << (number % BITS);
    if number < BITS {
        shared.known.first |= bit;
        return;
    }
    let words = &mut shared.rare().more_known.0;
    let word = (number / BITS) as usize - 1;
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    words[word] |= bit;
}

fn has(shared: &Shared, number: u32) -> bool {
    let bit = 1 << (number % BITS);
    if number < BITS {
        return shared.known.first & bit != 0;
    }
    let words = shared.rare.as_ref().map(|rare| &rare.more_known.0);
    let word = words.and_then(|words| words.get((number / BITS) as usize - 1));
    word.is_some_and(|word| word & bit != 0)
}

/// A condition that had no answer so far.
pub(super) struct Unknown {
    number: u32,
    never_known: NeverKnown,
}

/// What is known of the conditions of a called task, over all of its calls.
#[derive(Default)]
pub(super) struct Tally {
    known: Known,
    more_known: MoreKnown,
    unknown: Vec<Unknown>,
}

impl Tally {
    /// Adds what another call has found.
    fn add(&mut self, known: &Known, more_known: &MoreKnown, unknown: Vec<Unknown>) {
        self.known.first |= known.first;
        let words = &mut self.more_known.0;
        words.resize(words.len().max(more_known.0.len()), 0);
        for (word, more) in words.iter_mut().zip(&more_known.0) {
            *word |= more;
        }
        for one in unknown {
            match (self.unknown.iter_mut()).find(|known| known.number == one.number) {
                Some(known) => known.never_known.asked += one.never_known.asked,
                None => self.unknown.push(one),
            }
        }
    }

    fn never_known(self) -> impl Iterator<Item = NeverKnown> {
        let has = move |number: u32| {
            let bit = 1 << (number % BITS);
            match (number / BITS) as usize {
                0 => self.known.first & bit != 0,
                word => (self.more_known.0.get(word - 1)).is_some_and(|word| word & bit != 0),
            }
        };
        (self.unknown.into_iter())
            .filter(move |one| !has(one.number))
            .map(|one| one.never_known)
            .filter(|one| !is_about_the_error_alone(&one.missing))
    }
}

impl<W: World> Frame<'_, W> {
    /// A called task has ended: another call of it may still have an answer where this one had none.
    pub(super) fn keep_unknown(&self) {
        let mut own = self.instance.shared();
        let known = std::mem::take(&mut own.known);
        let rare = own.rare.as_deref_mut();
        let (more_known, unknown) = rare.map_or_else(Default::default, |rare| {
            (
                std::mem::take(&mut rare.more_known),
                std::mem::take(&mut rare.unknown),
            )
        });
        drop(own);
        let machine = &self.instance.machine;
        let mut shared = self.execution.shared();
        let tallies = &mut shared.rare().tallies;
        let at = (tallies.iter()).position(|(of, _)| Arc::ptr_eq(of, machine));
        let at = at.unwrap_or_else(|| {
            tallies.push((Arc::clone(machine), Tally::default()));
            tallies.len() - 1
        });
        tallies[at].1.add(&known, &more_known, unknown);
    }

    /// Notes whether a condition had an answer.
    pub(super) fn note_answer(&self, guard: &Guard, is_known: bool, env: Env<'_>) {
        let mut shared = self.instance.shared();
        if is_known {
            add(&mut shared, guard.number);
            return;
        }
        if has(&shared, guard.number) {
            return;
        }
        let unknown = &mut shared.rare().unknown;
        if let Some(one) = unknown.iter_mut().find(|one| one.number == guard.number) {
            one.never_known.asked += 1;
            return;
        }
        drop(shared);
        // Once for each condition: why it is unknown costs an evaluation.
        let missing = self.explain(guard, env).missing;
        self.instance.shared().rare().unknown.push(Unknown {
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
        if self.instance.has_rare() {
            self.keep_unknown();
        }
        let tallies = self.execution.shared().take_tallies();
        let all = tallies.into_iter();
        all.flat_map(|(_, tally)| tally.never_known()).collect()
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
