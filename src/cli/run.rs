use super::bounds;
use super::check::{self, counted};
use super::coverage;
use super::exit::Exit;
use super::failed::Failed;
use super::flags::{Flags, OfRun, Settings};
use super::given;
use super::journal;
use super::options::{Global, Load};
use super::output::{self, Lenient, Named};
use super::resume;
use super::retention;
use super::signals::{Ending, LAST_WORDS};
use crate::engine::{
    FILES_OF_A_TASK, Handle, Loaded, Loader, Report, Run, ServiceError, Tasks, jobs_that_fit,
};
use crate::event::{Name, Outcome, RunId, RunStarted, Sink};
use crate::journal::Retention;
use crate::report::{self, Folded, Options, Terminal};
use std::collections::HashSet;
use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: Load,
    /// What changes which tasks run, and how: rows of a table.
    #[command(flatten)]
    flags: Flags<OfRun>,
    /// Write a report; any number of them
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<ReportFile>,
    #[command(flatten)]
    journal: journal::Keep,
    #[command(flatten)]
    begin: resume::Begin,
    /// `json`: every event as a line of JSON on stdout
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

/// `FORMAT=FILE`.
#[derive(Clone, Debug)]
pub(super) struct ReportFile {
    format: &'static report::ReportFormat,
    pub(super) path: PathBuf,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (format, path) = text.split_once('=').ok_or("write FORMAT=FILE")?;
        let format = super::report::format(format)?;
        if path.is_empty() {
            return Err("the file has no name".to_owned());
        }
        Ok(Self {
            format,
            path: path.into(),
        })
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    match prepare(global, args) {
        Ok(prepared) => prepared.start(global, args),
        Err(exit) => exit,
    }
}

/// What people see of the run: told of events by the run, and of time by a timer.
type Screen = Arc<Mutex<Folded<Terminal>>>;

/// A run that only has to be started.
struct Prepared {
    run: Run,
    /// Which old runs are removed when it has ended.
    retention: Option<Retention>,
    coverage: Option<coverage::Asked>,
    terminal: Option<Screen>,
}

fn prepare(global: &Global, args: &Args) -> Result<Prepared, Exit> {
    let loader = args.load.loader();
    args.journal.check()?;
    let left = match &args.begin.resume {
        Some(run) => Some(resume::left(run, &loader, &args.journal)?),
        None => None,
    };
    let tasks = match &left {
        Some(left) => left.tasks.clone(),
        None => selected(global, args, &loader)?,
    };
    let names: Vec<Name> = (tasks.iter()).map(Loaded::name).collect();
    let secrets: HashSet<&str> = (tasks.iter())
        .flat_map(|task| task.machine.secrets())
        .map(|name| &**name)
        .collect();
    let again = [args.load.flags.again(&secrets), args.flags.again(&secrets)];
    let flags = again.concat();
    let labels = args.flags.labels.iter().cloned();
    let asked = RunStarted {
        command: command_line(&secrets),
        flags: flags.clone(),
        reports: report_paths(&args.reports),
        env: (left.as_ref()).map_or_else(|| args.load.flags.env.clone(), |left| left.env.clone()),
        labels: labels
            .chain(left.as_ref().map(|left| left.label.clone()))
            .collect(),
        cleans_up: left.as_ref().map(|left| left.run.clone()),
        ..RunStarted::default()
    };
    let options = Options {
        resumable: args.journal.is_kept(),
        flags,
        ..Options::default()
    };
    let sinks = open_reports(&args.reports, &options)?;
    let jobs = args.flags.jobs.or_else(|| suite_jobs(&tasks)).unwrap_or(8);
    say_fewer(jobs as usize, tasks.len());
    let jobs = jobs_that_fit(jobs as usize);
    let retention = retention::rule(&tasks);
    let coverage = coverage::Asked::new(&args.flags, &tasks);
    let run = Run::new(tasks, loader.registry().clone());
    let mut run = args.flags.apply(run).jobs(jobs).asked(asked);
    run = match &left {
        Some(left) => left.apply(run.retries(Some(0))),
        None => args.begin.apply(run, &names, &args.journal)?,
    };
    for var in &args.load.flags.vars {
        run = run.var(Name::clone(&var.name), var.value.clone());
    }
    for sink in sinks {
        run = run.boxed_sink(sink);
    }
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        run = run.sink(github(&options));
    }
    let run = (args.journal.recorded(run)).map_err(|error| journal::failed(&error))?;
    let terminal = terminal(global, args, options);
    Ok(Prepared {
        run,
        retention,
        coverage,
        terminal,
    })
}

impl Prepared {
    fn start(self, global: &Global, args: &Args) -> Exit {
        let Self {
            run,
            retention,
            coverage,
            terminal,
        } = self;
        let handle = run.handle();
        let id = RunId::clone(run.id());
        let run = match &terminal {
            Some(terminal) => run.sink(Arc::clone(terminal)),
            None => run.sink(report::Ndjson::new(Box::new(Lenient(BufWriter::new(
                stdout(),
            ))))),
        };
        let run = match &coverage {
            Some(coverage) => run.sink(coverage.sink()),
            None => run,
        };
        let ended = crate::engine::block_on(attended(run, handle, terminal));
        match ended {
            Ok(Some(Ok(report))) => {
                if report.journal_failure.is_none() {
                    retention::after_run(&args.journal, retention.as_ref(), &id);
                }
                let exit = exit(&report, &args.flags);
                match coverage {
                    Some(coverage) => coverage.show(args.format, global.out_style(), exit),
                    None => exit,
                }
            }
            Ok(Some(Err(error))) => service_failed(&error),
            Ok(None) => Exit::Interrupted,
            Err(error) => {
                output::error(&format!("the runtime does not start: {error}"), None);
                Exit::Error
            }
        }
    }
}

/// The tasks that are to run. `Err` also when nothing is to run, and that is all there is to say.
fn selected(global: &Global, args: &Args, loader: &Loader) -> Result<Vec<Loaded>, Exit> {
    let failed = (args.flags.failed).then(|| Failed::in_last_run(&args.journal));
    let failed = failed.transpose()?;
    let paths = match (&failed, args.load.given()) {
        // They may have been anywhere.
        (Some(failed), None) => failed.files(),
        _ => args.load.paths(),
    };
    let mut found = loader.load(&paths);
    for file in found.leave_out(&args.flags.selection) {
        output::note(&format!("note:    {file} has mistakes and is not selected"));
    }
    usable(global, &found)?;
    if let Some(failed) = &failed {
        found.tasks = failed.select(found.tasks);
    }
    let known = found.tasks.len();
    let tasks = args.flags.selection.of(found.tasks);
    if tasks.is_empty() {
        let hint = format!(
            "{} known; `funcy run --list` shows them",
            counted(known, "task is", "tasks are")
        );
        output::error("no task was selected", Some(&hint));
        return Err(Exit::Nothing);
    }
    if args.flags.list {
        list(&tasks);
        return Err(Exit::Passed);
    }
    given::params_missing(&tasks, &args.load)?;
    given::unread(&tasks, &args.load)?;
    Ok(tasks)
}

/// With an invalid file nothing starts.
pub(super) fn usable(global: &Global, found: &Tasks) -> Result<(), Exit> {
    if !found.diagnostics.is_empty() {
        let style = global.style(io::stderr().is_terminal());
        output::rendered(check::rendered(found, style).trim_end());
    }
    if found.has_errors() {
        let (errors, _) = found.counts();
        let files = counted(found.files, "file", "files");
        output::note(&format!(
            "{} in {files}; nothing was run",
            counted(errors, "error", "errors")
        ));
        return Err(Exit::Usage);
    }
    if found.files == 0 {
        output::error(
            "there is no task file here",
            Some("name a file or folder; a task file ends in .yaml or .yml"),
        );
        return Err(Exit::Nothing);
    }
    Ok(())
}

fn list(tasks: &[Loaded]) {
    let mut text = String::new();
    for task in tasks {
        let machine = &task.machine;
        text.push_str(&format!("{}  {}", task.name(), machine.file.name));
        if !machine.tags.is_empty() {
            text.push_str(&format!("  [{}]", machine.tags.join(", ")));
        }
        if !machine.requirements.is_empty() {
            text.push_str(&format!("  {}", machine.requirements.join(", ")));
        }
        text.push('\n');
    }
    output::text(&text);
}

fn report_paths(reports: &[ReportFile]) -> Vec<String> {
    let paths = reports.iter();
    paths
        .map(|report| report.path.display().to_string())
        .collect()
}

/// The command line for the record, with the values of secrets hidden: no task has named them yet.
pub(super) fn command_line(secrets: &HashSet<&str>) -> Vec<String> {
    std::env::args_os()
        .map(|word| {
            let word = word.to_string_lossy();
            let given = word.strip_prefix("--var=").unwrap_or(&word);
            match given.split_once('=') {
                Some((name, value)) if secrets.contains(name) => {
                    let kept = word.len() - value.len();
                    format!("{}${name}", &word[..kept])
                }
                _ => word.into_owned(),
            }
        })
        .collect()
}

/// Opens the report files before anything runs, so that a path that cannot be written is known then.
pub(super) fn open_reports(
    reports: &[ReportFile],
    given: &Options,
) -> Result<Vec<Box<dyn Sink>>, Exit> {
    let mut sinks = Vec::with_capacity(reports.len());
    for ReportFile { format, path } in reports {
        let opened = bounds::may_write(path)
            .and_then(|()| match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder),
                _ => Ok(()),
            })
            .and_then(|()| bounds::create(path));
        match opened {
            Ok(file) => sinks.push((format.make)(
                Box::new(BufWriter::new(Named(
                    format!("the report {}", path.display()),
                    file,
                ))),
                given.clone(),
            )),
            Err(error) => {
                output::error(
                    &format!("the report {} cannot be written: {error}", path.display()),
                    None,
                );
                return Err(Exit::Error);
            }
        }
    }
    Ok(sinks)
}

/// Says so where the limit of open files lets fewer tasks run at once than were asked for.
fn say_fewer(jobs: usize, tasks: usize) {
    let wanted = jobs.min(tasks);
    let fit = jobs_that_fit(wanted);
    if fit < wanted {
        output::note(&format!(
            "{fit} of {tasks} tasks run at once, not {jobs}: each may need {FILES_OF_A_TASK} open files; for more, raise the limit (`ulimit -n`)"
        ));
    }
}

fn suite_jobs(tasks: &[Loaded]) -> Option<u32> {
    tasks
        .iter()
        .find_map(|task| task.project.suite.concurrency.as_ref())
        .map(|jobs| jobs.value)
}

/// In GitHub Actions: annotations at the failures, and a table in the summary of the step.
fn github(given: &Options) -> Folded<report::Github> {
    let summary = std::env::var_os("GITHUB_STEP_SUMMARY").and_then(|path| {
        bounds::may_write(path.as_ref()).ok()?;
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        Some(Box::new(BufWriter::new(file.ok()?)) as Box<dyn io::Write + Send>)
    });
    let commands = Box::new(Lenient(io::stdout()));
    Folded::new(report::Github::new(commands, summary, given.clone()))
}

pub(super) fn stdout() -> Named<io::Stdout> {
    Named("stdout".to_owned(), io::stdout())
}

/// What people watch. With `--format json` stdout belongs to the events.
fn terminal(global: &Global, args: &Args, given: Options) -> Option<Screen> {
    if args.format == Format::Json {
        return None;
    }
    let options = Options {
        style: global.style(io::stdout().is_terminal() || io::stderr().is_terminal()),
        live: output::is_live(),
        rows: output::size().map_or(24, |(_, rows)| rows),
        reports: report_paths(&args.reports),
        notes: args.journal.notes(),
        ..given
    };
    let out = Box::new(Lenient(stdout()));
    let progress = Box::new(Lenient(io::stderr()));
    let terminal = Folded::new(Terminal::new(out, progress, options));
    Some(Arc::new(Mutex::new(terminal)))
}

/// Runs, redraws the terminal, and listens to signals: the first SIGINT cancels, the second drops the run, and
/// with it every process that it has started. `None`: it was dropped.
async fn attended(
    run: Run,
    handle: Handle,
    terminal: Option<Screen>,
) -> Option<Result<Report, ServiceError>> {
    // Before anything is started: what starts later could not be cleaned up after a signal that comes first.
    let signals = Ending::listen();
    let redrawing = terminal.map(Redrawing::start);
    let result = tokio::select! {
        report = run.start() => Some(report),
        () = twice_asked(signals, handle) => None,
    };
    // Whoever has asked for the end waits for no reader.
    let is_read = matches!(&result, Some(Ok(report)) if !report.cancelled);
    if let Some(redrawing) = redrawing.filter(|_| is_read) {
        redrawing.end();
    }
    result
}

/// Cancels the run at the first signal, and completes at the second.
async fn twice_asked(signals: io::Result<Ending>, handle: Handle) {
    let Ok(mut signals) = signals else {
        // Without handlers the default action ends the process, which is all that is left to do.
        return std::future::pending().await;
    };
    let name = signals.next().await;
    handle.cancel(&format!("interrupted by {name}"));
    let _said = Said::beside(format!(
        "{name}: stopping, cleaning up; once more ends at once"
    ));
    signals.next().await;
}

/// A line that is written beside: a reader of stderr that does not read holds up no cleanup. When this is dropped it is
/// written, or its reader has had the time.
struct Said(Receiver<()>);

impl Said {
    fn beside(line: String) -> Self {
        let (said, is_said) = sync_channel(1);
        let saying = std::thread::Builder::new().spawn(move || {
            output::note(&line);
            // Nobody waits for it any more if it was late.
            let _ = said.send(());
        });
        // Without a thread there is nothing to wait for.
        drop(saying);
        Self(is_said)
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        let _ = self.0.recv_timeout(LAST_WORDS);
    }
}

/// What shows that time passes, on a thread of its own: a terminal that takes nothing holds up no task.
struct Redrawing {
    over: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Redrawing {
    fn start(terminal: Screen) -> Self {
        let over = CancellationToken::new();
        let until = over.clone();
        let thread = std::thread::Builder::new().name("funcy-screen".into());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            // Without one nothing moves, and all that happened is shown all the same.
            if let Ok(runtime) = runtime {
                let showing = async { tokio::join!(redraw(&terminal), dump_on_request(&terminal)) };
                runtime.block_on(until.run_until_cancelled(showing));
            }
        });
        Self {
            over,
            thread: thread.ok(),
        }
    }

    /// Waits until nothing more is drawn.
    fn end(mut self) {
        self.over.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic there was told as it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Redrawing {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

async fn redraw(terminal: &Screen) {
    let mut every = tokio::time::interval(Duration::from_millis(250));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let mut terminal = terminal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((columns, rows)) = output::size() {
            terminal.resize(columns, rows);
        }
        // A terminal that cannot be written to is no reason to stop a run.
        let _ = terminal.tick(now());
    }
}

/// SIGUSR1 prints every running machine.
async fn dump_on_request(terminal: &Screen) {
    let Ok(mut asked) = signal(SignalKind::user_defined1()) else {
        return;
    };
    while asked.recv().await.is_some() {
        let _ = terminal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .dump(now());
    }
}

/// Microseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// The first that applies of 130, 3, 1, 0.
fn exit(report: &Report, asked: &Settings) -> Exit {
    for failure in &report.sink_failures {
        output::error(&failure.to_string(), None);
    }
    if let Some(error) = &report.journal_failure {
        return journal::failed(error);
    }
    let has = |outcome| report.tally.of(outcome) > 0;
    if report.cancelled {
        Exit::Interrupted
    } else if has(Outcome::Error) || has(Outcome::Interrupted) {
        Exit::Error
    } else if has(Outcome::Failed)
        || has(Outcome::TimedOut)
        || (asked.fail_on_flaky && has(Outcome::Flaky))
        || (asked.fail_on_unknown && report.has_never_known())
    {
        Exit::Failed
    } else {
        Exit::Passed
    }
}

pub(super) fn service_failed(error: &ServiceError) -> Exit {
    output::error(&error.to_string(), None);
    if !error.output.trim().is_empty() {
        output::note("its last output:");
        for line in error
            .output
            .trim_end()
            .lines()
            .rev()
            .take(20)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            output::note(&format!("  | {line}"));
        }
    }
    Exit::Error
}
