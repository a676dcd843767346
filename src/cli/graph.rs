use super::check;
use super::exit::Exit;
use super::journal::{self, Kept};
use super::options::{Global, Load};
use super::output;
use crate::graph::Glyphs;
use crate::sim::Taken;
use clap::ValueEnum;
use std::ops::ControlFlow;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: Load,
    /// How to draw it
    #[arg(long, value_name = "FORMAT", default_value = "ascii")]
    format: Format,
    /// Tell how often a past run has entered each state and taken each way: `latest`, or a part of its name
    #[arg(long, value_name = "RUN")]
    coverage: Option<String>,
    #[command(flatten)]
    journal: Kept,
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
    let taken = match args
        .coverage
        .as_deref()
        .map(|run| taken(run, args))
        .transpose()
    {
        Ok(taken) => taken,
        Err(exit) => return exit,
    };
    let style = global.out_style();
    let glyphs = if style.unicode {
        Glyphs::Unicode
    } else {
        Glyphs::Ascii
    };
    for task in &found.tasks {
        let machine = &task.machine;
        let drawing = match &taken {
            Some(taken) => machine.drawing_with(&|path| machine.times_taken(taken, path)),
            None => machine.drawing(),
        };
        match args.format {
            Format::Ascii => output::text(&drawing.to_ascii(style.width.min(120), glyphs)),
            Format::Mermaid => output::data(&drawing.to_mermaid()),
            Format::Dot => output::data(&drawing.to_dot()),
            Format::Json => output::data(&drawing.to_json()),
        }
    }
    Exit::Passed
}

/// What a past run has taken.
fn taken(run: &str, args: &Args) -> Result<Taken, Exit> {
    let history = args.journal.open()?;
    let mut taken = Taken::default();
    let told = history.find(run).and_then(|row| {
        history.events(&row.id, 1, |event| {
            taken.apply(&event);
            ControlFlow::Continue(())
        })
    });
    told.map_err(|error| journal::failed(&error))?;
    Ok(taken)
}
