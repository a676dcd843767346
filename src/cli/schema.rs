use super::exit::Exit;
use super::output;
use crate::client::Registry;
use crate::definition::{self, Catalog};
use crate::event::Json;
use crate::os::{Access, Folder};
use std::io::{self, Write as _};
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

/// Where they lie in a folder. The paths are written into tasks and settings: they stay.
const FOLDER: &str = ".funcy";
const KEPT: [Kept; 2] = [
    ("task.schema.json", definition::task_schema),
    ("suite.schema.json", definition::suite_schema),
];

/// The largest of them that is read.
const MAX_SCHEMA: usize = 16 << 20;

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
    for (name, make) in KEPT {
        let path = path_in(folder, FOLDER);
        let shown = path.join(name);
        if let Err(error) =
            Folder::create(&path).and_then(|folder| replace(&folder, name, &text(make)))
        {
            output::error(
                &format!("{} cannot be written: {error}", shown.display()),
                None,
            );
            return Err(Exit::Error);
        }
        output::data(&format!("wrote {}\n", shown.display()));
    }
    Ok(())
}

/// Brings the schemas that are kept in this folder up to date, as after an update of funcy. That they cannot be
/// written is no reason to say anything: nobody has asked for it.
pub(super) fn refresh() {
    let Ok(folder) = Folder::open(Path::new(FOLDER)) else {
        return;
    };
    for (name, make) in KEPT {
        if super::bounds::may_write(&Path::new(FOLDER).join(name)).is_err() {
            continue;
        }
        let Ok(kept) = folder.read(name, MAX_SCHEMA) else {
            continue;
        };
        let text = text(make);
        if kept != text.as_bytes() {
            let _ = replace(&folder, name, &text);
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
fn replace(folder: &Folder, name: &str, text: &str) -> io::Result<()> {
    let beside = format!("{name}.{:016x}.tmp", fastrand::u64(..));
    let replaced = (folder.file(&beside, Access::Create))
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| folder.rename(&beside, name));
    if replaced.is_err() {
        let _ = folder.remove(&beside);
    }
    replaced
}
