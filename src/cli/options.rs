use super::flags::{Flags, OfLoad};
use super::output;
use crate::client::Registry;
use crate::engine::Loader;
use crate::event::Name;
use crate::report::{ColorChoice, Output, Style};
use clap::{ArgAction, Args, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;

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
    #[command(flatten)]
    pub(super) flags: Flags<OfLoad>,
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

    /// A loader that knows every client, the given variables and the grants.
    pub(super) fn loader(&self) -> Loader {
        Loader::new(Registry::builtin())
            .given(self.flags.vars.iter().map(|var| Name::clone(&var.name)))
            .environment(self.flags.env.clone())
            .allow(self.flags.allow.iter().cloned())
    }
}
