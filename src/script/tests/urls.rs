use super::{Desk, cases, order};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::json;

fn desk() -> Desk {
    Desk::new(order())
        .with("x", json!("a&b=c d/é+%#f?"))
        .with("base", json!("http://h:1/api?k=1"))
        .with("next", json!("&page=2"))
        .with("id", json!("o:7@x"))
        .with("host", json!("h.example:80"))
        .with("user", json!("me@x:y/z"))
        .with("port", json!(7801))
        .with("file", json!("/tmp/a b?.db"))
        .with("up", json!(".."))
        .with("empty", json!(""))
}

#[test]
fn a_value_is_encoded_for_where_it_stands() {
    let desk = desk();
    let query = "a%26b%3Dc%20d/%C3%A9%2B%25%23f%3F";
    for (source, expected) in [
        ("/echo/${x}", format!("/echo/{query}")),
        ("/echo?q=${x}&n=1", format!("/echo?q={query}&n=1")),
        ("/echo?${id}=${x}", format!("/echo?o:7@x={query}")),
        ("/echo#${x}", format!("/echo#{query}")),
        ("/echo?a=/#${x}", format!("/echo?a=/#{query}")),
        ("/o/${id}", "/o/o:7@x".into()),
        // It would end a scheme there.
        ("o-${id}", "o-o%3A7@x".into()),
        ("http://${host}/${id}", "http://h.example:80/o:7@x".into()),
        ("http://h:${port}/", "http://h:7801/".into()),
        ("http://[::1]:${port}/", "http://[::1]:7801/".into()),
        ("http://[${'::1'}]/", "http://[::1]/".into()),
        (
            "postgres://${user}:${user}@${host}/${id}",
            "postgres://me%40x%3Ay%2Fz:me%40x%3Ay%2Fz@h.example:80/o:7@x".into(),
        ),
        ("http://a:${user}@h/", "http://a:me%40x%3Ay%2Fz@h/".into()),
        (
            "sqlite:${file}?mode=ro",
            "sqlite:/tmp/a%20b%3F.db?mode=ro".into(),
        ),
        ("sqlite://${file}", "sqlite:///tmp/a%20b%3F.db".into()),
        ("n${port}.example:4222", "n7801.example:4222".into()),
        ("sqlite:${'../a.db'}", "sqlite:../a.db".into()),
        ("http://api${empty}.example/", "http://api.example/".into()),
        ("http://${empty}api:${port}", "http://api:7801".into()),
        ("nothing", "nothing".into()),
    ] {
        assert_eq!(desk.render_url(source), Ok(json!(expected)), "{source}");
    }
}

#[test]
fn what_is_at_the_beginning_or_raw_is_taken_as_it_is() {
    let desk = desk();
    for (source, expected) in [
        ("${base}${next}", "http://h:1/api?k=1&page=2"),
        // It is in the query of `base` from there on.
        (
            "${base}&q=${x}",
            "http://h:1/api?k=1&q=a%26b%3Dc%20d/%C3%A9%2B%25%23f%3F",
        ),
        ("${base}", "http://h:1/api?k=1"),
        ("/x?${raw(next)}", "/x?&page=2"),
        (
            "/x?q=${url_encode(x)}",
            "/x?q=a%26b%3Dc%20d%2F%C3%A9%2B%25%23f%3F",
        ),
        (
            "/x?q=${x.url_encode()}",
            "/x?q=a%26b%3Dc%20d%2F%C3%A9%2B%25%23f%3F",
        ),
        (
            "http://${raw(user)}@${host}/",
            "http://me@x:y/z@h.example:80/",
        ),
        // Not the outermost call.
        ("/x?q=${raw('&') + '='}", "/x?q=%26%3D"),
    ] {
        assert_eq!(desk.render_url(source), Ok(json!(expected)), "{source}");
    }
    // A single value keeps its type.
    assert_eq!(desk.render_url("${port}"), Ok(json!(7801)));
    assert_eq!(desk.render_url("${res.body.note}"), Ok(json!(null)));
}

#[test]
fn what_cannot_be_in_its_part_is_an_error_at_its_expression() {
    let desk = desk();
    for (source, at, message) in [
        (
            "http://${user}/",
            "user",
            "\"me@x:y/z\" is no host of a URL",
        ),
        ("http://${empty}/", "empty", "\"\" is no host of a URL"),
        ("http://a@${empty}:1", "empty", "\"\" is no host of a URL"),
        ("http://${''}${empty}", "empty", "\"\" is no host of a URL"),
        (
            "http://a@${x}/",
            "x",
            "\"a&b=c d/é+%#f?\" is no host of a URL",
        ),
        (
            "http://h:${host}/",
            "host",
            "\"h.example:80\" is no port of a URL",
        ),
        (
            "/a/${up}/b",
            "up",
            "a value makes `..` a segment of this URL's path",
        ),
        (
            "/a/.${'.'}?x",
            "'.'",
            "a value makes `..` a segment of this URL's path",
        ),
        (
            "/a/${'b/./c'}",
            "'b/./c'",
            "a value makes `.` a segment of this URL's path",
        ),
        (
            "/a/${res.body.idd}",
            "res.body.idd",
            "a value in a text is missing: `res.body.idd` is missing",
        ),
    ] {
        let error = desk.render_url(source).unwrap_err();
        assert_eq!((&source[error.at.clone()], &*error.message), (at, message));
    }
    // What is written is the author's, and so is what is raw.
    for source in ["/a/../${id}", "/a/${raw(up)}/b", "/a?b=${up}", "/a/x${up}"] {
        assert!(desk.render_url(source).is_ok(), "{source}");
    }
}

#[test]
fn a_query_that_is_one_value_is_doubtful() {
    let engine = desk().engine;
    let doubts = |source: &str| engine.template(source).unwrap().url_doubts();
    let source = "/x?${ next }";
    let [doubt] = &doubts(source)[..] else {
        panic!("{:?}", doubts(source));
    };
    assert_eq!(&source[doubt.at.clone()], " next ");
    assert!(doubt.hint.as_ref().unwrap().contains("`?${raw(next)}`"));
    assert_eq!(doubts("${base}?${next}#x").len(), 1);
    for source in [
        "/x?${raw(next)}",
        "/x?q=${next}",
        "/x?${next}=1",
        "/x?${id}${next}",
        "${base}${next}",
        "/${next}?",
    ] {
        assert_eq!(doubts(source), [], "{source}");
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Whatever it holds, a value stays in its part, and is what a server decodes there.
    #[test]
    fn a_value_stays_in_its_part(value in "[ -~äß/?#&=%+:@.\\\\\n]{0,12}") {
        let desk = Desk::new(order()).with("x", json!(value));
        let url = desk.render_url("http://u:${x}@h/a/-${x}-/b?k=${x}&m=1#${x}").unwrap();
        let url = url.as_str().unwrap();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let (rest, fragment) = url.split_once('#').unwrap();
        let (rest, query) = rest.split_once('?').unwrap();
        let (user, path) = rest.split_once("@h/a/-").unwrap();
        prop_assert_eq!(decoded(fragment), &*value);
        prop_assert_eq!(decoded(query.strip_prefix("k=").unwrap().strip_suffix("&m=1").unwrap()), &*value);
        prop_assert_eq!(decoded(path.strip_suffix("-/b").unwrap()), &*value);
        prop_assert_eq!(decoded(user.strip_prefix("http://u:").unwrap()), &*value);
        prop_assert!(query.matches(['&', '=']).count() == 3 && !user["http://u:".len()..].contains(['/', ':']));
    }
}
