use super::exit::Exit;
use super::journal::{self, Kept};
use super::options::Global;
use super::output::{Lenient, Named};
use crate::event::{Fact, RunStarted, Sink};
use crate::journal::{History, JournalError, RunRow};
use crate::report::{Folded, Options, Style, Terminal};
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run: the beginning or the end of its name, `latest`, or `latest-failed`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    #[command(flatten)]
    journal: Kept,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let style = global.style(io::stdout().is_terminal() || io::stderr().is_terminal());
    let history = match args.journal.open() {
        Ok(history) => history,
        Err(exit) => return exit,
    };
    let shown = history.find(&args.run).and_then(|row| {
        let options = Options {
            style,
            ..options(&history, &row)?
        };
        let out = Box::new(Lenient(Named("stdout".to_owned(), io::stdout())));
        let progress = Box::new(Lenient(io::stderr()));
        let mut terminal = Folded::new(Terminal::new(out, progress, options));
        tell(&history, &row, &mut terminal)
    });
    shown.map_or_else(|error| journal::failed(&error), |()| Exit::Passed)
}

/// What the reports of the run itself were told beside the events.
pub(super) fn options(history: &History, row: &RunRow) -> Result<Options, JournalError> {
    let mut asked = RunStarted::default();
    history.events(&row.id, 1, |event| {
        if let Fact::RunStarted(started) = event.fact {
            asked = *started;
        }
        ControlFlow::Break(())
    })?;
    Ok(Options {
        style: Style::plain(),
        resumable: true,
        flags: asked.flags,
        reports: asked.reports,
        ..Options::default()
    })
}

/// Tells a sink all that happened in a run, as it was told then.
pub(super) fn tell(
    history: &History,
    row: &RunRow,
    sink: &mut dyn Sink,
) -> Result<(), JournalError> {
    let mut written = Ok(());
    let mut last = None;
    history.events(&row.id, 1, |event| {
        last = Some((
            event.seq,
            event.at,
            matches!(event.fact, Fact::RunFinished { .. }),
        ));
        written = sink.accept(&[event]);
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    written?;
    // What has no end, or had none when its head was read, is not sealed: more may come.
    if let Some((events, at, true)) = last
        && row.outcome.is_some()
    {
        let sealed = crate::event::Event::sealed(&row.id, events, at, &row.head);
        sink.accept(&[sealed])?;
    }
    sink.finish()?;
    Ok(())
}
