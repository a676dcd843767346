//! JUnit XML: a suite for each folder, a test case for each task.

use super::folded::Format;
use super::options::Options;
use super::style::Style;
use super::text::{append, printable};
use super::value::{length, utc};
use super::view::{Ended, Key, Live};
use crate::event::{Name, Outcome};
use quick_junit::{
    NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite, XmlString,
};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Writes JUnit XML at the end of the run.
pub struct Junit {
    writer: Box<dyn Write + Send>,
    options: Options,
    /// The tasks, in the order of the run.
    tasks: BTreeMap<Key, TaskAttempts>,
}

/// A task with all its attempts.
struct TaskAttempts {
    file: Name,
    case: TestCase,
    /// The attempts before the last one.
    reruns: Vec<TestRerun>,
    micros: u64,
}

impl Junit {
    /// Writes here. The texts have no colour and no limit of width.
    pub fn new(writer: Box<dyn Write + Send>, options: Options) -> Self {
        Self {
            writer,
            options: Options {
                style: Style::plain(),
                ..options
            },
            tasks: BTreeMap::new(),
        }
    }

    fn report(&mut self, live: &Live) -> Report {
        let run = live.run.as_deref().unwrap_or("unknown").to_owned();
        let mut report = Report::new(format!("funcy run {run}"));
        if let Some((_, micros)) = live.end {
            report.set_time(Duration::from_micros(micros));
        }
        let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
        for task in std::mem::take(&mut self.tasks).into_values() {
            let folder = folder(&task.file);
            let suite = suites.entry(folder.to_owned()).or_insert_with(|| {
                let mut suite = TestSuite::new(xml(folder));
                let began = utc(live.began);
                suite.extra.insert("timestamp".into(), began.into());
                suite.add_property(Property::new("run", run.as_str()));
                suite.add_property(Property::new("seed", live.started.seed.to_string()));
                if let Some((head, _)) = &live.sealed {
                    suite.add_property(Property::new("journal.head", xml(head)));
                }
                suite
            });
            let time = suite.time.unwrap_or_default() + Duration::from_micros(task.micros);
            suite.set_time(time);
            let mut case = task.case;
            case.status.add_reruns(task.reruns);
            suite.add_test_case(case);
        }
        report.add_test_suites(suites.into_values());
        report
    }
}

impl Format for Junit {
    fn ended(&mut self, ended: Ended, live: &Live) {
        if live.started.cleans_up.is_some() {
            // Only the run that it cleans up after has results.
            return;
        }
        let earlier = self.tasks.remove(&ended.key());
        let mut reruns = Vec::new();
        if let Some(mut task) = earlier {
            reruns.append(&mut task.reruns);
            reruns.extend(rerun(&task));
        }
        let task = TaskAttempts {
            file: Name::clone(&ended.started.file),
            case: case(&ended, live, &self.options),
            reruns,
            micros: ended.metrics.micros,
        };
        self.tasks.insert(ended.key(), task);
    }

    fn finish(&mut self, live: &Live) -> io::Result<()> {
        let report = self.report(live);
        let text = report.to_string().map_err(io::Error::other)?;
        // Jenkins' schema knows this attribute of a suite only, and the crate writes it for the whole as well.
        let skipped = format!(" skipped=\"{}\"", report.skipped);
        let text = text.replacen(&skipped, "", 1);
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }
}

/// A text that XML can hold: control characters are shown as text, line breaks stay.
fn xml(text: &str) -> XmlString {
    let lines: Vec<_> = text.split('\n').map(|line| printable(line, true)).collect();
    XmlString::new(lines.join("\n"))
}

/// The folder of a file, or `.`.
fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

fn case(ended: &Ended, live: &Live, options: &Options) -> TestCase {
    let started = &ended.started;
    let mut test = TestCase::new(xml(&ended.name()), status(ended, live, options));
    test.set_classname(xml(&class(&started.file)));
    test.set_time(Duration::from_micros(ended.metrics.micros));
    test.set_system_out(xml(&told(ended)));
    let warnings = ended.warnings();
    if !warnings.is_empty() {
        test.set_system_err(xml(&warnings.join("\n")));
    }
    test
}

/// The file as a class with its package, which build servers split at the last dot: `tasks/order.yaml` is `tasks.order`.
fn class(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let parts = stem
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."));
    let parts: Vec<String> = parts.map(|part| part.replace('.', "_")).collect();
    parts.join(".")
}

/// What happened, for who opens a test case: the schema that build servers check against has no properties for it.
fn told(ended: &Ended) -> String {
    let started = &ended.started;
    let mut text = format!("{}  {}\n", started.file, ended.outcome.word());
    let mut line = |name: &str, value: &str| append(&mut text, format_args!("{name}: {value}\n"));
    line("execution", &ended.id.to_string());
    if !started.tags.is_empty() {
        line("tags", &started.tags.join(", "));
    }
    if !started.requirements.is_empty() {
        line("requirements", &started.requirements.join(", "));
    }
    if started.attempts > 1 {
        line(
            "attempt",
            &format!("{} of {}", started.attempt, started.attempts),
        );
    }
    line("transitions", &ended.metrics.transitions.to_string());
    line("requests", &ended.metrics.attempts.to_string());
    text.push_str(&path(ended));
    for line in ended.logs.lines() {
        append(&mut text, format_args!("log: {line}\n"));
    }
    text
}

/// The states that were passed, with the time spent in each.
pub(crate) fn path(ended: &Ended) -> String {
    let mut text = String::new();
    let ends = ended.path.iter().skip(1).map(|visit| visit.at);
    for (visit, end) in ended.path.iter().zip(ends.chain([ended.at])) {
        let spent = length((end - visit.at).max(0).unsigned_abs());
        append(&mut text, format_args!("{}  {spent}\n", visit.in_words()));
    }
    if ended.more_visits > 0 {
        append(&mut text, format_args!("+{} more\n", ended.more_visits));
    }
    text
}

fn status(ended: &Ended, live: &Live, options: &Options) -> TestCaseStatus {
    let kind = match ended.outcome {
        Outcome::Passed | Outcome::Flaky => return TestCaseStatus::success(),
        Outcome::Skipped => {
            let mut status = TestCaseStatus::skipped();
            if let Some(reason) = &ended.started.skip {
                status.set_message(xml(reason));
            }
            return status;
        }
        // What is known breaks no build.
        Outcome::Known => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(xml(&format!("known: {}", ended.known())));
            return status;
        }
        Outcome::Failed | Outcome::TimedOut => NonSuccessKind::Failure,
        Outcome::Error | Outcome::Cancelled | Outcome::Interrupted => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(printable(&ended.reason(), true));
    let ty = match &ended.headline {
        Some(headline) => headline.failure.kind.word(),
        None => ended.outcome.word(),
    };
    status.set_type(ty);
    let text = ended.failure_text(live.run.as_ref(), options);
    status.set_description(xml(&text));
    status
}

/// A task whose result did not count, since it was tried again.
fn rerun(task: &TaskAttempts) -> Option<TestRerun> {
    let TestCaseStatus::NonSuccess {
        kind,
        message,
        ty,
        description,
        ..
    } = &task.case.status
    else {
        return None;
    };
    let mut rerun = TestRerun::new(*kind);
    rerun.message.clone_from(message);
    rerun.ty.clone_from(ty);
    rerun.stack_trace.clone_from(description);
    rerun.system_out.clone_from(&task.case.system_out);
    Some(rerun)
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn a_file_is_a_class_that_can_be_split() {
        for (file, class_name) in [
            ("tasks/order.yaml", "tasks.order"),
            ("order.yml", "order"),
            ("/srv/a.b/c.d.yaml", "srv.a_b.c_d"),
            ("../tasks/./x.yaml", "tasks.x"),
        ] {
            assert_eq!(class(file), class_name, "{file}");
        }
    }
}
