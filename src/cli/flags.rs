//! The flags of the commands that load and run tasks, a row each.
//!
//! # How to add a flag
//!
//! Add a row to [`FLAGS`] and a field to [`Settings`]; a flag that changes how a run goes is handed to it in
//! [`Settings::apply`], which `run` and `watch` share. A row says whether a command that runs a task again
//! (`again: funcy run …`) repeats the flag.

use super::variable::Variable;
use crate::client::quoted;
use crate::engine::{Allow, Pattern, Run, Selection, Shard};
use crate::event::Name;
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::PathBuf;

/// Everything about one flag.
struct Flag {
    /// `jobs` of `--jobs`.
    long: &'static str,
    /// `j` of `-j`.
    short: Option<char>,
    takes: Takes,
    help: &'static str,
    /// The heading that the help lists it under.
    heading: Option<&'static str>,
    /// The commands that have it.
    of: &'static [Of],
    again: Again,
    /// What it changes; called also where it was not given.
    set: fn(&mut Settings, &Given<'_>),
}

/// What stands behind a flag.
enum Takes {
    /// Nothing.
    Nothing,
    /// One value: how the help calls it, and how it is read.
    One(&'static str, fn() -> ValueParser),
    /// The same, any number of times.
    Many(&'static str, fn() -> ValueParser),
}

/// Whether a command that runs a task again repeats the flag.
enum Again {
    /// No: it chose tasks, or what to do with them, this once.
    No,
    /// Yes: without it the task would not run as it did.
    Yes,
    /// Yes, as `NAME=VALUE`, whose value is not shown where the name is a secret of a task.
    Variable,
}

/// Commands that share flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// All that load tasks.
    Load,
    /// `funcy eval`.
    Eval,
    /// `funcy run`.
    Run,
    /// `funcy watch`.
    Watch,
}

static FLAGS: &[Flag] = &[
    Flag {
        long: "var",
        short: None,
        takes: Takes::Many("NAME=VALUE", || value_parser!(Variable).into()),
        help: "Give every task a variable, over what it declares; a JSON number or bool is typed, all else is text",
        heading: None,
        of: &[Of::Load],
        again: Again::Variable,
        set: |to, given| to.vars = given.all(),
    },
    Flag {
        long: "env",
        short: None,
        takes: Takes::One("NAME", || value_parser!(Name).into()),
        help: "Against this environment of the suite",
        heading: None,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.env = given.one(),
    },
    Flag {
        long: "allow-net",
        short: None,
        takes: Takes::Many("HOST", || value_parser!(String)),
        help: "Let tasks reach this host",
        heading: PERMISSIONS,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.allow(given, Allow::Net),
    },
    Flag {
        long: "allow-exec",
        short: None,
        takes: Takes::Many("NAME", || value_parser!(String)),
        help: "Let tasks start this program",
        heading: PERMISSIONS,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.allow(given, Allow::Exec),
    },
    Flag {
        long: "allow-env",
        short: None,
        takes: Takes::Many("NAME", || value_parser!(String)),
        help: "Let tasks read this environment variable",
        heading: PERMISSIONS,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.allow(given, Allow::Env),
    },
    Flag {
        long: "allow-read",
        short: None,
        takes: Takes::Many("DIR", || value_parser!(PathBuf)),
        help: "Let tasks read below this folder",
        heading: PERMISSIONS,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.allow(given, Allow::Read),
    },
    Flag {
        long: "allow-write",
        short: None,
        takes: Takes::Many("DIR", || value_parser!(PathBuf)),
        help: "Let tasks write below this folder",
        heading: PERMISSIONS,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.allow(given, Allow::Write),
    },
    Flag {
        long: "allow-all",
        short: None,
        takes: Takes::Nothing,
        help: "Let tasks do everything that you may",
        heading: PERMISSIONS,
        of: &[Of::Load, Of::Eval],
        again: Again::Yes,
        set: |to, given| to.allow.extend(given.is_set().then_some(Allow::All)),
    },
    Flag {
        long: "tag",
        short: None,
        takes: Takes::Many("TAG", || value_parser!(String)),
        help: "Only tasks with this tag; several: with any of them",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.selection.tags = given.all(),
    },
    Flag {
        long: "requirement",
        short: None,
        takes: Takes::Many("NAME", || value_parser!(String)),
        help: "Only tasks that name this among their requirements; several: any of them",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.selection.requirements = given.all(),
    },
    Flag {
        long: "filter",
        short: None,
        takes: Takes::Many("GLOB", || value_parser!(Pattern).into()),
        help: "Only tasks whose name or file matches, with * and ?",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.selection.filters = given.all(),
    },
    Flag {
        long: "shard",
        short: None,
        takes: Takes::One("I/N", || value_parser!(Shard).into()),
        help: "Only part I of N of the tasks",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.selection.shard = given.one(),
    },
    Flag {
        long: "jobs",
        short: Some('j'),
        takes: Takes::One("N", || value_parser!(u32).range(1..=100_000).into()),
        help: "How many tasks run at once [default: the suite's `concurrency`, or 8]",
        heading: None,
        of: &[Of::Run, Of::Watch],
        again: Again::No,
        set: |to, given| to.jobs = given.one(),
    },
    Flag {
        long: "retries",
        short: None,
        takes: Takes::One("N", || value_parser!(u32).range(0..=100).into()),
        help: "Try a task again, up to N times; one that passes then is flaky",
        heading: None,
        of: &[Of::Run, Of::Watch],
        again: Again::No,
        set: |to, given| to.retries = given.one(),
    },
    Flag {
        long: "failed",
        short: None,
        takes: Takes::Nothing,
        help: "Only the tasks that did not pass in the last run on this journal",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.failed = given.is_set(),
    },
    Flag {
        long: "fail-fast",
        short: None,
        takes: Takes::Nothing,
        help: "Stop at the first task that does not pass",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.fail_fast = given.is_set(),
    },
    Flag {
        long: "fail-on-flaky",
        short: None,
        takes: Takes::Nothing,
        help: "A flaky task is a failure",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.fail_on_flaky = given.is_set(),
    },
    Flag {
        long: "fail-on-unknown",
        short: None,
        takes: Takes::Nothing,
        help: "A condition that was unknown every time it was asked is a failure",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.fail_on_unknown = given.is_set(),
    },
    Flag {
        long: "coverage",
        short: None,
        takes: Takes::Nothing,
        help: "Tell what the run took of all that its tasks can do: states, transitions, outcomes of conditions, …",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.coverage = given.is_set(),
    },
    Flag {
        long: "fail-under",
        short: None,
        takes: Takes::One("PERCENT", || value_parser!(u32).range(0..=100).into()),
        help: "Tell the coverage, and fail where it is less than this",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.fail_under = given.one(),
    },
    Flag {
        long: "seed",
        short: None,
        takes: Takes::One("N", || value_parser!(u64).into()),
        help: "The seed of everything that is left to chance",
        heading: None,
        of: &[Of::Run, Of::Watch],
        again: Again::No,
        set: |to, given| to.seed = given.one().unwrap_or_else(|| fastrand::u64(..)),
    },
    Flag {
        long: "label",
        short: None,
        takes: Takes::Many("NAME=VALUE", || ValueParser::new(label)),
        help: "Label the run, to find it by: `funcy runs label:NAME=VALUE`",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.labels = given.all(),
    },
    Flag {
        long: "list",
        short: None,
        takes: Takes::Nothing,
        help: "List the tasks that would run, and run none",
        heading: None,
        of: &[Of::Run],
        again: Again::No,
        set: |to, given| to.list = given.is_set(),
    },
];

const PERMISSIONS: Option<&str> = Some("Permissions");

/// What the flags ask for. A command sets what it has flags for.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct Settings {
    /// Variables for every task, over what it declares.
    pub(super) vars: Vec<Variable>,
    /// The environment of the suite.
    pub(super) env: Option<Name>,
    /// What tasks may do beside what their suite allows.
    pub(super) allow: Vec<Allow>,
    /// Which tasks run.
    pub(super) selection: Selection,
    /// Of those, only what did not pass the last time.
    pub(super) failed: bool,
    /// How many run at once.
    pub(super) jobs: Option<u32>,
    /// Attempts after the first, instead of those that the tasks ask for.
    retries: Option<u32>,
    fail_fast: bool,
    pub(super) fail_on_flaky: bool,
    pub(super) fail_on_unknown: bool,
    /// Whether the coverage is told.
    pub(super) coverage: bool,
    /// The least coverage, in percent.
    pub(super) fail_under: Option<u32>,
    /// One that was drawn, if none was given.
    seed: u64,
    /// Labels of the run.
    pub(super) labels: Vec<(Name, Name)>,
    pub(super) list: bool,
    /// What was given, as a command that runs a task again repeats it.
    again: Vec<Repeated>,
}

/// A flag that was given.
#[derive(Clone, Debug)]
struct Repeated {
    long: &'static str,
    /// What stood behind it.
    value: Option<String>,
    /// Where that is `NAME=VALUE`: the name.
    variable: Option<String>,
}

impl Settings {
    /// A run that goes as it was asked for.
    pub(super) fn apply(&self, run: Run) -> Run {
        run.retries(self.retries)
            .fail_fast(self.fail_fast)
            .seed(self.seed)
    }

    /// What was given, as words for a shell: a command that runs a task again needs it too. A variable that is
    /// a secret of a task is named and not shown.
    pub(super) fn again(&self, secrets: &HashSet<&str>) -> String {
        let mut words = String::new();
        for Repeated {
            long,
            value,
            variable,
        } in &self.again
        {
            // Writing into a string does not fail.
            let _ = match (value, variable) {
                (None, _) => write!(words, " --{long}"),
                (Some(value), None) => write!(words, " --{long} {}", quoted(value)),
                (Some(_), Some(name)) if secrets.contains(&**name) => {
                    write!(words, " --{long} {name}=\"${name}\"")
                }
                (Some(value), Some(name)) => write!(words, " --{long} {name}={}", quoted(value)),
            };
        }
        words
    }

    fn allow<T: Clone + Send + Sync + 'static>(&mut self, given: &Given<'_>, one: fn(T) -> Allow) {
        self.allow.extend(given.all().into_iter().map(one));
    }
}

/// What stood behind one flag.
struct Given<'m> {
    flag: &'static Flag,
    matches: &'m ArgMatches,
}

impl Given<'_> {
    fn is_set(&self) -> bool {
        self.matches.get_flag(self.flag.long)
    }

    fn one<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.matches.get_one(self.flag.long).cloned()
    }

    fn all<T: Clone + Send + Sync + 'static>(&self) -> Vec<T> {
        let values = self.matches.get_many(self.flag.long);
        values.map_or_else(Vec::new, |values| values.cloned().collect())
    }

    /// As it is to be repeated.
    fn again(&self) -> Vec<Repeated> {
        let long = self.flag.long;
        let plain = |value: Option<String>| Repeated {
            long,
            value,
            variable: None,
        };
        match (&self.flag.again, &self.flag.takes) {
            (Again::No, _) => Vec::new(),
            (_, Takes::Nothing) => (self.is_set().then(|| plain(None)).into_iter()).collect(),
            (Again::Yes, _) => self.raw().map(|value| plain(Some(value))).collect(),
            (Again::Variable, _) => (self.raw())
                .map(|text| match text.split_once('=') {
                    Some((name, value)) => Repeated {
                        long,
                        value: Some(value.to_owned()),
                        variable: Some(name.to_owned()),
                    },
                    None => plain(Some(text)),
                })
                .collect(),
        }
    }

    fn raw(&self) -> impl Iterator<Item = String> {
        let values = self.matches.get_raw(self.flag.long);
        let values = values.into_iter().flatten();
        values.map(|value| value.to_string_lossy().into_owned())
    }
}

impl Flag {
    fn arg(&self) -> Arg {
        let mut arg = Arg::new(self.long).long(self.long).help(self.help);
        if let Some(short) = self.short {
            arg = arg.short(short);
        }
        if let Some(heading) = self.heading {
            arg = arg.help_heading(heading);
        }
        match self.takes {
            Takes::Nothing => arg.action(ArgAction::SetTrue),
            Takes::One(name, parser) => arg.value_name(name).value_parser(parser()),
            Takes::Many(name, parser) => {
                (arg.value_name(name).value_parser(parser())).action(ArgAction::Append)
            }
        }
    }
}

/// The flags of a command, as `clap` flattens them into its arguments, and what they ask for.
#[derive(Clone, Debug)]
pub(super) struct Flags<C> {
    settings: Settings,
    command: PhantomData<C>,
}

/// A command that has flags of the table.
pub(super) trait Has {
    const OF: Of;
}

macro_rules! commands {
    ($($name:ident: $of:expr),* $(,)?) => {$(
        #[derive(Clone, Debug)]
        pub(super) struct $name;

        impl Has for $name {
            const OF: Of = $of;
        }
    )*};
}

commands! { OfLoad: Of::Load, OfEval: Of::Eval, OfRun: Of::Run, OfWatch: Of::Watch }

impl<C> Deref for Flags<C> {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

fn flags_of(command: Of) -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(move |flag| flag.of.contains(&command))
}

impl<C: Has> clap::Args for Flags<C> {
    fn augment_args(command: Command) -> Command {
        command.args(flags_of(C::OF).map(Flag::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<C: Has> FromArgMatches for Flags<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Settings::default();
        for flag in flags_of(C::OF) {
            let given = Given { flag, matches };
            (flag.set)(&mut settings, &given);
            settings.again.extend(given.again());
        }
        Ok(Self {
            settings,
            command: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// `NAME=VALUE`.
fn label(text: &str) -> Result<(Name, Name), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
            Ok((name.into(), value.into()))
        }
        _ => Err("write NAME=VALUE, without spaces in the name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Json;
    use clap::Args;

    fn parsed<C: Has>(words: &[&str]) -> Flags<C> {
        let command = Flags::<C>::augment_args(Command::new("funcy"));
        let words = std::iter::once("funcy").chain(words.iter().copied());
        Flags::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }

    /// Each row reads what its parser makes: another type would panic.
    #[test]
    fn every_flag_can_be_given() {
        for flag in FLAGS {
            let value = match flag.takes {
                Takes::Nothing => None,
                Takes::One("I/N", _) | Takes::Many("I/N", _) => Some("1/2"),
                Takes::One("NAME=VALUE", _) | Takes::Many("NAME=VALUE", _) => Some("a=b"),
                Takes::One(..) | Takes::Many(..) => Some("1"),
            };
            let long = format!("--{}", flag.long);
            let words: Vec<&str> = std::iter::once(&*long).chain(value).collect();
            for command in flag.of {
                let again = match command {
                    Of::Load => parsed::<OfLoad>(&words).again(&HashSet::new()),
                    Of::Eval => parsed::<OfEval>(&words).again(&HashSet::new()),
                    Of::Run => parsed::<OfRun>(&words).again(&HashSet::new()),
                    Of::Watch => parsed::<OfWatch>(&words).again(&HashSet::new()),
                };
                let repeated = !matches!(flag.again, Again::No);
                let wanted = format!(" {}", words.join(" "));
                assert_eq!(again, if repeated { wanted } else { String::new() });
            }
        }
    }

    #[test]
    fn what_is_repeated_is_quoted_and_a_secret_is_only_named() {
        let words = [
            "--var=id=7",
            "--var",
            "who=a b",
            "--var=token=hush",
            "--allow-read=my files",
            "--allow-all",
        ];
        let flags = parsed::<OfLoad>(&words);
        assert_eq!(flags.vars[0].value, Json::from(7));
        assert_eq!(
            flags.again(&HashSet::from(["token"])),
            " --var id=7 --var who='a b' --var token=\"$token\" --allow-read 'my files' --allow-all"
        );
    }
}
