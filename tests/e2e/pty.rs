//! The program on a terminal: a real one for the program, a screen that can be read for the test.

use super::suite::{FUNCY, Suite};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than anything takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The program on a terminal.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    slave: File,
    seen: Arc<Seen>,
}

struct Seen {
    screen: Mutex<Screen>,
    news: Condvar,
}

impl Seen {
    /// A test that has failed has poisoned it; the thread that reads goes on.
    fn lock(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Screen {
    parser: vt100::Parser,
    /// Everything that was sent.
    sent: Vec<u8>,
    ended: bool,
}

impl Terminal {
    /// Starts the program on a terminal of this size.
    pub(crate) fn start(suite: &Suite, columns: u16, rows: u16, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let master = File::from(master);
        tcsetwinsize(&master, size(columns, rows)).unwrap();
        // Makes the terminal the program's own, as a shell would.
        let mut command = suite.command(Path::new("setsid"));
        command.arg("--ctty").arg(FUNCY).args(args);
        let stream = || slave.try_clone().unwrap();
        command
            .env("TERM", "xterm-256color")
            .stdin(stream())
            .stdout(stream())
            .stderr(stream());
        let child = command.spawn().unwrap();
        let seen = Arc::new(Seen {
            screen: Mutex::new(Screen {
                parser: vt100::Parser::new(rows, columns, 1000),
                sent: Vec::new(),
                ended: false,
            }),
            news: Condvar::new(),
        });
        let (reader, told) = (master.try_clone().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || read(reader, &told));
        Self {
            child,
            master,
            slave,
            seen,
        }
    }

    /// Types.
    pub(crate) fn keys(&self, keys: &str) -> &Self {
        (&self.master).write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) -> &Self {
        let mut screen = self.seen.lock();
        screen.parser.screen_mut().set_size(rows, columns);
        drop(screen);
        tcsetwinsize(&self.master, size(columns, rows)).unwrap();
        self
    }

    /// Waits until the screen shows this; how long that took.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> Duration {
        self.until(&format!("shows {text:?}"), |screen| {
            screen.parser.screen().contents().contains(text)
        })
    }

    /// Waits until the screen does not show this any more.
    #[track_caller]
    pub(crate) fn hides(&self, text: &str) -> Duration {
        self.until(&format!("hides {text:?}"), |screen| {
            !screen.parser.screen().contents().contains(text)
        })
    }

    /// Waits until this was sent to the terminal, shown or not.
    #[track_caller]
    pub(crate) fn sends(&self, sequence: &str) -> Duration {
        self.until(&format!("sends {sequence:?}"), |screen| {
            String::from_utf8_lossy(&screen.sent).contains(sequence)
        })
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&Screen) -> bool) -> Duration {
        let begun = Instant::now();
        let mut screen = self.seen.lock();
        while !holds(&screen) {
            let left = LIMIT.saturating_sub(begun.elapsed());
            assert!(
                !left.is_zero() && !screen.ended,
                "never {what}\n--- the screen\n{}\n---",
                screen.parser.screen().contents()
            );
            screen = self.seen.news.wait_timeout(screen, left).unwrap().0;
        }
        begun.elapsed()
    }

    /// What the screen shows.
    pub(crate) fn screen(&self) -> String {
        self.seen.lock().parser.screen().contents()
    }

    /// Everything that was sent so far.
    pub(crate) fn sent(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().sent).into_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> &Self {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self
    }

    /// Waits for the end, and sees that the terminal was given back as it was.
    #[track_caller]
    pub(crate) fn ends(mut self) -> ExitStatus {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LIMIT, "it still runs\n{}", self.screen());
            // Output wakes it; the end itself makes none.
            let screen = self.seen.lock();
            drop(
                self.seen
                    .news
                    .wait_timeout(screen, Duration::from_millis(5)),
            );
        };
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        assert!(
            modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG),
            "the terminal is still raw: {modes:?}"
        );
        // What was sent last may still be on its way.
        self.until("leaves the other screen", |screen| {
            !screen.parser.screen().alternate_screen() && !screen.parser.screen().hide_cursor()
        });
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a failed test nothing must stay behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn read(mut master: File, seen: &Seen) {
    let mut buffer = [0; 16384];
    loop {
        let count = master.read(&mut buffer).unwrap_or(0);
        let mut screen = seen.lock();
        screen.parser.process(&buffer[..count]);
        screen.sent.extend(&buffer[..count]);
        screen.ended = count == 0;
        seen.news.notify_all();
        if count == 0 {
            return;
        }
    }
}
