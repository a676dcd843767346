//! Frames that a visit opens, and their end.

use super::execution::Trouble;
use super::frame::Frame;
use super::race::Pending;
use super::run::Stop;
use super::world::{Lost, World};
use crate::event::{Fact, FrameEnd, FrameId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A frame that another one has opened.
pub(super) struct Child<'m, W: World> {
    pub(super) frame: Arc<Frame<'m, W>>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Its end was told.
    closed: AtomicBool,
    /// Nobody goes on with it.
    abandoned: AtomicBool,
}

impl<W: World> Clone for Child<'_, W> {
    fn clone(&self) -> Self {
        Self {
            frame: Arc::clone(&self.frame),
            progress: Arc::clone(&self.progress),
        }
    }
}

/// While this is there, somebody goes on with a child.
pub(super) struct Attended(Arc<Progress>);

impl Drop for Attended {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

impl<W: World> Child<'_, W> {
    fn is_closed(&self) -> bool {
        self.progress.closed.load(Ordering::Relaxed)
    }
}

impl<'m, W: World> Frame<'m, W> {
    /// Takes on a frame that begins now: it ends with the visit at the latest.
    pub(super) fn adopt(&self, frame: Arc<Self>) -> Child<'m, W> {
        let child = Child {
            frame,
            progress: Arc::default(),
        };
        self.inner().rare().children.push(child.clone());
        child
    }

    /// Takes on one whose end was told already, for what it has to undo.
    pub(super) fn adopt_again(&self, frame: Arc<Self>) -> Child<'m, W> {
        let child = self.adopt(frame);
        child.progress.closed.store(true, Ordering::Relaxed);
        child
    }

    /// Lets go of one that has ended.
    pub(super) fn release(&self, id: FrameId) {
        let mut inner = self.inner();
        let children = &mut inner.rare().children;
        children.retain(|child| child.frame.id() != id);
    }

    /// Ends every frame that this visit has opened: what they have started has stopped then.
    pub(super) async fn close_children(&self) -> Result<(), Lost> {
        let children = match &mut self.inner().rare {
            Some(rare) => std::mem::take(&mut rare.children),
            None => return Ok(()),
        };
        let mut closed = Ok(());
        for child in &children {
            closed = closed.and(child.cancel().await);
        }
        // Not before: each of them sees what the others have taken.
        let regions = children
            .iter()
            .filter_map(|child| child.frame.region.as_ref());
        regions.for_each(|region| region.views.settle());
        closed
    }

    /// Ends those that nobody goes on with, since what held them was cancelled.
    pub(super) async fn close_abandoned(&self) -> Result<(), Lost> {
        let abandoned: Vec<Child<'m, W>> = match &mut self.inner().rare {
            Some(rare) => (rare.children)
                .extract_if(.., |child| child.progress.abandoned.load(Ordering::Relaxed))
                .collect(),
            None => return Ok(()),
        };
        let mut closed = Ok(());
        for child in abandoned {
            closed = closed.and(child.cancel().await);
        }
        closed
    }
}

impl<W: World> Child<'_, W> {
    /// Somebody goes on with it until this is dropped.
    pub(super) fn attend(&self) -> Attended {
        Attended(Arc::clone(&self.progress))
    }

    /// Stops it where it stands, if it still runs.
    fn cancel(&self) -> Pending<'_, Result<(), Lost>> {
        Box::pin(async move {
            if self.is_closed() {
                // Its cleanup may call other tasks.
                return self.frame.close_children().await;
            }
            let stopped = self.frame.end_visit().await;
            let unheard = self.frame.end_listening().await;
            self.close(FrameEnd::Cancelled).await;
            stopped.and(unheard)
        })
    }

    /// Runs a region to its end.
    pub(super) async fn run(self) -> Result<(), Trouble> {
        let stop = self.frame.walk().await;
        let (end, result) = match stop {
            Stop::Trouble(trouble) | Stop::Expired(trouble) => (FrameEnd::Failed, Err(trouble)),
            Stop::Final | Stop::Halted(_) | Stop::CleanupOnly => (FrameEnd::Done, Ok(())),
        };
        self.close(end).await;
        result
    }

    /// Tells its end.
    pub(super) async fn close(&self, end: FrameEnd) {
        self.progress.closed.store(true, Ordering::Relaxed);
        self.frame.book();
        self.frame.end_deferred();
        let state = self.frame.state_name();
        if let (Some(call), None, true) = (
            &self.frame.instance.call,
            &self.frame.region,
            state.is_some(),
        ) {
            let at = self.frame.inner().state;
            let _ = call.ended_in.set(at as usize);
        }
        self.frame.record(Fact::FrameClosed { end, state }).await;
    }
}
