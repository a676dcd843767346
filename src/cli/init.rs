use super::bounds;
use super::exit::Exit;
use super::output;
use super::schema::{self, path_in};
use crate::os::{self, Access, Folder};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; made if it does not exist
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What is written, by path. The task passes as it is: the suite starts the demo shop.
const FILES: [(&str, &str); 3] = [
    ("tasks/funcy.yaml", include_str!("init/funcy.yaml")),
    (
        "tasks/order-ships.yaml",
        include_str!("init/order-ships.yaml"),
    ),
    ("scripts/money.rhai", include_str!("init/money.rhai")),
];

/// Tells VS Code which schema a task has. The tasks say it themselves, for every editor; this is for those that
/// are yet to be written.
const SETTINGS: (&str, &str) = (
    ".vscode/settings.json",
    include_str!("init/vscode-settings.json"),
);

const IGNORE: &str = ".gitignore";

/// What the folder of funcy's own files is to git: nothing.
const IGNORED: &str = ".funcy/";

pub(super) fn run(args: &Args) -> Exit {
    let folder = &args.folder;
    // Nothing is overwritten, so all of it is looked at before anything is written.
    if let Some((taken, _)) = FILES.iter().find(|(path, _)| folder.join(path).exists()) {
        output::error(
            &format!(
                "{} exists already; nothing was written",
                folder.join(taken).display()
            ),
            Some("name another folder: `funcy init DIR`"),
        );
        return Exit::Usage;
    }
    match write_all(folder) {
        Ok(()) => {
            let tasks = path_in(folder, "tasks");
            output::text(&format!("now: funcy run {}\n", tasks.display()));
            Exit::Passed
        }
        Err(exit) => exit,
    }
}

fn write_all(folder: &Path) -> Result<(), Exit> {
    for (path, text) in FILES {
        let path = path_in(folder, path);
        told(&path, write(&path, text).map(|()| "wrote"))?;
    }
    // A project that has these is no reason to refuse.
    let settings = path_in(folder, SETTINGS.0);
    let written = match write(&settings, SETTINGS.1) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok("kept"),
        written => written.map(|()| "wrote"),
    };
    told(&settings, written)?;
    let ignore = path_in(folder, IGNORE);
    told(&ignore, ignored(&ignore))?;
    schema::write(folder)
}

fn told(path: &Path, done: io::Result<&str>) -> Result<(), Exit> {
    match done {
        Ok(what) => {
            output::text(&format!("{what} {}\n", path.display()));
            Ok(())
        }
        Err(error) => {
            output::error(
                &format!("{} cannot be written: {error}", path.display()),
                None,
            );
            Err(Exit::Error)
        }
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    bounds::may_write(path)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::File::create_new(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

/// The largest `.gitignore` that is read.
const MAX_IGNORED: usize = 1 << 20;

/// Adds a line to `.gitignore`, unless it is there.
fn ignored(path: &Path) -> io::Result<&'static str> {
    bounds::may_read(path)?;
    let old = match os::read(path, MAX_IGNORED) {
        Ok(old) => String::from_utf8_lossy(&old).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write(path, &format!("{IGNORED}\n")).map(|()| "wrote");
        }
        Err(error) => return Err(error),
    };
    if old
        .lines()
        .any(|line| line.trim().trim_matches('/') == IGNORED.trim_matches('/'))
    {
        return Ok("kept");
    }
    bounds::may_write(path)?;
    let gap = if old.is_empty() || old.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let folder = Folder::open(path.parent().unwrap_or(Path::new("")))?;
    let mut file = folder.file(path.file_name().unwrap_or_default(), Access::Append)?;
    io::Write::write_all(&mut file, format!("{gap}{IGNORED}\n").as_bytes()).map(|()| "extended")
}
