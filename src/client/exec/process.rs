//! Starts a process and stays with it until it, and all that it started, has ended.

use super::Command;
use super::output::Output;
use crate::client::kit::process_tree::{MARK, ProcessTree};
use crate::client::scope::Scope;
use crate::event::Failure;
use rustix::process::Signal;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Variables that a process gets from funcy's own environment.
const INHERITED: [&str; 11] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR",
    "TZ",
];
/// How long processes may take to end after SIGTERM.
const TERM_GRACE: Duration = Duration::from_millis(500);
/// How long they may take to vanish after SIGKILL: only one that hangs in the kernel takes longer.
const KILL_GRACE: Duration = Duration::from_secs(3);
/// How long what a process started may go on after its own end (a `tee` that writes its last line).
const REST_GRACE: Duration = Duration::from_millis(200);
/// The waits between two looks at a process tree that ends: the first, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

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
            Ok((child, process_tree)) => {
                supervise(child, process_tree, command.stdin, &token, start).await
            }
        };
        // Nobody waits any more if the call was cancelled.
        let _ = report.send(ended);
    });
    reported
        .await
        .unwrap_or_else(|_| Err(Failure::transport("the process was cancelled")))
}

/// The file of a program: on the `PATH`, or relative to the task's folder.
///
/// Looked up here, since the `PATH` that a task gives to a process must not decide which program an
/// allowed name means.
pub(super) fn find(name: &str, folder: &Path) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        return Ok(folder.join(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
        .ok_or_else(|| {
            Failure::protocol(format!("the program {name:?} was not found"))
                .hint("it must stand in a folder of PATH; or write its path: `./NAME`")
        })
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn start_process(command: &Command) -> Result<(Child, ProcessTree), Failure> {
    ProcessTree::prepare();
    let mark = format!("{:x}-{:016x}", std::process::id(), fastrand::u64(..));
    let mut process = tokio::process::Command::new(&command.program);
    process
        .arg0(&command.words[0])
        .args(&command.words[1..])
        .env_clear()
        .envs(
            INHERITED
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        .env("TRACEPARENT", &command.trace)
        .envs(&command.env)
        .env(MARK, &mark)
        .current_dir(&command.cwd)
        .stdin(if command.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = process.spawn().map_err(|error| {
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
    })?;
    // Only a child that was waited for has no id.
    let leader = child.id().unwrap_or_default();
    Ok((child, ProcessTree::new(leader, &mark)))
}

async fn supervise(
    mut child: Child,
    process_tree: ProcessTree,
    stdin: Option<Vec<u8>>,
    token: &CancellationToken,
    start: Instant,
) -> Result<ProcessEnd, Failure> {
    let process_tree = Arc::new(Mutex::new(process_tree));
    let mut last_resort = LastResort(Some(Arc::clone(&process_tree)));
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
                end(&process_tree, Some(&mut child)).await;
                last_resort.0 = None;
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
        tokio::join!(read, vanished(&process_tree));
    };
    let is_over = tokio::select! {
        rest = tokio::time::timeout(REST_GRACE, rest) => rest.is_ok(),
        () = token.cancelled() => false,
    };
    let mut left_behind = false;
    if !is_over {
        left_behind = end(&process_tree, None).await;
        if !streams_done {
            let _ = tokio::time::timeout(REST_GRACE, &mut streams).await;
        }
    }
    last_resort.0 = None;
    let status: ExitStatus = status.map_err(|error| {
        Failure::transport(format!("the process cannot be waited for: {error}"))
    })?;
    let take = |output: &Mutex<Output>| {
        std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner))
    };
    Ok(ProcessEnd {
        code: status.code(),
        signal: status.signal(),
        stdout: take(&stdout),
        stderr: take(&stderr),
        ms,
        left_behind,
    })
}

/// Looks at what is left at the last moment; one takes about a millisecond.
const LAST_LOOKS: u32 = 100;

/// Kills everything that belongs to a process whose supervision is dropped with its runtime: at a second
/// SIGINT nothing is asked and nothing is waited for.
struct LastResort(Option<Arc<Mutex<ProcessTree>>>);

impl Drop for LastResort {
    fn drop(&mut self) {
        let Some(process_tree) = self.0.take() else {
            return;
        };
        let mut process_tree = process_tree.lock().unwrap_or_else(PoisonError::into_inner);
        // A process that was started between the look and the signal is found by the next look.
        for _ in 0..LAST_LOOKS {
            if process_tree.round(Some(Signal::KILL)) == 0 {
                break;
            }
        }
    }
}

/// Ends everything that belongs to the process: asks first, then kills. False if there was nothing.
async fn end(process_tree: &Arc<Mutex<ProcessTree>>, child: Option<&mut Child>) -> bool {
    let vanish = async {
        let leader = async {
            if let Some(child) = child {
                let _ = child.wait().await;
            }
        };
        tokio::join!(leader, vanished(process_tree));
    };
    tokio::pin!(vanish);
    let found = round(process_tree, Some(Signal::TERM)).await > 0;
    if tokio::time::timeout(TERM_GRACE, &mut vanish).await.is_ok() {
        return found;
    }
    let kill = async {
        loop {
            round(process_tree, Some(Signal::KILL)).await;
            tokio::time::sleep(LOOKS.1).await;
        }
    };
    tokio::select! {
        () = vanish => {}
        () = kill => {}
        () = tokio::time::sleep(KILL_GRACE) => {}
    }
    found
}

/// Waits until nothing of the process tree is left.
async fn vanished(process_tree: &Arc<Mutex<ProcessTree>>) {
    let mut wait = LOOKS.0;
    while round(process_tree, None).await > 0 {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOKS.1);
    }
}

/// Looks at the process tree once, and signals those that live. Returns how many there are.
async fn round(process_tree: &Arc<Mutex<ProcessTree>>, signal: Option<Signal>) -> usize {
    let process_tree = Arc::clone(process_tree);
    // Reads a file for each process of the machine.
    tokio::task::spawn_blocking(move || {
        process_tree
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .round(signal)
    })
    .await
    .unwrap_or(0)
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
