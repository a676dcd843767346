//! The promise that matters most: a message that an instruction causes is never missed. One task goes round
//! a thousand times; in each round the state's own instruction sends what the state waits for.

use crate::harness::{reachable, unique};
use funcy::client::Registry;
use funcy::engine::{Loader, Run};
use funcy::event::Outcome;
use std::path::Path;

/// A task that goes round 1000 times; `CLIENTS`, `SEND`, `SOURCE` and `BODY` are the protocol's.
const TASK: &str = "
version: 1
name: rounds
timeout: 5m
vars: { n: 0 }
clients: CLIENTS
start_state: round
final_state: done
states:
  round:
    max_visits: 1001
    instructions:
      - SEND
    transitions:
      - to: next
        subscribe: SOURCE
        fail_when: BODY != n
        when: BODY == n
        set: { n: n + 1 }
  next:
    max_visits: 1001
    transitions:
      - to: done
        when: n == 1000
      - round
  done:
";

fn run(clients: &str, send: &str, source: &str, body: &str) {
    let text = TASK
        .replace("CLIENTS", clients)
        .replace("SEND", send)
        .replace("SOURCE", source)
        .replace("BODY", body);
    let task = Loader::new(Registry::builtin())
        .compile(Path::new("rounds.yaml"), &text)
        .unwrap();
    let run = Run::new(vec![task], Registry::builtin());
    let report = funcy::engine::block_on(run.start()).unwrap().unwrap();
    let verdict = &report.verdicts[0];
    assert_eq!(verdict.outcome, Outcome::Passed, "{:?}", verdict.headline);
    assert_eq!(verdict.metrics.messages_seen, 1000);
    assert_eq!(verdict.metrics.messages_unmatched, 0);
}

#[cfg(feature = "nats")]
#[test]
fn a_task_misses_none_of_a_thousand_messages_of_nats() {
    let address = crate::nats::address();
    if !reachable("NATS", &address) {
        return;
    }
    let subject = unique("rounds");
    run(
        &format!("{{ bus: {{ nats: {{ url: 'nats://{address}' }} }} }}"),
        &format!("bus: {{ publish: {subject}, json: {{ n: '${{n}}' }} }}"),
        &format!("{{ bus: {subject} }}"),
        "res.body.n",
    );
}

#[cfg(feature = "sql")]
#[test]
fn a_task_misses_none_of_a_thousand_notifications_of_postgres() {
    let address = crate::sql::address();
    if !reachable("PostgreSQL", &address) {
        return;
    }
    let channel = unique("rounds").replace(['.', '-'], "_");
    run(
        &format!("{{ db: {{ sql: {{ url: 'postgres://postgres@{address}/test' }} }} }}"),
        &format!("db: \"SELECT pg_notify('{channel}', (${{n}})::int::text)\""),
        &format!("{{ db: {{ listen: {channel} }} }}"),
        "res.body",
    );
}
