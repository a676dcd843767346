//! `funcy simulate`: the same machine on a virtual clock.

mod explore;
mod files;

use super::exit::Exit;
use super::given;
use super::journal::Kept;
use super::options::{Global, Load};
use super::output::{self, Lenient};
use super::run::{self, Format, ReportFile};
use crate::definition::{self, Diagnostic};
use crate::engine::{Answers, Loaded, Simulated, simulate};
use crate::event::{Event, Json, Name, Outcome, Sink, nearest};
use crate::report::{self, Color, Folded, Options, Style, Terminal};
use crate::sim::{LeftAt, Mismatch, Recording, Stubs, Stuck, Unstubbed, trace_hash};
use serde_json::json;
use std::collections::HashSet;
use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: Load,
    /// What answers in the place of the world: for each request and subscription a list
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recorded", "run"])]
    stubs: Option<PathBuf>,
    /// Answer as in a recorded run: a file of `funcy run --report ndjson=FILE`
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,
    /// Answer as in this run of the journal: the beginning or the end of its name, `latest`, or `latest-failed`
    #[arg(long, value_name = "RUN", conflicts_with = "recorded")]
    run: Option<String>,
    #[command(flatten)]
    kept: Kept,
    /// Print a stubs file to start from
    #[arg(long, conflicts_with_all = ["stubs", "recorded", "run", "explore"])]
    stubs_template: bool,
    /// Which of the task's cases is simulated, by its name [default: the first]
    #[arg(long, value_name = "NAME")]
    case: Option<Name>,
    /// The seed of everything that is left to chance; a recording brings its own
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Simulate this often, and fail unless every run leaves the same trace
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Write a report; any number of them
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<ReportFile>,
    /// `json`: every event as a line of JSON on stdout, or with `--explore` every path
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    explore: explore::Exploring,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let found = args.load.loader().load(&args.load.paths());
    if let Err(exit) = run::usable(global, &found) {
        return exit;
    }
    if let Err(exit) = given::unread(&found.tasks, &args.load) {
        return exit;
    }
    if args.explore.is_asked() {
        return explore::run(global, &args.explore, args.format, &found.tasks, &args.load);
    }
    let [task] = &found.tasks[..] else {
        let hint = "name one file: `funcy simulate tasks/NAME.yaml`; only `--explore` takes many";
        let message = format!(
            "{} tasks are here, and one is simulated at a time",
            found.tasks.len()
        );
        output::error(&message, Some(hint));
        return Exit::Usage;
    };
    let task = &match of_case(task, args.case.as_ref()) {
        Ok(task) => task,
        Err(exit) => return exit,
    };
    if args.stubs_template {
        output::data(&template(&args.load, task));
        return Exit::Passed;
    }
    if let Err(exit) = given::params_missing(&found.tasks, &args.load) {
        return exit;
    }
    let cast = match Cast::read(global, args, task) {
        Ok(cast) => cast,
        Err(exit) => return exit,
    };
    // The interpreter of expressions needs the stack of the engine's thread.
    let played = crate::engine::block_on(async {
        Play {
            global,
            args,
            task,
            cast: &cast,
        }
        .run()
    });
    played.unwrap_or_else(|error| {
        output::error(&format!("no thread can be started: {error}"), None);
        Exit::Error
    })
}

/// One of the cases of a task that has some: the first, where none is named.
fn of_case(task: &Loaded, wanted: Option<&Name>) -> Result<Loaded, Exit> {
    let cases = &task.machine.cases;
    let case = match wanted {
        None => cases.first(),
        Some(name) => cases.iter().find(|case| case.name == *name),
    };
    match (wanted, case) {
        (None, Some(case)) if cases.len() > 1 => output::note(&format!(
            "note:    of {} cases this is `{}`; `--case NAME` takes another",
            cases.len(),
            case.name
        )),
        (Some(name), None) => {
            let near = nearest(name, cases.iter().map(|case| &*case.name));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("`{}` has no case `{name}`", task.machine.name);
            output::error(&message, hint.as_deref());
            return Err(Exit::Usage);
        }
        _ => {}
    }
    Ok(Loaded {
        case: case.cloned(),
        ..task.clone()
    })
}

/// A stubs file to start from, and what becomes of the task with it as it stands: not every task tells enough of what it is
/// answered.
fn template(load: &Load, task: &Loaded) -> String {
    let text = task.machine.stubs_template();
    let Some(stubs) = files::of_template(&text, &task.machine) else {
        return text;
    };
    let vars: Vec<(Name, Json)> = (load.flags.vars.iter())
        .map(|var| (Name::clone(&var.name), var.value.clone()))
        .collect();
    let play = || simulate(task, Answers::Stubs(&stubs), &vars, 0).end;
    let ended = match crate::engine::block_on(async { play() }) {
        Ok(Ok(verdict)) if exit(verdict.outcome) == Exit::Passed => return text,
        Ok(Ok(verdict)) => {
            let word = verdict.outcome.word();
            match &verdict.headline {
                None => word.to_owned(),
                Some(headline) => {
                    let line = report::anchor(headline)
                        .map_or_else(String::new, |(_, at)| format!(" in line {}", at.line));
                    let message = headline.failure.message.lines().next();
                    format!("{word}{line}, {}", message.unwrap_or_default())
                }
            }
        }
        Ok(Err(_)) => "stuck: something is asked for that has no answer".to_owned(),
        Err(_) => return text,
    };
    let ended: String = ended
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect();
    format!("{text}\n# As it stands, the task does not pass with these answers: {ended}\n")
}

/// Who plays the world.
enum Cast {
    Stubs(Stubs),
    Recording(Box<Recording>),
}

impl Cast {
    fn read(global: &Global, args: &Args, task: &Loaded) -> Result<Self, Exit> {
        let recorded = match (&args.recorded, &args.run) {
            (Some(path), _) => Some((files::events(path)?, path.display().to_string())),
            (None, Some(run)) => {
                let (events, id) = files::kept(&args.kept.open()?, run, task)?;
                Some((events, format!("run {id}")))
            }
            (None, None) => None,
        };
        if let Some((events, from)) = recorded {
            let case = task.case.as_deref();
            let Some(execution) = Recording::last_of(&events, &task.machine, case) else {
                let message = format!("{from} holds no execution of `{}`", task.name());
                output::error(
                    &message,
                    Some("record one: `funcy run` keeps it in the journal"),
                );
                return Err(Exit::Usage);
            };
            return Ok(Self::Recording(Box::new(Recording::of(&events, execution))));
        }
        match &args.stubs {
            Some(path) => files::stubs(global, path, &task.machine).map(Self::Stubs),
            None => Ok(Self::Stubs(Stubs::default())),
        }
    }

    fn answers(&self) -> Answers<'_> {
        match self {
            Self::Stubs(stubs) => Answers::Stubs(stubs),
            Self::Recording(recording) => Answers::Recording(recording),
        }
    }
}

/// One task with everything that it is simulated with.
struct Play<'a> {
    global: &'a Global,
    args: &'a Args,
    task: &'a Loaded,
    cast: &'a Cast,
}

impl Play<'_> {
    fn run(&self) -> Exit {
        let secrets: HashSet<&str> = self
            .task
            .machine
            .secrets()
            .iter()
            .map(|name| &**name)
            .collect();
        let flags = self.flags(&secrets);
        let mut sinks = match run::open_reports(&self.args.reports, &self.options(&flags)) {
            Ok(sinks) => sinks,
            Err(exit) => return exit,
        };
        let first = self.once();
        let hash = trace_hash(&first.facts);
        let verdict = match &first.end {
            Ok(verdict) => verdict,
            Err(stuck) => return self.stuck(stuck),
        };
        if let Err(exit) = self.repeat(&first, &hash) {
            return exit;
        }
        if self.args.format == Format::Human {
            output::text(&format!("{}\n", self.header()));
        }
        sinks.push(self.screen(&flags));
        let events = first.events(run::command_line(&secrets));
        tell(&mut sinks, &events);
        self.say_trace(&hash);
        Self::say_masked(&first.masked);
        exit(verdict.outcome)
    }

    fn once(&self) -> Simulated {
        let vars: Vec<(Name, Json)> = (self.args.load.flags.vars.iter())
            .map(|var| (Name::clone(&var.name), var.value.clone()))
            .collect();
        simulate(self.task, self.cast.answers(), &vars, self.args.seed)
    }

    /// Simulates as often as was asked for: the trace must be the same each time.
    fn repeat(&self, first: &Simulated, hash: &str) -> Result<(), Exit> {
        for number in 2..=self.args.runs {
            let again = self.once();
            if trace_hash(&again.facts) == hash {
                continue;
            }
            let at = (first.facts.iter().zip(&again.facts))
                .position(|(one, other)| one != other)
                .unwrap_or_else(|| first.facts.len().min(again.facts.len()));
            let message = format!(
                "run {number} leaves another trace than the first, from fact {} on",
                at + 1
            );
            output::error(
                &message,
                Some("this is a mistake in funcy; please report it with the task that shows it"),
            );
            return Err(Exit::Error);
        }
        Ok(())
    }

    /// What answered, in one line.
    fn header(&self) -> String {
        let seed = self.args.seed;
        let by = match (self.cast, &self.args.recorded, &self.args.stubs) {
            (Cast::Recording(_), Some(path), _) => format!("answers of {}", path.display()),
            (Cast::Recording(recording), None, _) => format!("answers of run {}", recording.run),
            (Cast::Stubs(_), _, Some(path)) => format!("stubs of {}, seed {seed}", path.display()),
            (Cast::Stubs(_), _, None) => format!("no stubs, seed {seed}"),
        };
        format!("simulated on a virtual clock: {by}")
    }

    fn flags(&self, secrets: &HashSet<&str>) -> String {
        let mut flags = String::new();
        let files = [
            ("stubs", &self.args.stubs),
            ("recorded", &self.args.recorded),
        ];
        for (name, path) in files
            .into_iter()
            .filter_map(|(name, path)| Some((name, path.as_ref()?)))
        {
            let path = path.display().to_string();
            flags.push_str(&format!(" --{name} {}", crate::client::quoted(&path)));
        }
        if let Some(run) = &self.args.run {
            flags.push_str(&format!(" --run {}", crate::client::quoted(run)));
        }
        if self.args.seed != 0 {
            flags.push_str(&format!(" --seed {}", self.args.seed));
        }
        flags.push_str(&self.args.load.flags.again(secrets));
        flags
    }

    fn options(&self, flags: &str) -> Options {
        Options {
            command: "simulate",
            flags: flags.to_owned(),
            reports: (self.args.reports.iter())
                .map(|report| report.path.display().to_string())
                .collect(),
            ..Options::default()
        }
    }

    /// What people see, or with `--format json` programs.
    fn screen(&self, flags: &str) -> Box<dyn Sink> {
        let out = Box::new(Lenient(BufWriter::new(run::stdout())));
        if self.args.format == Format::Json {
            return Box::new(report::Ndjson::new(out));
        }
        let options = Options {
            style: self
                .global
                .style(io::stdout().is_terminal() || io::stderr().is_terminal()),
            ..self.options(flags)
        };
        let progress = Box::new(Lenient(io::stderr()));
        Box::new(Folded::new(Terminal::new(out, progress, options)))
    }

    fn say_trace(&self, hash: &str) {
        let runs = self.args.runs;
        if self.args.format == Format::Json {
            output::data(&format!(
                "{}\n",
                json!({ "kind": "trace", "hash": hash, "runs": runs })
            ));
        } else if runs > 1 {
            output::data(&format!("trace:   {hash}, the same in {runs} runs\n"));
        } else if self.global.is_verbose() {
            output::data(&format!("trace:   {hash}\n"));
        }
    }

    fn say_masked(masked: &[Name]) {
        if !masked.is_empty() {
            let names: Vec<String> = masked.iter().map(|name| format!("${name}")).collect();
            output::note(&format!(
                "note: the recording holds {} only masked; what depends on the value may end otherwise",
                names.join(", ")
            ));
        }
    }

    /// Something was asked for that nothing answers.
    fn stuck(&self, stuck: &Stuck) -> Exit {
        let (diagnostic, lines, exit) = match stuck {
            Stuck::Unstubbed(unstubbed) => {
                let (diagnostic, lines) = self.unstubbed(unstubbed);
                (diagnostic, lines, Exit::Usage)
            }
            Stuck::Left(at) => (left(at), String::new(), Exit::Error),
            Stuck::Deadlock => {
                output::error("the task waits for something that never comes", None);
                return Exit::Error;
            }
        };
        let style = self.global.style(io::stderr().is_terminal());
        output::rendered(self.rendered(&diagnostic, style).trim_end());
        if !lines.is_empty() {
            output::note(&format!("\n{}", lines.trim_end()));
        }
        exit
    }

    fn rendered(&self, diagnostic: &Diagnostic, style: Style) -> String {
        let file = &self.task.machine.file;
        let source = |name: &str| (*name == *file.name).then(|| Name::clone(&file.text));
        let color = style.color != Color::Never;
        definition::render(
            std::slice::from_ref(diagnostic),
            &source,
            color,
            style.width.min(200),
        )
    }

    /// What lacks a stub, and the lines to add.
    fn unstubbed(&self, unstubbed: &Unstubbed) -> (Diagnostic, String) {
        let Unstubbed {
            place,
            client,
            used_up,
            ..
        } = unstubbed;
        let message = if *used_up {
            format!("the stubs of `{}` are used up", place.path)
        } else {
            format!("`{}` has no stub", place.path)
        };
        let file = self.args.stubs.as_ref().map_or_else(
            || "a file, and name it with `--stubs FILE`; `--stubs-template` prints all that is needed".to_owned(),
            |path| format!("`{}`", path.display()),
        );
        let (hint, lines) = if *used_up {
            ("the last one has `times`: raise it, or leave it out to repeat that answer for ever".to_owned(), String::new())
        } else {
            (
                format!("add the lines below to {file}"),
                self.task.machine.stub_lines(unstubbed),
            )
        };
        let diagnostic = Diagnostic::error("no-stub", &place.file, place.span, message)
            .label(format!("asks `{client}`"))
            .hint(hint);
        (diagnostic, lines)
    }
}

fn left(at: &LeftAt) -> Diagnostic {
    let LeftAt { place, asked, .. } = at;
    let hint = match asked {
        Mismatch::Other { recorded, now } => format!(
            "recorded was {}, and now it is {}",
            brief(recorded),
            brief(now)
        ),
        Mismatch::Unrecorded | Mismatch::Message => {
            "what would come now is not known: run the task, and record it again".to_owned()
        }
    };
    Diagnostic::error("left-recording", &place.file, place.span, at.to_string())
        .label("from here on nothing is recorded")
        .hint(hint)
}

/// The beginning of a value in one line.
fn brief(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn tell(sinks: &mut [Box<dyn Sink>], events: &[Event]) {
    for sink in sinks {
        if let Err(error) = sink.accept(events).and_then(|()| sink.finish()) {
            output::error(&error.to_string(), None);
        }
    }
}

fn exit(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Passed | Outcome::Known | Outcome::Flaky | Outcome::Skipped => Exit::Passed,
        Outcome::Failed | Outcome::TimedOut => Exit::Failed,
        Outcome::Error | Outcome::Cancelled | Outcome::Interrupted => Exit::Error,
    }
}
