use super::check;
use super::exit::Exit;
use super::options::{Global, Load};
use super::output;
use crate::graph::Glyphs;
use clap::ValueEnum;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: Load,
    /// How to draw it
    #[arg(long, value_name = "FORMAT", default_value = "ascii")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Ascii,
    Mermaid,
    Dot,
    Json,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let found = args.load.loader().load(&args.load.paths());
    if found.has_errors() {
        let style = global.style(std::io::IsTerminal::is_terminal(&std::io::stderr()));
        output::rendered(check::rendered(&found, style).trim_end());
        return Exit::Usage;
    }
    if found.tasks.is_empty() {
        output::error("there is no task file here", None);
        return Exit::Nothing;
    }
    let style = global.out_style();
    let glyphs = if style.unicode {
        Glyphs::Unicode
    } else {
        Glyphs::Ascii
    };
    for task in &found.tasks {
        let drawing = task.machine.drawing();
        match args.format {
            Format::Ascii => output::text(&drawing.to_ascii(style.width.min(120), glyphs)),
            Format::Mermaid => output::data(&drawing.to_mermaid()),
            Format::Dot => output::data(&drawing.to_dot()),
            Format::Json => output::data(&drawing.to_json()),
        }
    }
    Exit::Passed
}
