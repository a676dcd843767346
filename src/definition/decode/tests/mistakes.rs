//! Files with one mistake each: exactly one diagnostic, at the right place, with the right words.

use super::*;

/// A file with marks around what the one diagnostic underlines: `«` before, `»` behind.
fn marked(text: &str) -> (String, Span) {
    let lines = Lines::new(text);
    let start = text.find('«').expect("a mark before");
    let end = text.find('»').expect("a mark behind");
    let start_pos = lines.pos(start);
    let mut end_pos = lines.pos(end);
    if end_pos.line == start_pos.line {
        end_pos.column -= 1;
    }
    let span = Span {
        start: start_pos,
        end: end_pos,
    };
    (text.replace(['«', '»'], ""), span)
}

#[track_caller]
fn one_error(diagnostics: &[Diagnostic], marked_text: &str, code: &str, words: &[&str]) {
    let (text, span) = marked(marked_text);
    let shown = crate::definition::render(diagnostics, &|_| Some(text.as_str().into()), false, 100);
    assert_eq!(diagnostics.len(), 1, "{shown}");
    let diagnostic = &diagnostics[0];
    assert_eq!(diagnostic.code, code, "{shown}");
    assert_eq!(diagnostic.span, span, "{shown}");
    for word in words {
        assert!(shown.contains(word), "{word:?} is missing\n{shown}");
    }
}

/// Checks a task file with one mistake.
#[track_caller]
fn wrong(marked_text: &str, code: &str, words: &[&str]) {
    let (text, _) = marked(marked_text);
    let diagnostics = parse_task(&file(&text)).expect_err(&text);
    one_error(&diagnostics, marked_text, code, words);
}

/// The same for the body of the state `a`, indented by four.
#[track_caller]
fn wrong_state(body: &str, code: &str, words: &[&str]) {
    let text = format!(
        "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n{}\n  b:\n",
        indented(body)
    );
    wrong(&text, code, words);
}

#[track_caller]
fn wrong_suite(marked_text: &str, code: &str, words: &[&str]) {
    let (text, _) = marked(marked_text);
    let diagnostics = parse_suite(&file(&text), ".").expect_err(&text);
    one_error(&diagnostics, marked_text, code, words);
}

#[test]
fn structure_of_a_task() {
    wrong(
        "«version»: 1\nfinal_state: a\nstates:\n  a:\n",
        "missing-key",
        &["`start_state`"],
    );
    wrong(
        "«start_state»: a\nfinal_state: a\nstates:\n  a:\n",
        "missing-key",
        &["add `version: 1`"],
    );
    wrong(
        "version: «2»\nstart_state: a\nfinal_state: a\nstates:\n  a:\n",
        "version",
        &["version 1", "newer funcy"],
    );
    wrong(
        "version: «'1'»\nstart_state: a\nfinal_state: a\nstates:\n  a:\n",
        "version",
        &["without quotes"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\n«tiemout»: 5s\nstates:\n  a:\n",
        "unknown-key",
        &["did you mean `timeout`?", "a task has no key"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_sate: a\nstates:\n  a:\n"
            .replace("final_sate", "«final_sate»")
            .as_str(),
        "unknown-key",
        &["`final_state`"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n  «a»:\n",
        "duplicate-key",
        &["first here", "again here"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: «[]»\nstates:\n  a:\n",
        "empty-list",
        &["`final_state` is empty"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nstates: «[a, b]»\n",
        "wrong-type",
        &["map of names to states", "a list"],
    );
    wrong(
        "version: 1\nstart_state: «${x}»\nfinal_state: a\nstates:\n  a:\n",
        "template-in-name",
        &["`start_state`"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\ntags: «smoke»\nstates:\n  a:\n",
        "wrong-type",
        &["write `[smoke]`"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nskip: «true»\nstates:\n  a:\n",
        "wrong-type",
        &["the reason"],
    );
}

#[test]
fn other_keys_of_a_task() {
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nretries: «-1»\nstates:\n  a:\n",
        "number-range",
        &["from 0"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nretries: «1.5»\nstates:\n  a:\n",
        "number-range",
        &["fraction"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\n«needs»: {x: y.yaml}\nstates:\n  a:\n",
        "not-supported",
        &[],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nlocks: [\"«${x}»\"]\nstates:\n  a:\n",
        "template-in-name",
        &["the name of a lock"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nlisten: {x: {nats: a, «sql»: b}}\nstates:\n  a:\n",
        "too-many-keys",
        &["one key"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nclients: {«log»: {http: {}, record: none}}\nstates:\n  a:\n",
        "reserved-name",
        &["key of every instruction"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: a\nclients: {shop: «http»}\nstates:\n  a:\n",
        "wrong-type",
        &["{KIND: config}"],
    );
    wrong(
        "«- version: 1»\n- states\n",
        "wrong-type",
        &["a task is a map"],
    );
    wrong("«just a text»\n", "wrong-type", &["a task is a map"]);
}

#[test]
fn what_a_client_records() {
    let client = |members: &str, code: &str, words: &[&str]| {
        let head = "version: 1\nstart_state: a\nfinal_state: a\nstates: {a: }\nclients:";
        wrong(&format!("{head} {{shop: {{{members}}}}}\n"), code, words);
    };
    let of = "`record` is one of full, headers, none";
    client(
        "http: {}, record: «header»",
        "wrong-record",
        &[of, "did you mean `headers`?"],
    );
    client(
        "http: {}, record: «bodies»",
        "wrong-record",
        &["`headers` leaves the bodies out"],
    );
    client(
        "http: {}, record: «false»",
        "wrong-record",
        &["did you mean `none`?"],
    );
    client(
        "record: «true», http: {}",
        "wrong-record",
        &["did you mean `full`?"],
    );
    client("http: {}, record: «null»", "missing-value", &[of]);
    client("http: {}, «record»: ", "missing-value", &[of]);
    client("http: {}, record: «[none]»", "wrong-type", &[of]);
    client(
        "http: {}, record: '«${x}»'",
        "template-in-name",
        &["`record`"],
    );
    client(
        "http: {}, «recrod»: none",
        "unknown-key",
        &["did you mean `record`?"],
    );
    client(
        "«records»: none, http: {}",
        "unknown-key",
        &["did you mean `record`?"],
    );
    client(
        "«record»: none",
        "missing-key",
        &["has no kind", "write `{http:"],
    );
    client(
        "http: {}, «nats»: {}, record: none",
        "too-many-keys",
        &["one key"],
    );
}

#[test]
fn names_of_variables() {
    let with =
        |vars: &str| format!("version: 1\nstart_state: a\nfinal_state: a\n{vars}\nstates:\n  a:\n");
    wrong(
        &with("vars: {«order-id»: 1}"),
        "variable-name",
        &["write `order_id`"],
    );
    wrong(&with("vars: {«res»: 1}"), "reserved-name", &["funcy's own"]);
    wrong(
        &with("vars: {«if»: 1}"),
        "reserved-name",
        &["expression language"],
    );
    wrong(&with("params: [«2nd»]"), "variable-name", &[]);
    wrong(&with("secrets: {«item»: x}"), "reserved-name", &[]);
    wrong(&with("outputs: {«a b»: x}"), "variable-name", &[]);
    wrong(
        &with("vars: {token: 1}\nsecrets: {«token»: x}"),
        "duplicate-key",
        &["variable and a secret"],
    );
    wrong_state(
        "instructions:\n  - log: x\n    save: {«state»: res.body}",
        "reserved-name",
        &[],
    );
}

#[test]
fn lengths_of_time() {
    wrong_state("timeout: «30»", "duration", &["`30` has no unit", "`30s`"]);
    wrong_state("timeout: «0s»", "duration", &["more than nothing"]);
    wrong_state("timeout: «-5s»", "duration", &["negative"]);
    wrong_state("timeout: «300y»", "duration", &["write `250ms`"]);
    wrong_state("timeout: «109500d»", "duration", &["longer than a year"]);
    wrong_state("wait: «5»", "duration", &["`5s`"]);
    wrong_state("wait: «[5s]»", "wrong-type", &["a length of time"]);
    wrong_state("«timeout»:", "missing-value", &["no value stands here"]);
    assert!(matches!(
        &task_of("timeout: ${limit}\nnext: b").program.states[0].timeout,
        Some(Length::Template(text)) if text.as_str() == "${limit}"
    ));
}

#[test]
fn structure_of_a_state() {
    wrong_state(
        "«transition»: [b]",
        "unknown-key",
        &["did you mean `transitions`?"],
    );
    wrong_state("transitions: «b»", "wrong-type", &["`next: b`"]);
    wrong_state("transitions: «[]»", "empty-list", &[]);
    wrong_state("next: b\n«transitions»: [b]", "two-ways", &["not both"]);
    wrong_state("next: «[b]»", "wrong-type", &["one state"]);
    wrong_state(
        "fail: no\n«transitions»: [b]",
        "fail-state",
        &["`transitions` never does anything"],
    );
    wrong_state(
        "fail: no\n«instructions»: [{log: x}]\nnext: b",
        "fail-state",
        &["`instructions`, `next` never do"],
    );
    wrong_state(
        "regions: {«x»: {final_state: b, states: {b: }}}\nnext: b",
        "missing-key",
        &["a region needs the key `start_state`"],
    );
    wrong_state(
        "regions: {«a-b»: {start_state: b, final_state: b, states: {b: }}}\nnext: b",
        "variable-name",
        &["`a-b` cannot be the name of a region", "`a_b`"],
    );
    wrong_state(
        "regions: «[x]»\nnext: b",
        "wrong-type",
        &["`regions` is a map of names to machines"],
    );
    wrong_state(
        "regions: {x: {start_state: b, final_state: b, states: {b: }}}\njoin: «anny»\nnext: b",
        "join",
        &["`join` is `all` or `any`", "did you mean `any`?"],
    );
    wrong_state(
        "on_error: [{kind: «expct», to: b}]",
        "error-kind",
        &["did you mean `expect`?"],
    );
    wrong_state(
        "on_error: [{kind: «limit», to: b}]",
        "error-kind",
        &["always ends the task"],
    );
    wrong_state(
        "on_error: [{«kind»: expect}]",
        "missing-key",
        &["needs the key `to`"],
    );
    wrong_state(
        "on_timeout: {to: b, «sett»: {x: 1}}",
        "unknown-key",
        &["`set`"],
    );
    wrong_state("max_visits: «0»", "number-range", &["from 1"]);
    wrong_state(
        "«every»: 1s\ntransitions: [b]",
        "without-poll",
        &["belongs to `poll`"],
    );
    wrong_state(
        "transitions: [{«when»: x}]",
        "missing-key",
        &["needs the key `to`"],
    );
    wrong_state("instructions: «[]»\nnext: b", "empty-list", &[]);
    wrong_state(
        "instructions:\n  «shop: GET /»\nnext: b",
        "wrong-type",
        &["begin each instruction with `- `"],
    );
}

#[test]
fn structure_of_a_condition() {
    wrong_state(
        "transitions:\n  - to: b\n    wait: 1s\n    «poll»: {http: GET /}",
        "two-strategies",
        &["one strategy"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    «every»: 1s\n    when: x",
        "without-poll",
        &[],
    );
    wrong_state(
        "transitions:\n  - to: b\n    wait: 1s\n    «count»: 2",
        "count-without-subscribe",
        &[],
    );
    wrong_state(
        "poll: {http: GET /}\ntransitions:\n  - to: b\n    «count»: 2",
        "count-without-subscribe",
        &[],
    );
    wrong_state(
        "transitions:\n  - to: b\n    all: {x: {wait: 1s}}\n    «when»: x",
        "two-strategies",
        &["`all`"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    all: {«x»: {}}",
        "missing-value",
        &["this condition is empty"],
    );
    wrong_state(
        "poll:\n  http: GET /\n  «save»: {x: res}\nnext: b",
        "polled-instruction",
        &["`when`, `fail_when` and `set`"],
    );
    wrong_state(
        "poll:\n  http: GET /\n  «expect»: res.ok\nnext: b",
        "polled-instruction",
        &["`when` or `fail_when`"],
    );
    wrong_state(
        "poll: {http: GET /}\nbackoff: «0.5»\nnext: b",
        "number-range",
        &["factor"],
    );
    wrong_state(
        "subscribe: {nats: a, «sql»: b}\nnext: b",
        "too-many-keys",
        &[],
    );
    wrong_state(
        "subscribe:\n  signal: «${x}»\nnext: b",
        "template-in-name",
        &["signal"],
    );
    wrong_state("wait: {«untill»: x}\nnext: b", "unknown-key", &["`until`"]);
    wrong_state("transitions:\n  - to: b\n    when: «[]»", "empty-list", &[]);
    wrong_state(
        "transitions:\n  - to: b\n    «when»:",
        "missing-value",
        &["no value"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: «null»",
        "missing-value",
        &["null"],
    );
}

#[test]
fn structure_of_an_instruction() {
    wrong_state(
        "instructions:\n  - shop: GET /\n    «expct»: x",
        "unknown-key",
        &["did you mean `expect`?"],
    );
    wrong_state(
        "instructions:\n  - shop: GET /\n    «bus»: x",
        "two-actions",
        &["does one thing"],
    );
    wrong_state(
        "instructions:\n  - log: x\n    «parallel»: [{log: y}]",
        "two-actions",
        &[],
    );
    wrong_state(
        "instructions:\n  - «name»: x",
        "missing-key",
        &["does nothing"],
    );
    wrong_state("instructions:\n  - «{}»", "missing-key", &["does nothing"]);
    wrong_state(
        "instructions:\n  - «GET /orders»",
        "wrong-type",
        &["CLIENT: request"],
    );
    wrong_state(
        "instructions:\n  - task: «x.yaml»",
        "wrong-type",
        &["`task` is a map", "{file: x.yaml}"],
    );
    wrong_state(
        "instructions:\n  - «shop»:",
        "missing-value",
        &["given a request"],
    );
    wrong_state(
        "instructions:\n  - «${shop}»: GET /",
        "template-in-name",
        &["client"],
    );
    wrong_state(
        "instructions:\n  - log: x\n    retry: «3»",
        "wrong-type",
        &["max_attempts: 3"],
    );
    wrong_state(
        "instructions:\n  - log: x\n    «retry»: {delay: 1s}",
        "missing-key",
        &["`max_attempts`"],
    );
    wrong_state(
        "instructions:\n  - log: x\n    «concurrency»: 3",
        "without-for-each",
        &[],
    );
    wrong_state(
        "instructions:\n  - log: x\n    for_each: «-3»",
        "wrong-type",
        &[],
    );
    wrong_state(
        "instructions:\n  - log: x\n    for_each: «[]»",
        "empty-list",
        &[],
    );
    wrong_state(
        "instructions:\n  - signal: «paid»",
        "wrong-type",
        &["{name: paid}"],
    );
    wrong_state(
        "instructions:\n  - signal: {name: «\"${x}\"»}"
            .replace("«\"${x}\"»", "\"«${x}»\"")
            .as_str(),
        "template-in-name",
        &[],
    );
    wrong_state(
        "instructions:\n  - listen: {x: {«signal»: }}",
        "missing-value",
        &[],
    );
    wrong_state("instructions:\n  - eval: «''»", "missing-value", &["empty"]);
}

#[test]
fn comments_that_cut_a_text() {
    wrong_state(
        "transitions:\n  - to: b\n    when: x == «#{a: 1}»",
        "comment-in-text",
        &["quote the whole text"],
    );
    wrong_state(
        "fail: order «#${id} was rejected»",
        "comment-in-text",
        &["would be lost"],
    );
    wrong_state(
        "instructions:\n  - shop: GET /orders «#5»",
        "comment-in-text",
        &[],
    );
    wrong_state("fail: order   «#{x}»", "comment-in-text", &[]);
    wrong_state(
        "«fail»: #${id} was rejected",
        "missing-value",
        &["begins with `#`"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: f«(»x # comment",
        "unbalanced",
        &["cuts this expression", "comment"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: x «#» one\n      + 2",
        "yaml-syntax",
        &["cuts this text"],
    );
}

#[test]
fn keys_in_the_wrong_place() {
    wrong_state(
        "«when»: x\nnext: b",
        "unknown-key",
        &["`transitions: [{to: NAME, when: …}]`"],
    );
    wrong_state(
        "instructions:\n  - shop: GET /\n    «when»: x\nnext: b",
        "unknown-key",
        &["an instruction has no key `when`", "`expect`"],
    );
    wrong_state(
        "instructions:\n  - «poll»: {http: GET /}\n    every: 5s\nnext: b",
        "unknown-key",
        &["an instruction has no key `poll`", "beside `instructions`"],
    );
    wrong_state(
        "«http»: GET /\nnext: b",
        "unknown-key",
        &["its keys are", "in the list `instructions`: ", "http: …`"],
    );
    wrong_state(
        "«eval»: 1\nnext: b",
        "unknown-key",
        &["in the list `instructions`: `- eval: …`"],
    );
    wrong_state(
        "«expect»: 1 == 1\nnext: b",
        "unknown-key",
        &["it stands beside what an instruction does"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    «expect»: x",
        "expect-without-collect",
        &["`when` and `fail_when`"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    «save»: {x: 1}",
        "unknown-key",
        &["write `set`"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    «exec»: {command: [x]}",
        "unknown-key",
        &["`poll: {exec: …}`"],
    );
    wrong_state(
        "on_error: {«transport»: b}\nnext: b",
        "unknown-key",
        &["its keys are kind, to, set"],
    );
    wrong_state(
        "transitions:\n  - «b»: {when: x}",
        "unknown-key",
        &["a transition has no key"],
    );
    wrong_state("next: «{to: b}»", "wrong-type", &["write the name alone"]);
    wrong_state(
        "instructions:\n  - log: «{a, b}»\nnext: b",
        "missing-value",
        &["`[a, b]`"],
    );
    wrong(
        "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    «next:b»\n  b:\n",
        "wrong-type",
        &["a space is missing: `next: b`"],
    );
}

#[test]
fn an_empty_transition_goes_nowhere() {
    wrong_state(
        "transitions:\n  - «{}»",
        "missing-key",
        &["needs the key `to`"],
    );
}

#[test]
fn brackets_that_swallow_a_text() {
    wrong_state(
        "transitions:\n  - {to: b, when: res.body«[»'x'] == 1}",
        "yaml-syntax",
        &["ends an unquoted text at `[`"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    set: {m: «#{a: 1}}»",
        "comment-in-text",
        &["closing bracket too"],
    );
}

#[test]
fn lines_that_are_joined_and_texts_that_become_maps() {
    wrong_state(
        "transitions:\n  - to: b\n    when: >\n      a == 1 «//» first\n      && b == 2",
        "comment-in-text",
        &["makes a comment", "&& b == 2"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: a == 1 «//» first\n      && b == 2",
        "comment-in-text",
        &[],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: a «:» b"
            .replace("a «:» b", "x ? a«:» b")
            .as_str(),
        "yaml-syntax",
        &["map inside the value"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when:\n      - «x ? a: b»",
        "wrong-type",
        &["reads `: ` as a map"],
    );
    wrong_state(
        "instructions:\n  - hook: {path: /paid/«${id}»}",
        "yaml-syntax",
        &["reads the `{` of a template as a map"],
    );
    wrong_state(
        "instructions:\n  - hook: {path: «${id}», method: POST}",
        "yaml-syntax",
        &["quote the whole value"],
    );
    wrong_state(
        "instructions:\n  - hook: {path: «{{» id }}}",
        "template-braces",
        &["${ … }"],
    );
}

#[test]
fn texts_that_are_split_or_become_tags() {
    wrong_state(
        "transitions: [{to: b, when: «f(a, b)»}]",
        "split-text",
        &["comma"],
    );
    wrong_state(
        "instructions:\n  - log: x\n    expect: [«f(a, b) == 1», c]",
        "split-text",
        &["quote the whole text"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: «!done»",
        "yaml-tag",
        &["as a tag", "quote"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: «!» done",
        "yaml-tag",
        &["quote"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: «*done»",
        "yaml-syntax",
        &["as an alias"],
    );
    wrong_state(
        "vars: 1"
            .replace("vars: 1", "description: «!!python/object» x")
            .as_str(),
        "yaml-tag",
        &["!!python/object"],
    );
}

#[test]
fn values_that_become_numbers_or_nothing() {
    let with =
        |vars: &str| format!("version: 1\nstart_state: a\nfinal_state: a\n{vars}\nstates:\n  a:\n");
    wrong(
        &with("vars: {v: «1.10»}"),
        "number-spelling",
        &["read as 1.1", "'1.10'"],
    );
    wrong(
        &with("vars: {v: «+49123»}"),
        "number-spelling",
        &["read as 49123"],
    );
    wrong(
        &with("vars: {v: «99999999999999999999»}"),
        "number-range",
        &["64 bits"],
    );
    wrong(&with("vars: {v: «.nan»}"), "number-range", &["`.nan`"]);
    wrong(&with("vars: {«v»: }"), "missing-value", &["write `null`"]);
    wrong(&with("vars: {«v»: , w: 1}"), "missing-value", &[]);
    wrong(
        &with("vars:\n  «color»: #ff0000"),
        "missing-value",
        &["begins with `#`"],
    );
    // Templates around expressions.
    wrong_state(
        "transitions:\n  - to: b\n    when: «${x == 1}»",
        "template-in-expression",
        &["write `x == 1`"],
    );
    wrong_state(
        "transitions:\n  - to: b\n    when: 1 == «${x}»",
        "template-in-expression",
        &["without `${ }`"],
    );
}

#[test]
fn what_yaml_says_in_its_own_way() {
    let with = |value: &str| format!("version: 1\ndescription: {value}\nstart_state: a\n");
    wrong(
        &with("«@»home"),
        "yaml-syntax",
        &["begins with `@`", "quote"],
    );
    wrong(&with("«`»x`"), "yaml-syntax", &["begins with"]);
    wrong(&with("«%»x"), "yaml-syntax", &["begins with `%`"]);
    wrong(
        &with("\"a\" «== x»"),
        "yaml-syntax",
        &["closing quote", "'…'"],
    );
    wrong(&with("'a' «+ x»"), "yaml-syntax", &["closing quote"]);
    wrong(&with("«|» x"), "yaml-syntax", &["begins with `|`"]);
    wrong(&with("«>» 5"), "yaml-syntax", &["begins with `>`"]);
    wrong(
        &with("«[»1, 2].len()"),
        "yaml-syntax",
        &["is a list to YAML"],
    );
    wrong(&with("«{»a: 1}.a"), "yaml-syntax", &["is a map to YAML"]);
    wrong(&with("a«:» b"), "yaml-syntax", &["map inside the value"]);
    wrong(&with("«'»never closed"), "yaml-syntax", &["never closed"]);
    wrong(&with("\"a«\\q»\""), "yaml-syntax", &["escape"]);
    wrong(
        "version: 1\nstates:\n«\t»a: 1\n",
        "yaml-syntax",
        &["a tab cannot indent"],
    );
    wrong(
        "version: 1\nvars: «[»1, 2\n",
        "yaml-syntax",
        &["never closed"],
    );
    wrong(
        "version: 1\n«no colon here»\nstates: 1\n",
        "yaml-syntax",
        &["no `key: value`"],
    );
    wrong(
        "version: 1\nvars:\n    a: 1\n  «b: 2»\n",
        "yaml-syntax",
        &["indentation"],
    );
    wrong(
        "version: 1\n«---»\nversion: 1\n",
        "two-documents",
        &["file of its own"],
    );
    wrong("«»", "empty-file", &[]);
    wrong("«»# only a comment\n", "empty-file", &[]);
}

#[test]
fn structure_of_a_suite() {
    wrong_suite(
        "version: 1\nenvironments: {«a»: {}}\n",
        "missing-key",
        &["`vars`"],
    );
    wrong_suite(
        "version: 1\nenvironments: {a: {vars: {«a-b»: 1}}}\n",
        "variable-name",
        &["a_b"],
    );
    wrong_suite(
        "version: 1\nvars: {token: abcdefgh}\nsecrets: {«token»: ijklmnop}\n",
        "duplicate-key",
        &["a variable and a secret"],
    );
    wrong_suite("version: 1\n«plugins»: {}\n", "not-supported", &[]);
    wrong_suite(
        "version: 1\nservices: {«shop»: {env: {A: b}}}\n",
        "missing-key",
        &["`command`"],
    );
    wrong_suite(
        "version: 1\nservices: {shop: {command: [a], ready: «http://x»}}\n",
        "wrong-type",
        &["{http: http://x}"],
    );
    wrong_suite(
        "version: 1\npermissions: {net: «all»}\n",
        "wrong-type",
        &["a list of texts"],
    );
    wrong_suite(
        "version: 1\npermissions: {«nett»: []}\n",
        "unknown-key",
        &["`net`"],
    );
    wrong_suite(
        "version: 1\ndefaults: {timeout: «10»}\n",
        "duration",
        &["`10s`"],
    );
    wrong_suite("version: 1\nconcurrency: «0»\n", "number-range", &[]);
    wrong_suite(
        "version: 1\n«journal»: {}\n",
        "missing-key",
        &["neither how long nor how much", "keep: 30d"],
    );
    wrong_suite(
        "version: 1\njournal: «30d»\n",
        "wrong-type",
        &["`journal` is a map"],
    );
    wrong_suite(
        "version: 1\njournal: {«kep»: 30d}\n",
        "unknown-key",
        &["`keep`"],
    );
    wrong_suite(
        "version: 1\njournal: {keep: «30»}\n",
        "duration",
        &["`30s`"],
    );
    wrong_suite(
        "version: 1\njournal: {keep: «\"${days}\"»}\n",
        "duration",
        &["no template", "`30d`"],
    );
    wrong_suite("version: 1\njournal: {max: «1»}\n", "size", &["`1GB`"]);
    wrong_suite(
        "version: 1\njournal: {max: «1XB»}\n",
        "size",
        &["no unit `XB`"],
    );
    wrong_suite(
        "version: 1\njournal: {max: «0GB»}\n",
        "size",
        &["more than nothing"],
    );
    wrong_suite(
        "version: 1\njournal: {max: «[1GB]»}\n",
        "wrong-type",
        &["an amount of bytes"],
    );
    wrong_suite("«vars»: {a: 1}\n", "missing-key", &["version: 1"]);
}
