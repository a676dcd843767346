//! What this program itself may read and write: everything that its user may, unless another funcy has started it. Then it
//! is bound by what that one's suite allows, whatever file its command line names.

use crate::event::{Permissions, Refusal};
use crate::os::process;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// May this program write the file?
///
/// # Errors
/// It may not, in words.
pub fn may_write(path: &Path) -> io::Result<()> {
    check(path, Permissions::write)
}

/// May this program read the file?
///
/// # Errors
/// It may not, in words.
pub fn may_read(path: &Path) -> io::Result<()> {
    check(path, Permissions::read)
}

fn check(path: &Path, allowed: fn(&Permissions, &Path) -> Result<(), Refusal>) -> io::Result<()> {
    static CEILING: OnceLock<Option<Permissions>> = OnceLock::new();
    let ceiling =
        CEILING.get_or_init(|| process::ceiling().as_deref().map(Permissions::of_ceiling));
    let Some(ceiling) = ceiling else {
        return Ok(());
    };
    allowed(ceiling, &real_path(path)).map_err(|Refusal { message, hint }| {
        // Whoever reads it has no task before them.
        let message = message.replacen("the task", "it", 1);
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{message}: {hint}"),
        )
    })
}

/// The path without links and `..`, also where what it names is not there yet: the folders that are there decide where it
/// leads. One that goes up again from a folder that is not there leads nowhere.
fn real_path(path: &Path) -> PathBuf {
    let Ok(path) = std::path::absolute(path) else {
        return PathBuf::new();
    };
    for existing in path.ancestors() {
        let Ok(real) = std::fs::canonicalize(existing) else {
            continue;
        };
        let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
        let goes_up = rest
            .components()
            .any(|part| !matches!(part, Component::Normal(_)));
        return if goes_up {
            PathBuf::new()
        } else {
            real.join(rest)
        };
    }
    PathBuf::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_where_the_folders_that_are_there_lead() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("inner")).unwrap();
        std::os::unix::fs::symlink(real.join("inner"), real.join("link")).unwrap();
        for (path, leads) in [
            ("a", "a"),
            ("new/a", "new/a"),
            ("link/a", "inner/a"),
            ("link/../a", "a"),
            ("link/new/a", "inner/new/a"),
        ] {
            assert_eq!(real_path(&real.join(path)), real.join(leads), "{path}");
        }
        assert_eq!(real_path(&real.join("new/../a")), PathBuf::new());
    }
}
