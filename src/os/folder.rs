//! A folder of funcy's own in somebody else's checkout, and the files in it.

use super::regular::whole;
use rustix::fs::{
    AtFlags, CWD, Dir, FallocateFlags, FileType, Mode, OFlags, Stat, fallocate, fstat, mkdirat,
    openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// A folder that is open. What is done with its files is done in this very folder, wherever its path leads later.
///
/// The way to it is entered part by part, and none of them may be a link: a checkout decides what lies at a relative
/// path, and at an absolute one from a folder `.funcy` on. What stands before is the user's own, and followed.
#[derive(Debug)]
pub struct Folder {
    folder: OwnedFd,
    path: PathBuf,
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    number: u64,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing at its end.
    Append,
    /// Writing a file that is made by this, and was not there.
    Create,
    /// Reading, and writing at its end; it is made where it is not there.
    CreateOrAppend,
}

impl Access {
    fn flags(self) -> OFlags {
        match self {
            Self::Read => OFlags::RDONLY,
            Self::Append => OFlags::WRONLY | OFlags::APPEND,
            Self::Create => OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL,
            Self::CreateOrAppend => OFlags::RDWR | OFlags::CREATE | OFlags::APPEND,
        }
    }
}

/// The folder whose way is never followed.
const OWN: &str = ".funcy";

impl Folder {
    /// Opens a folder that is there.
    ///
    /// # Errors
    /// It is not there, or a part of the way is a link or no folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::enter(path, false)
    }

    /// Opens a folder, and makes those on the way to it that are not there.
    ///
    /// # Errors
    /// A part of the way is a link or no folder, or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::enter(path, true)
    }

    fn enter(path: &Path, make: bool) -> io::Result<Self> {
        let (given, own) = trusted(path);
        if make {
            std::fs::create_dir_all(&given)?;
        }
        let mut folder = Self {
            folder: openat(CWD, &given, FOLDER, Mode::empty())?,
            path: given,
        };
        for part in own.components() {
            folder = match part {
                Component::Normal(name) => folder.folder(name, make)?,
                Component::ParentDir => Self {
                    folder: openat(&folder.folder, "..", FOLDER, Mode::empty())?,
                    path: folder.path.join(".."),
                },
                Component::CurDir | Component::RootDir | Component::Prefix(_) => folder,
            };
        }
        Ok(folder)
    }

    /// A folder in it; `make`: it is made where it is not there.
    ///
    /// # Errors
    /// It is a link, no folder, not there, or cannot be made.
    pub fn folder(&self, name: impl AsRef<OsStr>, make: bool) -> io::Result<Self> {
        let name = plain(name.as_ref())?;
        if make
            && let Err(error) = mkdirat(&self.folder, name, Mode::from_raw_mode(0o777))
            && error != Errno::EXIST
        {
            return Err(error.into());
        }
        let opened = openat(&self.folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        let path = self.path.join(name);
        match opened {
            Ok(folder) => Ok(Self { folder, path }),
            // The system says of a link that it is no folder.
            Err(error) => Err(self
                .refused(name, FileType::Directory)
                .unwrap_or_else(|| error.into())),
        }
    }

    /// Opens a regular file in it, without following a link.
    ///
    /// # Errors
    /// It is a link, a pipe, a socket, a device or a folder, or cannot be opened so.
    pub fn file(&self, name: impl AsRef<OsStr>, access: Access) -> io::Result<File> {
        let name = plain(name.as_ref())?;
        // Before it is opened: that would wait for the other end of a pipe, and some devices do something then.
        if let Some(refused) = self.refused(name, FileType::RegularFile) {
            return Err(refused);
        }
        let careful = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let file = File::from(openat(&self.folder, name, access.flags() | careful, mode)?);
        // It may have been replaced in between.
        match kind(&fstat(&file)?) {
            FileType::RegularFile => Ok(file),
            other => Err(self.not_expected(name, other)),
        }
    }

    /// The bytes of a regular file in it of at most `limit` bytes.
    ///
    /// # Errors
    /// As those of [`Self::file`], or it is larger.
    pub fn read(&self, name: impl AsRef<OsStr>, limit: usize) -> io::Result<Vec<u8>> {
        whole(&self.file(name, Access::Read)?, limit)
    }

    /// Whether a regular file of this name lies in it.
    ///
    /// # Errors
    /// Something else has the name.
    pub fn has(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        let name = plain(name.as_ref())?;
        match self.refused(name, FileType::RegularFile) {
            Some(refused) => Err(refused),
            None => Ok(self.stat(name)?.is_some()),
        }
    }

    /// Which file has this name. `None`: there is none.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn identity(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Identity>> {
        let found = self.stat(plain(name.as_ref())?)?;
        Ok(found.as_ref().map(Identity::of))
    }

    /// The names of what lies in it, in no order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Removes a file, or a link itself.
    ///
    /// # Errors
    /// When it is not there or cannot be removed.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(unlinkat(
            &self.folder,
            plain(name.as_ref())?,
            AtFlags::empty(),
        )?)
    }

    /// Gives a file another name, in place of the file that has it.
    ///
    /// # Errors
    /// When it is not there or cannot be renamed.
    pub fn rename(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<()> {
        let (from, to) = (plain(from.as_ref())?, plain(to.as_ref())?);
        Ok(renameat(&self.folder, from, &self.folder, to)?)
    }

    /// Its path, as it was entered.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Why something of this name is not taken. `None`: it is what is expected, or not there.
    fn refused(&self, name: &OsStr, expected: FileType) -> Option<io::Error> {
        let found = kind(&self.stat(name).ok()??);
        (found != expected).then(|| self.not_expected(name, found))
    }

    fn not_expected(&self, name: &OsStr, found: FileType) -> io::Error {
        let path = self.path.join(name);
        let path = path.strip_prefix("./").unwrap_or(&path).display();
        let message = match found {
            FileType::Symlink => format!(
                "{path} is a symbolic link, which is not followed: remove it, or name what it leads to by its absolute path"
            ),
            FileType::Directory => format!("{path} is a folder: move it away"),
            FileType::RegularFile => format!("{path} is no folder: move it away"),
            _ => format!("{path} is a pipe, a socket or a device: move it away"),
        };
        io::Error::new(ErrorKind::InvalidInput, message)
    }
}

impl Identity {
    /// Which file this is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of(&fstat(file)?))
    }

    /// Which file or folder it is that this is known of.
    #[must_use]
    pub fn of_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
        }
    }

    #[allow(
        clippy::unnecessary_cast,
        reason = "their types differ from system to system"
    )]
    fn of(found: &Stat) -> Self {
        Self {
            device: found.st_dev as u64,
            number: found.st_ino as u64,
        }
    }
}

/// Sets blocks of the disk aside for a file, so that they need not be found when it is written.
///
/// # Errors
/// [`ErrorKind::Unsupported`] where the file system cannot; the disk is full.
pub fn set_aside(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(ErrorKind::Unsupported.into()),
        done => Ok(done?),
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn kind(found: &Stat) -> FileType {
    FileType::from_raw_mode(found.st_mode)
}

/// The part of a path that its user has chosen, and the part that a checkout may have.
fn trusted(path: &Path) -> (PathBuf, PathBuf) {
    if path.is_relative() {
        return (PathBuf::from("."), path.to_owned());
    }
    let parts = path.components();
    let given: PathBuf = parts
        .clone()
        .take_while(|part| part.as_os_str() != OWN)
        .collect();
    let own = path.strip_prefix(&given).unwrap_or(path).to_owned();
    (given, own)
}

/// A name in a folder, which leads nowhere else.
fn plain(name: &OsStr) -> io::Result<&OsStr> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) if only == name => Ok(name),
        _ => {
            let message = format!("{} is no name of a file", name.display());
            Err(io::Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::mknodat;
    use std::os::unix::fs::symlink;

    fn said<T>(result: io::Result<T>) -> String {
        result.err().expect("it is refused").to_string()
    }

    #[test]
    fn no_part_from_funcys_own_folder_on_is_followed() {
        let temporary = tempfile::tempdir().unwrap();
        let elsewhere = temporary.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let checkout = temporary.path().join("checkout");
        std::fs::create_dir(&checkout).unwrap();
        symlink(&elsewhere, checkout.join(".funcy")).unwrap();
        for path in [".funcy", ".funcy/inside"] {
            let path = checkout.join(path);
            assert!(said(Folder::open(&path)).contains("/.funcy is a symbolic link"));
            assert!(said(Folder::create(&path)).contains("/.funcy is a symbolic link"));
        }
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
        // What the user has named by an absolute path is followed.
        let link = temporary.path().join("link");
        symlink(&elsewhere, &link).unwrap();
        Folder::create(&link.join(".funcy")).unwrap();
        assert!(elsewhere.join(".funcy").is_dir());
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let path = |name| temporary.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        mknodat(
            CWD,
            path("pipe"),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        for access in [Access::Read, Access::Append, Access::CreateOrAppend] {
            assert!(said(folder.file("link", access)).contains("link is a symbolic link"));
            assert!(said(folder.file("dangling", access)).contains("is a symbolic link"));
            assert!(said(folder.file("folder", access)).contains("folder is a folder"));
            assert!(said(folder.file("pipe", access)).contains("pipe is a pipe"));
            assert!(said(folder.file("../x", access)).contains("no name of a file"));
        }
        assert!(!path("nowhere").exists());
        assert_eq!(folder.read("file", 4).unwrap(), b"text");
        assert!(said(folder.read("file", 3)).contains("it is larger"));
        assert!(folder.has("file").unwrap());
        assert!(!folder.has("none").unwrap());
        folder.remove("link").unwrap();
        assert!(path("file").exists(), "the link is removed, not the file");
    }
}
