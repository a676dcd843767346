//! Room on the disk that is kept for the end of a run: when the disk is full, cleanup and the last events
//! can still be written.

use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much is kept, in bytes.
const ROOM: u64 = 4 << 20;

/// A file beside the journal that is deleted when room is needed.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Keeps room, if there is any; a disk that is full already is no reason to stop here.
    pub(super) fn keep(journal: &Path) -> Self {
        let mut name = journal.as_os_str().to_owned();
        name.push("-reserve");
        let reserve = Self { path: name.into() };
        if std::fs::metadata(&reserve.path).map_or(0, |file| file.len()) < ROOM
            && reserve.take().is_err()
        {
            let _ = std::fs::remove_file(&reserve.path);
        }
        reserve
    }

    fn take(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, ROOM) {
            // A file system that cannot set blocks aside gives them to what is written.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(&mut file),
            done => Ok(done?),
        }
    }

    /// Frees the room. False: there was none.
    pub(super) fn spend(&mut self) -> bool {
        std::fs::remove_file(&self.path).is_ok()
    }
}

fn fill(file: &mut File) -> io::Result<()> {
    let chunk = [0xff; 16 << 10];
    for _ in 0..ROOM / chunk.len() as u64 {
        file.write_all(&chunk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn room_is_really_taken_and_freed_once() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        let mut reserve = Reserve::keep(&journal);
        // In blocks of 512 bytes: a hole would take none.
        let taken = std::fs::metadata(&reserve.path).unwrap().blocks() * 512;
        assert!(taken >= ROOM, "{taken}");
        let mut filled = File::create(folder.path().join("filled")).unwrap();
        fill(&mut filled).unwrap();
        assert_eq!(filled.metadata().unwrap().len(), ROOM);
        assert!(reserve.spend());
        assert!(!reserve.spend());
        assert!(!reserve.path.exists());
    }
}
