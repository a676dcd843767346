//! A machine judged against a recording, without touching the system.

use super::playback::LeftAt;
use super::recording::Recording;
use super::world::{Stuck, TimedFact, VirtualWorld};
use crate::event::Name;
use crate::machine::{Case, Inputs, Machine, Verdict, run};
use std::sync::Arc;

/// What a machine does with recorded answers.
#[derive(Debug)]
#[must_use]
pub struct Replayed {
    /// How it ended.
    pub end: ReplayEnd,
    /// What happened, with its time on the virtual clock.
    pub facts: Vec<TimedFact>,
    /// Secrets whose values the recording holds only masked, and that answers brought: a verdict that
    /// depends on one of them is not to be trusted.
    pub masked: Vec<Name>,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayEnd {
    /// The recording held everything that was asked for.
    Verdict(Box<Verdict>),
    /// It did not: there is no verdict.
    Left(Box<LeftAt>),
    /// Nothing was left that could wake the machine.
    Deadlock,
}

/// Runs a machine against a recording. Blocks; needs a thread with a stack that scripts can use. What
/// [`Inputs`] say of run and attempt is taken from the recording.
pub fn replay(machine: &Arc<Machine>, inputs: Inputs, recording: Recording) -> Replayed {
    replay_in(VirtualWorld::new(), machine, inputs, recording)
}

/// The same in a world that was prepared: with an environment, or a halt.
pub fn replay_in(
    world: VirtualWorld,
    machine: &Arc<Machine>,
    inputs: Inputs,
    recording: Recording,
) -> Replayed {
    let of_recording = |case: &&Arc<Case>| recording.case.as_ref() == Some(&case.name);
    let inputs = Inputs {
        case: machine.cases.iter().find(of_recording).cloned(),
        run: Name::clone(&recording.run),
        index: recording.index,
        attempt: recording.attempt.max(1),
        attempts: recording.attempts.max(1),
        ..inputs
    };
    let world = world.recorded(recording, machine);
    let end = match world.block_on(run(machine, inputs, &world)) {
        Ok(verdict) => ReplayEnd::Verdict(Box::new(verdict)),
        Err(Stuck::Left(at)) => ReplayEnd::Left(at),
        Err(Stuck::Deadlock | Stuck::Unstubbed(_)) => ReplayEnd::Deadlock,
    };
    Replayed {
        end,
        masked: world.masked(),
        facts: world.into_facts(),
    }
}
