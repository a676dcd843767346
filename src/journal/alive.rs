//! Which runs are under way: each holds a lock on a file beside the journal, which the operating system lets
//! go of when the process ends, in whatever way.

use crate::event::RunId;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A run's sign of life. It ends with this value.
#[derive(Debug)]
pub(super) struct Alive {
    path: PathBuf,
    // Held for its lock.
    _file: File,
}

impl Alive {
    /// Shows that a run is under way.
    pub(super) fn show(journal: &Path, run: &RunId) -> io::Result<Self> {
        let folder = folder(journal);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(&**run);
        loop {
            let file = File::create(&path)?;
            file.lock()?;
            // Another process may have taken it for a dead run's between the two.
            if path.exists() {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
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

/// Takes away what dead runs have left.
pub(super) fn sweep(journal: &Path) {
    let Ok(entries) = std::fs::read_dir(folder(journal)) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
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
        let sign = Alive::show(&journal, &"R1".into()).unwrap();
        assert!(is_alive(&journal, "R1"));
        sweep(&journal);
        assert!(is_alive(&journal, "R1"));
        drop(sign);
        assert!(!is_alive(&journal, "R1"));
    }

    #[test]
    fn what_a_dead_process_left_is_not_alive() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        drop(Alive::show(&journal, &"R1".into()).unwrap());
        let left = super::folder(&journal).join("R2");
        std::fs::write(&left, "").unwrap();
        assert!(!is_alive(&journal, "R2"));
        sweep(&journal);
        assert!(!left.exists());
    }
}
