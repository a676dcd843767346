//! Starts a process and stays with it until it, and all that it started, has ended.

use super::Command;
use super::output::Output;
use crate::client::scope::Scope;
use crate::event::Failure;
use crate::os::process::{self, Family};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// How long processes may take to end after SIGTERM.
const TERM_GRACE: Duration = Duration::from_millis(500);
/// How long what a process started may go on after its own end (a `tee` that writes its last line).
const REST_GRACE: Duration = Duration::from_millis(200);

/// How a process ended.
#[derive(Debug)]
pub(super) struct ProcessEnd {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) ms: u64,
    /// It had left processes behind, which were ended.
    pub(super) left_behind: bool,
}

/// Runs the command to its end. Dropping this future, or closing the scope, ends the process with all that
/// it started; closing the scope waits for that.
pub(super) async fn run(command: Command, scope: &Scope) -> Result<ProcessEnd, Failure> {
    let token = scope.token();
    let _ends_it = token.clone().drop_guard();
    let (report, reported) = oneshot::channel();
    let start = Instant::now();
    // Started inside the scope: no await stands between the start and the supervision.
    scope.spawn(async move {
        if token.is_cancelled() {
            return;
        }
        let ended = match start_process(&command) {
            Err(failure) => Err(failure),
            Ok((child, family)) => supervise(child, family, command.stdin, &token, start).await,
        };
        // Nobody waits any more if the call was cancelled.
        let _ = report.send(ended);
    });
    reported
        .await
        .unwrap_or_else(|_| Err(Failure::transport("the process was cancelled")))
}

/// The file of a program: on the `PATH`, or relative to the task's folder.
pub(super) fn find(name: &str, folder: &Path) -> Result<PathBuf, Failure> {
    process::find(name, folder).ok_or_else(|| {
        Failure::protocol(format!("the program {name:?} was not found"))
            .hint("it must stand in a folder of PATH; or write its path: `./NAME`")
    })
}

fn start_process(command: &Command) -> Result<(Child, Family), Failure> {
    let mut process = process::command(&command.program);
    process
        .arg0(&command.words[0])
        .args(&command.words[1..])
        .env("TRACEPARENT", &command.trace)
        .envs(&command.env)
        .current_dir(&command.cwd);
    if let Some(ceiling) = &command.ceiling {
        process::set_ceiling(&mut process, ceiling);
    }
    if command.stdin.is_some() {
        process.stdin(Stdio::piped());
    }
    Family::start(process).map_err(|error| {
        let name = &command.words[0];
        match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::protocol(format!("the program {name:?} was not found"))
                    .hint("a path is relative to the task's folder; a script needs its interpreter")
            }
            io::ErrorKind::PermissionDenied => {
                Failure::protocol(format!("the program {name:?} may not be executed"))
                    .hint("is it a folder, or does it lack the executable bit (chmod +x)?")
            }
            _ => Failure::transport(format!("the program {name:?} does not start: {error}")),
        }
    })
}

async fn supervise(
    mut child: Child,
    mut family: Family,
    stdin: Option<Vec<u8>>,
    token: &CancellationToken,
    start: Instant,
) -> Result<ProcessEnd, Failure> {
    let (stdout, stderr) = (Mutex::default(), Mutex::default());
    let (out, err, input) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let streams = async {
        tokio::join!(
            read(out, &stdout),
            read(err, &stderr),
            write(input, stdin.unwrap_or_default())
        );
    };
    tokio::pin!(streams);
    let mut streams_done = false;
    let status = loop {
        tokio::select! {
            biased;
            () = token.cancelled() => {
                family.end(Some(&mut child), TERM_GRACE).await;
                return Err(Failure::transport("the process was cancelled"));
            }
            status = child.wait() => break status,
            () = &mut streams, if !streams_done => streams_done = true,
        }
    };
    let ms = start.elapsed().as_millis() as u64;
    // What it printed last may still be in the pipes, and a helper may still write.
    let rest = async {
        let read = async {
            if !streams_done {
                (&mut streams).await;
                streams_done = true;
            }
        };
        tokio::join!(read, family.vanished());
    };
    let is_over = tokio::select! {
        rest = tokio::time::timeout(REST_GRACE, rest) => rest.is_ok(),
        () = token.cancelled() => false,
    };
    let mut left_behind = false;
    if !is_over {
        left_behind = family.end(None, TERM_GRACE).await;
        if !streams_done {
            let _ = tokio::time::timeout(REST_GRACE, &mut streams).await;
        }
    }
    let status: ExitStatus = status.map_err(|error| {
        Failure::transport(format!("the process cannot be waited for: {error}"))
    })?;
    let take = |output: &Mutex<Output>| {
        std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner))
    };
    Ok(ProcessEnd {
        code: status.code(),
        signal: process::ending_signal(status),
        stdout: take(&stdout),
        stderr: take(&stderr),
        ms,
        left_behind,
    })
}

async fn read(stream: Option<impl AsyncRead + Unpin>, output: &Mutex<Output>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 64 << 10];
    // Read on after the bound: a full pipe would stop the process.
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(&buffer[..length]);
    }
}

async fn write(stream: Option<ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut stream) = stream {
        // A process may well stop reading early.
        let _ = stream.write_all(&bytes).await;
    }
}
