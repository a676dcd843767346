use super::*;
use crate::definition::model::{Action, Count, Length, Record, Strategy, Subscribe, Wait};

mod mistakes;

fn file(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile::from_bytes("a.yaml", "a.yaml", text.as_bytes()).expect("a text file"))
}

const WHOLE: &str = r#"# yaml-language-server: $schema=../task.schema.json
version: 1
name: order-ships
description: An order is placed, then shipped or rejected.
tags: [orders, smoke]

vars:
  sku: A-1
  qty: 2

clients:
  shop: { http: { base_url: "${env('SHOP_URL')}" } }
  bus:  { nats: { url: nats://127.0.0.1:4222 } }

start_state: place
final_state: shipped
max_global_transition_timeout: 20s

states:
  place:
    instructions:
      - shop:
          post: /orders
          json: { sku: "${sku}", qty: "${qty}" }
        save:
          order_id: res.body.id          # Rhai
          skus: $.lines[*].sku           # JSONPath over res.body
        expect:
          - res.status == 201
          - res.body.total > 0
        defer:                           # undone at every end, newest first
          shop: DELETE /orders/${order_id}
    transitions: [shipped, rejected]     # the valid next states: each guards its own way in

  shipped:
    transition_condition:
      subscribe:
        bus: orders.*.shipped
      when: res.body.order_id == order_id
      set: { carrier: res.body.carrier.to_upper() }

  rejected:
    transition_condition:
      poll:
        shop: GET /orders/${order_id}
      every: 250ms
      when: res.body.status == 'rejected'
      fail_when: res.status >= 500
    fail: order ${order_id} was rejected

  waiting:
    poll:
      shop: GET /orders/${order_id}
    every: 250ms
    transitions:
      - to: shipped
        when: res.body.status == 'shipped'
      - to: rejected
        when: res.body.status in ['rejected', 'lost']
"#;

#[test]
fn the_whole_task_parses() {
    let parsed = parse_task(&file(WHOLE)).unwrap();
    assert_eq!(parsed.warnings, []);
    let task = parsed.value;
    assert_eq!(&*task.name, "order-ships");
    assert_eq!(task.program.states.len(), 4);
}

#[test]
fn a_client_says_what_is_recorded_of_it() {
    let head = "version: 1\nstart_state: a\nfinal_state: a\nstates: {a: }\nclients:";
    let of = |members: &str| {
        let task = parse_task(&file(&format!("{head} {{c: {{{members}}}}}\n"))).unwrap();
        let [client] = &task.value.clients[..] else {
            panic!("{:?}", task.value.clients);
        };
        assert_eq!(client.kind.as_str(), "http");
        client.record
    };
    assert_eq!(of("http: {}"), Record::Full);
    assert_eq!(of("http: {}, record: full"), Record::Full);
    assert_eq!(of("record: headers, http: "), Record::Headers);
    assert_eq!(of("http: {}, record: none"), Record::Nothing);
    let suite = "version: 1\nclients: {c: {http: {}, record: none}}\n";
    let suite = parse_suite(&file(suite), ".").unwrap().value;
    assert_eq!(suite.clients[0].record, Record::Nothing);
}

fn indented(body: &str) -> String {
    body.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn task_of(body: &str) -> Task {
    let text = format!(
        "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n{}\n  b:\n",
        indented(body)
    );
    parse_task(&file(&text))
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
        .value
}

#[test]
fn all_mistakes_are_found_at_once() {
    let text = "version: 1\nstart_state: a\nfinal_state: b\ntiemout: 5s\nstates:\n  a:\n    timeout: 30\n    timeout: 5s\n    transitions:\n      - to: b\n        when: !done\n      - too: b\n  b:\n    fail: order #5\n";
    let errors = parse_task(&file(text)).unwrap_err();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.span.start.line, error.span.start.column, error.code))
        .collect();
    assert_eq!(
        found,
        [
            (4, 1, "unknown-key"),
            (7, 14, "duration"),
            (8, 5, "duplicate-key"),
            (11, 15, "yaml-tag"),
            (12, 9, "unknown-key"),
            (14, 17, "comment-in-text"),
        ]
    );
}

#[test]
fn every_form_of_the_language_is_read() {
    let task = task_of(
        r#"instructions:
  - name: place
    if: x > 1
    shop: {post: /orders, json: {n: 1, price: 9.5, none: null}}
    expect: res.status == 201
    save: {id: res.body.id, first: "$.items[0]", n: 1}
    timeout: 5s
    retry: {max_attempts: 3, delay: 1s, backoff: 2, max_delay: 10s, if: res.status == 503}
    for_each: [1, 2]
    concurrency: 2
    defer:
      shop: DELETE /orders/${id}
  - parallel:
      - log: hello ${x}
      - eval: |
          let a = 1; // a comment
          a + 1
  - listen: {mail: {nats: mail.*}}
  - signal: {name: paid, data: {id: "${id}"}}
  - expect: [x > 1, y]
  - exec: {command: [ls]}
    for_each: items
transition_condition: {when: true}
timeout: 1m
on_timeout: {to: b, set: {why: "'late'"}}
on_error:
  - {kind: transport, to: b}
  - b
max_visits: 5
subscribe: mail
transitions:
  - b
  - {to: b, count: 2, when: [res.body.ok, "res.x != 'http://a'"]}
  - fail_when: res.body.second
  - {to: b, wait: {until: deadline}}
  - to: b
    all:
      one: {subscribe: {signal: go}}
      two: {poll: {shop: GET /}, every: 1s, backoff: 1.5, max_every: 5s, set: {t: elapsed}}"#,
    );
    let state = &task.program.states[0];
    assert_eq!(state.instructions.len(), 6);
    let first = &state.instructions[0];
    assert!(
        matches!(&first.action, Some(Action::Call { client, .. }) if client.as_str() == "shop")
    );
    assert_eq!(first.save[2].1.as_str(), "1");
    assert_eq!(first.retry.as_ref().unwrap().max_attempts.value, 3);
    assert_eq!(
        first
            .for_each
            .as_ref()
            .unwrap()
            .concurrency
            .as_ref()
            .unwrap()
            .value,
        2
    );
    assert_eq!(state.instructions[4].expect.len(), 2);
    assert!(state.instructions[4].action.is_none());
    assert_eq!(
        state.transition_condition.as_ref().unwrap().when[0].as_str(),
        "true"
    );
    assert_eq!(state.on_error.len(), 2);
    assert!(
        matches!(&state.strategy, Some(Strategy::Subscribe(Subscribe::Listen(name), _)) if name.as_str() == "mail")
    );
    assert_eq!(state.transitions.len(), 5);
    assert!(matches!(
        &state.transitions[1].condition.count,
        Some(Count::Literal(count)) if count.value == 2
    ));
    assert!(state.transitions[2].to.is_none());
    assert!(matches!(
        &state.transitions[3].condition.strategy,
        Some(Strategy::Wait(Wait::Until(_), _))
    ));
    assert_eq!(state.transitions[4].condition.all.len(), 2);
    // A script behind `|` keeps its lines, so a comment in it hides nothing.
    let Some(Action::Parallel(inner)) = &state.instructions[1].action else {
        panic!("a parallel")
    };
    assert!(
        matches!(&inner[1].action, Some(Action::Eval(script)) if script.value.lines().count() == 2)
    );
}

#[test]
fn a_task_in_all_its_forms() {
    let task = parse_task(&file(
        "version: 1\nname: 2024\nskip: {if: x, reason: later}\nsecrets: {key: \"${env('K')}\", token: }\nparams: [p]\n\
         listen: {bus: {nats: a.>}, all: {websocket: {}}}\nclients: {q: {nats: }}\nstart_state: a\nfinal_state: [a, b]\n\
         timeout: 1h\ncleanup: [{log: bye}]\ncleanup_timeout: 5s\noutputs: {o: x}\nretries: 2\nstates: {a: , b: {}}\n",
    ))
    .unwrap_or_else(|errors| panic!("{errors:#?}"))
    .value;
    assert_eq!(&*task.name, "2024");
    assert_eq!(task.secrets.len(), 2);
    assert!(task.secrets[1].1.is_none());
    assert_eq!(task.program.final_states.len(), 2);
    assert_eq!(task.program.states.len(), 2);
    assert_eq!(task.retries.as_ref().unwrap().value, 2);
    assert_eq!(task.listen[1].client.as_str(), "websocket");
    let list = parse_task(&file(
        "version: 1\nsecrets: [token]\nstart_state: a\nfinal_state: a\nstates: {a: }\n",
    ))
    .unwrap()
    .value;
    assert_eq!(&*list.name, "a");
    assert!(list.secrets[0].1.is_none());
}

#[test]
fn a_suite_in_all_its_forms() {
    let text = r#"version: 1
scripts: ../scripts
vars: { region: eu }
clients: { shop: { http: { base_url: "${shop_url}" } } }
defaults: { max_global_transition_timeout: 30s, timeout: 10m, retries: 0 }
concurrency: 8
services:
  shop: { command: [funcy, demo, --listen, "127.0.0.1:7801"], ready: { http: "http://127.0.0.1:7801/health", timeout: 5s }, env: {A: 1} }
permissions: { net: ["127.0.0.1"], exec: [funcy], env: [SHOP_URL], read: ["."], write: [] }
journal: { keep: 30d, max: 1.5GB }
"#;
    let suite = parse_suite(&file(text), "suite")
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
        .value;
    assert_eq!(suite.concurrency.as_ref().unwrap().value, 8);
    assert_eq!(suite.services[0].command.len(), 4);
    assert_eq!(suite.services[0].env[0].1.as_str(), "1");
    assert_eq!(
        suite.permissions.as_ref().unwrap().write.as_deref(),
        Some(&[][..])
    );
    assert_eq!(suite.retries.as_ref().unwrap().value, 0);
    let journal = suite.journal.unwrap();
    assert_eq!(journal.keep.unwrap().value.as_secs(), 30 * 86_400);
    assert_eq!(journal.max.unwrap().value, 1_500_000_000);
}

/// The tables of the language page: requests and sources in their short and their long forms.
#[test]
fn requests_and_sources_of_every_client_are_values() {
    let requests = [
        "http: GET /path",
        "http: {get: /x, query: {a: 1}, auth: {basic: [u, p]}, tls: {ca: f, insecure: true}}",
        "ws: {send: {json: {a: 1}}}",
        "ws: {close: 1000}",
        "grpc: {call: shop.Orders/Get, message: {a: 1}, metadata: {x: y}}",
        "sql: SELECT * FROM orders WHERE id = ${id}",
        "sql: {transaction: [{exec: A}, {exec: B}]}",
        "redis: {command: [SET, k, \"${v}\"]}",
        "nats: {publish: a.b, json: {x: 1}, headers: {X: y}, jetstream: true}",
        "nats: {kv: {bucket: b, get: k}}",
        "amqp: {publish: key, exchange: e, correlation_id: \"${c}\"}",
        "mqtt: {publish: t/x, json: 1, qos: 1, retain: true}",
        "kafka: {produce: T, key: k, text: x}",
        "exec: {command: [ls, -l], env: {A: b}, cwd: /tmp, stdin: x}",
        "file: {read: a.txt}",
    ];
    for request in requests {
        task_of(&format!("instructions:\n  - {request}\nnext: b"));
    }
    let sources = [
        "http: {sse: /events}",
        "hook: {path: \"/paid/${id}\", method: POST, replies: [{status: 503}, {status: 202}]}",
        "ws: {}",
        "sql: {listen: CHANNEL}",
        "redis: {pattern: a.*}",
        "nats: orders.*.shipped",
        "nats: {stream: S, subject: a, from: 5}",
        "mqtt: {topic: a/+, qos: 1}",
        "kafka: {topic: t, from: earliest, group: g}",
        "process: {command: [tail, -f, x]}",
        "signal: go",
    ];
    for source in sources {
        task_of(&format!("subscribe:\n  {source}\ntransitions: [b]"));
    }
}

#[test]
fn the_suite_of_the_language_page_lacks_only_what_is_not_supported() {
    let text = r#"version: 1
scripts: ../scripts              # Rhai modules (default: scripts/ beside this file)
vars: { region: eu }
environments:                    # funcy run --env staging
  staging: { vars: { shop_url: https://staging.example } }
clients: { shop: { http: { base_url: "${shop_url}" } } }
defaults: { max_global_transition_timeout: 30s, timeout: 10m, retries: 0 }
concurrency: 8                   # tasks at once
services:                        # started before the first task, stopped after the last
  shop: { command: [funcy, demo, --listen, "127.0.0.1:7801"], ready: { http: "http://127.0.0.1:7801/health" } }
permissions: { net: ["127.0.0.1"], exec: [funcy], env: [SHOP_URL], read: ["."], write: [] }
journal: {keep: 30d, max: 1GB}
plugins: { sms: { command: [python3, plugins/sms.py] } }
"#;
    let errors = parse_suite(&file(text), ".").unwrap_err();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.span.start.line, error.code))
        .collect();
    assert_eq!(found, [(13, "not-supported")]);
}

#[test]
fn very_many_mistakes_are_counted() {
    use std::fmt::Write as _;
    let mut text = String::from("version: 1\n");
    for n in 0..1_000 {
        let _ = writeln!(text, "unknown{n}: 1");
    }
    let errors = parse_task(&file(&text)).unwrap_err();
    assert_eq!(errors.len(), MAX_DIAGNOSTICS + 1);
    assert_eq!(
        errors[MAX_DIAGNOSTICS].message,
        "803 more mistakes follow from here on"
    );
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let text = "version: 1\ntags: [a, a]\nstart_state: a\nfinal_state: &x a\nstates: {a: }\n";
    let parsed = parse_task(&file(text)).unwrap();
    let codes: Vec<_> = parsed.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["listed-twice", "unused-anchor"]);
}

#[test]
fn a_text_may_be_a_number_and_keeps_its_spelling() {
    let task = task_of("description: 1.10\nfail: 007");
    assert_eq!(
        task.program.states[0]
            .description
            .as_ref()
            .unwrap()
            .as_str(),
        "1.10"
    );
    let task = task_of("instructions:\n  - log: x\n    save: {n: 1.10}\nnext: b");
    assert_eq!(
        task.program.states[0].instructions[0].save[0].1.as_str(),
        "1.10"
    );
}

/// Every key of every table must be read: a value that fits no key must be refused.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table: a place for each kind of object"
)]
fn no_key_is_passed_over() {
    use crate::definition::keys::*;
    let absurd = "[[[absurd]]]";
    let mut checked = 0;
    let mut expect_refused = |object: &Object, build: &dyn Fn(&str) -> String, suite: bool| {
        for key in object.keys() {
            if matches!(key.shape, Shape::Value) {
                continue;
            }
            let text = build(&format!("{}: {absurd}", key.name));
            let result = if suite {
                parse_suite(&file(&text), ".").err()
            } else {
                parse_task(&file(&text)).err()
            };
            let errors =
                result.unwrap_or_else(|| panic!("`{}` of {} is not read", key.name, object.name));
            let line = text.lines().position(|line| line.contains(absurd)).unwrap() as u32 + 1;
            assert!(
                errors.iter().any(|error| error.span.start.line == line),
                "`{}` of {}: {errors:#?}",
                key.name,
                object.name
            );
            checked += 1;
        }
    };
    let task = "version: 1\nstart_state: a\nfinal_state: a\nstates: {a: }\n";
    expect_refused(
        &TASK,
        &|line| {
            let key = line.split(':').next().unwrap();
            let rest: Vec<&str> = task
                .lines()
                .filter(|line| !line.starts_with(&format!("{key}:")))
                .collect();
            format!("{}\n{line}\n", rest.join("\n"))
        },
        false,
    );
    let client = |line: &str| format!("{task}clients:\n  c:\n    http: {{}}\n    {line}\n");
    expect_refused(&CLIENT, &client, false);
    let head = "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n";
    let inside = |before: &'static str| move |line: &str| format!("{head}{before}{line}\n");
    expect_refused(&SKIP, &|line| format!("{task}skip:\n  {line}\n"), false);
    expect_refused(&STATE, &inside("    "), false);
    expect_refused(
        &CONDITION,
        &inside("    transition_condition:\n      "),
        false,
    );
    expect_refused(&TRANSITION, &inside("    transitions:\n    - "), false);
    expect_refused(&INSTRUCTION, &inside("    instructions:\n    - "), false);
    expect_refused(
        &RETRY,
        &inside("    instructions:\n    - retry:\n        "),
        false,
    );
    expect_refused(
        &SIGNAL,
        &inside("    instructions:\n    - signal:\n        "),
        false,
    );
    expect_refused(
        &CALL,
        &inside("    instructions:\n    - task:\n        "),
        false,
    );
    expect_refused(&WAIT, &inside("    wait:\n      "), false);
    expect_refused(&TIMEOUT_ROUTE, &inside("    on_timeout:\n      "), false);
    expect_refused(&ERROR_ROUTE, &inside("    on_error:\n    - "), false);
    expect_refused(
        &SUITE,
        &|line| {
            if line.starts_with("version") {
                format!("{line}\n")
            } else {
                format!("version: 1\n{line}\n")
            }
        },
        true,
    );
    expect_refused(
        &DEFAULTS,
        &|line| format!("version: 1\ndefaults:\n  {line}\n"),
        true,
    );
    expect_refused(
        &SERVICE,
        &|line| format!("version: 1\nservices:\n  s:\n    {line}\n"),
        true,
    );
    expect_refused(
        &READY,
        &|line| {
            format!("version: 1\nservices:\n  s:\n    command: [a]\n    ready:\n      {line}\n")
        },
        true,
    );
    expect_refused(
        &PERMISSIONS,
        &|line| format!("version: 1\npermissions:\n  {line}\n"),
        true,
    );
    assert!(checked > 90, "{checked}");
}

#[test]
fn no_beginning_of_a_file_makes_it_panic() {
    for end in 0..WHOLE.len() {
        if WHOLE.is_char_boundary(end) {
            let _ = parse_task(&file(&WHOLE[..end]));
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    /// Any part of a task may be replaced by anything.
    #[test]
    fn no_change_makes_it_panic(from in 0..WHOLE.len(), length in 0..60usize, put in "[ -~\n]{0,12}") {
        let from = WHOLE.floor_char_boundary(from);
        let to = WHOLE.floor_char_boundary((from + length).min(WHOLE.len())).max(from);
        let text = format!("{}{put}{}", &WHOLE[..from], &WHOLE[to..]);
        if let Err(errors) = parse_task(&file(&text)) {
            proptest::prop_assert!(!errors.is_empty());
            let _ = super::super::render(&errors, &|_| Some(text.as_str().into()), false, 80);
        }
    }
}
