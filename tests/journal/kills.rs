//! Killed at any moment: what was shown is in the journal, and what was sent had its intent there.

use super::counter::Counter;
use super::suite::{FUNCY, Suite};
use super::{kept, long_form, pause};
use funcy::event::{Event, Fact};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Many small events, waits, and in each round two requests that must not be sent twice: one that is not safe by
/// itself, and one that is not since something undoes it.
const TASK: &str = r"version: 1
params: [url, key]
vars: { n: 0 }
start_state: step
final_state: done
states:
  step:
    max_visits: 1000
    instructions:
      - http: POST ${url}/${key}/NAME/${n}
        expect: res.status == 200
        defer: { log: 'undo ${n}' }
      - http: GET ${url}/${key}/NAME/${n}/taken
        defer: { log: 'give back ${n}' }
      - log: after ${n}
    transitions:
      - { to: done, when: n >= ROUNDS }
      - { to: step, wait: 1ms, set: { n: n + 1 } }
  done:
";

/// Each place in the source that `journal::crash::point` names.
const POINTS: [(&str, u32); 15] = [
    ("opened", 1),
    ("shown", 1),
    ("before-note", 4),
    ("noted", 4),
    ("before-seal", 2),
    ("sealed", 2),
    ("begun", 1),
    ("half-appended", 1),
    ("before-commit", 2),
    ("committed", 2),
    ("before-reply", 2),
    ("before-sinks", 4),
    ("after-sinks", 4),
    ("before-call", 4),
    ("after-call", 4),
];

struct Victims {
    suite: Suite,
    server: Counter,
    next: u32,
}

impl Victims {
    fn new(rounds: u32) -> Self {
        let suite = (1..=3).fold(Suite::new(), |suite, number| {
            let task = TASK
                .replace("NAME", &number.to_string())
                .replace("ROUNDS", &rounds.to_string());
            suite.file(format!("tasks/{number}.yaml"), task)
        });
        Self {
            suite,
            server: Counter::start(),
            next: 0,
        }
    }

    /// Runs all tasks, with stdout in a file, which takes all that is written before the end.
    fn start(&mut self, point: Option<(&str, u32)>) -> (Child, String) {
        self.next += 1;
        let key = format!("k{}", self.next);
        let out = File::create(self.suite.path(&key)).unwrap();
        let mut command = Command::new(FUNCY);
        command
            .args(["run", "--format", "json", "--var"])
            .arg(format!("url={}", self.server.url()))
            .args(["--var", &format!("key={key}")])
            .current_dir(self.suite.path(""))
            .env_remove("FUNCY_LOG")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null());
        if let Some((name, count)) = point {
            command.env("FUNCY_ABORT_AT", format!("{name}:{count}"));
        }
        (command.spawn().unwrap(), key)
    }

    /// All that holds after a kill.
    fn examine(&self, key: &str) {
        let printed = kept::printed(&self.suite.text(key));
        // Killed while it made the journal it has none.
        let path = self.suite.path(".funcy/journal.db");
        let history = path.exists().then(|| kept::sound(&path));
        let recorded = history.map_or_else(Vec::new, |history| {
            let given = format!("key={key}");
            let rows = kept::runs(&history);
            let row = rows.iter().find(|row| row.command.contains(&given));
            row.map_or_else(Vec::new, |row| kept::whole(&history, row))
        });
        assert!(
            recorded.starts_with(&printed),
            "{key}: {} events were shown, {} are in the journal",
            printed.len(),
            recorded.len()
        );
        let intended: BTreeSet<String> = recorded.iter().filter_map(intent).collect();
        for (index, event) in recorded.iter().enumerate() {
            let before = recorded[..index].iter().rev();
            let mut before = before.filter(|one| one.execution == event.execution);
            assert!(
                intent(event).is_none()
                    || matches!(
                        before.next().map(|one| &one.fact),
                        Some(Fact::Deferred { .. })
                    ),
                "{key}: event {} is an intent without its `defer`",
                event.seq
            );
        }
        let mut sent = BTreeSet::new();
        for line in self.server.asked() {
            if !line.contains(&format!("/{key}/")) {
                continue;
            }
            let path = line.split(' ').nth(1).unwrap().to_owned();
            assert!(
                intended.contains(&path),
                "{path} was sent without its intent"
            );
            assert!(sent.insert(path.clone()), "{path} was sent twice");
        }
    }
}

/// The path of a request that is about to be sent.
fn intent(event: &Event) -> Option<String> {
    let Fact::InstructionStarted { request, .. } = &event.fact else {
        return None;
    };
    let url = request["post"].as_str().or(request["get"].as_str())?;
    Some(
        url.splitn(4, '/')
            .nth(3)
            .map(|path| format!("/{path}"))
            .unwrap(),
    )
}

#[test]
fn killed_at_each_point_it_loses_nothing() {
    if !cfg!(debug_assertions) {
        println!("a release build knows no such points");
        return;
    }
    // Long enough for the last of these points: there is a commit every 1000 events, or 50 ms.
    let (rounds, turns): (_, &[u32]) = match long_form() {
        Some(_) => (400, &[0, 1, 3, 8]),
        None => (100, &[0]),
    };
    let mut victims = Victims::new(rounds);
    for turn in turns {
        for (name, count) in POINTS {
            if *turn > 0 && count == 1 {
                // It comes but once.
                continue;
            }
            let point = (name, count + turn);
            let (mut child, key) = victims.start(Some(point));
            let status = child.wait().unwrap();
            assert_eq!(
                status.signal(),
                Some(9),
                "{point:?} was not reached: {status}"
            );
            victims.examine(&key);
        }
    }
}

#[test]
fn killed_at_its_end_it_loses_nothing() {
    if !cfg!(debug_assertions) {
        return;
    }
    let mut victims = Victims::new(3);
    let (mut child, key) = victims.start(Some(("run-end", 1)));
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    victims.examine(&key);
    let history = kept::sound(&victims.suite.path(".funcy/journal.db"));
    let row = &kept::runs(&history)[0];
    assert!(row.outcome.is_some(), "its end was there already");
    assert_eq!(victims.server.asked().len(), 3 * 4 * 2);
}

/// Kills at random moments of a run: the short form; `FUNCY_KILLS` widens it.
const KILLS: u32 = 20;

#[test]
fn killed_at_random_moments_it_loses_nothing() {
    let seed = std::env::var("FUNCY_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("FUNCY_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut victims = Victims::new(100);
    let mut shown = 0;
    for _ in 0..long_form().unwrap_or(KILLS) {
        let (mut child, key) = victims.start(None);
        pause(Duration::from_micros(chance.u64(0..700_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        victims.examine(&key);
        shown += kept::printed(&victims.suite.text(&key)).len();
    }
    assert!(shown > 0, "each was killed before it had shown anything");
    // The journal goes on as if nothing had been.
    let (mut child, key) = victims.start(None);
    assert!(child.wait().unwrap().success());
    victims.examine(&key);
    let ran = victims.suite.run(["audit", "verify"]).exits(0);
    println!("{}", ran.stdout.trim());
}
