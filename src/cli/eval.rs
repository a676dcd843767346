//! `funcy eval`: one expression by itself, over a file, the answer of a client, or variables alone.

mod input;
mod observed;
mod printer;
mod recorded;
mod written;

use super::exit::Exit;
use super::flags::{Flags, OfEval};
use super::journal::Kept;
use super::options::Global;
use super::output;
use super::signals::Ending;
use super::variable::Variable;
use crate::client::Registry;
use crate::definition::Text;
use crate::engine::{Adhoc, AdhocRequest, Loader, Project, Run, Tasks};
use crate::event::{Name, Outcome, parse_duration};
use crate::script::{Expression, LOCALS, Scope, Value};
use input::Input;
use observed::Observed;
use printer::Printer;
use recorded::Recorded;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use written::Written;

/// What an expression may look at, for the help.
const AFTER: &str = "\
What `res` is:
  --input FILE   res.body: parsed where it is JSON, or YAML by its name, else the text; res.text, res.size
  --http, --client   the result that an instruction of a task has: `funcy clients KIND` shows its members
  --subscribe    the first message; with --until each message in turn, until the expression holds
  --run RUN --at SEQ   what a recorded run was answered there, with the variables as they were then
Variables are those of the suite, and --var; `NAME::function(…)` calls its scripts. The suite is the nearest funcy.yaml
in or above `tasks`, or the current folder. A client of the suite finds the suite's services started.

Examples:
  funcy eval '2 + 2'
  funcy eval 'res.status == 200 && res.body.ok' --http 'GET http://127.0.0.1:7801/health' --explain
  funcy eval 'len(res.body.items) > 3' --input order.json
  funcy eval 'res.rows[0].n == 3' --client db 'SELECT count(*) AS n FROM orders'
  funcy eval \"res.body.status == 'shipped'\" --client shop 'GET /orders/1' --until --timeout 1m
  funcy eval 'res.body.id == 7' --client bus --subscribe 'orders.*.shipped' --until
  funcy eval 'res.body.total == total' --run latest-failed --at 17 --explain

Exit codes: 0 true or any other value, 1 false, 2 it does not parse, 3 it could not be evaluated, 130 interrupted.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The expression, as in `when`
    #[arg(value_name = "EXPR")]
    expression: String,
    /// With --client: what it is asked, in short or as a map, as in a task
    #[arg(value_name = "REQUEST", requires = "client")]
    request: Option<String>,
    /// Look at a file; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["http", "client"])]
    input: Option<PathBuf>,
    /// Look at a recorded run: the beginning or the end of its name, `latest`, or `latest-failed`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["input", "http", "client"])]
    run: Option<String>,
    /// With --run: as it was after the event with this number
    #[arg(long, value_name = "SEQ", requires = "run")]
    at: Option<u64>,
    #[command(flatten)]
    kept: Kept,
    /// Ask over HTTP: `GET URL`, or a map
    #[arg(long, value_name = "REQUEST", conflicts_with = "client")]
    http: Option<String>,
    /// Ask a client of the suite, or a kind under its own name
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Wait for a message of this source of the client
    #[arg(
        long,
        value_name = "SOURCE",
        requires = "client",
        conflicts_with = "request"
    )]
    subscribe: Option<String>,
    /// Show the value of each operand too
    #[arg(long)]
    explain: bool,
    /// Ask again until the expression holds
    #[arg(long)]
    until: bool,
    /// How long an answer, or with --until the waiting, may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = length)]
    timeout: Duration,
    /// With --until: the pause before asking again
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = length, requires = "until")]
    every: Duration,
    /// Give a variable; a JSON number or bool is typed, all else is text
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<Variable>,
    #[command(flatten)]
    flags: Flags<OfEval>,
    /// `json`: one document a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

/// A length of time that is not nothing: asking without a pause would be an attack.
fn length(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it must be longer than nothing".to_owned()),
        length => Ok(length),
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let printer = Printer::new(global, args.format, args.explain);
    evaluate(args, &printer).unwrap_or_else(|exit| exit)
}

/// `Err`: it ended before there was a value, which was said.
fn evaluate(args: &Args, printer: &Printer) -> Result<Exit, Exit> {
    let (input, written) = given(args, printer)?;
    let vars = variables(args, &input);
    let registry = match &input {
        Input::Client(_) => Registry::builtin(),
        _ => Registry::empty(),
    };
    let loader = Loader::new(registry)
        .given(vars.iter().map(|(name, _)| Name::clone(name)))
        .environment(args.flags.env.clone())
        .allow(args.flags.allow.iter().cloned());
    let found = surroundings(&loader, &vars, &input, &written);
    let (project, is_suite) = found.map_err(|found| printer.mistakes(&found))?;
    let mut file = written.file;
    if let Input::Client(ask) = &input
        && has_client(&project, ask.client.as_str())
    {
        // Its config means its paths from there.
        file.path = project.suite.folder.join("eval");
    }
    let mut adhoc = Adhoc {
        file: Arc::new(file),
        expression: written.expression,
        ask: None,
        until: args.until.then_some(args.every),
        timeout: args.timeout,
    };
    let has_res = input.has_res();
    let wrong = |diagnostics| printer.diagnostics(diagnostics, &adhoc.file);
    let expression = loader.expression(&adhoc, &project, has_res);
    let expression = expression.map_err(wrong)?;
    let mut res = None;
    match input {
        Input::Client(ask) => adhoc.ask = Some(ask),
        Input::Data(data)
        | Input::Recorded(Recorded {
            res: Some(Ok(data)),
            ..
        }) => res = Some(Value::result(data)),
        Input::Recorded(Recorded {
            res: Some(Err(failure)),
            ..
        }) if reads_res(&expression) => return Err(printer.failure(&failure)),
        Input::Variables | Input::Recorded(_) => {}
    }
    let mut observed = Observed::default();
    // What no suite and no client has to say needs no run.
    if adhoc.ask.is_some() || is_suite {
        observed = put(&loader, &adhoc, &project, &vars, printer)?;
        if let Some(exit) = observed.end(&adhoc, printer) {
            return Ok(exit);
        }
    }
    let res = res.or_else(|| observed.res.take().map(Value::result));
    let scope = scope(vars, observed);
    value(&project, &adhoc, &expression, &scope, res.as_ref(), printer)
}

fn reads_res(expression: &Expression) -> bool {
    let uses = expression.uses();
    uses.reads.iter().any(|read| &*read.name == "res")
}

/// What is given: the variables as they were recorded, and those of the command line over them.
fn variables(args: &Args, input: &Input) -> Vec<(Name, Value)> {
    let mut vars = match input {
        Input::Recorded(recorded) => recorded.variables.clone(),
        _ => Vec::new(),
    };
    for var in &args.vars {
        vars.retain(|(name, _)| *name != var.name);
        vars.push((Name::clone(&var.name), Value::from(&var.value)));
    }
    vars
}

/// What the expression is about, and what was written.
fn given(args: &Args, printer: &Printer) -> Result<(Input, Written), Exit> {
    let request = [&args.http, &args.request, &args.subscribe];
    let request = request.into_iter().find_map(Option::as_deref);
    let client = match &args.http {
        Some(_) => Some("http"),
        None => args.client.as_deref(),
    };
    let usage = |message: &str, hint: &str| {
        output::error(message, Some(hint));
        Exit::Usage
    };
    if args.until && client.is_none() {
        return Err(usage(
            "--until needs somebody to ask again",
            "add --http or --client; a file is asked with `--client file '{read: FILE}'`",
        ));
    }
    let (written, node) = Written::new(&args.expression, request)
        .map_err(|(diagnostics, file)| printer.diagnostics(diagnostics, &file))?;
    let input = match (client, node) {
        (Some(client), Some(request)) => Input::Client(AdhocRequest {
            // Its name stands in no line: what is wrong with it is shown at the request.
            client: Text::plain(client, request.span),
            request,
            subscribe: args.subscribe.is_some(),
        }),
        (Some(client), None) => {
            return Err(usage(
                &format!("`{client}` is asked nothing"),
                "write a request behind the expression, or --subscribe SOURCE",
            ));
        }
        (None, _) => match (&args.input, &args.run) {
            (Some(path), _) => Input::read(path).map_err(|failure| printer.failure(&failure))?,
            (None, Some(run)) => Input::Recorded(recorded::read(&args.kept.open()?, run, args.at)?),
            (None, None) => Input::Variables,
        },
    };
    Ok((input, written))
}

/// What the expression is evaluated in, and whether that is a suite. Nothing is loaded that it does not
/// speak of.
fn surroundings(
    loader: &Loader,
    vars: &[(Name, Value)],
    input: &Input,
    written: &Written,
) -> Result<(Arc<Project>, bool), Tasks> {
    let here = Path::new(".");
    let bare = loader.bare(here);
    let is_needed = matches!(input, Input::Client(_))
        || bare
            .engine()
            .script(written.expression.as_str())
            .is_ok_and(|expression| speaks_of_a_suite(&expression, vars));
    if !is_needed {
        return Ok((bare, false));
    }
    let tasks = Path::new("tasks");
    if tasks.is_dir() {
        let project = loader.suite(tasks)?;
        if project.suite.file.is_some() {
            return Ok((project, true));
        }
    }
    Ok((loader.suite(here)?, true))
}

/// Whether it reads a variable that was not given, calls a script, or needs a permission.
fn speaks_of_a_suite(expression: &Expression, vars: &[(Name, Value)]) -> bool {
    let uses = expression.uses();
    let is_given = |name: &str| vars.iter().any(|(known, _)| &**known == name);
    let mut reads = uses.reads.iter().map(|read| &*read.name);
    let mut calls = uses.calls.iter();
    reads.any(|name| !is_given(name) && !LOCALS.contains(&name))
        || calls.any(|call| call.module.is_some() || &*call.name == "env")
}

fn has_client(project: &Project, name: &str) -> bool {
    let mut clients = project.suite.clients.iter();
    clients.any(|client| client.name.as_str() == name)
}

/// Runs the ad hoc expression: asks, waits, listens to signals.
fn put(
    loader: &Loader,
    adhoc: &Adhoc,
    project: &Arc<Project>,
    vars: &[(Name, Value)],
    printer: &Printer,
) -> Result<Observed, Exit> {
    let task = loader
        .adhoc(adhoc, project)
        .map_err(|diagnostics| printer.diagnostics(diagnostics, &adhoc.file))?;
    let observed = Arc::new(Mutex::new(Observed::new(printer, adhoc)));
    let mut run = Run::new(vec![task], loader.registry().clone())
        .seed(fastrand::u64(..))
        .sink(Arc::clone(&observed));
    for (name, value) in vars {
        run = run.var(Name::clone(name), value.clone());
    }
    let handle = run.handle();
    // Before anything is started: a signal that comes first would leave the services behind.
    let signals = Ending::listen();
    let ran = crate::engine::block_on(async {
        let mut beside = JoinSet::new();
        beside.spawn(observed::redraw(Arc::clone(&observed)));
        tokio::select! {
            report = run.start() => Some(report),
            () = observed::interrupted(signals, handle, &observed) => None,
        }
    });
    let observed = std::mem::take(&mut *observed.lock().unwrap_or_else(PoisonError::into_inner));
    match ran {
        Ok(Some(Ok(report))) if report.outcome == Outcome::Cancelled => Err(Exit::Interrupted),
        Ok(Some(Ok(_))) => Ok(observed),
        Ok(Some(Err(error))) => Err(super::run::service_failed(&error)),
        Ok(None) => Err(Exit::Interrupted),
        Err(error) => {
            output::error(&format!("the runtime does not start: {error}"), None);
            Err(Exit::Error)
        }
    }
}

/// The variables: those that the run has told of, or those that were given.
fn scope(vars: Vec<(Name, Value)>, observed: Observed) -> Scope {
    let scope = Scope::new();
    for (name, value) in vars.into_iter().chain(observed.variables) {
        scope.set(&name, value);
    }
    scope
}

fn value(
    project: &Project,
    adhoc: &Adhoc,
    expression: &Expression,
    scope: &Scope,
    res: Option<&Value>,
    printer: &Printer,
) -> Result<Exit, Exit> {
    let examined = crate::engine::block_on(async { project.examine(expression, scope, res) })
        .map_err(|error| {
            output::error(&format!("the runtime does not start: {error}"), None);
            Exit::Error
        })?;
    Ok(printer.examined(examined, adhoc))
}
