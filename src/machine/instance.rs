//! One task in an execution: what its frames share.

use super::never_known::{Known, MoreKnown, Unknown};
use super::program::Machine;
use super::subscription::OpenSubscription;
use super::world::Moment;
use crate::event::{Json, Name};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A task that runs: the one that was asked for.
pub(super) struct Instance {
    pub(super) machine: Arc<Machine>,
    shared: Mutex<Shared>,
}

/// What changes while it runs, whichever frame changes it.
pub(super) struct Shared {
    /// When its time is over.
    pub(super) deadline: Moment,
    /// The configs of the clients that were used. Few: a list finds them as fast as a map would.
    pub(super) configs: Vec<(usize, Arc<Json>)>,
    /// Which conditions have had an answer.
    pub(super) known: Known,
    /// Made on first use: most have none of it.
    pub(super) rare: Option<Box<Rare>>,
}

/// What few tasks have.
#[derive(Default)]
pub(super) struct Rare {
    /// Open `listen` entries, by name.
    pub(super) listening: BTreeMap<Name, OpenSubscription>,
    /// Conditions that had no answer when they were first asked.
    pub(super) unknown: Vec<Unknown>,
    /// Which of the conditions from the 65th on have had an answer.
    pub(super) more_known: MoreKnown,
}

impl Shared {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

impl Instance {
    pub(super) fn new(machine: &Arc<Machine>) -> Self {
        Self {
            machine: Arc::clone(machine),
            shared: Mutex::new(Shared {
                deadline: Moment(u64::MAX),
                configs: Vec::new(),
                known: Known::default(),
                rare: None,
            }),
        }
    }

    /// What changes. Never held across an await.
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has what few tasks have.
    pub(super) fn has_rare(&self) -> bool {
        self.shared().rare.is_some()
    }

    /// The open `listen` entries, by name.
    pub(super) fn listening(&self) -> Vec<OpenSubscription> {
        let shared = self.shared();
        let rare = shared.rare.iter();
        rare.flat_map(|rare| rare.listening.values().cloned())
            .collect()
    }
}
