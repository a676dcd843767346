use super::output;
use crate::client::{Registry, quoted};
use crate::engine::{Allow, Loader};
use crate::event::{Json, Name, number};
use crate::report::{ColorChoice, Output, Style};
use clap::{ArgAction, Args, ValueEnum};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// When to use colour; over `NO_COLOR`, over `FORCE_COLOR`
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: When,
    /// Say more on stderr: -v what happens, -vv in detail. `FUNCY_LOG` takes a filter
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

impl Global {
    /// How to write to a stream.
    pub(super) fn style(&self, terminal: bool) -> Style {
        let choice = match self.color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        };
        let columns = terminal
            .then(output::size)
            .flatten()
            .map(|(columns, _)| columns);
        Style::choose(
            Output {
                choice,
                terminal,
                columns,
            },
            |name| std::env::var(name).ok(),
        )
    }

    /// Whether more is to be said.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    pub(super) fn out_style(&self) -> Style {
        self.style(std::io::stdout().is_terminal())
    }

    /// Sends traces to stderr, as far as `-v` or `FUNCY_LOG` ask for them.
    pub(super) fn trace(&self) {
        use tracing_subscriber::EnvFilter;
        let filter = match (std::env::var("FUNCY_LOG"), self.verbose) {
            (Ok(filter), _) if !filter.is_empty() => EnvFilter::new(filter),
            (_, 0) => return,
            (_, 1) => EnvFilter::new("funcy=info"),
            (_, 2) => EnvFilter::new("funcy=debug"),
            (_, _) => EnvFilter::new("trace"),
        };
        // Only the first subscriber of a process counts; a second one is a test's.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            // It would panic where nobody reads stderr any more.
            .log_internal_errors(false)
            .with_ansi(
                self.style(std::io::stderr().is_terminal()).color != crate::report::Color::Never,
            )
            .try_init();
    }
}

/// Which files, and what is given to them: the same for every command that loads tasks.
#[derive(Debug, Args)]
pub(super) struct Load {
    /// Task files, or folders of them [default: tasks]
    #[arg(value_name = "PATH")]
    given: Vec<PathBuf>,
    /// Give every task a variable, over what it declares; a JSON number or bool is typed, all else is text
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(super) vars: Vec<Variable>,
    #[command(flatten)]
    allow: Allowed,
}

/// `--allow-…`.
#[derive(Debug, Args)]
pub(super) struct Allowed {
    /// Let tasks reach this host
    #[arg(long = "allow-net", value_name = "HOST", help_heading = "Permissions")]
    net: Vec<String>,
    /// Let tasks start this program
    #[arg(long = "allow-exec", value_name = "NAME", help_heading = "Permissions")]
    exec: Vec<String>,
    /// Let tasks read this environment variable
    #[arg(long = "allow-env", value_name = "NAME", help_heading = "Permissions")]
    env: Vec<String>,
    /// Let tasks read below this folder
    #[arg(long = "allow-read", value_name = "DIR", help_heading = "Permissions")]
    read: Vec<PathBuf>,
    /// Let tasks write below this folder
    #[arg(long = "allow-write", value_name = "DIR", help_heading = "Permissions")]
    write: Vec<PathBuf>,
    /// Let tasks do everything that you may
    #[arg(long = "allow-all", help_heading = "Permissions")]
    all: bool,
}

impl Load {
    /// The files and folders that were named.
    pub(super) fn given(&self) -> Option<&[PathBuf]> {
        (!self.given.is_empty()).then_some(&self.given)
    }

    /// The files and folders to load.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let given = self.given().map(<[PathBuf]>::to_vec);
        given.unwrap_or_else(|| vec!["tasks".into()])
    }
}

impl Allowed {
    pub(super) fn grants(&self) -> impl Iterator<Item = Allow> {
        let Self {
            net,
            exec,
            env,
            read,
            write,
            all,
        } = self;
        (net.iter().cloned().map(Allow::Net))
            .chain(exec.iter().cloned().map(Allow::Exec))
            .chain(env.iter().cloned().map(Allow::Env))
            .chain(read.iter().cloned().map(Allow::Read))
            .chain(write.iter().cloned().map(Allow::Write))
            .chain(all.then_some(Allow::All))
    }
}

impl Load {
    /// A loader that knows every client, the given variables and the grants.
    pub(super) fn loader(&self) -> Loader {
        Loader::new(Registry::builtin())
            .given(self.vars.iter().map(|var| Name::clone(&var.name)))
            .allow(self.allow.grants())
    }
}

impl Load {
    /// What was given, as words for a shell: a command that runs a task again needs it too. A variable that is
    /// a secret of a task is named and not shown.
    pub(super) fn flags(&self, secrets: &HashSet<&str>) -> String {
        let mut flags = String::new();
        for Variable { name, value } in &self.vars {
            let value = match value {
                _ if secrets.contains(&**name) => format!("\"${name}\""),
                Json::String(text) => quoted(text).into_owned(),
                other => other.to_string(),
            };
            let _ = write!(flags, " --var {name}={value}");
        }
        let Allowed {
            net,
            exec,
            env,
            read,
            write,
            all,
        } = &self.allow;
        for (flag, words) in [("net", net), ("exec", exec), ("env", env)] {
            for word in words {
                let _ = write!(flags, " --allow-{flag} {}", quoted(word));
            }
        }
        for (flag, folders) in [("read", read), ("write", write)] {
            for folder in folders {
                let folder = folder.display().to_string();
                let _ = write!(flags, " --allow-{flag} {}", quoted(&folder));
            }
        }
        if *all {
            flags.push_str(" --allow-all");
        }
        flags
    }
}

/// `NAME=VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: Name,
    pub(super) value: Json,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
        let first = name
            .chars()
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_');
        if !first || !name.chars().all(|one| one.is_alphanumeric() || one == '_') {
            return Err(format!(
                "`{name}` is no name of a variable: letters, digits and _ only"
            ));
        }
        // As a cell of a csv file: typed only where it is exactly a JSON number or bool.
        Ok(Self {
            name: name.into(),
            value: number::typed(value),
        })
    }
}
