//! `funcy run --coverage`: what the run took of all that its tasks can do.

use super::exit::Exit;
use super::flags::Settings;
use super::output;
use super::run::Format;
use crate::engine::Loaded;
use crate::report::{Ink, Style, cut_end};
use crate::sim::{Coverage, CoverageKind, Taken};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

/// What is never taken and named in a table, for one task; `--format json` names all.
const NAMED: usize = 20;

/// Told of events by a run; knows in the end what was taken.
pub(super) struct Asked {
    tasks: Vec<Loaded>,
    taken: Arc<Mutex<Taken>>,
    fail_under: Option<u32>,
}

impl Asked {
    /// What these flags ask for; `None`: nothing.
    pub(super) fn new(flags: &Settings, tasks: &[Loaded]) -> Option<Self> {
        (flags.coverage || flags.fail_under.is_some()).then(|| Self {
            tasks: tasks.to_vec(),
            taken: Arc::default(),
            fail_under: flags.fail_under,
        })
    }

    pub(super) fn sink(&self) -> Arc<Mutex<Taken>> {
        Arc::clone(&self.taken)
    }

    /// Shows it, after the run. The exit code is worse where less was taken than was asked for.
    pub(super) fn show(&self, format: Format, style: Style, exit: Exit) -> Exit {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suite = Coverage::default();
        let mut table = Table {
            style,
            out: "\n".to_owned(),
        };
        table.line("Coverage");
        for Loaded { machine, .. } in &self.tasks {
            let coverage = machine.coverage(&taken);
            if format == Format::Json {
                let mut line = coverage.to_json();
                line["task"] = json!(&*machine.name);
                line["file"] = json!(&*machine.file.name);
                output::data(&format!("{}\n", json!({ "coverage": line })));
            }
            table.task(&machine.name, &coverage);
            suite.items.extend(coverage.items);
        }
        if format == Format::Json {
            let line = json!({ "coverage": suite.to_json() });
            output::data(&format!("{line}\n"));
        } else {
            if self.tasks.len() > 1 {
                table.summary("all tasks", &suite);
            }
            output::text(&table.out);
        }
        let (all_taken, all) = suite.counts();
        let Some(least) = self.fail_under else {
            return exit;
        };
        if all_taken * 100 >= all * least as usize {
            return exit;
        }
        let message = format!(
            "the coverage is {} %, less than the {least} % of `--fail-under`",
            suite.percent()
        );
        output::error(&message, None);
        match exit {
            Exit::Passed => Exit::Failed,
            worse => worse,
        }
    }
}

struct Table {
    style: Style,
    out: String,
}

impl Table {
    fn line(&mut self, text: &str) {
        let text = cut_end(text, self.style.width, self.style.symbols().ellipsis);
        self.style
            .line()
            .push(Ink::Strong, &text)
            .write(&mut self.out);
    }

    fn summary(&mut self, name: &str, coverage: &Coverage) {
        let (taken, all) = coverage.counts();
        let kinds = CoverageKind::ALL.into_iter().filter_map(|kind| {
            let (taken, all) = coverage.of(kind);
            (all > 0).then(|| format!("{}s {taken}/{all}", kind.word()))
        });
        let kinds: Vec<String> = kinds.collect();
        let percent = coverage.percent();
        self.line(&format!("{name}  {percent} %, {taken} of {all}"));
        self.plain(&format!("  {}", kinds.join(", ")));
    }

    fn plain(&mut self, text: &str) {
        let text = text.replace('→', self.style.symbols().arrow);
        let text = cut_end(&text, self.style.width, self.style.symbols().ellipsis);
        self.style.line().plain(&text).write(&mut self.out);
    }

    fn task(&mut self, name: &str, coverage: &Coverage) {
        self.summary(name, coverage);
        let never = coverage.never().count();
        for one in coverage.never().take(NAMED) {
            let start = one.place.span.start;
            let at = format!("{}:{}:{}", one.place.file, start.line, start.column);
            self.plain(&format!("  never: {} {}  {at}", one.kind.word(), one.name));
        }
        if never > NAMED {
            self.plain(&format!("  never: {} more", never - NAMED));
        }
    }
}
