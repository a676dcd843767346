use super::event_log::Batch;
use super::live::Stop;
use crate::event::Sink;
use crate::journal::crash;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a run that was cancelled from outside waits for the readers of its output.
const PATIENCE: Duration = Duration::from_secs(4);

/// The sinks of a run, on a thread of their own: a reader that does not read, or a disk that is slow, holds up neither
/// the tasks nor the journal. What waits for them counts as what the event log may hold.
pub(super) struct Output {
    parcels: Sender<Parcel>,
    told: JoinHandle<Vec<io::Error>>,
}

enum Parcel {
    Events(Batch),
    /// Nothing more comes: the sinks write what is left. Without it the run was dropped, and they do not.
    Finish,
}

impl Output {
    #[expect(
        clippy::disallowed_methods,
        reason = "its bound is in bytes: what waits in it counts as what the event log may hold"
    )]
    pub(super) fn start(sinks: Vec<Box<dyn Sink>>) -> Self {
        let (parcels, received) = channel();
        let told = tokio::task::spawn_blocking(move || tell_all(sinks, &received));
        Self { parcels, told }
    }

    /// Hands events on.
    pub(super) fn tell(&self, batch: Batch) {
        // An error means that a sink has panicked, and with it the thread: `finish` says so.
        let _ = self.parcels.send(Parcel::Events(batch));
    }

    /// What the sinks could not write, once they have written all else. Whoever has asked for the end of the run waits
    /// [`PATIENCE`] for a reader that does not read.
    pub(super) async fn finish(mut self, stop: &Stop) -> Vec<io::Error> {
        let _ = self.parcels.send(Parcel::Finish);
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(PATIENCE).await;
        };
        let told = tokio::select! {
            biased;
            told = &mut self.told => told,
            () = patience => {
                let message = format!("nobody has read the rest of the output within {PATIENCE:?}");
                return vec![io::Error::new(io::ErrorKind::TimedOut, message)];
            }
        };
        match told.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(failures) => failures,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => Vec::new(),
        }
    }
}

/// A sink, until it has failed.
struct Listener {
    sink: Box<dyn Sink>,
    failure: Option<io::Error>,
}

impl Listener {
    /// A sink that failed once is left alone: half a report helps nobody.
    fn attempt(&mut self, act: impl FnOnce(&mut dyn Sink) -> io::Result<()>) {
        if self.failure.is_none() {
            self.failure = act(&mut *self.sink).err();
        }
    }
}

fn tell_all(sinks: Vec<Box<dyn Sink>>, parcels: &Receiver<Parcel>) -> Vec<io::Error> {
    let listener = |sink| Listener {
        sink,
        failure: None,
    };
    let mut listeners: Vec<Listener> = sinks.into_iter().map(listener).collect();
    while let Ok(parcel) = parcels.recv() {
        match parcel {
            Parcel::Events(batch) => {
                crash::point("before-sinks");
                for listener in &mut listeners {
                    listener.attempt(|sink| sink.accept(&batch.events));
                }
                crash::point("after-sinks");
            }
            Parcel::Finish => {
                for listener in &mut listeners {
                    listener.attempt(|sink| sink.finish());
                }
                break;
            }
        }
    }
    let failures = listeners
        .into_iter()
        .filter_map(|listener| listener.failure);
    failures.collect()
}
