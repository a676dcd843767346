use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask the program to end. None is lost between two looks.
pub(super) struct Ending {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Ending {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses; a signal then ends the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if hangup_is_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    /// Completes at the next SIGINT, SIGTERM or SIGHUP, with its name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            Some(()) = self.interrupt.recv() => "SIGINT",
            Some(()) = self.terminate.recv() => "SIGTERM",
            Some(()) = async { self.hangup.as_mut()?.recv().await } => "SIGHUP",
            else => std::future::pending().await,
        }
    }
}

/// Whether whoever started the program wants it to outlive the terminal (`nohup`): a handler would undo that.
fn hangup_is_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return false;
    };
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| set & 1 != 0)
}

/// Completes at the first signal that asks the program to end.
pub(super) async fn first() {
    match Ending::listen() {
        Ok(mut signals) => {
            signals.next().await;
        }
        Err(_) => std::future::pending().await,
    }
}
