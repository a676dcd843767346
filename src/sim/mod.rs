//! Simulation: a machine in a world on a virtual clock, where the same answers give the same facts, and an
//! hour of waiting takes no time at all.
//!
//! - [`VirtualWorld`] is that world. Its answers are written down ([`Stub`], or [`Stubs`] from a file), or
//!   are those of a [`Recording`], which [`replay`] judges a machine by.
//! - [`Exploration`] is a walk through a machine without any answers: every outcome of every race.
//! - [`Coverage`] is what runs have taken of a machine.

mod call_sites;
mod clock;
mod coverage;
mod explore;
mod playback;
mod recording;
mod replay;
mod request_match;
mod sample;
mod script_host;
mod stubs;
#[cfg(test)]
mod tests;
mod trace_hash;
mod world;

pub use coverage::{Coverage, CoverageKind, Covered, Taken};
pub use explore::{Bounds, Exploration, Explored, Undone};
pub use playback::{LeftAt, Mismatch};
pub use recording::Recording;
pub use replay::{ReplayEnd, Replayed, replay, replay_in};
pub use stubs::Stubs;
pub use trace_hash::trace_hash;
pub use world::{Stub, Stuck, TimedFact, Unstubbed, VirtualWorld};
