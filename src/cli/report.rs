use super::exit::Exit;
use super::journal::{self, Kept};
use super::output::{self, Lenient, Named};
use super::replay;
use crate::journal::JournalError;
use crate::report;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run: the beginning or the end of its name, `latest`, or `latest-failed`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    /// The format of the report
    #[arg(long, value_name = "FORMAT", default_value = "markdown", value_parser = format)]
    format: &'static report::ReportFormat,
    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    journal: Kept,
}

/// A format by its name; the others where there is none.
pub(super) fn format(name: &str) -> Result<&'static report::ReportFormat, String> {
    report::by_name(name).ok_or_else(|| {
        let known: Vec<_> = report::REPORTS.iter().map(|report| report.name).collect();
        format!(
            "there is no format `{name}`; the formats are {}",
            known.join(", ")
        )
    })
}

pub(super) fn run(args: &Args) -> Exit {
    let history = match args.journal.open() {
        Ok(history) => history,
        Err(exit) => return exit,
    };
    // The run first: a name that nobody knows leaves the file as it is.
    let found = history.find(&args.run).and_then(|row| {
        let options = replay::options(&history, &row)?;
        Ok((row, options))
    });
    let (row, options) = match found {
        Ok(found) => found,
        Err(error) => return journal::failed(&error),
    };
    let writer: Box<dyn Write + Send> = match &args.output {
        None => Box::new(Lenient(Named("stdout".to_owned(), io::stdout()))),
        Some(path) => match super::bounds::create(path) {
            Ok(file) => Box::new(Named(format!("the report {}", path.display()), file)),
            Err(error) => {
                let message = format!("the report {} cannot be written: {error}", path.display());
                output::error(&message, None);
                return Exit::Error;
            }
        },
    };
    let mut sink = (args.format.make)(Box::new(BufWriter::new(writer)), options);
    match replay::tell(&history, &row, &mut *sink) {
        Ok(()) => Exit::Passed,
        Err(error @ JournalError::Io(_)) => {
            output::error(&error.to_string(), None);
            Exit::Error
        }
        Err(error) => journal::failed(&error),
    }
}
