//! Recordings: what was answered once is answered again, and nothing else is.

use super::{LeftAt, Mismatch, Recording, ReplayEnd, Replayed, Stub, VirtualWorld, replay};
use crate::event::{ErrorKind, Event, Fact, Failure, Json, Outcome};
use crate::machine::tests::{machine, millis, whole, with_room};
use crate::machine::{Inputs, Machine, Verdict, run};
use crate::script::Chance;
use serde_json::json;
use std::sync::Arc;

/// Everything that a task may ask for: a loop of requests, a retry, polls, messages of both kinds, an end
/// with something to undo.
const RICH: &str = "
    start_state: place
    final_state: done
    listen: { mail: { stub: inbox } }
    states:
      place:
        instructions:
          - stub: { do: buy, id: \"${uuid()}\", at: \"${now()}\" }
            save: { id: res.id }
            defer: { stub: \"undo ${id}\" }
          - for_each: [a, b, c]
            concurrency: 2
            stub: \"tag ${item}\"
            save: { tags: res }
          - stub: flaky
            retry: { max_attempts: 3, delay: 100ms }
            expect: res == 2
        next: placed
      placed:
        poll: { stub: \"look ${id}\" }
        every: 100ms
        transitions:
          - { to: mailed, when: res.status == 'shipped' }
          - { to: lost, wait: 5s }
      mailed:
        transitions:
          - { to: told, subscribe: mail, when: res.k == 3 }
      told:
        transitions:
          - to: done
            subscribe: { stub: news }
            when: res.n == 2
      done:
      lost: { fail: lost }
";

fn rich() -> VirtualWorld {
    let reply = |after, value| Stub::reply(millis(after), value);
    let place = "states.place.instructions";
    VirtualWorld::new()
        .answer(&format!("{place}[0]"), reply(30, json!({ "id": 7 })))
        .answer(&format!("{place}[0].defer"), reply(5, json!(null)))
        .answer(&format!("{place}[1]"), reply(10, json!("A")))
        .answer(&format!("{place}[1]"), reply(40, json!("B")))
        .answer(&format!("{place}[1]"), reply(10, json!("C")))
        .answer(&format!("{place}[2]"), reply(5, json!(1)))
        .answer(
            &format!("{place}[2]"),
            Stub::failure(millis(5), Failure::transport("refused")),
        )
        .answer(&format!("{place}[2]"), reply(5, json!(2)))
        .answer("states.placed.poll", reply(20, json!({ "status": "paid" })))
        .answer("states.placed.poll", reply(20, json!({ "status": "paid" })))
        .answer(
            "states.placed.poll",
            reply(20, json!({ "status": "shipped" })),
        )
        .message("listen.mail", millis(50), json!({ "k": 1 }))
        .message("listen.mail", millis(900), json!({ "k": 2 }))
        .message("listen.mail", millis(1500), json!({ "k": 3 }))
        .message(
            "states.told.transitions[0].subscribe",
            millis(10),
            json!({ "n": 1 }),
        )
        .message(
            "states.told.transitions[0].subscribe",
            millis(20),
            json!({ "n": 2 }),
        )
}

fn compiled(yaml: &str) -> Arc<Machine> {
    let (machine, _) = machine(&whole(yaml), &[]).unwrap_or_else(|found| panic!("{found:#?}"));
    Arc::new(machine)
}

/// Runs a task in a world of stubs and keeps its events, each later by `drift` microseconds than the one
/// before: a real clock goes on while the machine works.
fn record(yaml: &str, world: VirtualWorld, drift: u64) -> (Verdict, Vec<Event>) {
    let machine = compiled(yaml);
    let world = world.chance(Chance::new(5, &machine.file.name, None, 1));
    let inputs = Inputs {
        run: "R".into(),
        attempt: 1,
        attempts: 1,
        ..Inputs::default()
    };
    let verdict = world.block_on(run(&machine, inputs, &world)).unwrap();
    let started = Fact::RunStarted(Box::new(crate::event::RunStarted {
        seed: 5,
        ..Default::default()
    }));
    let facts = world
        .into_facts()
        .into_iter()
        .map(|one| (Some(1), one.at.0, one.fact));
    let events = [(None, 0, started)]
        .into_iter()
        .chain(facts)
        .enumerate()
        .map(|(seq, (execution, at, fact))| Event {
            run: "R".into(),
            seq: seq as u64 + 1,
            at: (at + drift * seq as u64).cast_signed(),
            execution,
            frame: crate::event::ROOT,
            fact,
        })
        .collect();
    (verdict, events)
}

fn played(yaml: &str, events: &[Event]) -> Replayed {
    replay(&compiled(yaml), Inputs::default(), Recording::of(events, 1))
}

/// What a fact says, apart from lengths of time.
fn told(fact: &Fact) -> Json {
    let mut told = serde_json::to_value(fact).unwrap();
    forget_times(&mut told);
    told
}

fn forget_times(value: &mut Json) {
    match value {
        Json::Object(members) => {
            members.retain(|key, _| !key.ends_with("micros"));
            members.values_mut().for_each(forget_times);
        }
        Json::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

fn left(replayed: &Replayed) -> &LeftAt {
    match &replayed.end {
        ReplayEnd::Left(at) => at,
        other => panic!("{other:?}"),
    }
}

fn verdict(replayed: &Replayed) -> &Verdict {
    match &replayed.end {
        ReplayEnd::Verdict(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_recording_tells_its_own_story_again() {
    with_room(|| {
        for drift in [0, 137] {
            let (before, events) = record(RICH, rich(), drift);
            assert_eq!(before.outcome, Outcome::Passed, "{before:?}");
            let again = played(RICH, &events);
            assert_eq!(verdict(&again).outcome, Outcome::Passed);
            let then: Vec<Json> = events[1..].iter().map(|event| told(&event.fact)).collect();
            let now: Vec<Json> = again.facts.iter().map(|one| told(&one.fact)).collect();
            // Requests hold a time of the clock, which has gone on differently where there is a drift.
            if drift == 0 {
                let differs = now.iter().zip(&then).find(|(now, then)| now != then);
                assert_eq!(differs, None);
            } else {
                assert_eq!(now.len(), then.len());
            }
        }
    });
}

#[test]
fn an_edited_expression_is_judged_by_the_old_answers() {
    with_room(|| {
        let (_, events) = record(RICH, rich(), 0);
        let edited = RICH.replace("expect: res == 2", "expect: res == 1");
        let again = played(&edited, &events);
        // The first answer is what is expected now, and nothing asks for another.
        assert_eq!(verdict(&again).outcome, Outcome::Passed);
        let edited = RICH.replace(
            "{ to: lost, wait: 5s }",
            "{ to: lost, when: res.status == 'paid' }",
        );
        let again = played(&edited, &events);
        let headline = verdict(&again).headline.as_ref().unwrap();
        assert_eq!(headline.failure.kind, ErrorKind::Fail);
    });
}

#[test]
fn what_was_not_recorded_is_left_at_its_place() {
    with_room(|| {
        let (_, events) = record(RICH, rich(), 90);
        let never = RICH.replace("res.status == 'shipped'", "res.status == 'delivered'");
        let again = played(&never, &events);
        let at = left(&again);
        assert_eq!(
            at.to_string(),
            "the recording ends at `states.placed.poll`, visit 1, attempt 4: it holds no answer to this"
        );
        assert_eq!(at.state.as_deref(), Some("placed"));

        let deaf = RICH.replace("res.n == 2", "res.n == 3");
        let again = played(&deaf, &events);
        assert_eq!(
            left(&again).to_string(),
            "the recording ends at `states.told.transitions[0].subscribe`, visit 1: it holds no message 3"
        );

        let deaf = RICH.replace("res.k == 3", "res.k == 4");
        let again = played(&deaf, &events);
        assert_eq!(
            left(&again).to_string(),
            "the recording ends at `listen.mail`, visit 1: it holds no message 4"
        );

        let added = RICH.replace(
            "          - stub: flaky",
            "          - stub: more\n          - stub: flaky",
        );
        let again = played(&added, &events);
        // The new one stands where `flaky` stood, and the answer there is to another request.
        assert!(
            matches!(left(&again).asked, Mismatch::Other { .. }),
            "{:?}",
            left(&again)
        );
    });
}

#[test]
fn an_answer_to_another_request_is_none() {
    with_room(|| {
        let (_, events) = record(RICH, rich(), 0);
        let other = RICH.replace("id: res.id", "id: res.id + 1");
        let again = played(&other, &events);
        let at = left(&again);
        assert_eq!(&*at.place.path, "states.place.instructions[0].defer");
        let Mismatch::Other { recorded, now } = &at.asked else {
            panic!("{at:?}");
        };
        assert_eq!(
            (&**recorded, &**now),
            (&json!({ "do": "undo 7" }), &json!({ "do": "undo 8" }))
        );
    });
}

#[test]
fn what_was_under_way_when_it_lost_loses_again() {
    let yaml = "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, wait: 1s }
              - { to: c, poll: { stub: slow }, every: 300ms, when: res == 9 }
          b:
          c: { fail: no }
    ";
    let world = || {
        VirtualWorld::new()
            .answer(
                "states.a.transitions[1].poll",
                Stub::reply(millis(100), json!(1)),
            )
            .answer(
                "states.a.transitions[1].poll",
                Stub::reply(millis(900), json!(9)),
            )
    };
    with_room(|| {
        let (before, events) = record(yaml, world(), 50);
        assert_eq!(before.outcome, Outcome::Passed);
        let again = played(yaml, &events);
        assert_eq!(verdict(&again).outcome, Outcome::Passed);
        // Longer than it was watched, nobody knows.
        let again = played(&yaml.replace("wait: 1s", "wait: 2s"), &events);
        assert_eq!(
            (&*left(&again).place.path, left(&again).attempt),
            ("states.a.transitions[1].poll", 2)
        );
    });
}

#[test]
fn secrets_are_stood_in_for() {
    let yaml = "
        start_state: a
        final_state: b
        secrets: [key]
        states:
          a:
            instructions:
              - stub: login
                save: { key: res.key }
              - stub: \"use ${key}\"
                expect: res == 'ok'
            next: b
          b:
    ";
    let world = VirtualWorld::new()
        .answer(
            "states.a.instructions[0]",
            Stub::reply(millis(1), json!({ "key": "topsecret-1" })),
        )
        .answer(
            "states.a.instructions[1]",
            Stub::reply(millis(1), json!("ok")),
        );
    with_room(|| {
        let (_, events) = record(yaml, world, 0);
        let again = played(yaml, &events);
        assert_eq!(verdict(&again).outcome, Outcome::Passed);
        assert_eq!(
            again.masked.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["key"]
        );
        let facts = format!("{:?}", again.facts);
        assert!(
            facts.contains("use $key") && !facts.contains("<masked"),
            "{facts}"
        );
    });
}

#[test]
fn the_last_execution_of_a_task_is_found() {
    with_room(|| {
        let (_, mut events) = record(RICH, rich(), 0);
        for event in events.clone() {
            events.push(Event {
                execution: event.execution.map(|_| 2),
                ..event
            });
        }
        assert_eq!(Recording::last_of(&events, &compiled(RICH), None), Some(2));
        assert!(Recording::of(&events, 3).is_empty());
        assert_eq!(
            Recording::of(&events, 2).len(),
            Recording::of(&events, 1).len()
        );
        assert_eq!(Recording::of(&events, 1).len(), 16);
    });
}
