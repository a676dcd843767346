//! Regions: machines side by side in a state, what they see of each other, joins, interrupts and failures.

use super::{Scene, machine, task, whole};
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

/// A state `work` with regions, and `done` behind it.
fn side_by_side(regions: &str, rest: &str) -> Scene {
    let indented = |text: &str, by: usize| -> String {
        let pad = " ".repeat(by);
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("{pad}{line}\n"))
            .collect()
    };
    // Only where something leads there.
    let (finals, other) = if rest.contains("other") {
        ("[done, other]", "  other:\n")
    } else {
        ("done", "")
    };
    task(&format!(
        "start_state: work\nfinal_state: {finals}\nstates:\n  work:\n    regions:\n{}{}  done:\n{other}",
        indented(regions, 6),
        indented(rest, 4)
    ))
}

const TWO: &str = "
one:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, wait: 2s }] }
    b:
two:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, wait: 1s }] }
    b:
";

#[test]
fn regions_run_side_by_side_and_are_joined() {
    side_by_side(TWO, "next: done\n").run().passes().shows_at(
        "enter take open close finish",
        "0 enter work
             0 one: open
             0 two: open
             0 one: enter a
             0 two: enter a
             1000 two: take a → b
             1000 two: enter b
             1000 two: close done
             2000 one: take a → b
             2000 one: enter b
             2000 one: close done
             2000 take work → done
             2000 enter done
             2000 finish passed",
    );
}

#[test]
fn any_of_them_may_join_and_the_others_are_cancelled() {
    side_by_side(TWO, "join: any\nnext: done\n")
        .run()
        .passes()
        .shows_at(
            "take close",
            "1000 two: take a → b
             1000 two: close done
             1000 one: close cancelled
             1000 take work → done",
        );
}

#[test]
fn a_condition_interrupts_them() {
    let ran = side_by_side(
        TWO,
        "transitions:\n  - done\n  - { to: other, wait: 1500ms }\n",
    )
    .run();
    ran.passes().shows_at(
        "take close",
        "1000 two: take a → b
         1000 two: close done
         1500 one: close cancelled
         1500 take work → other",
    );
}

#[test]
fn the_requests_of_cancelled_regions_have_stopped() {
    let regions = "
busy:
  start_state: a
  final_state: b
  states:
    a:
      instructions: [{ stub: slow }]
      next: b
    b:
";
    // What is still under way when a state is entered is a leak, which every test looks for.
    side_by_side(
        regions,
        "transitions:\n  - done\n  - { to: other, wait: 1s }\n",
    )
    .later(
        "states.work.regions.busy.states.a.instructions[0]",
        5000,
        json!(1),
    )
    .run()
    .passes()
    .shows_at(
        "take close start end",
        "0 busy: start slow\n1000 busy: close cancelled\n1000 take work → other",
    );
}

#[test]
fn what_a_region_saves_is_its_own_and_is_carried_over_where_that_is_wanted() {
    let regions = "
pay:
  start_state: a
  final_state: b
  states:
    a:
      instructions: [{ eval: 1 + 1, save: { id: res } }]
      next: b
    b:
mail:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, when: regions.pay.id == 2, set: { seen: regions.pay.id + 1 } }] }
    b:
";
    let rest = "transitions: [{ to: done, set: { all: '[regions.pay.id, regions.mail.seen]' } }]\n";
    let ran = side_by_side(regions, "next: done\n").run();
    ran.passes();
    let ran = side_by_side(
        regions,
        &rest.replace("{ to: done,", "{ to: done, when: regions.mail.seen == 3,"),
    )
    .run();
    ran.passes();
    assert_eq!(ran.value("all"), Some(&json!([2, 3])));
}

#[test]
fn conditions_that_look_at_another_region_are_asked_again_when_it_changes() {
    let regions = "
waits:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, when: regions.works.step == 2 }] }
    b:
works:
  start_state: a
  final_state: d
  states:
    a: { transitions: [{ to: c, wait: 1s, set: { step: '1' } }] }
    c: { transitions: [{ to: d, wait: 1s, set: { step: '2' } }] }
    d:
";
    side_by_side(regions, "next: done\n")
        .run()
        .passes()
        .shows_at(
            "take",
            "1000 works: take a → c
             2000 works: take c → d
             2000 waits: take a → b
             2000 take work → done",
        );
}

#[test]
fn a_condition_of_the_state_sees_the_change_in_the_pass_of_the_join() {
    let regions = "
pay:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, wait: 1s, set: { status: \"'declined'\" } }] }
    b:
";
    let ways =
        "transitions:\n  - { to: other, when: regions.pay.status == 'declined' }\n  - done\n";
    side_by_side(regions, ways).run().passes().shows_at(
        "take",
        "1000 pay: take a → b\n1000 take work → other, also done",
    );
}

#[test]
fn a_region_that_fails_cancels_its_siblings_and_fails_the_state() {
    let regions = format!(
        "{TWO}
bad:
  start_state: a
  final_state: c
  states:
    a: {{ transitions: [{{ to: b, wait: 500ms }}, {{ to: c, wait: 3s }}] }}
    b: {{ fail: it is no good }}
    c:
"
    );
    let ran = side_by_side(&regions, "next: done\n").run();
    ran.ends(Outcome::Failed, ErrorKind::Fail, "it is no good");
    ran.shows_at(
        "close finish",
        "500 bad: close failed
         500 one: close cancelled
         500 two: close cancelled
         500 finish failed",
    );
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.region.as_deref(), Some("bad"));
    assert_eq!(headline.state.as_deref(), Some("b"));
}

#[test]
fn its_failure_can_be_routed_and_names_the_region() {
    let regions = "
bad:
  start_state: a
  final_state: b
  states:
    a: { instructions: [{ stub: buy }], next: b }
    b:
";
    let ways = "next: done\non_error: [{ to: other, set: { who: 'error.region + \" \" + error.state + \" \" + error.kind' } }]\n";
    let ran = side_by_side(regions, ways)
        .fails(
            "states.work.regions.bad.states.a.instructions[0]",
            0,
            ErrorKind::Transport,
        )
        .run();
    ran.passes();
    assert_eq!(ran.value("who"), Some(&json!("bad a transport")));
}

#[test]
fn a_region_has_transition_timeouts_of_its_own_and_its_state_none() {
    let regions = "
slow:
  start_state: a
  final_state: c
  states:
    a: { transitions: [{ to: b, wait: 20s }] }
    b: { transitions: [{ to: c, wait: 20s }] }
    c:
";
    side_by_side(regions, "next: done\n")
        .run()
        .passes()
        .shows_at(
            "take wait",
            "0 wait 10m
         0 slow: wait 30s
         20000 slow: take a → b
         20000 slow: wait 30s
         40000 slow: take b → c
         40000 take work → done",
        );
    let ran = side_by_side(regions, "timeout: 25s\nnext: done\n").run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 25s",
    );
    ran.shows_at(
        "close timeout",
        "25000 timeout transition work\n25000 slow: close cancelled",
    );
    let late = regions.replace(
        "wait: 20s }] }\n    c",
        "subscribe: { stub: news } }] }\n    c",
    );
    let ran = side_by_side(&late, "next: done\n")
        .message(
            "states.work.regions.slow.states.b.transitions[0].subscribe",
            60_000,
            json!(1),
        )
        .run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 30s",
    );
    assert_eq!(
        ran.verdict.headline.as_ref().unwrap().region.as_deref(),
        Some("slow")
    );
}

#[test]
fn a_region_that_waits_for_one_that_is_done_times_out() {
    let regions = "
waits:
  start_state: a
  final_state: b
  states:
    a: { timeout: 5s, transitions: [{ to: b, when: regions.works.step == 9 }] }
    b:
works:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, wait: 1s, set: { step: '1' } }] }
    b:
";
    let ran = side_by_side(regions, "next: done\n").run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 5s",
    );
}

#[test]
fn regions_in_regions() {
    let regions = "
outer:
  start_state: a
  final_state: z
  states:
    a:
      regions:
        inner:
          start_state: a
          final_state: b
          states:
            a: { transitions: [{ to: b, wait: 1s, set: { deep: '7' } }] }
            b:
      transitions: [{ to: z, set: { up: regions.inner.deep } }]
    z:
other:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, when: regions.outer.up == 7 }] }
    b:
";
    let ran = side_by_side(regions, "next: done\n").run();
    ran.passes().shows_at(
        "take",
        "1000 inner: take a → b
         1000 outer: take a → z
         1000 other: take a → b
         1000 take work → done",
    );
    // Interrupted from outside, the inner one is closed before the outer one.
    let ways = "transitions:\n  - done\n  - { to: other, wait: 500ms }\n";
    side_by_side(regions, ways).run().passes().shows_at(
        "close take",
        "500 inner: close cancelled
         500 outer: close cancelled
         500 other: close cancelled
         500 take work → other",
    );
}

#[test]
fn a_defer_of_a_region_joins_the_stack_of_the_task() {
    let regions = "
one:
  start_state: a
  final_state: b
  states:
    a:
      instructions:
        - { stub: make, save: { id: res.id }, defer: { stub: { do: unmake, id: '${id}' } } }
      next: b
    b:
two:
  start_state: a
  final_state: b
  states:
    a:
      instructions:
        - { stub: hold, defer: { stub: { do: let go } } }
      next: b
    b:
";
    let ran = side_by_side(regions, "next: done\n")
        .answer(
            "states.work.regions.one.states.a.instructions[0]",
            json!({ "id": 5 }),
        )
        .later(
            "states.work.regions.two.states.a.instructions[0]",
            1000,
            json!(1),
        )
        .answer(
            "states.work.regions.one.states.a.instructions[0].defer",
            json!(1),
        )
        .answer(
            "states.work.regions.two.states.a.instructions[0].defer",
            json!(1),
        )
        .run();
    ran.passes().shows_at(
        "start cleanup",
        "0 one: start make
         0 two: start hold
         1000 cleanup 2
         1000 start let go
         1000 start unmake",
    );
}

#[test]
fn what_a_cancelled_region_has_armed_is_undone_with_its_variables() {
    let regions = "
busy:
  start_state: a
  final_state: b
  states:
    a:
      instructions:
        - { eval: '7', save: { id: res } }
        - { stub: slow, defer: { log: 'undo ${id}' } }
      next: b
    b:
";
    let ways = "transitions:\n  - done\n  - { to: other, wait: 1s }\n";
    side_by_side(regions, ways)
        .later(
            "states.work.regions.busy.states.a.instructions[1]",
            5000,
            json!(1),
        )
        .run()
        .passes()
        .shows_at("take log", "1000 take work → other\n1000 log undo 7");
}

#[test]
fn a_halt_ends_all_of_them() {
    let ran = side_by_side(TWO, "next: done\n").halt(700).run();
    assert_eq!(ran.outcome(), Outcome::Cancelled);
    ran.shows_at(
        "close finish",
        "700 one: close cancelled\n700 two: close cancelled\n700 finish cancelled",
    );
}

#[test]
fn regions_are_seen_behind_their_state_until_it_is_entered_again() {
    let ran = task(
        "
        vars: { round: 0 }
        start_state: work
        final_state: done
        states:
          work:
            regions:
              pay:
                start_state: a
                final_state: b
                states:
                  a: { transitions: [{ to: b, when: round == 0, set: { id: '1' } }, { to: b }] }
                  b:
            transitions: [{ to: look, set: { round: round + 1 } }]
          look:
            instructions: [{ eval: regions.pay.id ?? 'nothing', save: { 'got': res } }]
            transitions: [{ to: work, when: round == 1 }, done]
          done:
        ",
    )
    .run();
    ran.passes().shows(
        "save",
        "save round 0
         pay: save id 1
         save round 1
         save got 1
         save round 2
         save got \"nothing\"",
    );
}

#[test]
fn messages_of_a_listen_are_seen_by_each_region() {
    let regions = "
one:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, subscribe: news, when: res == 2 }] }
    b:
two:
  start_state: a
  final_state: b
  states:
    a: { transitions: [{ to: b, subscribe: news, when: res == 2 }] }
    b:
";
    let mut scene = side_by_side(regions, "next: done\n");
    scene.yaml = scene.yaml.replace(
        "version: 1\n",
        "version: 1\nlisten: { news: { stub: news } }\n",
    );
    scene
        .message("listen.news", 100, json!(1))
        .message("listen.news", 200, json!(2))
        .run()
        .passes()
        .shows_at(
            "take",
            "200 one: take a → b\n200 two: take a → b\n200 take work → done",
        );
}

/// The one mistake of a task.
fn mistake(scene: &Scene) -> (String, String) {
    let found = machine(&scene.yaml, &[]).expect_err("a mistake");
    let errors: Vec<_> = (found.iter())
        .filter(|one| one.severity == crate::definition::Severity::Error)
        .collect();
    assert_eq!(errors.len(), 1, "{found:#?}");
    let one = errors[0];
    let line = one.span.start.line as usize - 1;
    let line = scene.yaml.lines().nth(line).unwrap_or_default();
    (one.message.clone(), line.trim().to_owned())
}

#[test]
fn mistakes_are_found_where_they_stand() {
    let region = |body: &str| {
        format!("one:\n  start_state: a\n  final_state: b\n  states:\n    a: {body}\n    b:\n")
    };
    for (regions, rest, message, line) in [
        (
            region("{ next: done }"),
            "next: done\n",
            "there is no state `done`",
            "a: { next: done }",
        ),
        (
            region("{ next: b }"),
            "transitions: [{ to: done, set: { x: regions.oen.y } }]\n",
            "there is no region `oen`",
            "transitions: [{ to: done, set: { x: regions.oen.y } }]",
        ),
        (
            region("{ next: b }"),
            "transitions: [{ to: done, set: { x: regions.one.y } }]\n",
            "the region `one` saves no variable `y`",
            "transitions: [{ to: done, set: { x: regions.one.y } }]",
        ),
        (
            region("{ transitions: [{ to: b, set: { mine: '1' } }] }"),
            "instructions: [{ eval: '1', save: { mine: res } }]\nnext: done\n",
            "the region `one` saves `mine`, which is a variable outside of it as well",
            "a: { transitions: [{ to: b, set: { mine: '1' } }] }",
        ),
        (
            region("{ next: b }"),
            "transitions: [done, other]\n",
            "this is never reached: when the regions are done, the transition to `done` is taken",
            "transitions: [done, other]",
        ),
        (
            region("{ next: b }"),
            "join: al\nnext: done\n",
            "`join` is `all` or `any`, not `al`",
            "join: al",
        ),
        (
            region("{ next: b }"),
            "",
            "nothing leads out of `work`",
            "work:",
        ),
    ] {
        assert_eq!(
            mistake(&side_by_side(&regions, rest)),
            (message.to_owned(), line.to_owned())
        );
    }
    let alone = Scene {
        yaml: whole("start_state: a\nfinal_state: b\nstates:\n  a: { join: all, next: b }\n  b:\n"),
        ..task("")
    };
    assert_eq!(
        mistake(&alone).0,
        "`join` says when regions are done, and this state has none"
    );
    let ended = Scene {
        yaml: whole(
            "start_state: a\nfinal_state: b\nstates:\n  a: { next: b }\n  b:\n    regions:\n      one: { start_state: x, final_state: x, states: { x: } }\n",
        ),
        ..task("")
    };
    assert_eq!(
        mistake(&ended).0,
        "`b` is a final state and has regions, which would never run"
    );
}
