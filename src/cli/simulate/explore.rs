//! `funcy simulate --explore`: every outcome of every race and every error, without running anything.

use super::super::check::counted;
use super::super::exit::Exit;
use super::super::options::{Global, Load};
use super::super::output;
use super::super::run::Format;
use super::files;
use crate::engine::Loaded;
use crate::event::{Event, Location, Name};
use crate::machine::Machine;
use crate::report::{Status, Style};
use crate::sim::{Bounds, Exploration, Undone};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Exploring")]
pub(super) struct Exploring {
    /// Walk through every outcome of every race and every error, and run nothing
    #[arg(long, conflicts_with_all = ["stubs", "recorded", "runs", "reports"])]
    explore: bool,
    /// Say which transitions a recorded run has taken: a file of `--report ndjson=FILE`
    #[arg(long, value_name = "FILE", requires = "explore")]
    coverage_of: Option<PathBuf>,
    /// Follow at most so many paths
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_paths: u32,
    /// Enter a state at most so often on one path
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    max_visits: u32,
}

impl Exploring {
    pub(super) fn is_asked(&self) -> bool {
        self.explore
    }
}

/// A state that nothing reaches, or that reaches no end, is a failure; everything else is told.
pub(super) fn run(
    global: &Global,
    args: &Exploring,
    format: Format,
    tasks: &[Loaded],
    load: &Load,
) -> Exit {
    let events = match args.coverage_of.as_deref().map(files::events).transpose() {
        Ok(events) => events,
        Err(exit) => return exit,
    };
    let vars: Vec<Name> = load
        .flags
        .vars
        .iter()
        .map(|var| Name::clone(&var.name))
        .collect();
    let bounds = Bounds {
        paths: args.max_paths as usize,
        visits: args.max_visits,
    };
    let mut sound = true;
    for (index, Loaded { machine, .. }) in tasks.iter().enumerate() {
        let given: Vec<Name> = vars.iter().chain(machine.case_columns()).cloned().collect();
        let walk = || machine.explore(&given, bounds);
        let found = crate::engine::block_on(async { walk() });
        let Ok(found) = found else {
            output::error("no thread can be started", None);
            return Exit::Error;
        };
        sound &= found.unreached.is_empty() && found.endless.is_empty();
        let telling = Telling {
            machine,
            found: &found,
            events: events.as_deref(),
            bounds,
        };
        match format {
            Format::Json => output::data(&telling.json()),
            Format::Human if index > 0 => {
                output::text(&format!("\n{}", telling.human(global.out_style())));
            }
            Format::Human => output::text(&telling.human(global.out_style())),
        }
    }
    if sound { Exit::Passed } else { Exit::Failed }
}

struct Telling<'a> {
    machine: &'a Machine,
    found: &'a Exploration,
    events: Option<&'a [Event]>,
    bounds: Bounds,
}

impl Telling<'_> {
    fn human(&self, style: Style) -> String {
        let Exploration {
            paths,
            outcomes,
            walked,
            undone,
            ..
        } = self.found;
        let mut text = format!("{}  {}\n", self.machine.name, self.machine.file.name);
        for path in paths {
            let glyph = Status::from(path.end).glyph(style.unicode);
            let _ = writeln!(text, "{glyph} {}", path.name);
        }
        text.push('\n');
        let states = self.machine.program().states.len();
        let _ = writeln!(
            text,
            "{} through {}; {walked} of {} on some path{}",
            counted(paths.len(), "path", "paths"),
            counted(states, "state", "states"),
            counted(*outcomes, "outcome", "outcomes"),
            percent(*walked, *outcomes),
        );
        self.cut(&mut text);
        for (name, place) in &self.found.unreached {
            let _ = writeln!(text, "no path reaches `{name}`  {}", at(place));
        }
        for (name, place) in &self.found.endless {
            let _ = writeln!(text, "no path leads from `{name}` to an end  {}", at(place));
        }
        for undone in undone {
            text.push_str(&told(undone));
        }
        if let Some(events) = self.events {
            let (all, missed) = self.machine.transitions_taken(events);
            let taken = all - missed.len();
            let _ = writeln!(
                text,
                "{taken} of {} taken{}",
                counted(all, "transition", "transitions"),
                percent(taken, all)
            );
            for missed in missed {
                let _ = writeln!(text, "  never: {missed}");
            }
        }
        text
    }

    /// What the bounds have left out.
    fn cut(&self, text: &mut String) {
        let Bounds { paths, visits } = self.bounds;
        if self.found.more_paths {
            let _ = writeln!(
                text,
                "there are more paths: the first {paths} were followed, and one for each outcome behind them (--max-paths)"
            );
        }
        if self.found.longer > 0 {
            let _ = writeln!(
                text,
                "loops were followed until a state is entered {visits} times (--max-visits)"
            );
        }
    }

    fn json(&self) -> String {
        let mut text = String::new();
        for path in &self.found.paths {
            let line = json!({
                "task": &*self.machine.name, "path": path.name, "end": path.end, "states": path.states,
            });
            let _ = writeln!(text, "{line}");
        }
        let names = |list: &[(Name, Arc<Location>)]| -> Vec<String> {
            list.iter().map(|(name, _)| name.to_string()).collect()
        };
        let undone: Vec<_> = (self.found.undone.iter())
            .map(|undone| {
                json!({
                    "place": &*undone.place, "variable": &*undone.variable, "path": undone.path,
                    "paths": undone.paths, "own_failure": undone.own_failure,
                })
            })
            .collect();
        let mut summary = json!({
            "task": &*self.machine.name,
            "paths": self.found.paths.len(),
            "more_paths": self.found.more_paths,
            "longer": self.found.longer,
            "outcomes": self.found.outcomes,
            "walked": self.found.walked,
            "unreached": names(&self.found.unreached),
            "endless": names(&self.found.endless),
            "undone": undone,
        });
        if let Some(events) = self.events {
            let (all, missed) = self.machine.transitions_taken(events);
            summary["transitions"] = json!({ "all": all, "never": missed });
        }
        let _ = writeln!(text, "{summary}");
        text
    }
}

fn told(undone: &Undone) -> String {
    let Undone {
        place,
        what,
        variable,
        path,
        paths,
        own_failure,
    } = undone;
    let why = if *own_failure {
        "where its own instruction fails, "
    } else {
        ""
    };
    let more = match paths {
        1 => String::new(),
        more => format!(", and on {} more", more - 1),
    };
    format!(
        "`{what}` would not run: {why}`{variable}` is not saved on `{path}`{more}  {}\n",
        at(place)
    )
}

fn at(place: &Location) -> String {
    let start = place.span.start;
    format!("{}:{}:{}", place.file, start.line, start.column)
}

fn percent(part: usize, of: usize) -> String {
    if of == 0 {
        return String::new();
    }
    format!(" ({} %)", part * 100 / of)
}
