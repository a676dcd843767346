//! A run as one page that asks for nothing else: it opens from a disk, without a network and without scripts.

use super::event_line::event_line;
use super::folded::Format;
use super::options::Options;
use super::status::{Hue, Status, Theme};
use super::style::Style;
use super::summary::results;
use super::text::{append, printable};
use super::value::{length, utc};
use super::view::{Ended, Key, Live};
use crate::event::{Event, ExecutionId, Outcome};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes the page at the end of the run: the counts, every task with its path through the states, each failure
/// in full, and what happened, event by event.
pub struct Html {
    writer: Box<dyn Write + Send>,
    options: Options,
    /// What happened in the executions under way.
    events: BTreeMap<ExecutionId, Happened>,
    /// The executions that have ended, in the order of the run's tasks, each task's attempts together.
    tasks: BTreeMap<(Key, u32), TaskSection>,
    /// The bytes of what happened, all executions together.
    bytes: usize,
}

/// The rows of one execution's events.
#[derive(Default)]
struct Happened {
    rows: String,
    count: usize,
    more: u64,
}

struct TaskSection {
    status: Status,
    name: String,
    file: String,
    last_attempt: bool,
    micros: u64,
    began: i64,
    /// Each visit: the state, and the microseconds from the beginning to its own.
    path: Vec<(String, u64)>,
    more_visits: u64,
    why: String,
    failure: String,
    happened: Happened,
}

/// The events of one execution that are shown; a loop may have millions.
const MAX_EVENTS: usize = 500;
/// The bytes of all events that are shown.
const MAX_BYTES: usize = 16 << 20;
/// The columns of a failure.
const WIDTH: usize = 110;

impl Html {
    /// Writes here.
    pub fn new(writer: Box<dyn Write + Send>, options: Options) -> Self {
        let style = Style {
            width: WIDTH,
            ..Style::plain()
        };
        Self {
            writer,
            options: Options { style, ..options },
            events: BTreeMap::new(),
            tasks: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Keeps a line of what happened.
    fn happened(&mut self, event: &Event, live: &Live) {
        let Some(id) = event.execution else { return };
        let Some(running) = live.running.get(&id) else {
            return;
        };
        let began = running.began;
        let region = running.regions.get(&event.frame);
        let region = region.map_or_else(String::new, |region| format!("{}: ", region.name));
        let happened = self.events.entry(id).or_default();
        if happened.count >= MAX_EVENTS || self.bytes >= MAX_BYTES {
            happened.more += 1;
            return;
        }
        happened.count += 1;
        let told = event_line(&event.fact);
        let (class, glyph) = match told.status {
            Some(status) => (class(status), status.glyph(true)),
            None => ("neutral", ""),
        };
        let before = happened.rows.len();
        append(
            &mut happened.rows,
            format_args!(
                "<tr class=\"{class}\"><td>{}</td><td>{}</td><td>{glyph}</td><td>{}</td></tr>\n",
                event.seq,
                length((event.at - began).max(0).unsigned_abs()),
                escaped(&printable(&format!("{region}{}", told.text), true)),
            ),
        );
        self.bytes += happened.rows.len() - before;
    }

    fn add(&mut self, ended: &Ended, live: &Live) {
        let started = &ended.started;
        let why = match ended.outcome {
            Outcome::Passed => ended.warnings().join("; "),
            Outcome::Known => ended.known(),
            Outcome::Skipped => started.skip.clone().unwrap_or_default(),
            Outcome::Flaky => format!(
                "passed on attempt {} of {}",
                started.attempt, started.attempts
            ),
            _ => ended.reason(),
        };
        let path = ended.path.iter().map(|visit| {
            let after = (visit.at - ended.began).max(0).unsigned_abs();
            (visit.in_words(), after)
        });
        let task = TaskSection {
            status: Status::Ended(ended.outcome),
            name: ended.name(),
            file: match started.requirements.join(", ") {
                none if none.is_empty() => started.file.to_string(),
                requirements => format!("{} · {requirements}", started.file),
            },
            last_attempt: ended.last_attempt,
            micros: (ended.at - ended.began).max(0).unsigned_abs(),
            began: ended.began,
            path: path.collect(),
            more_visits: ended.more_visits,
            why,
            failure: ended.failure_text(live.run.as_ref(), &self.options),
            happened: self.events.remove(&ended.id).unwrap_or_default(),
        };
        self.tasks.insert((ended.key(), started.attempt), task);
    }

    fn page(&self, live: &Live) -> String {
        let run = live.run.as_deref().unwrap_or("unknown");
        let outcome = match live.end {
            Some((outcome, _)) => outcome,
            None => Outcome::Interrupted,
        };
        let status = Status::Ended(outcome);
        let mut out = String::with_capacity(self.bytes + 64 * 1024);
        append(
            &mut out,
            format_args!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
                 <title>{} {} · funcy run {}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
                status.glyph(true),
                status.word(),
                escaped(run),
                style_sheet(),
            ),
        );
        header(live, run, status, &mut out);
        out.push_str("<main>\n");
        let longest = self.tasks.values().map(|task| task.micros).max();
        // What did not pass is looked for: it comes first, and open.
        let mut tasks: Vec<&TaskSection> = self.tasks.values().collect();
        tasks.sort_by_key(|task| task.is_good());
        for task in tasks {
            task.write(longest.unwrap_or(0), &mut out);
        }
        out.push_str("</main>\n</body>\n</html>\n");
        out
    }
}

fn header(live: &Live, run: &str, status: Status, out: &mut String) {
    let started = &live.started;
    append(
        out,
        format_args!(
            "<header>\n<h1><span class=\"{}\">{} {}</span> funcy run {}</h1>\n<p class=\"counts\">",
            class(status),
            status.glyph(true),
            status.word(),
            escaped(run),
        ),
    );
    for (status, text) in results(live) {
        append(
            out,
            format_args!(
                "<span class=\"{}\">{} {}</span> ",
                class(status),
                status.glyph(true),
                escaped(&text)
            ),
        );
    }
    let micros = match live.end {
        Some((_, micros)) => micros,
        None => (live.now - live.began).max(0).unsigned_abs(),
    };
    append(out, format_args!("in {}</p>\n<dl>\n", length(micros)));
    let mut row = |name: &str, value: &str| {
        let value = escaped(&printable(value, true));
        append(out, format_args!("<dt>{name}</dt><dd>{value}</dd>\n"));
    };
    row("began", &utc(live.began));
    row("command", &started.command.join(" "));
    row("seed", &started.seed.to_string());
    row("funcy", &started.version);
    for (name, value) in &started.labels {
        row("label", &format!("{name}={value}"));
    }
    match &live.sealed {
        Some((head, events)) => row("journal", &format!("{events} events, head {head}")),
        None => row("journal", "none was kept, or the run did not end"),
    }
    out.push_str("</dl>\n</header>\n");
}

impl TaskSection {
    fn is_good(&self) -> bool {
        matches!(self.status, Status::Ended(outcome) if outcome.is_good()) || !self.last_attempt
    }

    fn write(&self, longest: u64, out: &mut String) {
        let open = if self.is_good() { "" } else { " open" };
        append(
            out,
            format_args!(
                "<details class=\"task\"{open}>\n<summary><span class=\"{}\">{} {}</span> <strong>{}</strong> \
                 <span class=\"faint\">{} · {}</span>",
                class(self.status),
                self.status.glyph(true),
                self.status.word(),
                escaped(&printable(&self.name, true)),
                escaped(&printable(&self.file, true)),
                length(self.micros),
            ),
        );
        if !self.why.is_empty() {
            append(
                out,
                format_args!(
                    " <span class=\"why\">{}</span>",
                    escaped(&printable(&self.why, true))
                ),
            );
        }
        if !self.last_attempt {
            out.push_str(" <span class=\"faint\">tried again</span>");
        }
        out.push_str("</summary>\n");
        self.timeline(longest, out);
        if !self.failure.is_empty() {
            append(
                out,
                format_args!("<pre>{}</pre>\n", escaped(self.failure.trim_end())),
            );
        }
        self.events(out);
        out.push_str("</details>\n");
    }

    /// A bar for each visit, as long as it took; all tasks on one scale.
    fn timeline(&self, longest: u64, out: &mut String) {
        if self.path.is_empty() {
            return;
        }
        out.push_str("<ol class=\"path\">\n");
        let ends = self.path.iter().skip(1).map(|(_, at)| *at);
        for ((state, at), end) in self.path.iter().zip(ends.chain([self.micros])) {
            let micros = end.saturating_sub(*at);
            let share = |part: u64| 100.0 * part as f64 / longest.max(1) as f64;
            append(
                out,
                format_args!(
                    "<li><span class=\"state\">{}</span><span class=\"track\"><i style=\"margin-left:{:.2}%;width:{:.2}%\">\
                     </i></span><span class=\"faint\">{}</span></li>\n",
                    escaped(&printable(state, true)),
                    share(*at),
                    share(micros).max(0.2),
                    length(micros),
                ),
            );
        }
        if self.more_visits > 0 {
            append(
                out,
                format_args!(
                    "<li class=\"faint\">and {} more visits</li>\n",
                    self.more_visits
                ),
            );
        }
        out.push_str("</ol>\n");
    }

    fn events(&self, out: &mut String) {
        let Happened { rows, count, more } = &self.happened;
        if *count == 0 {
            return;
        }
        append(
            out,
            format_args!(
                "<details><summary>{} events since {}</summary>\n<table>\n<thead><tr><th>event</th><th>after</th>\
                 <th></th><th>what</th></tr></thead>\n<tbody>\n{rows}",
                *count as u64 + more,
                utc(self.began),
            ),
        );
        if *more > 0 {
            append(
                out,
                format_args!("<tr><td></td><td></td><td></td><td>+{more} more</td></tr>\n"),
            );
        }
        out.push_str("</tbody>\n</table>\n</details>\n");
    }
}

impl Format for Html {
    fn event(&mut self, event: &Event, live: &Live) {
        self.happened(event, live);
    }

    fn ended(&mut self, ended: Ended, live: &Live) {
        self.add(&ended, live);
    }

    fn finish(&mut self, live: &Live) -> io::Result<()> {
        self.writer.write_all(self.page(live).as_bytes())?;
        self.writer.flush()
    }
}

/// The class of a status: its hue.
fn class(status: Status) -> &'static str {
    name(status.hue())
}

fn name(hue: Hue) -> &'static str {
    match hue {
        Hue::Passed => "passed",
        Hue::Failed => "failed",
        Hue::Running => "running",
        Hue::Waiting => "waiting",
        Hue::Error => "error",
        Hue::Neutral => "neutral",
    }
}

/// What the tested system says is text, whatever it holds.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// The sheet, with the hues of both themes.
fn style_sheet() -> String {
    let colours = |theme: Theme| {
        let hex = |[red, green, blue]: [u8; 3]| format!("#{red:02x}{green:02x}{blue:02x}");
        let hues = Hue::ALL.map(|hue| format!("--{}:{};", name(hue), hex(hue.rgb(theme))));
        format!("--back:{};{}", hex(theme.background()), hues.concat())
    };
    let mut out = format!(
        ":root{{color-scheme:light dark;--ink:#1b1f24;--line:#d8dde3;--soft:#f4f6f8;{}}}\n\
         @media(prefers-color-scheme:dark){{:root{{--ink:#e6e9ed;--line:#2b323a;--soft:#181e25;{}}}}}\n",
        colours(Theme::Light),
        colours(Theme::Dark),
    );
    for hue in Hue::ALL {
        let name = name(hue);
        append(&mut out, format_args!(".{name}{{color:var(--{name})}}\n"));
    }
    out.push_str(SHEET);
    out
}

const SHEET: &str = "\
body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.4rem;margin:0 0 .25rem}
.counts{margin:.25rem 0;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.75rem 0 1.5rem;font-size:.9rem}
dt,.faint{color:var(--neutral)}
dd{margin:0;overflow-wrap:anywhere}
.task{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;padding:.5rem .9rem}
summary{cursor:pointer;overflow-wrap:anywhere}
.why{display:block;margin-left:1.2rem;color:var(--neutral)}
pre,table{font:13px/1.45 ui-monospace,monospace}
pre{background:var(--soft);border-radius:6px;padding:.75rem;overflow-x:auto}
.path{list-style:none;margin:.75rem 0;padding:0;font-size:.85rem}
.path li{display:grid;grid-template-columns:minmax(6rem,12rem) 1fr 5rem;gap:.75rem;align-items:center}
.state{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.track{background:var(--soft);height:.7rem;border-radius:3px;overflow:hidden}
.track i{display:block;height:100%;background:var(--running);border-radius:3px}
.path li>:last-child{text-align:right}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th{text-align:left;font-weight:600;color:var(--neutral)}
td,th{padding:.1rem .75rem .1rem 0;vertical-align:top}
td:nth-child(-n+2){text-align:right;white-space:nowrap;color:var(--neutral)}
td:last-child{overflow-wrap:anywhere;color:var(--ink)}
@media(max-width:480px){body{padding:.75rem}.path li{grid-template-columns:6rem 1fr 4rem}}
";

#[cfg(test)]
mod tests {
    use super::super::fixture::{Shared, sample_run};
    use super::super::folded::Folded;
    use super::*;
    use crate::event::Sink;

    fn page(events: &[Event]) -> String {
        let shared = Shared::default();
        let mut html = Folded::new(Html::new(Box::new(shared.clone()), Options::default()));
        html.accept(events).expect("written");
        html.finish().expect("written");
        shared.text()
    }

    #[test]
    fn it_asks_for_nothing_and_runs_nothing() {
        let page = page(&sample_run());
        for forbidden in ["<script", "<link", "src=", "@import", "url("] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn every_failure_is_open_and_in_full() {
        let page = page(&sample_run());
        let open = page.matches("<details class=\"task\" open>").count();
        assert!(open > 0);
        assert_eq!(
            page.matches("<pre>").count(),
            page.matches("</pre>").count()
        );
        assert!(page.contains("funcy run"), "how to run it again");
        assert_eq!(
            page.matches("<details").count(),
            page.matches("</details>").count()
        );
    }

    #[test]
    fn what_the_system_says_is_text() {
        assert_eq!(
            escaped("<img src='x'>&\"\""),
            "&lt;img src=&#39;x&#39;&gt;&amp;&quot;&quot;"
        );
    }
}
