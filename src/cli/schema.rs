use super::exit::Exit;
use super::output;
use crate::client::Registry;
use crate::definition::{self, Catalog};
use crate::event::Json;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The schema of the suite file, `funcy.yaml`
    #[arg(long, conflicts_with = "write")]
    suite: bool,
    /// Write both schemas to `.funcy/` in this folder, where the tasks of `funcy init` look for them
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = ".")]
    write: Option<PathBuf>,
}

/// Where an editor finds a schema, and how it is made.
type Kept = (&'static str, fn(&Catalog) -> Json);

/// The paths are written into tasks and settings: they stay.
const KEPT: [Kept; 2] = [
    (".funcy/task.schema.json", definition::task_schema),
    (".funcy/suite.schema.json", definition::suite_schema),
];

pub(super) fn run(args: &Args) -> Exit {
    if let Some(folder) = &args.write {
        return match write(folder) {
            Ok(()) => Exit::Passed,
            Err(exit) => exit,
        };
    }
    let [task, suite] = KEPT;
    let (_, make) = if args.suite { suite } else { task };
    output::data(&text(make));
    Exit::Passed
}

/// Writes the schemas into a folder, and says so.
pub(super) fn write(folder: &Path) -> Result<(), Exit> {
    for (path, make) in KEPT {
        let path = path_in(folder, path);
        if let Err(error) = replace(&path, &text(make)) {
            output::error(
                &format!("{} cannot be written: {error}", path.display()),
                None,
            );
            return Err(Exit::Error);
        }
        output::data(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

/// Brings the schemas that are kept in this folder up to date, as after an update of funcy. That they cannot be
/// written is no reason to say anything: nobody has asked for it.
pub(super) fn refresh() {
    for (path, make) in KEPT {
        let path = Path::new(path);
        let Ok(kept) = std::fs::read_to_string(path) else {
            continue;
        };
        let text = text(make);
        if kept != text {
            let _ = replace(path, &text);
        }
    }
}

/// A path in a folder, without `./`.
pub(super) fn path_in(folder: &Path, path: &str) -> PathBuf {
    let path = folder.join(path);
    path.strip_prefix("./")
        .map(Path::to_path_buf)
        .unwrap_or(path)
}

fn text(make: fn(&Catalog) -> Json) -> String {
    format!("{:#}\n", make(&Registry::builtin().catalog()))
}

/// At once: an editor that reads it meanwhile sees the old one or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension(format!("{:016x}.tmp", fastrand::u64(..)));
    let replaced = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    replaced
}
