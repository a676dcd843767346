//! A folder with files, the program run in it, and what it said: a test reads as a sentence.
//!
//! ```text
//! Suite::new().file("tasks/t.yaml", PASSES).run(["run"]).exits(0).prints("1 passed");
//! ```

use regex::{Captures, Regex};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any test takes on a loaded machine; what takes longer hangs.
const LIMIT: Duration = Duration::from_mins(2);

/// The program under test.
pub(crate) const FUNCY: &str = env!("CARGO_BIN_EXE_funcy");

/// Where the repository lies.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A task that passes at once.
pub(crate) const PASSES: &str = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - log: all is well
";

/// A task whose expectation is false.
pub(crate) const FAILS: &str = "version: 1
vars: { answer: 41 }
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: answer == 42
";

/// A task that waits for a long time, and cleans up.
pub(crate) const WAITS: &str = "version: 1
start_state: here
final_state: there
max_global_transition_timeout: 90s
states:
  here:
    transitions: [there]
  there:
    transition_condition: { wait: 60s }
cleanup:
  - log: cleaned up
";

/// A task that a client breaks: nothing listens on the discard port of this machine.
pub(crate) const BREAKS: &str = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - http: GET http://127.0.0.1:9/
";

/// A folder with files in it, and how the program is started there.
pub(crate) struct Suite {
    folder: TempDir,
    env: Vec<(OsString, OsString)>,
}

impl Suite {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("funcy-").tempdir().unwrap();
        Self {
            folder,
            env: Vec::new(),
        }
    }

    /// Adds a file, and the folders on the way to it.
    pub(crate) fn file(self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Adds an empty folder.
    pub(crate) fn folder(self, path: &str) -> Self {
        std::fs::create_dir_all(self.path(path)).unwrap();
        self
    }

    /// Adds a link at `path` that leads to `target`.
    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
        self
    }

    /// Sets an environment variable for the program.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What a file of the folder holds.
    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Waits until a file of the folder holds something: between its creation and its content it is empty.
    pub(crate) fn written(&self, path: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        while std::fs::metadata(self.path(path)).map_or(0, |of| of.len()) == 0 {
            assert!(Instant::now() < until, "{path} stays empty");
            std::thread::yield_now();
        }
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        self.start(args).ends()
    }

    /// Runs the program to its end, with this on its stdin.
    pub(crate) fn fed(&self, stdin: &str, args: &[&str]) -> Ran {
        let words: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
        self.shell(&format!(
            "printf '%s' '{stdin}' | funcy {}",
            words.join(" ")
        ))
    }

    /// Starts the program.
    pub(crate) fn start(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        self.start_program(Path::new(FUNCY), args)
    }

    /// Runs another program, as a user would with funcy in the path.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        self.start_program(Path::new("sh"), ["-c", script]).ends()
    }

    fn start_program(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Running {
        let mut command = self.command(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let shown = format!("{command:?}");
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        let (sender, chunks) = sync_channel(64);
        read(child.stdout.take().unwrap(), false, sender.clone());
        read(child.stderr.take().unwrap(), true, sender);
        Running {
            child,
            shown,
            chunks,
            open: 2,
            out: [Vec::new(), Vec::new()],
            started: Instant::now(),
        }
    }

    /// A program in the folder, with funcy in its path and nothing of the environment that would change what
    /// is printed.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        // What is printed must not depend on who runs the tests.
        for name in [
            "NO_COLOR",
            "FORCE_COLOR",
            "COLORTERM",
            "COLORFGBG",
            "COLUMNS",
            "LC_ALL",
            "LC_CTYPE",
            "FUNCY_LOG",
            "GITHUB_ACTIONS",
            "GITHUB_STEP_SUMMARY",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(name);
        }
        let bin = Path::new(FUNCY).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
        command
            .env("LANG", "C.UTF-8")
            .env("PATH", std::env::join_paths(path).unwrap())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Bytes of stdout (false) or stderr (true); none: the stream has ended.
type Chunk = (bool, Vec<u8>);

fn read(mut stream: impl Read + Send + 'static, is_stderr: bool, sender: SyncSender<Chunk>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).unwrap_or(0);
            if sender.send((is_stderr, buffer[..count].to_vec())).is_err() || count == 0 {
                return;
            }
        }
    });
}

/// The program while it runs.
pub(crate) struct Running {
    child: Child,
    shown: String,
    chunks: Receiver<Chunk>,
    open: u8,
    out: [Vec<u8>; 2],
    started: Instant,
}

impl Running {
    /// Waits until stderr or stdout has said this.
    pub(crate) fn until_says(mut self, text: &str) -> Self {
        while !self
            .out
            .iter()
            .any(|out| String::from_utf8_lossy(out).contains(text))
        {
            assert!(
                self.read_on(),
                "it ended, and never said {text:?}\n{}",
                self.so_far()
            );
        }
        self
    }

    /// The first address that it has said so far.
    pub(crate) fn address(&self) -> String {
        let said = self.so_far();
        let (_, rest) = said
            .split_once("http://")
            .unwrap_or_else(|| panic!("{said}"));
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        format!("http://{}", &rest[..end])
    }

    /// Waits until stdout has said this so often.
    pub(crate) fn until_prints(mut self, text: &str, times: usize) -> Self {
        while String::from_utf8_lossy(&self.out[0]).matches(text).count() < times {
            assert!(
                self.read_on(),
                "it ended, and never said {text:?} {times} times\n{}",
                self.so_far()
            );
        }
        self
    }

    /// Sends a signal.
    pub(crate) fn signal(self, signal: Signal) -> Self {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self
    }

    /// Waits for the end.
    pub(crate) fn ends(mut self) -> Ran {
        while self.read_on() {}
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = &self.out;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the output is UTF-8");
        Ran {
            shown: self.shown.clone(),
            status,
            stdout: text(stdout),
            stderr: text(stderr),
            took: self.started.elapsed(),
        }
    }

    /// Reads a piece of output. False at the end of both streams.
    fn read_on(&mut self) -> bool {
        if self.open == 0 {
            return false;
        }
        let left = LIMIT.saturating_sub(self.started.elapsed());
        match self.chunks.recv_timeout(left) {
            Ok((_, bytes)) if bytes.is_empty() => self.open -= 1,
            Ok((is_stderr, bytes)) => self.out[usize::from(is_stderr)].extend(bytes),
            Err(RecvTimeoutError::Disconnected) => self.open = 0,
            Err(RecvTimeoutError::Timeout) => {
                panic!("it still runs after {LIMIT:?}\n{}", self.so_far())
            }
        }
        true
    }

    fn so_far(&self) -> String {
        let [stdout, stderr] = &self.out;
        format!(
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown,
            String::from_utf8_lossy(stdout),
            String::from_utf8_lossy(stderr)
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a failed test nothing must stay behind; after a good one it has ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program after its end.
pub(crate) struct Ran {
    shown: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ran {
    /// Its exit code was this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "the exit code\n{self}");
        self
    }

    /// stdout holds this.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "stdout lacks {text:?}\n{self}");
        self
    }

    /// stdout does not hold this.
    #[track_caller]
    pub(crate) fn prints_no(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text), "stdout has {text:?}\n{self}");
        self
    }

    /// stdout is empty.
    #[track_caller]
    pub(crate) fn prints_nothing(self) -> Self {
        assert!(self.stdout.is_empty(), "stdout is not empty\n{self}");
        self
    }

    /// stderr holds this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks {text:?}\n{self}");
        self
    }

    /// stderr does not hold this.
    #[track_caller]
    pub(crate) fn says_no(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "stderr has {text:?}\n{self}");
        self
    }

    /// It took less than this.
    #[track_caller]
    pub(crate) fn within(self, limit: Duration) -> Self {
        assert!(
            self.took < limit,
            "it took {:?}, more than {limit:?}\n{self}",
            self.took
        );
        self
    }

    /// stdout, a JSON document a line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("no JSON: {error}: {line}\n{self}"))
            })
            .collect()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\n--- {} after {:?}\n--- stdout\n{}--- stderr\n{}---",
            self.shown, self.status, self.took, self.stdout, self.stderr
        )
    }
}

/// The text without what differs from run to run: measured lengths of time, ports, run ids. Columns that a
/// length of time has filled collapse with it. A limit (`within 2s`) stays.
pub(crate) fn normalized(text: &str) -> String {
    static RULES: LazyLock<[(Regex, &str); 6]> = LazyLock::new(|| {
        [
            (
                r"(within )?[ \t]*\b(?:\d+h ?)?(?:\d+m ?)?\d+(?:\.\d+)?(?:µs|us|ms|s|m|h)\b",
                " TIME",
            ),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
            (r"\brun [0-9A-HJKMNP-TV-Z]{8,14}\b", "run RUN"),
            (r"\bhead [0-9a-f]{16}\b", "head HEAD"),
            (r"\btrace: +[0-9a-f]{32}\b", "trace: TRACE"),
            (r"(?m)[ \t]+$", ""),
        ]
        .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
    });
    let mut text = text.to_owned();
    for (pattern, with) in RULES.iter() {
        let replaced = pattern.replace_all(&text, |found: &Captures<'_>| {
            let limit = found.get(1).is_some();
            if limit {
                found[0].to_owned()
            } else {
                (*with).to_owned()
            }
        });
        text = replaced.into_owned();
    }
    text
}

#[test]
fn what_differs_from_run_to_run_is_made_equal() {
    let one = "passed   12ms  http://127.0.0.1:7801/x  \nin 1.2s · run 1A9ZK3M2Q7";
    let other = "passed    3.4s  http://127.0.0.1:44123/x\nin 870µs · run 1B9ZK3M2QX";
    assert_eq!(normalized(one), normalized(other));
    assert_ne!(normalized("2 failed in 1s"), normalized("3 failed in 1s"));
    assert_eq!(
        normalized("A-1s0"),
        "A-1s0",
        "no length of time inside a word"
    );
}
