//! Regions: the machines that run side by side while their state is active. Each is a frame of its own; they are
//! polled in the order of the file, before the conditions of the state, so that these see what they have saved.

use super::condition::{End, Settled, Win};
use super::execution::Trouble;
use super::frame::Frame;
use super::program::{Region, State};
use super::race::Pending;
use super::world::World;
use crate::definition::model::Join;
use crate::event::{Fact, FrameKind, FrameOpened, Inbox, Name};
use crate::script::{Scope, Value};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// The variables of regions by their names, and of those around them.
pub(super) struct RegionScopes {
    list: Vec<(Name, Arc<Scope>)>,
    around: Option<Arc<Self>>,
}

impl RegionScopes {
    /// `regions` as an expression sees it. Of regions with one name the nearest is meant.
    pub(super) fn value(&self) -> Value {
        let mut regions: Vec<(Name, Value)> = Vec::new();
        for level in std::iter::successors(Some(self), |level| level.around.as_deref()) {
            for (name, scope) in &level.list {
                if regions.iter().all(|(known, _)| known != name) {
                    let variables = scope.own();
                    let members = variables
                        .iter()
                        .map(|(name, value)| (&**name, value.clone()));
                    regions.push((Name::clone(name), Value::map(members)));
                }
            }
        }
        Value::map(regions.iter().map(|(name, value)| (&**name, value.clone())))
    }
}

/// What a region sees of the messages that the whole task may take.
#[derive(Default)]
pub(super) struct Views {
    list: Mutex<Vec<Inbox>>,
    /// Those of the region around it.
    around: Option<Arc<Self>>,
}

impl Views {
    /// Those of a region inside of this one.
    pub(super) fn inside(around: Option<&Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            list: Mutex::default(),
            around: around.map(Arc::clone),
        })
    }

    /// What is seen of this inbox.
    fn of(&self, inbox: Inbox) -> Inbox {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = list.iter().find(|view| view.shares_buffer(&inbox)) {
            return view.clone();
        }
        let around = match &self.around {
            None => inbox,
            Some(around) => around.of(inbox),
        };
        let view = around.view();
        list.push(view.clone());
        view
    }

    /// What the region has taken is taken for the machine around it as well.
    pub(super) fn settle(&self) {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().for_each(Inbox::settle);
    }
}

/// The regions of a state while they run, each with its future until that has ended.
pub(super) struct RunningRegions<'a> {
    arms: Vec<Option<Pending<'a, Result<(), Trouble>>>>,
    done: usize,
    join: Join,
    /// The transition that is taken when they are done, until it was.
    joined: Option<usize>,
}

impl RunningRegions<'_> {
    /// No regions.
    pub(super) fn none() -> Self {
        Self {
            arms: Vec::new(),
            done: 0,
            join: Join::All,
            joined: None,
        }
    }

    /// Whether one of them may still do something.
    pub(super) fn are_running(&self) -> bool {
        self.arms.iter().any(Option::is_some)
    }

    /// Goes on with each of them. What their end decides: the first that fails in the order of the file, or the join.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Result<End, Trouble>> {
        for slot in &mut self.arms {
            let Some(arm) = slot else { continue };
            let Poll::Ready(end) = arm.as_mut().poll(context) else {
                continue;
            };
            *slot = None;
            match end {
                Ok(()) => self.done += 1,
                Err(trouble) => return Some(Err(trouble)),
            }
        }
        let is_done = match self.join {
            Join::All => self.done == self.arms.len(),
            Join::Any => self.done > 0,
        };
        let joined = self.joined.take_if(|_| is_done)?;
        Some(Ok(End {
            index: joined,
            settled: Settled::Fulfilled(Win {
                attempt: 1,
                ..Win::default()
            }),
        }))
    }
}

impl<'m, W: World> Frame<'m, W> {
    /// Conditions that may look at what regions save are asked: whatever changes from now on, they are asked again.
    pub(super) fn before_asking(&self, state: &State) {
        if state.watches_regions {
            let changes = self.execution.shared().region_changes(None);
            self.inner().rare().asked = changes;
        }
    }

    /// Begins the regions of a state.
    pub(super) async fn open_regions(&self, state: &State) -> RunningRegions<'m> {
        let Some(regions) = &state.regions else {
            return RunningRegions::none();
        };
        let scopes: Vec<(Name, Arc<Scope>)> = (regions.list.iter())
            .map(|region| {
                let scope = Arc::new(Scope::inside(&self.scope));
                (Name::clone(&region.name), scope)
            })
            .collect();
        let siblings = self.keep_scopes(&scopes);
        let mut children = Vec::with_capacity(regions.list.len());
        for (region, (_, scope)) in regions.list.iter().zip(scopes) {
            let id = self.execution.shared().next_frame();
            let frame = Arc::new(self.region(region, id, scope, Arc::clone(&siblings)));
            self.tell_opened(&frame, region).await;
            children.push(self.adopt(frame));
        }
        let arms = children
            .into_iter()
            .map(|child| -> Option<Pending<'m, _>> { Some(Box::pin(child.run())) });
        RunningRegions {
            arms: arms.collect(),
            done: 0,
            join: regions.join,
            joined: state.joined,
        }
    }

    /// Makes the variables of regions that begin visible: those of earlier ones of the same names are forgotten.
    pub(super) fn keep_scopes(&self, scopes: &[(Name, Arc<Scope>)]) -> Arc<RegionScopes> {
        let mut inner = self.inner();
        let rare = inner.rare();
        let is_new = |name: &Name| scopes.iter().any(|(new, _)| new == name);
        let before = rare.regions.iter().flat_map(|before| &before.list);
        let kept = before.filter(|(name, _)| !is_new(name));
        let all = Arc::new(RegionScopes {
            list: kept.chain(scopes).cloned().collect(),
            around: (self.region.as_ref()).map(|region| Arc::clone(&region.siblings)),
        });
        rare.regions = Some(Arc::clone(&all));
        all
    }

    /// What `regions` is here: the regions of its own states, and those that it runs side by side with.
    pub(super) fn regions_in_sight(&self) -> Option<Arc<RegionScopes>> {
        let own = (self.inner().rare.as_ref()).and_then(|rare| rare.regions.clone());
        own.or_else(|| Some(Arc::clone(&self.region.as_ref()?.siblings)))
    }

    /// What the region that it is, or that calls its task, sees of messages that the whole task may take.
    pub(super) fn views(&self) -> Option<&Arc<Views>> {
        let of_call = || self.instance.call.as_ref()?.views.as_ref();
        let own = self.region.as_ref().map(|region| &region.views);
        own.or_else(of_call)
    }

    /// What this frame sees of messages that the whole task may take: a region has a view of its own.
    pub(super) fn view(&self, inbox: Inbox) -> Inbox {
        match self.views() {
            None => inbox,
            Some(views) => views.of(inbox),
        }
    }

    /// What its instructions have armed that were cut short is undone with its variables.
    pub(super) fn end_deferred(&self) {
        let mut shared = self.execution.shared();
        shared.end_deferred(self.id(), &self.scope);
    }

    fn tell_opened<'a>(
        &self,
        child: &'a Self,
        region: &Region,
    ) -> impl Future<Output = ()> + Send + use<'a, 'm, W> {
        let states = region.program.states.iter();
        child.record(Fact::FrameOpened(Box::new(FrameOpened {
            parent: self.id(),
            what: FrameKind::Region,
            file: None,
            name: Name::clone(&region.name),
            place: Arc::clone(&region.place),
            states: states.map(|state| Name::clone(&state.name)).collect(),
        })))
    }

    /// Waits until a condition without a strategy holds that looks at what regions save. `None`: there is none.
    pub(super) fn watch_regions<'a>(
        &'a self,
        state: &'a State,
    ) -> Option<Pending<'a, Option<End>>> {
        if !state.watches_regions {
            return None;
        }
        let mut seen = self.inner().rare().asked;
        Some(Box::pin(async move {
            loop {
                seen = poll_fn(|context| {
                    let now = self.execution.shared().region_changes(Some(context));
                    if now == seen {
                        Poll::Pending
                    } else {
                        Poll::Ready(now)
                    }
                })
                .await;
                if let Some(end) = self.immediate(state, true).await {
                    return Some(end);
                }
            }
        }))
    }
}
