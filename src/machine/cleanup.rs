//! What runs at every end: `defer`s, newest first, then `cleanup`, within a budget of their own.

use super::execution::{Deferred, Trouble, Undo};
use super::frame::{Env, Frame, Item};
use super::instance::Instance;
use super::program::Step;
use super::race::{Either, first};
use super::value::length_text;
use super::world::World;
use crate::event::{ErrorKind, Fact, Failure, Headline, Name};
use crate::script::Scope;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

impl<W: World> Frame<'_, W> {
    /// Runs them all, each even if an earlier one failed. The first failure.
    pub(super) async fn clean_up(&self) -> Option<Trouble> {
        let deferred = {
            let (deferred, scope) = {
                let mut shared = self.execution.shared();
                let deferred = shared.deferred();
                if deferred == 0 && self.machine().cleanup.is_empty() {
                    return None;
                }
                (deferred, shared.next_scope())
            };
            let mut inner = self.inner();
            inner.visit_scope = scope;
            inner.entered = self.world().now();
            deferred
        };
        self.record(Fact::CleanupStarted {
            deferred: u32::try_from(deferred).unwrap_or(u32::MAX),
        })
        .await;
        // An error in the length itself must not keep the cleanup from running.
        let limit = self
            .length(&self.machine().cleanup_timeout, self.env())
            .unwrap_or(BUDGET);
        let failures = Mutex::new(Vec::new());
        let everything = self.clean_up_each(&failures);
        let expired = self.sleep_until(self.world().now().after(limit));
        if let Either::Right(()) = first(everything, expired).await {
            let at_work = self.execution.shared().rare().cleaning.take();
            let at_work = at_work.map(|what| format!(", and `{what}` was under way"));
            let failure = Failure::new(
                ErrorKind::Timeout,
                format!(
                    "`defer` and `cleanup` took longer than {}{}",
                    length_text(limit),
                    at_work.unwrap_or_default()
                ),
            )
            .hint("raise `cleanup_timeout`");
            lock(&failures).push(self.trouble(failure, &self.state().place));
        }
        if self.leave().await.is_err() {
            lock(&failures).push(self.lost());
        }
        let failures = failures
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        self.record(Fact::CleanupFinished {
            failures: failures
                .iter()
                .map(|trouble| Headline::clone(trouble))
                .collect(),
        })
        .await;
        failures.into_iter().next()
    }

    async fn clean_up_each(&self, failures: &Mutex<Vec<Trouble>>) {
        self.undo(failures).await;
        for step in &self.machine().cleanup {
            self.clean_up_one(step, self.env(), failures).await;
            // What it has deferred in its turn.
            self.undo(failures).await;
        }
    }

    /// Runs `defer`s, newest first, until none is armed: one may arm another.
    async fn undo(&self, failures: &Mutex<Vec<Trouble>>) {
        loop {
            let newest = self.execution.shared().rare().deferred.pop();
            let Some(newest) = newest else {
                return;
            };
            let Deferred {
                frame,
                instance,
                what,
                item,
                regions,
                ended,
            } = newest;
            let called = (instance.frame() != self.id()).then(|| self.called_again(&instance));
            let of = called.as_deref().unwrap_or(self);
            let env = Env {
                item: (item.as_ref()).map(|(index, value)| Item {
                    index: *index,
                    value,
                }),
                regions: regions.as_deref(),
                ..of.env()
            };
            let env = match &ended {
                Some((scope, res)) => Env {
                    scope,
                    res: res.as_ref(),
                    ..env
                },
                None => env,
            };
            match &what {
                Undo::Defer(step) => of.clean_up_one(step, env, failures).await,
                Undo::Cleanup(index) => {
                    let steps = &instance.machine.cleanup;
                    if index + 1 < steps.len() {
                        // Below what this one may arm.
                        self.execution.shared().rare().deferred.push(Deferred {
                            frame,
                            instance: Arc::clone(&instance),
                            what: Undo::Cleanup(index + 1),
                            item: None,
                            regions: None,
                            ended: None,
                        });
                    }
                    of.clean_up_one(&steps[*index], of.env(), failures).await;
                }
            }
            if called.is_some() {
                self.release(instance.frame());
            }
        }
    }

    /// The frame of a called task that has ended, for what it has to undo: it stands where it has ended.
    fn called_again(&self, instance: &Arc<Instance>) -> Arc<Self> {
        let frame = Arc::new(self.frame_of_call(instance));
        {
            let mut own = self.inner();
            // What it starts is stopped with what this frame has started.
            own.dirty = true;
            let error = own.rare().error.clone();
            let mut inner = frame.inner();
            inner.visit_scope = own.visit_scope;
            inner.entered = own.entered;
            inner.rare().error = error;
            let ended_in = instance.call.as_ref().and_then(|call| call.ended_in.get());
            if let Some(state) = ended_in {
                inner.state = *state as u32;
                inner.trail.push(*state as u32);
            }
        }
        self.adopt_again(Arc::clone(&frame));
        frame
    }

    async fn clean_up_one(&self, step: &Step, env: Env<'_>, failures: &Mutex<Vec<Trouble>>) {
        if let Some(variable) = unsaved(step, env.scope) {
            self.record(Fact::CleanupSkipped {
                place: Arc::clone(&step.place),
                variable,
            })
            .await;
            return;
        }
        self.execution.shared().rare().cleaning = Some(Name::clone(&step.what));
        let done = self.step(step, env).await;
        self.execution.shared().rare().cleaning = None;
        if let Err(mut trouble) = done {
            trouble.what = Some(Name::clone(&step.what));
            lock(failures).push(trouble);
        }
    }
}

/// The first variable that the instruction reads and nobody saved: it is not armed.
fn unsaved(step: &Step, scope: &Scope) -> Option<Name> {
    step.reads
        .iter()
        .find(|read| scope.get(&read.name).is_none())
        .map(|read| Name::clone(&read.name))
}

fn lock(failures: &Mutex<Vec<Trouble>>) -> std::sync::MutexGuard<'_, Vec<Trouble>> {
    failures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The budget where the task's own cannot be computed.
const BUDGET: Duration = Duration::from_secs(30);
