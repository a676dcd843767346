//! Regular files, read within a bound.

use rustix::fs::{CWD, Mode, OFlags, openat};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The bytes of a regular file of at most `limit` bytes; a link to one is followed.
///
/// # Errors
/// It is not there, is a folder, a pipe, a socket or a device, or is larger.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer, and opening some devices does something.
    examine(&std::fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    // It may have been replaced in between.
    examine(&file.metadata()?)?;
    whole(&file, limit)
}

/// All that is left of a file, if it is at most `limit` bytes.
pub(super) fn whole(file: &File, limit: usize) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    if length <= limit {
        bytes.reserve_exact(length);
        // One byte more tells a file that grows meanwhile.
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    }
    if length > limit || bytes.len() > limit {
        let message = format!("it is larger than {}, the most that is read", size(limit));
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(bytes)
}

fn examine(found: &std::fs::Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() {
        "it is a folder"
    } else {
        "it is no regular file"
    };
    Err(io::Error::new(ErrorKind::InvalidInput, what))
}

fn size(bytes: usize) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, mknodat};

    #[test]
    fn a_pipe_a_folder_and_a_file_that_is_too_large_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, [0; 2048]).unwrap();
        let said = |path: &Path, limit| read(path, limit).unwrap_err().to_string();
        assert_eq!(said(&pipe, 9), "it is no regular file");
        assert_eq!(said(Path::new("/dev/zero"), 9), "it is no regular file");
        assert_eq!(said(folder.path(), 9), "it is a folder");
        assert_eq!(
            said(&file, 1024),
            "it is larger than 1 KiB, the most that is read"
        );
        assert_eq!(read(&file, 2048).unwrap().len(), 2048);
    }

    /// A hole takes no room on a disk, and a file of `/proc` says that it is empty.
    #[test]
    fn what_a_file_says_of_its_size_is_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let hole = folder.path().join("hole");
        File::create(&hole).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&hole, 1 << 20).is_err());
        assert!(
            !read(Path::new("/proc/self/stat"), 1 << 20)
                .unwrap()
                .is_empty()
        );
    }
}
