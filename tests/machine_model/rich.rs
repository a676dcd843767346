//! One run with a little of everything, repeated: chance must not decide anything.

use crate::{facts_of, machine, with_room};
use funcy::event::{ErrorKind, Failure};
use funcy::sim::{Stub, VirtualWorld};
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

const TASK: &str = r#"
version: 1
vars: { sku: A-1, n: 0, key: "${uuid()}" }
clients: { shop: { stub: { url: "http://${sku}" } } }
listen: { mail: { stub: inbox } }
start_state: place
final_state: done
states:
  place:
    instructions:
      - { shop: order, save: { id: res.id }, expect: res.id == 7, defer: { shop: "cancel ${id}" } }
      - parallel:
          - { stub: pay, save: { paid: res }, retry: { max_attempts: 3, delay: 20ms, backoff: 2 } }
          - { stub: pack, for_each: [1, 2, 3, 4], concurrency: 3, defer: { stub: "unpack ${item}" } }
          - { signal: { name: started, data: { id: "${id}" } } }
      - { log: "order ${id}" }
    transitions: [waiting, { fail_when: n > 5 }]
  waiting:
    transition_condition:
      subscribe: { signal: started }
      when: res.body.id == id
    timeout: 400ms
    max_visits: 4
    transitions:
      - to: shipped
        all:
          sent: { poll: { shop: "order ${id}" }, every: 50ms, when: res.s == 3, set: { sent: attempt } }
          told: { subscribe: mail, when: res.k == 2, set: { told: res.k } }
          rest: { wait: 100ms }
      - { to: again, subscribe: mail, count: 2, when: res.k > 7 }
      - { fail_when: res.k == 99, subscribe: mail }
    on_timeout: { to: again, set: { n: n + 1 } }
  again:
    instructions: [{ eval: "n * 2", save: { twice: res } }]
    transitions: [{ to: waiting, wait: 10ms }]
  shipped:
    poll: { stub: look }
    every: 30ms
    transitions:
      - { to: done, when: res == 2 }
      - { to: again, when: res == 1 }
    on_error: [{ kind: protocol, to: done }]
  done:
outputs: { twice: twice }
cleanup: [{ stub: tidy, if: n > 0 }, { stub: never, if: n > 100 }]
"#;

fn world() -> VirtualWorld {
    let ms = Duration::from_millis;
    let reply = |latency, value| Stub::reply(ms(latency), value);
    let place = "states.place.instructions";
    let waiting = "states.waiting.transitions[0].all.sent.poll";
    VirtualWorld::new()
        .answer(&format!("{place}[0]"), reply(30, json!({ "id": 7 })))
        .answer(&format!("{place}[0].defer"), reply(5, json!(null)))
        .answer(
            &format!("{place}[1].parallel[0]"),
            Stub::failure(ms(10), Failure::new(ErrorKind::Transport, "refused")),
        )
        .answer(&format!("{place}[1].parallel[0]"), reply(10, json!(true)))
        .answer(&format!("{place}[1].parallel[1]"), reply(40, json!(1)))
        .answer(&format!("{place}[1].parallel[1]"), reply(10, json!(2)))
        .answer(&format!("{place}[1].parallel[1].defer"), reply(1, json!(0)))
        .answer(waiting, reply(20, json!({ "s": 1 })))
        .answer(
            waiting,
            Stub::failure(ms(10), Failure::new(ErrorKind::Transport, "refused")),
        )
        .answer(waiting, reply(20, json!({ "s": 3 })))
        .answer("states.shipped.poll", reply(5, json!(0)))
        .answer("states.shipped.poll", reply(5, json!(2)))
        .answer("cleanup[0]", reply(3, json!(0)))
        .message("listen.mail", ms(100), json!({ "k": 1 }))
        .message("listen.mail", ms(700), json!({ "k": 2 }))
        .message("listen.mail", ms(700), json!({ "k": 3 }))
}

#[test]
fn three_hundred_runs_leave_one_trace() {
    with_room(|| {
        let mut hashes = HashSet::new();
        let mut last = Vec::new();
        for _ in 0..300 {
            // Compiled anew each time: the order of the machine's parts must not be chance either.
            let facts = facts_of(&machine(TASK), &world());
            hashes.insert(blake3::hash(&serde_json::to_vec(&facts).unwrap()));
            last = facts;
        }
        assert_eq!(hashes.len(), 1);
        let text = serde_json::to_string(&last).unwrap();
        for expected in [
            r#""outcome":"passed""#,
            r#""kind":"signal_sent""#,
            r#""kind":"timed_out""#,
            r#""kind":"cleanup_finished""#,
            r#""kind":"poll_answered""#,
        ] {
            assert!(text.contains(expected), "{expected}");
        }
    });
}
