//! `record`: what is written down of the traffic of a client, and what of it a task brings to light itself.

use super::{Ran, Scene, machine, task};
use crate::event::{Attempted, ErrorKind, Fact, Failure, Json, Outcome};
use crate::sim::Stub;
use serde_json::json;
use std::time::Duration;

/// Only in what is sent and received: no task writes it in one piece.
const PAYLOAD: &str = "only-for-the-two";

/// A body and what stands beside it.
fn answer() -> Json {
    json!({ "body": { "name": PAYLOAD, "n": 1 }, "status": 200 })
}

/// Runs it; nothing that was recorded holds the payload.
#[track_caller]
fn hides(scene: Scene) -> Ran {
    let ran = scene.run();
    for (at, fact) in &ran.facts {
        let text = serde_json::to_string(fact).unwrap();
        assert!(!text.contains(PAYLOAD), "{at}: {text}");
    }
    ran
}

/// The requests, answers, sources and messages as they were recorded.
fn recorded(ran: &Ran) -> Vec<Json> {
    let result = |result: &Attempted| match result {
        Attempted::Reply(reply) => Json::clone(&reply.value),
        Attempted::Failure(failure) => json!(failure.message),
    };
    let facts = ran.facts.iter().filter_map(|(_, fact)| match fact {
        Fact::InstructionStarted { request, .. } => Some(Json::clone(request)),
        Fact::SubscriptionOpened { source, .. } => Some(Json::clone(source)),
        Fact::MessageReceived { value, .. } => Some(Json::clone(value)),
        Fact::InstructionFinished { result: one, .. } | Fact::PollAnswered { result: one, .. } => {
            Some(result(one))
        }
        _ => None,
    });
    facts.collect()
}

/// A task whose client `c` records this much; its states follow.
fn with(record: &str, states: &str) -> Scene {
    let states: String = super::whole(states)
        .lines()
        .skip(1)
        .map(|line| format!("  {line}\n"))
        .collect();
    task(&format!(
        "clients: {{ c: {{ stub: {{}}, record: {record} }} }}\nstart_state: a\nfinal_state: z\nstates:\n  z:\n{states}"
    ))
}

const ASKS: &str = "
  a:
    instructions:
      - c: { do: ask, body: \"${'only-for' + '-the-two'}\", to: me }
        save: { n: res.body.n }
        expect: res.body.name.len() == 16
    next: z
";

#[test]
fn headers_are_all_but_the_bodies() {
    let ran = hides(with("headers", ASKS).answer("states.a.instructions[0]", answer()));
    ran.passes();
    assert_eq!(
        recorded(&ran),
        [json!({ "do": "ask", "to": "me" }), json!({ "status": 200 })]
    );
    // What the task saves is its own.
    assert_eq!(ran.value("n"), Some(&json!(1)));
}

#[test]
fn none_is_that_it_happened() {
    let ran = hides(with("none", ASKS).answer("states.a.instructions[0]", answer()));
    ran.passes().shows("start end", "start ask\nend null");
    assert_eq!(recorded(&ran), [Json::Null, Json::Null]);
    let summary = ran.facts.iter().find_map(|(_, fact)| match fact {
        Fact::InstructionFinished {
            result: Attempted::Reply(reply),
            ..
        } => Some(&*reply.summary),
        _ => None,
    });
    assert_eq!(summary, Some("c → a stub"));
}

#[test]
fn full_is_all_of_it() {
    let ran = with("full", ASKS)
        .answer("states.a.instructions[0]", answer())
        .run();
    let request = json!({ "do": "ask", "body": PAYLOAD, "to": "me" });
    assert_eq!(recorded(&ran), [request, answer()]);
}

#[test]
fn a_poll_is_recorded_like_a_request() {
    let states = "
      a:
        poll: { c: look }
        transitions:
          - { to: z, when: res.body.n == 2, fail_when: res.body.n == 3 }
          - { fail_when: res.status == 500 }
    ";
    for (record, first) in [("headers", json!({ "status": 200 })), ("none", Json::Null)] {
        let ran = with(record, states)
            .answer("states.a.poll", answer())
            .answer("states.a.poll", json!({ "body": PAYLOAD, "status": 500 }));
        let ran = hides(ran);
        ran.ends(Outcome::Failed, ErrorKind::Condition, "res.status == 500");
        assert_eq!(recorded(&ran)[0], first);
        assert_eq!(ran.verdict.headline.as_ref().unwrap().result, None);
    }
}

#[test]
fn messages_and_sources_are_recorded_like_requests() {
    let states = "
      a:
        subscribe: { c: { on: orders, body: \"${'only-for' + '-the-two'}\" } }
        transitions: [{ to: z, when: res.body.n == 1 }]
    ";
    let ran = hides(with("headers", states).message("states.a.subscribe", 5, answer()));
    ran.passes();
    assert_eq!(
        recorded(&ran),
        [json!({ "on": "orders" }), json!({ "status": 200 })]
    );
    let ran = hides(with("none", states).message("states.a.subscribe", 5, answer()));
    ran.passes();
    assert_eq!(recorded(&ran), [Json::Null, Json::Null]);
}

#[test]
fn who_listens_for_an_entry_records_what_its_client_may() {
    let states = "
      a:
        instructions:
          - parallel: [{ listen: { orders: { c: new } } }]
        subscribe: orders
        transitions: [{ to: z, when: res.body.n == 1 }]
    ";
    let path = "states.a.instructions[0].parallel[0].listen.orders";
    let ran = hides(with("none", states).message(path, 5, answer()));
    ran.passes();
    assert_eq!(recorded(&ran), [Json::Null, Json::Null]);
}

#[test]
fn a_failure_shows_no_result_of_which_a_part_is_not_recorded() {
    let is_hidden = |instruction: &str, path: &str| {
        let states = format!("  a:\n    instructions:\n      - {instruction}\n    next: z\n");
        let ran = hides(with("headers", &states).answer(path, answer()));
        let headline = ran.verdict.headline.as_ref().unwrap();
        assert_eq!(headline.result, None, "{instruction}");
    };
    let here = "states.a.instructions[0]";
    is_hidden("{ c: ask, expect: res.status == 1 }", here);
    is_hidden("{ c: ask, save: { n: res.body.nothing.at } }", here);
    is_hidden(
        "{ c: ask, for_each: [1, 2], expect: 'res[0].status == 1' }",
        here,
    );
    is_hidden(
        "{ parallel: [{ c: ask }, { eval: '1' }], expect: 'res[0].status == 1' }",
        &format!("{here}.parallel[0]"),
    );
    is_hidden("{ c: ask, defer: { expect: res.status == 1 } }", here);
    is_hidden(
        "{ c: ask, defer: { parallel: [{ expect: res.status == 1 }] } }",
        here,
    );
}

#[test]
fn a_failure_shows_the_result_of_another_client() {
    let states = "
      a:
        instructions:
          - { c: ask, defer: { eval: 'res.status', expect: res == 1 } }
          - { stub: ask, expect: res == 2 }
        next: z
    ";
    let ran = hides(
        with("none", states)
            .answer("states.a.instructions[0]", answer())
            .answer("states.a.instructions[1]", json!(1)),
    );
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.result.as_deref(), Some(&json!(1)));
}

#[test]
fn no_command_repeats_a_request_that_is_not_recorded() {
    let again = |record: &str, states: &str, path: &str| {
        let broken = Failure::transport("broken").again(format!("send {PAYLOAD}"));
        let mut scene = with(record, states);
        scene.world = scene
            .world
            .answer(path, Stub::failure(Duration::ZERO, broken));
        scene
    };
    let asks = "  a:\n    instructions: [{ c: ask }]\n    next: z\n";
    let polls = "  a:\n    timeout: 3s\n    poll: { c: ask }\n    transitions: [{ to: z, when: res == 1 }]\n";
    for (states, path) in [(asks, "states.a.instructions[0]"), (polls, "states.a.poll")] {
        for record in ["headers", "none"] {
            hides(again(record, states, path));
        }
        let shown = again("full", states, path).run();
        assert!(
            serde_json::to_string(&shown.verdict.headline)
                .unwrap()
                .contains(PAYLOAD)
        );
    }
}

#[test]
fn an_entry_of_an_unknown_client_is_told_of() {
    let found = machine(
        "version: 1\nclients: { c: { stbu: {}, record: none } }\nlisten: { l: { c: x } }\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    subscribe: l\n",
        &[],
    )
    .unwrap_err();
    assert!(
        found.iter().any(|one| one.code == "unknown-client"),
        "{found:#?}"
    );
}
