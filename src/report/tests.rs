//! What holds for every report format.

use super::fixture::{Log, Shared, sample_run, unmet};
use super::*;
use crate::event::{Event, Fact, Outcome, Sink};

fn written(make: impl FnOnce(Shared) -> Box<dyn Sink>, events: &[Event], batch: usize) -> String {
    let shared = Shared::default();
    let mut sink = make(shared.clone());
    for events in events.chunks(batch) {
        sink.accept(events).expect("written");
    }
    sink.finish().expect("written");
    sink.finish().expect("twice is once");
    shared.text()
}

fn format(name: &str, events: &[Event]) -> String {
    let report = by_name(name).expect("a known format");
    written(
        |shared| (report.make)(Box::new(shared), Options::default()),
        events,
        1000,
    )
}

#[test]
fn a_replay_from_the_journal_gives_equal_bytes() {
    let events = sample_run();
    let lines: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_string(event).expect("JSON"))
        .collect();
    let replayed: Vec<Event> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    for report in REPORTS {
        let make = |shared: Shared| (report.make)(Box::new(shared), Options::default());
        let first = written(make, &events, 1000);
        assert!(!first.is_empty());
        assert_eq!(first, written(make, &replayed, 1), "{}", report.name);
    }
}

#[test]
fn formats_look_as_they_should() {
    let events = sample_run();
    for name in ["junit", "json", "markdown"] {
        insta::assert_snapshot!(name, format(name, &events));
    }
}

#[test]
fn formats_of_a_run_that_broke_off_are_whole_documents() {
    let mut log = Log::run(2);
    log.start(1, "a \u{1b}[31m<b> & \"c\"", 0, (1, 1))
        .enter(1, "placed");
    let xml = format("junit", &log.events);
    let report = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit XML");
    assert_eq!((report.tests, report.errors), (1, 1));
    let json: serde_json::Value = serde_json::from_str(&format("json", &log.events)).expect("JSON");
    assert_eq!(json["run"]["outcome"], "interrupted");
    assert_eq!(json["tasks"][0]["outcome"], "interrupted");
    assert!(format("markdown", &log.events).contains("↯ interrupted"));
}

#[test]
fn junit_counts_what_the_run_counts() {
    let xml = format("junit", &sample_run());
    let report = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit XML");
    assert_eq!(report.tests, 6);
    let skipped: usize = report.test_suites.iter().map(|suite| suite.skipped).sum();
    assert_eq!((report.failures, report.errors, skipped), (1, 2, 1));
}

/// What Jenkins' schema `junit-10.xsd` allows: for each element its attributes, and what stands in it.
const JENKINS: &[(&str, &str, &str)] = &[
    ("testsuites", "name time tests failures errors", "testsuite"),
    (
        "testsuite",
        "name tests failures errors group time skipped timestamp hostname id package file log url",
        "testsuite properties testcase system-out system-err",
    ),
    ("properties", "", "property"),
    ("property", "name value", ""),
    (
        "testcase",
        "name time classname group",
        "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err",
    ),
    ("failure", "type message", ""),
    ("error", "type message", ""),
    ("skipped", "type message", ""),
    (
        "rerunFailure",
        "type message",
        "stackTrace system-out system-err",
    ),
    (
        "rerunError",
        "type message",
        "stackTrace system-out system-err",
    ),
    (
        "flakyFailure",
        "type message",
        "stackTrace system-out system-err",
    ),
    (
        "flakyError",
        "type message",
        "stackTrace system-out system-err",
    ),
    ("stackTrace", "", ""),
    ("system-out", "", ""),
    ("system-err", "", ""),
];

#[test]
fn junit_is_what_jenkins_takes() {
    let xml = format("junit", &sample_run());
    let mut open: Vec<&str> = Vec::new();
    let mut seen = 0;
    for tag in xml.split('<').skip(2) {
        let (tag, _) = tag.split_once('>').expect("a whole tag");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let is_empty = tag.ends_with('/');
        let (name, mut rest) = tag
            .trim_end_matches('/')
            .split_once(' ')
            .unwrap_or((tag.trim_end_matches('/'), ""));
        let rule = JENKINS.iter().find(|(known, ..)| *known == name);
        let (_, attributes, _) = rule.unwrap_or_else(|| panic!("<{name}> is not known"));
        if let Some(parent) = open.last() {
            let (.., inside) = JENKINS
                .iter()
                .find(|(known, ..)| known == parent)
                .expect("known");
            assert!(
                inside.split(' ').any(|one| one == name),
                "<{name}> in <{parent}>"
            );
        }
        while let Some((attribute, after)) = rest.split_once("=\"") {
            let attribute = attribute.trim();
            assert!(
                attributes.split(' ').any(|one| one == attribute),
                "{attribute} of <{name}>"
            );
            rest = after.split_once('"').map_or("", |(_, after)| after);
            seen += 1;
        }
        if !is_empty {
            open.push(name);
        }
    }
    assert!(seen > 40, "{seen} attributes were looked at");
}

#[test]
fn markdown_shows_what_a_system_sent_as_text_only() {
    let mut log = Log::run(1);
    let mut failed = unmet();
    failed.failure.message = "<img src=x> | `a` **b** [c](javascript:d) @all\n```\n# e".to_owned();
    log.start(1, "task|name", 0, (1, 1))
        .end(1, Outcome::Failed, Some(failed), 1_000)
        .finish(&[Outcome::Failed]);
    let text = format("markdown", &log.events);
    let row = text
        .lines()
        .find(|line| line.contains("✗ failed |"))
        .expect("a row");
    assert_eq!(row.matches('|').count(), 6, "{row}");
    assert!(!row.contains(['<', '`', '*', '[', '@']), "{row}");
    assert!(text.contains("\n````text\n"), "{text}");
}

#[test]
fn github_marks_nine_failures_and_counts_the_rest() {
    let mut log = Log::run(12);
    for id in 1..=12 {
        log.start(id, "a,b: 100%", id, (1, 1));
        let mut failed = unmet();
        failed.failure.message = "one\n::error::two".to_owned();
        log.end(id, Outcome::Failed, Some(failed), 1_000);
    }
    log.finish(&[Outcome::Failed; 12]);
    let summary = Shared::default();
    let copy = summary.clone();
    let commands = written(
        |shared| {
            Box::new(Folded::new(Github::new(
                Box::new(shared),
                Some(Box::new(copy)),
                Options::default(),
            )))
        },
        &log.events,
        7,
    );
    let lines: Vec<&str> = commands.lines().collect();
    assert_eq!(lines.len(), 10, "{commands}");
    assert_eq!(
        lines[0],
        "::error file=tasks/order.yaml,line=21,col=13,title=a%2Cb%3A 100%25 failed::state placed: one%0A::error::two"
    );
    assert_eq!(lines[9], "::error::and 3 more");
    assert_eq!(summary.text().matches("| ✗ failed |").count(), 12);
}

#[test]
fn every_format_has_a_name_of_its_own() {
    for report in REPORTS {
        assert!(std::ptr::eq(by_name(report.name).expect("found"), report));
    }
    assert!(by_name("docx").is_none());
}

/// A run that cleaned up after another has no results of tasks: no report counts them.
#[test]
fn no_report_counts_the_tasks_of_a_cleanup() {
    let run = |outcome: Outcome| {
        let mut log = Log::run(2);
        let Some(Fact::RunStarted(started)) = log.events.first_mut().map(|event| &mut event.fact)
        else {
            panic!("a run begins with its start");
        };
        started.cleans_up = Some("7KP".into());
        let failed = (outcome != Outcome::Passed).then(unmet);
        log.start(1, "order", 0, (1, 1))
            .end(1, Outcome::Passed, None, 1_000)
            .start(2, "refund", 1, (1, 1))
            .end(2, outcome, failed, 1_000)
            .finish(&[Outcome::Passed, outcome]);
        log.events
    };
    for name in ["markdown", "html", "json", "junit"] {
        let good = format(name, &run(Outcome::Passed));
        for count in ["2 passed", "\"passed\": 2", "tests=\"2\""] {
            assert!(!good.contains(count), "{name}: {count}\n{good}");
        }
        assert_eq!(
            good.contains("cleaned up after run 7KP") || good.contains("\"cleans_up\": \"7KP\""),
            name != "junit",
            "{name}\n{good}"
        );
        let bad = format(name, &run(Outcome::Failed));
        for count in ["1 passed", "1 failed", "\"failed\": 1", "failures=\"1\""] {
            assert!(!bad.contains(count), "{name}: {count}\n{bad}");
        }
        assert_eq!(
            bad.contains("not all is cleaned up after run 7KP"),
            matches!(name, "markdown" | "html"),
            "{name}\n{bad}"
        );
    }
    let commands = written(
        |shared| {
            let github = Github::new(Box::new(shared), None, Options::default());
            Box::new(Folded::new(github))
        },
        &run(Outcome::Failed),
        7,
    );
    assert_eq!(commands.lines().count(), 1, "{commands}");
    assert!(
        commands.contains("title=refund cleanup failed"),
        "{commands}"
    );
}
