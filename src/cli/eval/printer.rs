use super::Format;
use crate::cli::exit::Exit;
use crate::cli::options::Global;
use crate::cli::{check, output};
use crate::definition::{self, Diagnostic, SourceFile};
use crate::engine::{Adhoc, Tasks};
use crate::event::{Explanation, Failure, Headline, Name, length_text};
use crate::report::{self, About, Ended, Running, Style};
use crate::script::{EvalError, Value};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

/// How values and what went wrong are shown.
pub(super) struct Printer {
    format: Format,
    explain: bool,
    out: Style,
    err: Style,
}

impl Printer {
    pub(super) fn new(global: &Global, format: Format, explain: bool) -> Self {
        Self {
            format,
            explain,
            out: global.out_style(),
            err: global.style(io::stderr().is_terminal()),
        }
    }

    fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// The value, and why it is that one.
    pub(super) fn examined(
        &self,
        (value, explanation): (Result<Value, EvalError>, Explanation),
        adhoc: &Adhoc,
    ) -> Exit {
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                let span = adhoc.expression.span_of(error.at.clone());
                let file = &adhoc.file;
                let wrong = Diagnostic::error("evaluation", &file.name, span, error.message)
                    .maybe_hint(error.hint);
                self.diagnostics(vec![wrong], file);
                if self.explain && !self.is_json() {
                    output::data(&report::explained(&explanation, self.out));
                }
                return Exit::Error;
            }
        };
        if self.is_json() {
            let mut line = json!({ "value": value.to_json() });
            if self.explain {
                line["explanation"] = json!(explanation);
            }
            output::data(&format!("{line}\n"));
        } else {
            output::value(&format!("{}\n", value.to_text()));
            if self.explain {
                output::data(&report::explained(&explanation, self.out));
            } else if value.is_null() {
                for missing in &explanation.missing {
                    output::note(&format!("unknown: {}", report::missing(missing)));
                }
            }
        }
        if value.is_null() || value.as_bool() == Some(false) {
            Exit::Failed
        } else {
            Exit::Passed
        }
    }

    /// What was waited for has come.
    pub(super) fn held(&self, ended: &Ended) -> Exit {
        if self.is_json() {
            let line = json!({
                "value": true,
                "attempts": ended.metrics.attempts.max(ended.metrics.messages_seen),
                "micros": ended.metrics.micros,
            });
            output::data(&format!("{line}\n"));
        } else {
            output::data("true\n");
        }
        Exit::Passed
    }

    /// It has not come, or what was asked is broken. `is_false`: it was waited for until the end.
    pub(super) fn ended(&self, mut ended: Ended, timeout: Duration, is_false: bool) {
        let mut headline = ended.headline.take().map_or_else(
            || Headline::of(Failure::protocol(ended.reason())),
            |headline| *headline,
        );
        // There is but one state, and nobody has named it.
        headline.state = None;
        if let Some(condition) = headline.conditions.first() {
            headline.place = Some(Arc::clone(&condition.place));
        }
        if !headline.conditions.is_empty() {
            let micros = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
            let what = if is_false {
                "it did not hold"
            } else {
                "no message"
            };
            headline.failure.message = format!("{what} within {}", length_text(micros));
        }
        if self.is_json() {
            let mut line = json!({ "error": headline });
            if is_false {
                line = json!({ "value": false, "attempts": headline.attempts, "micros": headline.micros, "error": headline });
            }
            output::data(&format!("{line}\n"));
            return;
        }
        if is_false {
            output::data("false\n");
        }
        let about = About {
            task: "eval".into(),
            case: None,
            outcome: ended.outcome,
            attempt: 1,
            attempts: 1,
            requirements: Vec::new(),
            cleanup: Vec::new(),
            logs: Vec::new(),
            again: None,
            trace: None,
        };
        let text = report::failure(&headline, &about, &ended.sources, self.err);
        output::rendered(text.trim_end());
    }

    /// Mistakes in what was typed.
    pub(super) fn diagnostics(&self, mut diagnostics: Vec<Diagnostic>, file: &SourceFile) -> Exit {
        for one in &mut diagnostics {
            if one.code == "no-result" {
                "nothing is looked at".clone_into(&mut one.label);
                one.hint = Some(
                    "say what to look at: --input FILE, --http REQUEST, or --client NAME REQUEST"
                        .to_owned(),
                );
            }
        }
        let found = Tasks {
            sources: [(Name::clone(&file.name), Name::clone(&file.text))].into(),
            diagnostics,
            ..Tasks::default()
        };
        self.mistakes(&found)
    }

    /// Mistakes, also in the suite.
    pub(super) fn mistakes(&self, found: &Tasks) -> Exit {
        if self.is_json() {
            for diagnostic in &found.diagnostics {
                output::data(&format!("{}\n", definition::to_json(diagnostic)));
            }
        } else {
            output::rendered(check::rendered(found, self.err).trim_end());
        }
        Exit::Usage
    }

    /// What is to be looked at cannot be.
    pub(super) fn failure(&self, failure: &Failure) -> Exit {
        if self.is_json() {
            output::data(&format!("{}\n", json!({ "error": failure })));
        } else {
            output::error(&failure.message, failure.hint.as_deref());
        }
        Exit::Error
    }

    /// How far the waiting has come, on stderr.
    pub(super) fn progress(&self) -> Progress {
        Progress {
            style: self.err,
            live: output::is_live(),
            last: None,
        }
    }
}

/// A line about the waiting: redrawn in a terminal, else written where what was seen has changed.
pub(super) struct Progress {
    style: Style,
    live: bool,
    last: Option<String>,
}

impl Progress {
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    pub(super) fn say(&mut self, text: &str) {
        self.clear();
        output::note(text);
    }

    pub(super) fn draw(&mut self, running: &Running, now: i64) {
        let line = report::waiting(running, now, self.style);
        if self.live {
            self.last = Some(String::new());
            write(&format!("\r\x1b[K{line}"));
            return;
        }
        let seen = running.at.last.as_ref().map(|last| last.text().to_owned());
        if seen.is_some() && self.last != seen {
            output::note(&line);
            self.last = seen;
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.live && self.last.take().is_some() {
            write("\r\x1b[K");
        }
    }
}

/// Writes to stderr. One that nobody reads any more is no reason to stop.
fn write(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
