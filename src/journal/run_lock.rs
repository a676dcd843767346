//! Which runs are under way: each holds a lock on a file beside the journal, which the operating system lets
//! go of when the process ends, in whatever way. The file holds what the run has noted and not yet stored.

use super::files::Files;
use crate::event::RunId;
use crate::os::{Access, Folder, Identity};
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// The most bytes that a run notes before they are stored, and that are read of what a dead one has noted.
const MAX_NOTED: usize = 64 << 20;

/// The lock that says that a run is alive. It ends with this value.
#[derive(Debug)]
pub(super) struct RunLock {
    folder: Folder,
    run: RunId,
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
        loop {
            let folder = Files::create(journal)?.live(true)?;
            let file = folder.file(&**run, Access::CreateOrAppend)?;
            file.lock()?;
            // Another process may have taken it for a dead run's between the two.
            if folder.identity(&**run)? == Some(Identity::of_file(&file)?) {
                return Ok(Self {
                    folder,
                    run: RunId::clone(run),
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
        if self.noted + lines.len() as u64 > MAX_NOTED as u64 {
            return Err(io::Error::other("enough is noted"));
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
        let _ = self.folder.remove(&*self.run);
    }
}

/// Whether a run is under way.
pub(super) fn is_alive(journal: &Path, run: &str) -> bool {
    let live = Files::open(journal).and_then(|files| files.live(false));
    let file = live.and_then(|live| live.file(run, Access::Read));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether nothing is left of a run that could still be stored.
pub(super) fn is_gone(journal: &Path, run: &str) -> bool {
    let live = Files::open(journal).and_then(|files| files.live(false));
    match live.and_then(|live| live.identity(run)) {
        Ok(found) => found.is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Takes away what dead runs have left, once `store` has stored what each has noted. What no run has written stays.
///
/// # Errors
/// The folder of locks is a link, or cannot be read.
pub(super) fn sweep(journal: &Path, mut store: impl FnMut(&str, &[u8]) -> bool) -> io::Result<()> {
    let live = match Files::open(journal)?.live(false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        live => live?,
    };
    for name in live.names()? {
        let Some(run) = run_name(&name) else {
            continue;
        };
        let Ok(file) = live.file(run, Access::Read) else {
            continue;
        };
        if file.try_lock().is_err() {
            continue;
        }
        match live.read(run, MAX_NOTED) {
            Ok(noted) if is_noted_by(run, &noted) => {
                if noted.is_empty() || store(run, &noted) {
                    let _ = live.remove(run);
                }
            }
            Ok(_) => tracing::warn!(run, "what lies there was noted by no run, and stays"),
            Err(error) => tracing::warn!(run, %error, "the end of a run cannot be read"),
        }
    }
    Ok(())
}

/// The name of a run, as it is drawn: capital letters and digits.
fn run_name(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    let drawn = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (name.len() <= 32 && name.bytes().all(drawn)).then_some(name)
}

/// Whether this begins as what a run has noted, of which the end of the process may have left but the beginning.
fn is_noted_by(run: &str, noted: &[u8]) -> bool {
    let begins = format!("{{\"run\":\"{run}\",");
    let length = noted.len().min(begins.len());
    noted[..length] == begins.as_bytes()[..length]
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
        sweep(&journal, |_, _| false).unwrap();
        assert!(is_alive(&journal, "R1"));
        drop(sign);
        assert!(!is_alive(&journal, "R1"));
    }

    #[test]
    fn what_a_dead_process_left_is_not_alive() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        drop(RunLock::show(&journal, &"R1".into()).unwrap());
        let left = folder.path().join("journal.db-live/R2");
        std::fs::write(&left, "").unwrap();
        assert!(!is_alive(&journal, "R2"));
        sweep(&journal, |_, _| false).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn what_no_run_has_written_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        drop(RunLock::show(&journal, &"R1".into()).unwrap());
        let live = folder.path().join("journal.db-live");
        let others = ["notes.txt", "R2", "R3"];
        for (name, text) in others
            .iter()
            .zip(["", "mine\n", "{\"run\":\"R2\",\"seq\":1}\n"])
        {
            std::fs::write(live.join(name), text).unwrap();
        }
        sweep(&journal, |run, _| panic!("{run} is not stored")).unwrap();
        for name in others {
            assert!(live.join(name).exists(), "{name}");
        }
    }

    #[test]
    fn what_is_too_much_to_read_is_not_noted() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        let mut sign = RunLock::show(&journal, &"R1".into()).unwrap();
        let half = vec![b'x'; MAX_NOTED / 2 + 1];
        sign.note(&half).unwrap();
        assert!(sign.note(&half).is_err());
    }

    #[test]
    fn what_was_noted_is_there_until_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        let mut sign = RunLock::show(&journal, &"R1".into()).unwrap();
        sign.note(b"one\n").unwrap();
        sign.clear();
        sign.note(b"{\"run\":\"R1\",\"seq\":2}\n").unwrap();
        sign.note(b"three\n").unwrap();
        drop(sign);
        let left = folder.path().join("journal.db-live/R1");
        sweep(&journal, |_, _| false).unwrap();
        assert!(left.exists(), "it could not be stored");
        sweep(&journal, |run, noted| {
            assert_eq!(run, "R1");
            assert!(noted.ends_with(b"}\nthree\n"));
            true
        })
        .unwrap();
        assert!(!left.exists());
    }
}
