//! Which runs are under way: each holds a lock on a file beside the journal, which the operating system lets
//! go of when the process ends, in whatever way. The file holds what the run has noted and not yet stored.

use crate::event::RunId;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// More than a run ever notes, in bytes.
const MOST: u64 = 1 << 30;

/// The lock that says that a run is alive. It ends with this value.
#[derive(Debug)]
pub(super) struct RunLock {
    path: PathBuf,
    // Held for its lock too.
    file: File,
    /// How many bytes are noted.
    noted: u64,
    /// Half a line stands at its end: what was noted behind it would not be found.
    is_torn: bool,
}

impl RunLock {
    /// Shows that a run is under way.
    pub(super) fn show(journal: &Path, run: &RunId) -> io::Result<Self> {
        let folder = folder(journal);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(&**run);
        loop {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.lock()?;
            // Another process may have taken it for a dead run's between the two.
            if path.exists() {
                return Ok(Self {
                    path,
                    file,
                    noted: 0,
                    is_torn: false,
                });
            }
        }
    }

    /// Notes lines: the end of the process, in whatever way, does not take them. [`sweep`] finds them then.
    pub(super) fn note(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            return Err(io::Error::other("it ends in half a line"));
        }
        let written = self.file.write_all(lines);
        if written.is_ok() {
            self.noted += lines.len() as u64;
        } else {
            self.is_torn = self.file.set_len(self.noted).is_err();
        }
        written
    }

    /// All that was noted is stored. What cannot be cut off now is passed over when it is read.
    pub(super) fn clear(&mut self) {
        if (self.noted > 0 || self.is_torn) && self.file.set_len(0).is_ok() {
            self.noted = 0;
            self.is_torn = false;
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if self.noted > 0 {
            // Whoever opens the journal next stores it.
            return;
        }
        // The file first, while the lock is held: nobody can take it for a dead run's.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a run is under way.
pub(super) fn is_alive(journal: &Path, run: &str) -> bool {
    let Ok(file) = File::open(folder(journal).join(run)) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Takes away what dead runs have left, once `store` has stored what each has noted.
pub(super) fn sweep(journal: &Path, mut store: impl FnMut(&str, &[u8]) -> bool) {
    let Ok(entries) = std::fs::read_dir(folder(journal)) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_err() {
            continue;
        }
        let mut noted = Vec::new();
        let read = (&file).take(MOST).read_to_end(&mut noted).is_ok();
        let run = entry.file_name();
        let run = run.to_string_lossy();
        if read && (noted.is_empty() || store(&run, &noted)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// `journal.db` has `journal.db-live/`.
fn folder(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push("-live");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_alive_as_long_as_its_sign_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        assert!(!is_alive(&journal, "R1"));
        let sign = RunLock::show(&journal, &"R1".into()).unwrap();
        assert!(is_alive(&journal, "R1"));
        sweep(&journal, |_, _| false);
        assert!(is_alive(&journal, "R1"));
        drop(sign);
        assert!(!is_alive(&journal, "R1"));
    }

    #[test]
    fn what_a_dead_process_left_is_not_alive() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        drop(RunLock::show(&journal, &"R1".into()).unwrap());
        let left = super::folder(&journal).join("R2");
        std::fs::write(&left, "").unwrap();
        assert!(!is_alive(&journal, "R2"));
        sweep(&journal, |_, _| false);
        assert!(!left.exists());
    }

    #[test]
    fn what_was_noted_is_there_until_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        let mut sign = RunLock::show(&journal, &"R1".into()).unwrap();
        sign.note(b"one\n").unwrap();
        sign.clear();
        sign.note(b"two\n").unwrap();
        sign.note(b"three\n").unwrap();
        drop(sign);
        let left = super::folder(&journal).join("R1");
        sweep(&journal, |_, _| false);
        assert!(left.exists(), "it could not be stored");
        sweep(&journal, |run, noted| {
            assert_eq!((run, noted), ("R1", &b"two\nthree\n"[..]));
            true
        });
        assert!(!left.exists());
    }
}
