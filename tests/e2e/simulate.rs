//! `funcy simulate`.

use super::suite::Suite;
use serde_json::Value;
use std::time::Duration;

/// An order that is shipped an hour after it was placed.
const ORDER: &str = "version: 1
vars: { sku: A-1 }
start_state: place
final_state: shipped
max_global_transition_timeout: 2h
timeout: 3h
states:
  place:
    instructions:
      - http: { post: http://shop.test/orders, json: { sku: '${sku}' } }
        name: create
        save: { id: res.body.id }
        expect: res.status == 201
        defer: { http: 'DELETE http://shop.test/orders/${id}' }
    next: placed
  placed:
    poll: { http: 'GET http://shop.test/orders/${id}' }
    every: 1m
    transitions:
      - { to: shipped, when: res.body.status == 'shipped' }
      - { to: rejected, when: res.body.status == 'rejected' }
  shipped:
  rejected: { fail: the order was rejected }
";

const STUBS: &str = "place.create: { latency: 30ms, result: { status: 201, body: { id: 7 } } }
placed.poll:
  - { latency: 20ms, result: { status: 200, body: { status: paid } }, times: 60 }
  - { error: transport }
  - { result: { status: 200, body: { status: shipped } } }
states.place.instructions[0].defer: { result: { status: 204 } }
";

fn suite() -> Suite {
    Suite::new()
        .file("order.yaml", ORDER)
        .file("stubs.yaml", STUBS)
}

const ARGS: [&str; 4] = ["simulate", "order.yaml", "--stubs", "stubs.yaml"];

#[test]
fn an_hour_of_waiting_takes_no_time() {
    let ran = suite().run(ARGS).exits(0);
    assert!(ran.took < Duration::from_secs(30), "{:?}", ran.took);
    ran.prints("simulated on a virtual clock: stubs of stubs.yaml, seed 0\n")
        .prints("✓ 1 passed  in 1h01m")
        .prints("run simulated")
        .says("✓ order  1h01m");
}

#[test]
fn three_hundred_runs_leave_one_trace() {
    let suite = suite();
    let trace = |seed: &str| -> String {
        let ran = suite
            .run(ARGS.into_iter().chain(["--runs", "300", "--seed", seed]))
            .exits(0);
        let (_, behind) = ran.stdout.split_once("trace:   ").unwrap();
        let (hash, rest) = behind.split_once(',').unwrap();
        assert_eq!(rest, " the same in 300 runs\n");
        hash.to_owned()
    };
    assert_eq!(trace("1"), trace("1"));
    suite
        .run(ARGS.into_iter().chain(["-v"]))
        .exits(0)
        .prints("trace:   ");
}

#[test]
fn a_failure_is_told_as_a_run_tells_it() {
    let stubs = STUBS.replace("shipped }", "rejected }");
    let suite = suite().file("stubs.yaml", stubs);
    suite
        .run(ARGS.into_iter().chain(["--report", "junit=out/junit.xml"]))
        .exits(1)
        .prints("✗ order · state rejected")
        .prints("the order was rejected")
        .prints("funcy simulate order.yaml --stubs stubs.yaml");
    assert!(
        suite
            .text("out/junit.xml")
            .contains("the order was rejected")
    );
    let slow = STUBS.replace("times: 60", "times: 600");
    suite
        .file("stubs.yaml", slow)
        .run(ARGS)
        .exits(1)
        .prints("timed out after 2h00m")
        .prints("paid ×");
}

#[test]
fn what_has_no_stub_is_shown_with_the_lines_to_add() {
    let suite = suite().file(
        "stubs.yaml",
        "create: { result: { status: 201, body: { id: 7 } } }\n".replace("create", "place.create"),
    );
    suite
        .run(ARGS)
        .exits(2)
        .says("`states.placed.poll` has no stub")
        .says("order.yaml:17:11")
        .says("add the lines below to `stubs.yaml`")
        .says("placed.poll:\n  - { latency: 10ms, result: { body: { status: shipped } } }");
    suite
        .run(["simulate", "order.yaml"])
        .exits(2)
        .says("`states.place.instructions[0]` has no stub");
    let few = STUBS.replace("status: shipped } } }", "status: paid } }, times: 1 }");
    suite
        .file("stubs.yaml", few)
        .run(ARGS)
        .exits(2)
        .says("the stubs of `states.placed.poll` are used up");
}

#[test]
fn the_template_names_every_place_and_runs() {
    let suite = suite();
    let template = suite
        .run(["simulate", "order.yaml", "--stubs-template"])
        .exits(0)
        .stdout;
    for line in [
        "\nplace.create:\n  - { latency: 10ms, result: { status: 201, body: { id: 1 } } }\n",
        "\nplaced.poll:\n  - { latency: 10ms, result: { body: { status: shipped } } }\n",
        "\nplace.create.defer:\n",
    ] {
        assert!(template.contains(line), "{line}\n{template}");
    }
    suite
        .file("stubs.yaml", template)
        .run(ARGS)
        .exits(0)
        .prints("1 passed");
}

#[test]
fn every_mistake_in_the_stubs_is_told_where_it_stands() {
    for (stubs, place, text, help) in [
        (
            "place.creat: { result: 1 }",
            "1:1",
            "no request and no subscription `place.creat`",
            "did you mean `place.create`?",
        ),
        (
            "place: { result: 1 }",
            "1:1",
            "`place` means 2 places",
            "write one of `place.create`, `place.create.defer`",
        ),
        (
            "place.create: { reslt: 1 }",
            "1:17",
            "a stub has no key `reslt`",
            "did you mean `result`?",
        ),
        (
            "place.create: { result: 1, latency: 5 }",
            "1:37",
            "`5` has no unit",
            "write `5s` or `5ms`",
        ),
        (
            "place.create: { latency: 5s }",
            "1:1",
            "this stub brings nothing",
            "write one of `result`",
        ),
        (
            "place.create: { result: 1, error: transport }",
            "1:28",
            "`result` and `error`",
            "write one of",
        ),
        (
            "place.create: { error: transprot }",
            "1:24",
            "no kind of error `transprot`",
            "did you mean `transport`?",
        ),
        (
            "place.create: { error: expect }",
            "1:24",
            "no client answers with a `expect` error",
            "the kinds are transport",
        ),
        (
            "place.create: { message: 1 }",
            "1:15",
            "is a request, and no message answers it",
            "write `result`",
        ),
        (
            "place.create: { result: 1, after: 1s }",
            "1:28",
            "`after` does not go with this",
            "write `latency`",
        ),
        (
            "place.create: { result: 1 }\nplace[0]: { result: 1 }",
            "2:1",
            "has stubs already",
            "into one list",
        ),
        (
            "place.create: { result: { bytes: not base64 } }",
            "1:27",
            "`bytes` of a result are written in base64",
            "`base64 -w0 FILE` writes it",
        ),
        (
            "place.create: []",
            "1:1",
            "this list is empty",
            "write at least one",
        ),
        (
            "[1]",
            "1:1",
            "a stubs file is a map of places",
            "--stubs-template",
        ),
    ] {
        suite()
            .file("stubs.yaml", stubs)
            .run(ARGS)
            .exits(2)
            .says(&format!("stubs.yaml:{place}"))
            .says(text)
            .says(help);
    }
}

#[test]
fn a_stub_brings_bytes() {
    let task = "version: 1
start_state: a
final_state: a
states:
  a:
    instructions:
      - http: GET http://shop.test/image.png
        name: image
        expect:
          - hex(res.bytes) == '89504eff'
          - len(res.bytes) == 4
";
    let suite = Suite::new()
        .file("t.yaml", task)
        .file("stubs.yaml", "a.image: { result: { bytes: iVBO/w== } }");
    let args = ["simulate", "t.yaml", "--stubs", "stubs.yaml"];
    suite.run(args).exits(0);
    suite
        .run(["simulate", "t.yaml", "--stubs-template"])
        .exits(0)
        .prints("result: { bytes: \"AA==\" }");
}

/// What of the gallery asks for more than a template can know: a sequence of different answers, errors, what a module
/// computes, a text that fits an expression.
const NEEDS_A_HAND: [&str; 12] = [
    "04-server-sent-events",
    "07-timeouts-and-errors",
    "08-shared-scripts",
    "09-json-rpc",
    "10-parallel-and-for-each",
    "13-loop-with-max-visits",
    "16-listen-and-count",
    "20-called-task",
    "22-collect",
    "protocols/http",
    "18-cases",
    "19-locks",
];

/// Each template of the gallery can be saved and runs as it is printed; and where it does not pass, it says so.
#[test]
fn the_templates_of_the_gallery_run_as_printed() {
    let gallery = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tasks");
    // With a server configured, these two wait for a value of chance, which no template can know.
    let suite = Suite::new().env("NATS_URL", "").env("POSTGRES_URL", "");
    let mut passed = 0;
    for folder in [gallery.clone(), gallery.join("protocols")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&gallery).unwrap().with_extension("");
            let name = name.to_str().unwrap();
            if path.extension().is_none_or(|end| end != "yaml") || name == "funcy" {
                continue;
            }
            let file = path.to_str().unwrap();
            let template = suite
                .run(["simulate", file, "--stubs-template"])
                .exits(0)
                .stdout;
            std::fs::write(suite.path("stubs.yaml"), &template).unwrap();
            let ran = suite.run(["simulate", file, "--stubs", "stubs.yaml"]);
            let is_good = ran.stdout.contains("✓ 1 passed") || ran.stdout.contains("1 skipped");
            let says = template.contains("the task does not pass with these answers: ");
            assert_eq!(is_good, !says, "{name}\n{template}\n{ran}");
            assert_eq!(
                is_good,
                !NEEDS_A_HAND.contains(&name),
                "{name}\n{template}\n{ran}"
            );
            let ran = ran.says_no("error[");
            passed += usize::from(is_good);
            drop(ran);
        }
    }
    assert!(passed >= 12, "only {passed} pass");
}

#[test]
fn a_template_has_what_conditions_compare_with() {
    let task = "version: 1
vars: { sku: A-1, n: 3 }
secrets: { token: null }
start_state: a
final_state: done
states:
  a:
    instructions:
      - http: { post: http://shop.test/login }
        save: { token: res.body.token }
      - http: { post: http://shop.test/orders, json: { sku: '${sku}' } }
        name: order
        save: { id: res.body.id }
        expect:
          - res.body.sku == sku
          - res.body.lines.len() == n
          - res.body.lines[0].price > 2.5
          - res.body.state in ['new', 'old']
          - res.body.note != null and res.body.gone == null
          - '!(res.status >= 400)'
        defer: { http: 'DELETE http://shop.test/orders/${res.body.number}' }
      - http: GET http://shop.test/orders/${id}
        expect: [res.body.id == id, res.body.kind != 'draft', 'starts_with(res.body.name, \"An\")']
    transitions:
      - to: done
        subscribe: { http: { sse: http://shop.test/news } }
        count: 2
        when: res.body.id == id
        set: { first: 'res[0].body.at' }
      - subscribe: { http: { sse: http://shop.test/bad } }
        fail_when: res.body.broken
  done:
    instructions:
      - expect: first == 7
";
    let suite = Suite::new().file("t.yaml", task);
    let template = suite
        .run(["simulate", "t.yaml", "--stubs-template"])
        .exits(0)
        .stdout;
    for part in [
        "token: a-secret-of-a-sample",
        "sku: A-1",
        "state: new",
        "note: 1",
        "number: 1",
        "name: An",
        "times: 2",
        "at: 7",
        ": []\n",
    ] {
        assert!(template.contains(part), "{part}\n{template}");
    }
    assert!(!template.contains("gone"), "{template}");
    std::fs::write(suite.path("stubs.yaml"), &template).unwrap();
    suite
        .run(["simulate", "t.yaml", "--stubs", "stubs.yaml"])
        .exits(0)
        .prints("1 passed");
}

/// A message in a race, and the end of a subscription.
const NEWS: &str = "version: 1
start_state: wait
final_state: told
states:
  wait:
    transitions:
      - { to: told, subscribe: { http: { sse: http://shop.test/news } }, when: res.body.n == 2 }
      - { to: late, wait: 20s }
  told:
  late: { fail: too late }
";

#[test]
fn messages_arrive_in_their_time() {
    let suite = Suite::new().file("news.yaml", NEWS);
    let run = |stubs: &str| {
        std::fs::write(suite.path("s.yaml"), stubs).unwrap();
        suite.run(["simulate", "news.yaml", "--stubs", "s.yaml"])
    };
    run("wait -> told: [{ message: { body: { n: 1 } } }, { after: 10s, message: { body: { n: 2 } } }]")
        .exits(0)
        .prints("in 10.0s");
    run("wait->told: []").exits(1).prints("too late");
    run("wait: [{ after: 3s, error: { kind: transport, message: gone away } }]")
        .exits(3)
        .prints("gone away");
    run("wait: [{ result: 1 }]")
        .exits(2)
        .says("is a subscription, and gets messages");
}

/// Stays, counts, polls two at once and collects; who sends is the task itself.
const STAYS: &str = r#"version: 1
vars: { seen: [], polls: 0 }
start_state: send
final_state: done
states:
  send:
    instructions:
      - for_each: 5
        signal: { name: paid, data: "${item}" }
    next: follow
  follow:
    transitions:
      - { subscribe: { signal: paid }, stay: true, when: res.body < 2, set: { seen: "seen + [res.body]" } }
      - { to: ask, subscribe: { signal: paid }, count: len(seen) + 1, when: res.body == 2 }
      - { to: ask, when: len(seen) == 2 }
  ask:
    poll: { parallel: [{ exec: { command: [echo, one] } }, { eval: attempt }] }
    every: 20ms
    jitter: 1
    transitions:
      - { stay: true, when: "res[1] < 3", set: { polls: polls + 1 } }
      - { to: rest, when: "res[0].stdout == 'one\\n'" }
  rest:
    transitions:
      - { to: done, subscribe: { signal: paid }, collect: 50ms, expect: len(res) == 3 }
  done:
    instructions:
      - expect: ["seen == [0, 1]", polls == 2]
"#;

#[test]
fn what_stays_polls_together_and_collects_is_played_again() {
    let suite = Suite::new().file("stays.yaml", STAYS);
    suite
        .run([
            "run",
            "stays.yaml",
            "--allow-exec",
            "echo",
            "--report",
            "ndjson=run.ndjson",
        ])
        .exits(0);
    suite
        .run(["simulate", "stays.yaml", "--recorded", "run.ndjson"])
        .exits(0)
        .prints("1 passed");
    suite
        .run(["show", "latest"])
        .exits(0)
        .prints("(stayed 2 times)");
    suite
        .run(["show", "latest", "--state", "ask"])
        .exits(0)
        .prints("stays in ask, time 2");
    suite
        .run([
            "simulate",
            "stays.yaml",
            "--explore",
            "--coverage-of",
            "run.ndjson",
        ])
        .exits(0)
        .prints("6 of 6 transitions taken");
    suite
        .run(["graph", "stays.yaml"])
        .exits(0)
        .prints("stays: signal paid")
        .prints("collects for 50ms");
    suite.run(["replay"]).exits(0).says("stays");
}

#[test]
fn a_recorded_run_is_played_again() {
    let suite = suite();
    suite
        .run(ARGS.into_iter().chain(["--report", "ndjson=run.ndjson"]))
        .exits(0);
    let again = ["simulate", "order.yaml", "--recorded", "run.ndjson"];
    suite
        .run(again)
        .exits(0)
        .prints("answers of run.ndjson")
        .prints("1 passed  in 1h01m");
    // Edited, it may ask for more than was recorded.
    let suite = suite.file("order.yaml", ORDER.replace("'shipped' }", "'delivered' }"));
    suite
        .run(again)
        .exits(3)
        .says("the recording ends at `states.placed.poll`, visit 1, attempt 63")
        .says("order.yaml:17:11");
    let suite = suite.file(
        "order.yaml",
        ORDER.replace("res.status == 201", "res.status == 200"),
    );
    suite.run(again).exits(1).prints("201 ≠ 200");
    let suite = suite.file("order.yaml", ORDER.replace("sku: A-1", "sku: A-2"));
    suite
        .run(again)
        .exits(3)
        .says("it answers another")
        .says("\"sku\":\"A-2\"");
    suite
        .file("run.ndjson", "{}\n")
        .run(again)
        .exits(2)
        .says("run.ndjson:1 is no event");
}

#[test]
fn a_run_of_the_journal_is_played_again() {
    let ask = |answer: &str, other: &str| {
        format!(
            "version: 1\nstart_state: ask\nfinal_state: done\nstates:\n  ask:\n    instructions:\n      \
             - exec: {{ command: [echo, '{answer}'] }}\n        expect: res.stdout == \"{other}\\n\"\n    \
             transitions: [{{ to: done, wait: 1s }}]\n  done:\n"
        )
    };
    let suite = Suite::new()
        .file("tasks/a.yaml", ask("one", "one"))
        .file("tasks/b.yaml", ask("two", "two"));
    suite.run(["run", "--allow-exec", "echo"]).exits(0);
    let again = ["simulate", "tasks/b.yaml", "--run", "latest"];
    suite
        .run(again)
        .exits(0)
        .prints("answers of run ")
        .prints("1 passed  in 1.");
    let suite = suite.file("tasks/b.yaml", ask("two", "one"));
    suite.run(again).exits(1).prints("two");
    let suite = suite.file("tasks/c.yaml", ask("three", "three"));
    suite
        .run(["simulate", "tasks/c.yaml", "--run", "latest"])
        .exits(2)
        .says("holds no execution of `c`");
}

#[test]
fn programs_read_events_and_the_trace() {
    let ran = suite()
        .run(ARGS.into_iter().chain(["--format", "json"]))
        .exits(0);
    let lines: Vec<Value> = (ran.stdout.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["kind"], "run_started");
    let last = lines.last().unwrap();
    assert_eq!((&last["kind"], &last["runs"]), (&"trace".into(), &1.into()));
    assert_eq!(last["hash"].as_str().unwrap().len(), 16);
}

#[test]
fn every_outcome_is_a_path_with_a_name() {
    let suite = suite();
    let ran = suite.run(["simulate", "order.yaml", "--explore"]).exits(0);
    let paths: Vec<&str> = ran
        .stdout
        .lines()
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(
        paths,
        [
            "order  order.yaml",
            "! place: create fails",
            "⧖ place: create gets no answer",
            "✗ place: create unexpected",
            "✓ place: placed / placed: shipped / shipped: passed",
            "✗ place: placed / placed: rejected / rejected: failed",
            "! place: placed / placed: GET http://shop.test/orders/${id} breaks",
            "⧖ place: placed / placed: timeout",
        ]
    );
    let ran = ran
        .prints("7 paths through 4 states; 10 of 10 outcomes on some path (100 %)")
        .prints("would not run: where its own instruction fails, `id` is not saved on `place: create fails`");
    drop(ran);
    suite
        .run(ARGS.into_iter().chain(["--report", "ndjson=run.ndjson"]))
        .exits(0);
    suite
        .run([
            "simulate",
            "order.yaml",
            "--explore",
            "--coverage-of",
            "run.ndjson",
        ])
        .exits(0)
        .prints("2 of 3 transitions taken (66 %)\n  never: placed → rejected\n");
    suite
        .run(["simulate", "order.yaml", "--explore", "--max-paths", "2"])
        .exits(0)
        .prints("there are more paths: the first 2 were followed");
    let ran = suite
        .run(["simulate", "order.yaml", "--explore", "--format", "json"])
        .exits(0);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["walked"], &last["outcomes"]),
        (&10.into(), &10.into())
    );
}

#[test]
fn a_state_without_an_end_fails() {
    let trap = "version: 1
start_state: a
final_state: b
states:
  a:
    transitions:
      - { to: b, wait: 2s }
      - { to: trap, wait: 1s }
  trap:
    transitions: [{ to: trap, wait: 1s }]
    on_timeout: b
  b:
";
    Suite::new()
        .file("trap.yaml", trap)
        .run(["simulate", "trap.yaml", "--explore"])
        .exits(1)
        .prints("no path leads from `trap` to an end  trap.yaml:9:3");
}

#[test]
fn one_task_is_simulated_at_a_time() {
    Suite::new()
        .file("tasks/a.yaml", super::suite::PASSES)
        .file("tasks/b.yaml", super::suite::PASSES)
        .run(["simulate"])
        .exits(2)
        .says("2 tasks are here, and one is simulated at a time");
}
