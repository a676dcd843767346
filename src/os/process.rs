//! Processes that funcy starts: each leads a family, which ends as a whole.

use super::process_tree::{self, MARK, ProcessTree};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};

/// Variables that every process gets from funcy's own environment.
const INHERITED: [&str; 11] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR",
    "TZ",
];
/// Tells a funcy how many others it was started through.
const DEPTH: &str = "FUNCY_DEPTH";
/// Tells a funcy what it may do at most.
const CEILING: &str = "FUNCY_CEILING";
/// A suite that runs itself would go on without an end; one that tests other suites goes two or three deep.
const MAX_DEPTH: u32 = 4;
/// How long processes may take to vanish after SIGKILL: only one that hangs in the kernel takes longer.
const KILL_GRACE: Duration = Duration::from_secs(3);
/// The waits between two looks at a family that ends: the first, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));
/// Looks at what is left at the last moment; one takes about a millisecond.
const LAST_LOOKS: u32 = 100;

/// The leaders of the families that live.
static LIVING: Mutex<Option<HashSet<u32>>> = Mutex::new(None);
/// Whether every process that this one adopts comes from a family.
static ADOPTS_FAMILIES_ONLY: AtomicBool = AtomicBool::new(false);

/// A process and all that it has started, wherever they have gone. Dropped before it has ended, it is killed.
#[derive(Debug)]
pub struct Family {
    tree: Arc<Mutex<ProcessTree>>,
    leader: u32,
    has_ended: bool,
}

/// Says that this process starts nothing but families, and what stays in its own process group: an orphan that no
/// mark tells of ends with the last of them then. For a program that is nothing but funcy; until
/// [`share_adoption`].
pub fn adopt_families_only() {
    ADOPTS_FAMILIES_ONLY.store(true, Ordering::Relaxed);
}

/// Says that orphans may come from elsewhere from now on, as the window that an editor leaves open.
pub fn share_adoption() {
    ADOPTS_FAMILIES_ONLY.store(false, Ordering::Relaxed);
}

/// A program that is to be started: with what every process needs of the environment, no input, its output to be
/// read, and a process group of its own.
#[must_use]
pub fn command(program: &Path) -> Command {
    let inherited = INHERITED.iter();
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The file of a program: on the `PATH`, or relative to this folder. `None`: it is not on the `PATH`.
///
/// Looked up here, since the `PATH` that a process is given must not decide which program an allowed name means.
#[must_use]
pub fn find(name: &str, folder: &Path) -> Option<PathBuf> {
    if name.contains('/') {
        let file = folder.join(name);
        // Whole, since the process begins in a folder of its own.
        return Some(std::path::absolute(&file).unwrap_or(file));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What a funcy that started this one has put into the environment. A program between the two may have cleared its own, but
/// not what those above it were started with.
fn told(name: &str) -> Option<OsString> {
    std::env::var_os(name).or_else(|| process_tree::of_ancestors(name))
}

/// Tells a funcy that is started what it may do at most, directly or by others.
pub fn set_ceiling(command: &mut Command, ceiling: &str) {
    command.env(CEILING, ceiling);
}

/// What this process was told that it may do at most. `None`: nobody has bounded it.
#[must_use]
pub fn ceiling() -> Option<String> {
    let ceiling = told(CEILING)?;
    Some(ceiling.to_string_lossy().into_owned())
}

/// May whoever starts a process set this variable?
///
/// # Errors
/// It is one of those through which funcy bounds what it starts, in words.
pub fn settable(name: &str) -> Result<(), String> {
    if [DEPTH, CEILING, MARK].contains(&name) {
        return Err(format!(
            "the variable {name} is funcy's own, which bounds by it what it starts: leave it out"
        ));
    }
    Ok(())
}

/// May this process start others, or is it a funcy that a funcy has started, and so on without an end?
///
/// # Errors
/// It was started through more than four others, in words.
pub fn check_depth() -> Result<(), String> {
    let Some(told) = told(DEPTH) else {
        return Ok(());
    };
    match told.to_str().and_then(|told| told.parse::<u32>().ok()) {
        Some(..=MAX_DEPTH) => Ok(()),
        Some(depth) => Err(format!(
            "this funcy was started by another, and that by another, {depth} times ({DEPTH}), more than {MAX_DEPTH}: \
             does a suite run itself as a service or through `exec`? Run what it needs from outside"
        )),
        None => Err(format!(
            "{DEPTH} is {}, which is no number: leave it out of the environment",
            told.display()
        )),
    }
}

/// How deep what this process starts is. One that was told nonsense starts nothing that may start others.
fn next_depth() -> u32 {
    told(DEPTH).map_or(1, |told| {
        let depth = told.to_str().and_then(|told| told.parse::<u32>().ok());
        depth.map_or(MAX_DEPTH + 1, |depth| depth.saturating_add(1))
    })
}

/// Kills this process, as a power cut would. It may return: no signal is as quick as the next line.
pub fn kill_self() {
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Whether this process has not ended. It is not reaped.
#[must_use]
pub fn is_alive(child: &Child) -> bool {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    pid.is_some_and(|pid| {
        let looks = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(waitid(WaitId::Pid(pid), looks), Ok(None))
    })
}

/// The number of the signal that ended a process.
#[must_use]
pub fn ending_signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}

impl Family {
    /// Starts a [`command`], which leads a family from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(mut command: Command) -> io::Result<(Child, Self)> {
        ProcessTree::prepare();
        let mark = format!("{:x}-{:016x}", std::process::id(), fastrand::u64(..));
        command
            .env(MARK, &mark)
            .env(DEPTH, next_depth().to_string());
        // Held, so that nobody takes the new leader for an orphan before it is listed.
        let mut living = living();
        let child = command.spawn()?;
        // Only a child that was waited for has no id.
        let leader = child.id().unwrap_or_default();
        living.get_or_insert_default().insert(leader);
        let tree = Arc::new(Mutex::new(ProcessTree::new(leader, &mark)));
        let has_ended = false;
        Ok((
            child,
            Self {
                tree,
                leader,
                has_ended,
            },
        ))
    }

    /// Ends all of it: asks (SIGTERM), and kills what has not gone after `grace`. False if there was nothing.
    /// `leader` is reaped, if nobody else does it.
    pub async fn end(&mut self, leader: Option<&mut Child>, grace: Duration) -> bool {
        let vanish = async {
            let reaped = async {
                if let Some(child) = leader {
                    let _ = child.wait().await;
                }
            };
            tokio::join!(reaped, vanished(&self.tree, self.leader));
        };
        tokio::pin!(vanish);
        let found = look(&self.tree, self.leader, Some(Signal::TERM)).await > 0;
        if tokio::time::timeout(grace, &mut vanish).await.is_err() {
            let kill = async {
                loop {
                    look(&self.tree, self.leader, Some(Signal::KILL)).await;
                    tokio::time::sleep(LOOKS.1).await;
                }
            };
            tokio::select! {
                () = vanish => {}
                () = kill => {}
                () = tokio::time::sleep(KILL_GRACE) => {}
            }
        }
        self.has_ended = true;
        found
    }

    /// Completes when nothing of it is left.
    pub async fn vanished(&mut self) {
        vanished(&self.tree, self.leader).await;
        self.has_ended = true;
    }
}

impl Drop for Family {
    /// What is dropped with its runtime is killed: at a second SIGINT nothing is asked and nothing is waited for.
    fn drop(&mut self) {
        if !self.has_ended {
            // A process that was started between the look and the signal is found by the next look.
            for _ in 0..LAST_LOOKS {
                if round(&self.tree, self.leader, Some(Signal::KILL)) == 0 {
                    break;
                }
            }
        }
        if let Some(living) = &mut *living() {
            living.remove(&self.leader);
        }
    }
}

fn living() -> MutexGuard<'static, Option<HashSet<u32>>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until nothing of it is left.
async fn vanished(tree: &Arc<Mutex<ProcessTree>>, leader: u32) {
    let mut wait = LOOKS.0;
    while look(tree, leader, None).await > 0 {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOKS.1);
    }
}

/// Looks at the family once, and signals those that live. Returns how many there are.
async fn look(tree: &Arc<Mutex<ProcessTree>>, leader: u32, signal: Option<Signal>) -> usize {
    let tree = Arc::clone(tree);
    // Reads a file for each process of the machine.
    tokio::task::spawn_blocking(move || round(&tree, leader, signal))
        .await
        .unwrap_or(0)
}

fn round(tree: &Mutex<ProcessTree>, leader: u32, signal: Option<Signal>) -> usize {
    let mut tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
    // Held while it looks, so that no other family begins meanwhile; let go where there is one already.
    let alone = Some(living()).filter(|living| {
        ADOPTS_FAMILIES_ONLY.load(Ordering::Relaxed)
            && (living.as_ref()).is_some_and(|all| all.iter().all(|one| *one == leader))
    });
    tree.round(signal, alone.is_some())
}
