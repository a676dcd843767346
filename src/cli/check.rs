use super::exit::Exit;
use super::given;
use super::options::{Global, Load};
use super::output;
use super::schema;
use crate::definition;
use crate::engine::Tasks;
use crate::event::Name;
use crate::report::{Color, Style};
use clap::ValueEnum;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: Load,
    /// How to print what is wrong
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Human,
    /// One JSON document a line
    Json,
    /// Annotations of GitHub Actions
    Github,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    // What the editor says should be what is said here.
    schema::refresh();
    let found = args.load.loader().load(&args.load.paths());
    if found.files == 0 && found.diagnostics.is_empty() {
        output::error(
            "there is no task file here",
            Some("name a file or folder; a task file ends in .yaml or .yml"),
        );
        return Exit::Nothing;
    }
    match args.format {
        Format::Human => output::data(&human(&found, global.out_style())),
        Format::Json => {
            for diagnostic in &found.diagnostics {
                output::data(&format!("{}\n", definition::to_json(diagnostic)));
            }
            let (errors, warnings) = found.counts();
            let summary = json!({ "files": found.files, "tasks": found.tasks.len(), "errors": errors, "warnings": warnings });
            output::data(&format!("{summary}\n"));
        }
        Format::Github => {
            for diagnostic in &found.diagnostics {
                output::data(&format!("{}\n", definition::to_github(diagnostic)));
            }
        }
    }
    if found.has_errors() {
        return Exit::Usage;
    }
    match given::unread(&found.tasks, &args.load) {
        Ok(()) => Exit::Passed,
        Err(exit) => exit,
    }
}

fn human(found: &Tasks, style: Style) -> String {
    let mut text = rendered(found, style);
    let files = counted(found.files, "file", "files");
    match found.counts() {
        (0, 0) => text.push_str(&format!(
            "{} {files}, no mistakes\n",
            if style.unicode { "✓" } else { "+" }
        )),
        (errors, warnings) => {
            let counts: Vec<String> = [
                (errors, "error", "errors"),
                (warnings, "warning", "warnings"),
            ]
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
            text.push_str(&format!("{} in {files}\n", counts.join(", ")));
        }
    }
    text
}

/// Every diagnostic with its source lines.
pub(super) fn rendered(found: &Tasks, style: Style) -> String {
    let source = |file: &str| found.sources.get(file).map(Name::clone);
    definition::render(
        &found.diagnostics,
        &source,
        style.color != Color::Never,
        style.width.min(200),
    )
}

pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
