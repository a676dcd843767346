//! Signals that ask the program to end. A thread of their own hears them: the engine's may be busy with a script, or
//! blocked by a reader that does not read.

use super::exit::Exit;
use super::output;
use crate::watch;
use std::io;
use std::pin::pin;
use std::sync::mpsc as blocking;
use std::time::Duration;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How long the first signal may stay untaken before the process ends anyway. One evaluation takes at most two seconds.
const FIRST: Duration = Duration::from_secs(5);
/// The same for those behind it, whose sender wants the end at once.
const AGAIN: Duration = Duration::from_secs(1);
/// Signals that may wait to be taken.
const QUEUE: usize = 16;
/// How long the end waits for its own last words: the terminal may be what blocks.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(200);

/// The signals that ask the program to end. None is lost between two looks. When one is not taken in time, the process
/// ends by itself; so it does at a signal that comes when this was dropped.
pub(super) struct Ending(mpsc::Receiver<&'static str>);

impl Ending {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses; a signal then ends the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        let (sender, names) = mpsc::channel(QUEUE);
        let (ready, is_ready) = blocking::sync_channel(1);
        std::thread::Builder::new()
            .name("funcy-signals".into())
            .spawn(move || {
                let listening = runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .and_then(|runtime| {
                        let entered = runtime.enter();
                        let heard = Heard::listen()?;
                        drop(entered);
                        Ok((runtime, heard))
                    });
                let (runtime, heard) = match listening {
                    Ok(listening) => listening,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                // `listen` waits for this word.
                let _ = ready.send(Ok(()));
                runtime.block_on(pass_on(heard, sender));
            })?;
        is_ready.recv().map_err(io::Error::other)??;
        Ok(Self(names))
    }

    /// Completes at the next SIGINT, SIGTERM or SIGHUP, with its name.
    pub(super) async fn next(&mut self) -> &'static str {
        match self.0.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

/// What the thread listens to.
struct Heard {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Heard {
    fn listen() -> io::Result<Self> {
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

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            Some(()) = self.interrupt.recv() => "SIGINT",
            Some(()) = self.terminate.recv() => "SIGTERM",
            Some(()) = async { self.hangup.as_mut()?.recv().await } => "SIGHUP",
            else => std::future::pending().await,
        }
    }
}

/// Passes signals on, and ends the process when nobody takes them.
async fn pass_on(mut heard: Heard, names: mpsc::Sender<&'static str>) {
    let mut patience = FIRST;
    let mut last = "";
    let mut taken_by = pin!(sleep_until(Instant::now()));
    let mut is_waiting = false;
    loop {
        tokio::select! {
            name = heard.next() => {
                if names.try_send(name).is_err() {
                    end(name);
                }
                let by = Instant::now() + patience;
                if !is_waiting || by < taken_by.deadline() {
                    taken_by.as_mut().reset(by);
                }
                (is_waiting, last, patience) = (true, name, AGAIN);
            }
            () = &mut taken_by, if is_waiting => {
                if !names.is_closed() && names.capacity() < names.max_capacity() {
                    end(last);
                }
                is_waiting = false;
            }
        }
    }
}

/// Ends the process as it stands, with the terminal given back.
fn end(name: &'static str) -> ! {
    let (said, is_said) = blocking::sync_channel(1);
    // Apart: whoever holds the terminal or stderr may be what blocks.
    let last_words = std::thread::Builder::new().spawn(move || {
        watch::give_terminal_back();
        output::note(&format!(
            "{name}: ended at once, without cleaning up; `funcy run --resume` cleans up what a recorded run left"
        ));
        // Nobody waits for it any more if it was late.
        let _ = said.send(());
    });
    if last_words.is_ok() {
        let _ = is_said.recv_timeout(LAST_WORDS);
    }
    std::process::exit(Exit::Interrupted.code().into())
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
