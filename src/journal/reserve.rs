//! Room on the disk that is kept for the end of a run: when the disk is full, cleanup and the last events
//! can still be written.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much is kept, in bytes.
const ROOM: usize = 4 << 20;

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
        if std::fs::metadata(&reserve.path).map_or(0, |file| file.len()) < ROOM as u64
            && reserve.fill().is_err()
        {
            let _ = std::fs::remove_file(&reserve.path);
        }
        reserve
    }

    fn fill(&self) -> io::Result<()> {
        // Written, not only stretched: a hole keeps no room.
        let chunk = vec![0xff; 64 << 10];
        let mut file = File::create(&self.path)?;
        for _ in 0..ROOM / chunk.len() {
            file.write_all(&chunk)?;
        }
        Ok(())
    }

    /// Frees the room. False: there was none.
    pub(super) fn spend(&mut self) -> bool {
        std::fs::remove_file(&self.path).is_ok()
    }
}
