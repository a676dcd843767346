//! The engine's side of a session: starts runs, and keeps the services of the suites up between them.

use super::progress::Progress;
use crate::engine::{KeptServices, Run};
use crate::event::Json;
use std::path::Path;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

/// Orders that may wait.
const QUEUE: usize = 1024;

/// Something to do.
pub(super) enum RunnerCommand {
    /// Start a run, whose end is written to its progress.
    Start(Box<Run>, Progress),
    /// Drop what runs, with every process that it has started.
    Abandon,
}

/// Gives orders to the engine. When it is dropped, the engine stops the services and ends.
#[derive(Clone)]
pub(super) struct Runner {
    orders: Sender<RunnerCommand>,
    kept: KeptServices,
}

impl Runner {
    pub(super) fn new() -> (Self, Receiver<RunnerCommand>) {
        let (orders, queue) = channel(QUEUE);
        let kept = KeptServices::default();
        (Self { orders, kept }, queue)
    }

    /// Starts a run. Its services stay up for the next.
    pub(super) fn start(&self, run: Run, progress: Progress) {
        let run = Box::new(run.services(self.kept.clone()));
        // The engine takes orders as long as there is a session.
        let _ = self
            .orders
            .blocking_send(RunnerCommand::Start(run, progress));
    }

    /// Drops what runs.
    pub(super) fn abandon(&self) {
        let _ = self.orders.try_send(RunnerCommand::Abandon);
    }

    /// What expressions of this suite see as `services`.
    pub(super) fn addresses(&self, folder: &Path) -> Json {
        self.kept.addresses(folder)
    }

    pub(super) fn kept(&self) -> KeptServices {
        self.kept.clone()
    }
}

/// Carries out orders until no more come.
pub(super) async fn serve(mut orders: Receiver<RunnerCommand>, kept: KeptServices) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(RunnerCommand::Start(run, progress)) => {
                    running.spawn(async move { progress.over(run.start().await.map(drop)) });
                }
                Some(RunnerCommand::Abandon) | None => break,
            },
            // A run contains its panics; what it came to stands in its progress.
            Some(_) = running.join_next() => {}
        }
    }
    running.shutdown().await;
    kept.stop().await;
}
