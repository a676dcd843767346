//! Room on the disk that is kept for the end of a run: when the disk is full, cleanup and the last events
//! can still be written.

use super::files::Files;
use crate::os::{Access, Folder, set_aside};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// How much is kept, in bytes.
const ROOM: usize = 4 << 20;

/// A file beside the journal that is deleted when room is needed. `None`: another's file has its name, or there is no
/// room.
#[derive(Debug)]
pub(super) struct Reserve(Option<(Folder, OsString)>);

impl Reserve {
    /// Keeps room, if there is any; a disk that is full already is no reason to stop here.
    pub(super) fn keep(journal: &Path) -> Self {
        let kept = Files::create(journal).and_then(|files| {
            let (folder, name) = files.reserve();
            take(&folder, &name)?
                .then_some((folder, name))
                .ok_or_else(|| io::ErrorKind::AlreadyExists.into())
        });
        Self(kept.ok())
    }

    /// Frees the room. False: there was none.
    pub(super) fn spend(&mut self) -> bool {
        (self.0.take()).is_some_and(|(folder, name)| folder.remove(name).is_ok())
    }
}

/// Whether room is kept there, by another run before or from now on.
fn take(folder: &Folder, name: &OsString) -> io::Result<bool> {
    if folder.has(name)? {
        let kept = folder.read(name, ROOM)?;
        if !is_room(&kept) {
            return Ok(false);
        }
        if kept.len() == ROOM {
            return Ok(true);
        }
        // A run before was ended while it took it.
        folder.remove(name)?;
    }
    let mut file = folder.file(name, Access::Create)?;
    let taken = match set_aside(&file, ROOM as u64) {
        // A file system that cannot set blocks aside gives them to what is written.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => fill(&mut file),
        done => done,
    };
    if taken.is_err() {
        let _ = folder.remove(name);
    }
    taken.map(|()| true)
}

/// Whether these bytes say nothing: those that funcy writes, or that the system gives to what nobody has written.
fn is_room(bytes: &[u8]) -> bool {
    [0x00, 0xff]
        .iter()
        .any(|one| bytes.iter().all(|byte| byte == one))
}

fn fill(file: &mut File) -> io::Result<()> {
    let chunk = [0xff; 16 << 10];
    for _ in 0..ROOM / chunk.len() {
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
        let path = folder.path().join("journal.db-reserve");
        let mut reserve = Reserve::keep(&journal);
        // In blocks of 512 bytes: a hole would take none.
        let taken = std::fs::metadata(&path).unwrap().blocks() * 512;
        assert!(taken >= ROOM as u64, "{taken}");
        let mut filled = File::create(folder.path().join("filled")).unwrap();
        fill(&mut filled).unwrap();
        assert_eq!(filled.metadata().unwrap().len(), ROOM as u64);
        assert!(reserve.spend());
        assert!(!reserve.spend());
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_somebody_else_is_neither_filled_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        let path = folder.path().join("journal.db-reserve");
        for text in [b"a text".to_vec(), vec![b'x'; ROOM], vec![0; ROOM + 1]] {
            std::fs::write(&path, &text).unwrap();
            assert!(!Reserve::keep(&journal).spend());
            assert_eq!(std::fs::read(&path).unwrap(), text);
        }
        // What a run has begun to take is taken anew.
        std::fs::write(&path, [0xff; 100]).unwrap();
        assert!(Reserve::keep(&journal).spend());
    }
}
