use super::{Bounds, Exploration};
use crate::event::Outcome;
use crate::machine::tests::{machine, whole, with_room};
use std::fmt::Write as _;

fn explored(yaml: &str) -> Exploration {
    explored_within(yaml, Bounds::default())
}

fn explored_within(yaml: &str, bounds: Bounds) -> Exploration {
    let yaml = whole(yaml);
    with_room(move || {
        let (machine, _) = machine(&yaml, &[]).unwrap_or_else(|found| panic!("{found:#?}"));
        machine.explore(&[], bounds)
    })
}

fn names(found: &Exploration) -> Vec<String> {
    let name = |path: &super::Explored| format!("{} = {}", path.name, path.end.word());
    found.paths.iter().map(name).collect()
}

const ORDER: &str = "
    start_state: place
    final_state: shipped
    states:
      place:
        instructions:
          - stub: buy
            save: { id: res.id }
            expect: res.ok
            defer: { stub: \"undo ${id}\" }
        transitions:
          - { to: shipped, poll: { stub: look }, when: res == 1, fail_when: res == 9 }
          - { to: lost, wait: 1s }
          - { subscribe: { stub: alarm }, fail_when: res == 1 }
        on_error: [{ kind: protocol, to: lost }]
      shipped:
      lost: { fail: lost }
";

#[test]
fn every_outcome_is_a_path() {
    let found = explored(ORDER);
    assert_eq!(
        names(&found),
        [
            "place: buy fails (transport) = error",
            "place: buy fails (protocol) / lost: failed = failed",
            "place: buy gets no answer = timed out",
            "place: buy unexpected = failed",
            "place: subscription breaks (transport) = error",
            "place: subscription breaks (protocol) / lost: failed = failed",
            "place: shipped / shipped: passed = passed",
            "place: shipped fails = failed",
            "place: lost / lost: failed = failed",
            "place: watch fails = failed",
            "place: look breaks / lost: failed = failed",
        ]
    );
    // The `wait` is shorter than the limit: nothing times out.
    assert_eq!((found.outcomes, found.walked), (13, 13));
    assert!(!found.more_paths && found.longer == 0);
}

#[test]
fn a_defer_that_lacks_its_variable_is_told_with_its_path() {
    let found = explored(ORDER);
    let undone: Vec<_> = found
        .undone
        .iter()
        .map(|one| {
            (
                &*one.what,
                &*one.variable,
                one.path.as_str(),
                one.paths,
                one.own_failure,
            )
        })
        .collect();
    assert_eq!(
        undone,
        [("undo ${id}", "id", "place: buy fails (transport)", 3, true)]
    );

    let late = "
        start_state: a
        final_state: b
        vars: { x: 1 }
        states:
          a:
            instructions:
              - { stub: one, defer: { stub: \"undo ${x} ${y}\" } }
            next: b
          b:
            instructions: [{ eval: 1, save: { y: res } }]
    ";
    let found = explored(late);
    assert!(!found.undone[0].own_failure);
    assert_eq!(
        (&*found.undone[0].variable, found.undone[0].paths),
        ("y", 3)
    );
}

#[test]
fn timeouts_and_loops_are_followed_to_a_bound() {
    let yaml = "
        start_state: a
        final_state: b
        states:
          a:
            poll: { eval: 1 }
            transitions:
              - { to: a, when: res == 1 }
              - { to: b, when: res == 2 }
            on_timeout: c
          b:
          c: { fail: c }
    ";
    let found = explored(yaml);
    assert_eq!(
        names(&found),
        [
            "a: a / a: b / b: passed = passed",
            "a: a / a: timeout / c: failed = failed",
            "a: b / b: passed = passed",
            "a: timeout / c: failed = failed",
        ]
    );
    assert_eq!((found.longer, found.more_paths), (1, false));
}

/// A chain of states, each of which can be left in two ways to the next.
fn diamonds(count: usize) -> String {
    let mut yaml = "start_state: s0\nfinal_state: end\nstates:\n".to_owned();
    for index in 0..count {
        let next = if index + 1 == count {
            "end".to_owned()
        } else {
            format!("s{}", index + 1)
        };
        let _ = write!(
            yaml,
            "  s{index}:\n    poll: {{ stub: look }}\n    transitions:\n      - {{ to: {next}, when: res == 1 }}\n      - {{ to: {next}, when: res == 2 }}\n"
        );
    }
    yaml + "  end:\n"
}

#[test]
fn more_paths_than_the_bound_still_have_every_outcome() {
    let found = explored_within(
        &diamonds(20),
        Bounds {
            paths: 50,
            visits: 2,
        },
    );
    assert!(found.more_paths);
    assert_eq!((found.walked, found.outcomes), (81, 81));
    assert!(found.paths.len() < 50 + 81, "{}", found.paths.len());
    let again = explored_within(
        &diamonds(20),
        Bounds {
            paths: 50,
            visits: 2,
        },
    );
    assert_eq!(found.paths, again.paths);
}

#[test]
fn two_hundred_states_are_walked() {
    let found = explored(&diamonds(200));
    assert_eq!((found.walked, found.outcomes), (801, 801));
    assert!(
        found
            .paths
            .iter()
            .all(|path| path.end != Outcome::Cancelled)
    );
}

#[test]
fn a_trap_is_told() {
    let yaml = "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, wait: 1s }
              - { to: trap, poll: { stub: look } }
          trap: { transitions: [{ to: trap, wait: 1s }], on_timeout: b }
          b:
    ";
    let found = explored(yaml);
    let endless: Vec<&str> = found.endless.iter().map(|(name, _)| &**name).collect();
    assert_eq!(endless, ["trap"]);
    assert!(found.unreached.is_empty());
}
