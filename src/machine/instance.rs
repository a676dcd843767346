//! One task in an execution: what its frames share.

use super::never_known::{Known, MoreKnown, Unknown};
use super::program::Machine;
use super::regions::Views;
use super::subscription::OpenSubscription;
use super::world::{Moment, ScopeId};
use crate::event::{FrameId, Json, Name, ROOT};
use crate::script::Scope;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A task that runs: the one that was asked for, or one that is called.
pub(super) struct Instance {
    pub(super) machine: Arc<Machine>,
    /// How it was called, if it was: few are.
    pub(super) call: Option<Box<Called>>,
    shared: Mutex<Shared>,
}

/// What a called task knows of its call.
pub(super) struct Called {
    /// The frame of the task itself.
    pub(super) frame: FrameId,
    /// Its variables.
    pub(super) scope: Arc<Scope>,
    /// What it listens to is open in this scope: as long as it runs.
    pub(super) listens: ScopeId,
    /// Its name behind those of the tasks around it: `checkout/login`.
    pub(super) path: Name,
    /// What the region that calls it sees of messages, if it is one.
    pub(super) views: Option<Arc<Views>>,
    /// The state that it has ended in, once it has.
    pub(super) ended_in: OnceLock<usize>,
}

/// What changes while it runs, whichever frame changes it.
pub(super) struct Shared {
    /// When its time is over.
    pub(super) deadline: Moment,
    /// Of the clients that were used. Made on first use: many tasks wait, and few of them have used one yet.
    configs: Option<Box<Configs>>,
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

/// The configs of clients, by their number. Few: a list finds them as fast as a map would.
#[derive(Default)]
struct Configs(Vec<(usize, Arc<Json>)>);

impl Shared {
    /// The config of a client, if it was used.
    pub(super) fn config(&self, client: usize) -> Option<Arc<Json>> {
        let mut known = self.configs.iter().flat_map(|configs| &configs.0);
        known
            .find(|(known, _)| *known == client)
            .map(|(_, config)| Arc::clone(config))
    }

    pub(super) fn keep_config(&mut self, client: usize, config: Arc<Json>) {
        self.configs
            .get_or_insert_default()
            .0
            .push((client, config));
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

impl Instance {
    /// The task that was asked for.
    pub(super) fn root(machine: &Arc<Machine>) -> Self {
        Self::new(machine, None)
    }

    pub(super) fn new(machine: &Arc<Machine>, call: Option<Box<Called>>) -> Self {
        Self {
            machine: Arc::clone(machine),
            call,
            shared: Mutex::new(Shared {
                deadline: Moment(u64::MAX),
                configs: None,
                known: Known::default(),
                rare: None,
            }),
        }
    }

    /// The frame of the task itself.
    pub(super) fn frame(&self) -> FrameId {
        self.call.as_ref().map_or(ROOT, |call| call.frame)
    }

    /// Its variables. `root`: those of the task that was asked for.
    pub(super) fn scope<'a>(&'a self, root: &'a Arc<Scope>) -> &'a Arc<Scope> {
        self.call.as_ref().map_or(root, |call| &call.scope)
    }

    /// What it listens to is open in this scope.
    pub(super) fn listens(&self) -> ScopeId {
        let of_call = self.call.as_ref().map(|call| call.listens);
        of_call.unwrap_or(ScopeId::EXECUTION)
    }

    /// What changes. Never held across an await.
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of what it listens to.
    pub(super) fn end_listening(&self) -> Vec<OpenSubscription> {
        let mut shared = self.shared();
        let rare = shared.rare.as_mut();
        let listening = rare.map(|rare| std::mem::take(&mut rare.listening));
        listening
            .into_iter()
            .flatten()
            .map(|(_, open)| open)
            .collect()
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
