//! A disk that gets full at many points of a run, in a small file system of its own.

use super::suite::{PASSES, Suite};
use super::{kept, long_form};
use funcy::event::{Event, Fact, Outcome};
use std::path::Path;

/// Some 3 MB of events from each of three tasks, and a trace outside of the disk that its cleanup has run.
const TASK: &str = "version: 1
vars: { n: 0 }
start_state: step
final_state: done
states:
  step:
    max_visits: 1000
    instructions:
      - log: TEXT
    transitions:
      - { to: done, when: n >= 400 }
      - { to: step, wait: 1ms, set: { n: n + 1 } }
  done:
cleanup:
  - exec: { command: [touch, NAME.cleaned] }
";

/// What the journal keeps for the end of a run, in KiB.
const RESERVE: u32 = 4096;

/// Mounts a disk of `$1` KiB, runs, and keeps what the disk holds.
const SCRIPT: &str = "mount -t tmpfs -o size=${1}k tmpfs disk || exit 99
funcy run --allow-exec=touch --format json --journal disk/journal.db --jobs 3 >out 2>err
code=$?
cp -r disk kept || exit 98
exit $code
";

/// How a small disk is made here: in a namespace of one's own, as root there or as root already.
fn namespace() -> Option<&'static str> {
    let ways = ["unshare -Urm", "unshare -m"];
    ways.into_iter().find(|way| {
        let suite = Suite::new().folder("disk");
        let script = format!("{way} sh -c 'mount -t tmpfs -o size=64k tmpfs disk'");
        suite.shell(&script).status.success()
    })
}

#[test]
fn on_a_disk_that_gets_full_the_run_ends_in_order() {
    let Some(way) = namespace() else {
        println!("SKIPPED: no file system can be mounted here");
        return;
    };
    let points = if long_form().is_some() { 50 } else { 8 };
    let (least, most) = (64, RESERVE + 6500);
    let mut ended = 0;
    let sizes = (0..points).map(|point| least + (most - least) * point / (points - 1));
    // There the log and its copy in the database need the whole disk, with the reserve: the copy has to wait.
    for size in sizes.chain([8016]) {
        if examine(way, size) {
            ended += 1;
        }
    }
    assert!(
        ended >= points / 2,
        "the reserve was enough {ended} times of {points}"
    );
}

/// Runs on a disk of this many KiB. True: the end of the run is in the journal.
fn examine(way: &str, size: u32) -> bool {
    let suite = (1..=3).fold(
        Suite::new().folder("disk").file("script", SCRIPT),
        |suite, number| {
            let task = TASK
                // What can hardly be compressed: half of it are hexadecimal digits of chance.
                .replace("TEXT", &"${uuid()}".repeat(330))
                .replace("NAME", &number.to_string());
            suite.file(format!("tasks/{number}.yaml"), task)
        },
    );
    let ran = suite.shell(&format!("{way} sh script {size}"));
    let (out, err) = (suite.text("out"), suite.text("err"));
    assert_eq!(ran.status.code(), Some(3), "{size} KiB: {ran}{err}");
    assert!(
        err.contains("error: the disk is full") && err.contains("make room"),
        "{size} KiB: {err}"
    );
    assert!(!err.contains("panicked"), "{err}");
    let printed = kept::printed(&out);
    let begun = printed
        .iter()
        .filter(|event| matches!(event.fact, Fact::ExecutionStarted(_)));
    for event in begun {
        let Fact::ExecutionStarted(started) = &event.fact else {
            unreachable!()
        };
        let cleaned = format!("tasks/{}.cleaned", started.task);
        assert!(
            suite.path(&cleaned).exists(),
            "{size} KiB: no cleanup of {}",
            started.task
        );
    }
    let path = suite.path("kept/journal.db");
    let recorded = if path.exists() { recorded(&path) } else { None };
    let Some((outcome, events)) = recorded else {
        assert!(size < 1000, "{size} KiB: nothing is in the journal");
        return false;
    };
    // Once the journal is lost, what is told goes on.
    assert!(
        printed.starts_with(&events),
        "{size} KiB: {} printed, {} recorded",
        printed.len(),
        events.len()
    );
    if size > RESERVE + 500 {
        assert_eq!(
            outcome,
            Some(Outcome::Cancelled),
            "{size} KiB: the reserve is enough for the end"
        );
        assert_eq!(printed, events);
    }
    outcome.is_some()
}

fn recorded(path: &Path) -> Option<(Option<Outcome>, Vec<Event>)> {
    let history = kept::sound(path);
    let row = kept::runs(&history).pop()?;
    Some((row.outcome, kept::whole(&history, &row)))
}

#[test]
fn a_report_on_a_full_disk_leaves_the_journal_alone() {
    let Some(way) = namespace() else { return };
    let script = "mount -t tmpfs -o size=4k tmpfs disk || exit 99
head -c 4096 /dev/zero >disk/full
exec funcy run --report json=disk/report.json
";
    let suite = Suite::new()
        .folder("disk")
        .file("script", script)
        .file("tasks/t.yaml", PASSES);
    suite
        .shell(&format!("{way} sh script"))
        .says("disk/report.json could not be written")
        .prints("1 passed");
    let history = kept::sound(&suite.path(".funcy/journal.db"));
    let row = &kept::runs(&history)[0];
    assert_eq!(row.outcome, Some(Outcome::Passed));
    kept::whole(&history, row);
}

#[test]
fn a_journal_on_a_disk_that_may_only_be_read_is_named() {
    let Some(way) = namespace() else { return };
    let script = "mount -t tmpfs tmpfs disk || exit 99
cp .funcy/journal.db disk && mount -o remount,ro disk || exit 98
exec funcy run --journal disk/journal.db
";
    let suite = Suite::new()
        .folder("disk")
        .file("script", script)
        .file("tasks/t.yaml", PASSES);
    suite.run(["run"]).exits(0);
    suite
        .shell(&format!("{way} sh script"))
        .exits(3)
        .says("disk/journal.db cannot be opened")
        .says("--journal none");
}
