//! What a client is sent: texts and keys filled in as its schema says.

use super::{Ran, task};
use crate::event::{ErrorKind, Fact, Json, Outcome};
use serde_json::json;

/// Runs one request of `site` with these variables.
fn sent(vars: &str, request: &str) -> Ran {
    task(&format!(
        "
        vars: {vars}
        start_state: s
        final_state: s
        states: {{ s: {{ instructions: [{{ site: {request} }}] }} }}
        "
    ))
    .run()
}

fn request(ran: &Ran) -> Json {
    let mut started = ran.facts.iter().filter_map(|(_, fact)| match fact {
        Fact::InstructionStarted { request, .. } => Some(Json::clone(request)),
        _ => None,
    });
    started.next().expect("an instruction")
}

#[test]
fn a_url_is_recorded_as_it_is_sent() {
    let ran = sent(
        "{ base: 'http://h', x: 'a&b/c' }",
        "{ url: '${base}/${x}?q=${x}', json: { url: '${base}?q=${x}' } }",
    );
    assert_eq!(
        request(&ran),
        json!({ "url": "http://h/a%26b/c?q=a%26b/c", "json": { "url": "http://h?q=a&b/c" } })
    );
    // One value alone keeps its type, and a text without any is as it was written.
    let ran = sent("{ x: null }", "{ url: '${x}', json: 'a b' }");
    assert_eq!(request(&ran), json!({ "url": null, "json": "a b" }));
    assert_eq!(
        request(&sent("{}", "{ url: '/a b?$${x}' }")),
        json!({ "url": "/a b?${x}" })
    );
}

#[test]
fn a_part_of_a_url_that_does_not_fit_is_told_at_its_expression() {
    let ran = sent("{ x: a/b }", "{ url: 'http://${x}/' }");
    ran.ends(
        Outcome::Error,
        ErrorKind::Script,
        "\"a/b\" is no host of a URL",
    );
    let headline = ran.verdict.headline.as_ref().unwrap();
    let place = headline.place.as_ref().unwrap();
    assert_eq!(
        (
            place.span.start.line,
            place.span.end.column - place.span.start.column
        ),
        (5, 1)
    );
}

#[test]
fn keys_of_what_is_sent_may_be_templates() {
    let ran = sent(
        "{ k: colour, n: 2 }",
        "{ json: { '${k}': red, list: [{ 'x-${n}': '${n}', '$${k}': 1 }] } }",
    );
    assert_eq!(
        request(&ran),
        json!({ "json": { "colour": "red", "list": [{ "x-2": 2, "${k}": 1 }] } })
    );
    // Nothing in the value is a template, but the key is.
    assert_eq!(
        request(&sent("{ k: a }", "{ json: { '${k}': 1 } }")),
        json!({ "json": { "a": 1 } })
    );
}

#[test]
fn two_keys_that_come_out_equal_are_an_error() {
    for keys in [
        "{ '${k}': 1, '${l}': 2 }",
        "{ '${k}': 1, colour: 2 }",
        "{ colour: 1, '${k}': 2 }",
    ] {
        sent("{ k: colour, l: colour }", &format!("{{ json: {keys} }}")).ends(
            Outcome::Error,
            ErrorKind::Script,
            "another key of this map is `colour` as well",
        );
    }
    sent("{ k: null }", "{ json: { '${k}': 1 } }").ends(
        Outcome::Error,
        ErrorKind::Script,
        "a value in a text is missing",
    );
}
