use super::bounds;
use super::exit::Exit;
use super::flags::{Flags, OfWatch};
use super::journal;
use super::options::{Global, Load};
use super::output;
use super::retention;
use super::signals::Ending;
use crate::event::{Name, RunId, parse_duration};
use crate::report;
use crate::watch::{self, Display, Mailbox, OnBusy, Options};
use clap::ValueEnum;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    flags: Flags<OfWatch>,
    /// When a change affects a task that runs: begin it anew, or let it end first
    #[arg(long, value_name = "WHAT", default_value = "restart")]
    on_busy: Busy,
    /// Look at the files every so often, on file systems that do not tell of changes (NFS, some containers)
    #[arg(
        long,
        value_name = "EVERY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "500ms",
        value_parser = interval
    )]
    poll: Option<Duration>,
    /// Keep a file with the places of all failures, one a line, as editors read them
    #[arg(long, value_name = "FILE")]
    emit_locations: Option<PathBuf>,
    #[command(flatten)]
    journal: journal::Keep,
    /// Ring the terminal's bell when a run ends badly
    #[arg(long)]
    bell: bool,
    /// Tell the desktop when a run has ended, through the terminal
    #[arg(long)]
    notify: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Busy {
    Restart,
    Queue,
}

fn interval(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < Duration::from_millis(10) {
        return Err("the shortest interval is 10ms".to_owned());
    }
    Ok(every)
}

pub(super) fn run(global: &Global, args: Args) -> Exit {
    // A path that is gone later may come back; one that never was is a mistake.
    let paths = args.load.paths();
    if let Some(path) = paths.iter().find(|path| !path.exists()) {
        output::error(
            &format!("`{}` does not exist", path.display()),
            Some("name a task file, or a folder of them"),
        );
        return Exit::Usage;
    }
    let is_screen = io::stdout().is_terminal()
        && io::stdin().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    if let Err(exit) = args.journal.check() {
        return exit;
    }
    if let Some(path) = &args.emit_locations
        && let Err(error) = bounds::may_write(path)
    {
        output::error(
            &format!("{} cannot be written: {error}", path.display()),
            None,
        );
        return Exit::Error;
    }
    let journal = match args.journal.journal() {
        Ok(journal) => journal,
        Err(error) => return journal::failed(&error),
    };
    let (load, flags, kept) = (args.load, args.flags, args.journal);
    let loader = load.loader();
    let watched = paths.clone();
    let repeated = (load.flags.clone(), flags.clone());
    let options = Options {
        loader: loader.clone(),
        paths,
        vars: (load.flags.vars.iter())
            .map(|var| (Name::clone(&var.name), var.value.clone()))
            .collect(),
        jobs: flags.jobs.map(|jobs| jobs as usize),
        asked: Box::new(move |run| flags.apply(run)),
        journal,
        on_busy: match args.on_busy {
            Busy::Restart => OnBusy::Restart,
            Busy::Queue => OnBusy::Queue,
        },
        poll: args.poll,
        locations: args.emit_locations,
        bell: args.bell,
        notify: args.notify,
        report: report::Options {
            style: global.out_style(),
            ..report::Options::default()
        },
        flags: Box::new(move |secrets| {
            [repeated.0.again(secrets), repeated.1.again(secrets)].concat()
        }),
        display: if is_screen {
            Display::Screen
        } else {
            Display::Lines(Box::new(io::stdout()))
        },
    };
    let ended = watch::run(options, signals);
    if kept.is_kept() {
        let tasks = loader.load(&watched).tasks;
        retention::after_run(&kept, retention::rule(&tasks).as_ref(), &RunId::from(""));
    }
    match ended {
        Ok(watch::End::Quit) => Exit::Passed,
        Ok(watch::End::Interrupted) => Exit::Interrupted,
        // Whoever read the lines has gone away.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Passed,
        Err(error) => {
            output::error(&error.to_string(), None);
            Exit::Error
        }
    }
}

/// Tells the session of every signal that asks the program to end.
fn signals(mailbox: Mailbox) -> impl Future<Output = ()> + Send {
    // From now on, before anything is started.
    let signals = Ending::listen();
    async move {
        // Without handlers a signal ends the process, which is all that is left to do.
        let Ok(mut signals) = signals else {
            return;
        };
        loop {
            mailbox.signal(signals.next().await);
        }
    }
}
