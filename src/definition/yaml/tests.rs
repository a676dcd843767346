use super::*;
use crate::definition::node::{NodeKind, Text};
use crate::event::Span;
use proptest::prelude::*;
use std::fmt::Write as _;

fn file(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile::from_bytes("a.yaml", "a.yaml", text.as_bytes()).expect("a text file"))
}

fn parse(text: &str) -> Node {
    parse_yaml(&file(text)).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"))
}

fn first_error(text: &str) -> Diagnostic {
    parse_yaml(&file(text)).expect_err(text).remove(0)
}

/// Every text of a node, keys too.
fn texts<'n>(node: &'n Node, found: &mut Vec<&'n Text>) {
    match &node.kind {
        NodeKind::Text(text) => found.push(text),
        NodeKind::List(items) => items.iter().for_each(|item| texts(item, found)),
        NodeKind::Map(members) => {
            for (key, node) in members {
                found.push(key);
                texts(node, found);
            }
        }
        _ => {}
    }
}

/// Every character that stands as itself in the file must be found at its place; only line breaks, folded
/// blanks and escapes look different there.
fn assert_places(source: &str, text: &Text) {
    let lines: Vec<Vec<char>> = source
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line).chars().collect())
        .collect();
    for (offset, c) in text.value.char_indices() {
        let pos = text.location_of(offset);
        let line = &lines[pos.line as usize - 1];
        let found = line.get(pos.column as usize - 1).copied();
        let is_same = found == Some(c);
        let is_escape = found == Some('\\') || (c == '\'' && found == Some('\''));
        let blank_to_end = line
            .get(pos.column as usize - 1..)
            .is_none_or(|rest| rest.iter().all(|c| matches!(c, ' ' | '\t')));
        let is_break = matches!(c, '\n' | ' ') && blank_to_end;
        assert!(
            is_same || is_escape || is_break,
            "character {offset} {c:?} of {:?} is said to stand at {pos:?}, where {found:?} is\n{source}",
            text.value
        );
    }
}

fn check_places(source: &str) -> Node {
    let node = parse(source);
    let mut found = Vec::new();
    texts(&node, &mut found);
    for text in found {
        assert_places(source, text);
    }
    node
}

/// The text at this key and the places (line, column) of some of its characters.
#[track_caller]
fn places(source: &str, value: &str, wanted: &[(usize, u32, u32)]) {
    let node = check_places(source);
    let text = node
        .get("a")
        .and_then(Node::as_text)
        .expect("a text at `a`");
    assert_eq!(text.as_str(), value);
    for (offset, line, column) in wanted {
        let pos = text.location_of(*offset);
        assert_eq!((pos.line, pos.column), (*line, *column), "offset {offset}");
    }
}

#[test]
fn plain_texts_keep_their_places() {
    places("a: one two", "one two", &[(0, 1, 4), (4, 1, 8)]);
    places(
        "a: one\n  two\n\n  three",
        "one two\nthree",
        &[(3, 1, 7), (4, 2, 3), (7, 3, 1), (8, 4, 3)],
    );
    places("a:\n  → x ü  # comment", "→ x ü", &[(0, 2, 3), (6, 2, 7)]);
}

#[test]
fn quoted_texts_keep_their_places() {
    places(
        "a: 'it''s x'",
        "it's x",
        &[(2, 1, 7), (3, 1, 9), (5, 1, 11)],
    );
    places(
        "a: 'one  \n   two\n\n   x'",
        "one two\nx",
        &[(3, 1, 8), (4, 2, 4), (8, 4, 4)],
    );
    places(
        r#"a: "x\ty\u00e9z\\n""#,
        "x\tyéz\\n",
        &[
            (0, 1, 5),
            (1, 1, 6),
            (2, 1, 8),
            (3, 1, 9),
            (5, 1, 15),
            (6, 1, 16),
            (7, 1, 18),
        ],
    );
    places(
        "a: \"one \\\n   two\n\n   \\n x\"",
        "one two\n\n x",
        &[(3, 1, 8), (4, 2, 4), (7, 3, 1), (8, 4, 4), (10, 4, 7)],
    );
    let node = parse("a: 'x'   # comment\nb: \"y\"   \n");
    assert_eq!(span_of(&node, "a"), (1, 4, 1, 7));
    assert_eq!(span_of(&node, "b"), (2, 4, 2, 7));
}

#[test]
fn block_texts_keep_their_places() {
    places(
        "a: |\n  one\n   two\n\n  three\n",
        "one\n two\n\nthree\n",
        &[
            (0, 2, 3),
            (3, 2, 6),
            (4, 3, 3),
            (5, 3, 4),
            (8, 3, 7),
            (9, 4, 1),
            (10, 5, 3),
        ],
    );
    places(
        "a: |\n\n\n  one\n",
        "\n\none\n",
        &[(0, 2, 1), (1, 3, 1), (2, 4, 3)],
    );
    places(
        "a: >-\n  one\n  two\n\n  three\n    more\n  end\n\n",
        "one two\nthree\n  more\nend",
        &[
            (3, 2, 6),
            (4, 3, 3),
            (7, 4, 1),
            (8, 5, 3),
            (13, 5, 8),
            (14, 6, 3),
            (16, 6, 5),
            (21, 7, 3),
        ],
    );
    places(
        "a: |+\n  x\n\n\n",
        "x\n\n\n",
        &[(1, 2, 4), (2, 3, 1), (3, 4, 1)],
    );
    places("a: |2-\n    x\n", "  x", &[(0, 2, 3), (2, 2, 5)]);
    places(
        "a: &b |\n  one\n  two\nc: *b\n",
        "one\ntwo\n",
        &[(0, 2, 3), (4, 3, 3)],
    );
    places(
        "a: | # comment\r\n  one\r\n  two\r\n",
        "one\ntwo\n",
        &[(3, 2, 6), (4, 3, 3)],
    );
}

fn span_of(node: &Node, key: &str) -> (u32, u32, u32, u32) {
    let Span { start, end } = node.get(key).expect("a member").span;
    (start.line, start.column, end.line, end.column)
}

#[test]
fn a_stretch_of_a_text_has_its_place() {
    let stretch = |source: &str, from: usize, to: usize| {
        let node = parse(source);
        let Span { start, end } = node
            .get("a")
            .and_then(Node::as_text)
            .unwrap()
            .span_of(from..to);
        (start.line, start.column, end.line, end.column)
    };
    assert_eq!(stretch(r#"a: "x\u00e9y""#, 0, 3), (1, 5, 1, 12));
    assert_eq!(stretch(r#"a: "x\u00e9y""#, 1, 3), (1, 6, 1, 12));
    assert_eq!(stretch("a: >\n  one\n  two\n", 0, 4), (2, 3, 2, 7));
    assert_eq!(stretch("a: >\n  one\n  two\n", 2, 5), (2, 5, 3, 4));
    assert_eq!(stretch("a: 'it''s'", 2, 3), (1, 7, 1, 9));
    assert_eq!(stretch("a: →→", 0, 4), (1, 4, 1, 5));
    assert_eq!(stretch("a: xy", 1, 99), (1, 5, 1, 6));
    assert_eq!(stretch("a: xy", 2, 1), (1, 6, 1, 6));
}

#[test]
fn nodes_know_where_they_stand() {
    let node = parse(
        "a: [1, {b: c}]\nm:\n  x: 1\n  y:\n    - é: 2\n    - 3\n\n\nz: |\n  one\n  two\n\n\nn:\nq: ~\n",
    );
    assert_eq!(span_of(&node, "a"), (1, 4, 1, 15));
    assert_eq!(span_of(&node, "m"), (3, 3, 6, 8));
    assert_eq!(span_of(node.get("m").unwrap(), "y"), (5, 5, 6, 8));
    assert_eq!(span_of(&node, "z"), (10, 3, 11, 6));
    assert_eq!(span_of(&node, "n"), (14, 3, 14, 3));
    assert_eq!(span_of(&node, "q"), (15, 4, 15, 5));
}

#[test]
fn scalars_follow_the_core_schema() {
    let node = parse("[yes, on, 22:22, 007, 1.5, true, ~, '1', 12, !!str 12, no]");
    assert_eq!(
        node.to_json(),
        serde_json::json!([
            "yes", "on", "22:22", "007", 1.5, true, null, "1", 12, "12", "no"
        ])
    );
}

#[test]
fn anchors_and_merge_keys_work() {
    let node = parse(
        "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\none:\n  <<: *base\n  a: 9\ntwo:\n  <<: [*more, *base]\nquoted: {'<<': 1}\n",
    );
    let json = node.to_json();
    assert_eq!(json["one"], serde_json::json!({"a": 9, "b": 2}));
    assert_eq!(json["two"], serde_json::json!({"b": 3, "c": 4, "a": 1}));
    assert_eq!(json["quoted"], serde_json::json!({"<<": 1}));
    assert_eq!(first_error("a: {<<: 5}").code, "merge-key");
    assert_eq!(
        first_error("b: &b {x: 1}\na:\n  <<: *b\n  <<: *b\n").code,
        "duplicate-key"
    );
}

#[test]
fn bombs_are_bounded() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let row = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(laughs, "a{level}: &a{level} [{row}]");
    }
    assert_eq!(first_error(&laughs).code, "alias-limit");
    let large = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(900_000),
        "*a, ".repeat(5_000)
    );
    assert_eq!(first_error(&large).code, "alias-limit");
    let mut nested = String::new();
    for level in 0..60 {
        let _ = write!(nested, "&n{level} [");
    }
    nested.push_str(&"x,".repeat(50_000));
    nested.push_str(&"]".repeat(60));
    assert_eq!(first_error(&nested).code, "alias-limit");
    assert_eq!(first_error("a: &a [*a]").code, "recursive-alias");
    assert_eq!(first_error("a: &a {<<: *a}").code, "recursive-alias");
    for deep in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(1000),
    ] {
        assert_eq!(first_error(&deep).code, "yaml-depth", "{}", &deep[..8]);
    }
    let mut open = String::new();
    for depth in 0..70 {
        let _ = writeln!(open, "{}a:", " ".repeat(depth));
    }
    let error = first_error(&open);
    assert_eq!((error.code, error.span.start.line), ("yaml-depth", 65));
}

#[test]
fn large_maps_find_duplicates_too() {
    let mut text = String::new();
    for n in 0..5_000 {
        let _ = writeln!(text, "k{n}: {n}");
    }
    text.push_str("k17: again\n");
    let error = first_error(&text);
    assert_eq!(error.code, "duplicate-key");
    assert_eq!(
        (error.span.start.line, error.related[0].0.start.line),
        (5_001, 18)
    );
}

/// Scalars of every style, as a generator of sources.
fn scalar_source() -> impl Strategy<Value = String> {
    let word = "[a-zé→'\"\\\\ ]{0,6}";
    let line = prop_oneof![
        Just(String::new()),
        "[a-zé→#:,' ]{1,9}".prop_map(|line| line)
    ];
    prop_oneof![
        proptest::collection::vec(word, 1..5).prop_map(|words| {
            let escaped: Vec<String> = words
                .iter()
                .map(|word| word.replace('\\', "\\\\").replace('"', "\\\""))
                .collect();
            format!("a: \"{}\"\n", escaped.join("\n\n  "))
        }),
        proptest::collection::vec(word, 1..5).prop_map(|words| {
            let escaped: Vec<String> = words.iter().map(|word| word.replace('\'', "''")).collect();
            format!("a: '{}'\n", escaped.join("\n  "))
        }),
        (
            prop_oneof!["\\|", ">"],
            prop_oneof!["", "-", "\\+"],
            proptest::collection::vec(line.clone(), 1..8)
        )
            .prop_map(|(style, chomping, lines)| {
                let body: String = lines
                    .iter()
                    .map(|line| {
                        if line.is_empty() {
                            "\n".to_owned()
                        } else {
                            format!("  {line}\n")
                        }
                    })
                    .collect();
                format!("a: {style}{chomping}\n{body}")
            }),
        proptest::collection::vec("[a-zé→]{1,5}( [a-z'\"#]{1,4}x)?", 1..5)
            .prop_map(|lines| format!("a: {}\n", lines.join("\n\n  "))),
        proptest::collection::vec(
            prop_oneof![
                Just("\\\n  ".to_owned()),
                Just("\\n".to_owned()),
                Just("\n  ".to_owned()),
                Just("\n\n  ".to_owned()),
                Just(" ".to_owned()),
                Just("\\x41".to_owned()),
                Just("\\U0001F600".to_owned()),
                "[a-zé]{1,3}".prop_map(|text| text),
            ],
            0..12
        )
        .prop_map(|parts| format!("a: \"{}\"\n", parts.concat())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_character_finds_its_place(source in scalar_source()) {
        if let Ok(node) = parse_yaml(&file(&source)) {
            let mut found = Vec::new();
            texts(&node, &mut found);
            for text in found {
                assert_places(&source, text);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[ -~\n\t→é]{0,80}") {
        let _ = parse_yaml(&file(&text));
    }

    #[test]
    fn no_piece_of_yaml_makes_it_panic(parts in proptest::collection::vec(
        prop_oneof![
            Just("- "), Just("a: "), Just("\n"), Just("\n  "), Just("["), Just("]"), Just("{"),
            Just("}"), Just(", "), Just("'"), Just("\""), Just("|\n"), Just(">-\n "), Just("&a "),
            Just("*a "), Just("!t "), Just("!!str "), Just("# c"), Just(": "), Just("? "),
            Just("<<: "), Just("---\n"), Just("...\n"), Just("\\"), Just("%TAG ! x\n"), Just("é"),
            Just("${x}"), Just("\t"), Just("1.10"), Just("|+2\n"), Just("\u{feff}"), Just("\r\n"),
            Just("@"), Just("`"), Just(" #{"), Just("f(a, b)"),
        ],
        0..24
    )) {
        let _ = parse_yaml(&file(&parts.concat()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(file) = SourceFile::from_bytes("a", "a", &bytes) {
            let _ = parse_yaml(&Arc::new(file));
        }
    }
}
