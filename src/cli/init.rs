use super::exit::Exit;
use super::output;
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

pub(super) fn run(args: &Args) -> Exit {
    // Nothing is overwritten, so all of it is looked at before anything is written.
    if let Some((taken, _)) = FILES
        .iter()
        .find(|(path, _)| args.folder.join(path).exists())
    {
        let hint = "name another folder: `funcy init DIR`";
        output::error(
            &format!(
                "{} exists already; nothing was written",
                args.folder.join(taken).display()
            ),
            Some(hint),
        );
        return Exit::Usage;
    }
    for (path, text) in FILES {
        let path = args.folder.join(path);
        let path = path.strip_prefix("./").unwrap_or(&path);
        if let Err(error) = write(path, text) {
            output::error(
                &format!("{} cannot be written: {error}", path.display()),
                None,
            );
            return Exit::Error;
        }
        output::data(&format!("wrote {}\n", path.display()));
    }
    let tasks = args.folder.join("tasks");
    output::data(&format!(
        "now: funcy run {}\n",
        tasks.strip_prefix("./").unwrap_or(&tasks).display()
    ));
    Exit::Passed
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::File::create_new(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}
