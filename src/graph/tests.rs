use super::text::{cut_middle, visible, visible_name, wrap};
use super::*;
use unicode_width::UnicodeWidthStr;

fn node(id: &str, kind: NodeKind, details: &[&str]) -> Node {
    Node {
        id: id.into(),
        kind,
        details: details.iter().map(|&detail| detail.to_owned()).collect(),
        regions: Vec::new(),
        entered: None,
    }
}

fn edge(from: &str, to: &str, label: &str, kind: EdgeKind) -> Edge {
    Edge {
        from: from.into(),
        to: (!to.is_empty()).then(|| to.into()),
        label: label.to_owned(),
        kind,
        taken: None,
    }
}

fn order() -> Graph {
    use EdgeKind::{Error, Normal, Timeout};
    Graph {
        name: "order-ships".into(),
        start: "place".into(),
        nodes: vec![
            node("place", NodeKind::Normal, &["1 instruction"]),
            node("placed", NodeKind::Normal, &["at most 3 visits"]),
            node("shipped", NodeKind::Final, &[]),
            node(
                "rejected",
                NodeKind::Fail,
                &["order ${order_id} was rejected"],
            ),
            node("late", NodeKind::Fail, &[]),
        ],
        edges: vec![
            edge("place", "placed", "", Normal),
            edge("place", "late", "transport", Error),
            edge(
                "placed",
                "shipped",
                "poll GET /orders/${order_id} every 250ms, when res.body.status == 'shipped' and res.body.carrier != null",
                Normal,
            ),
            edge(
                "placed",
                "rejected",
                "when res.body.status == 'rejected'",
                Normal,
            ),
            edge("placed", "", "fail_when res.status >= 500", Normal),
            edge(
                "placed",
                "placed",
                "when res.body.status == \"packed\"",
                Normal,
            ),
            edge("placed", "place", "20s", Timeout),
        ],
    }
}

/// Names and guards as nobody should write them.
fn hostile() -> Graph {
    let names = [
        "quo\"te\\",
        "two\nlines",
        "direction LR",
        "direction\u{a0}RL",
        "[*] --> x: %% y; #z {",
        "<b>&amp;</b>",
        "\u{202e}txet\u{1b}[31m",
        "北京の注文",
        "",
        " ",
    ];
    Graph {
        name: "a \"graph\"\n}".into(),
        start: names[0].into(),
        nodes: names
            .iter()
            .map(|name| node(name, NodeKind::Normal, &[name]))
            .collect(),
        edges: names
            .iter()
            .zip(names.iter().skip(1).chain(&["nowhere"]))
            .map(|(from, to)| edge(from, to, &format!("{from}: {to}"), EdgeKind::Normal))
            .chain([edge("nowhere", names[0], "", EdgeKind::Error)])
            .collect(),
    }
}

fn large(states: usize) -> Graph {
    let id = |number: usize| format!("state-{number}-of-many-states");
    Graph {
        name: "large".into(),
        start: id(0).into(),
        nodes: (0..states)
            .map(|number| node(&id(number), NodeKind::Normal, &["2 instructions"]))
            .collect(),
        edges: (0..states * 5)
            .map(|number| {
                let guard = format!(
                    "when res.body.status == 'status {number}' and len(res.body.items) > 3"
                );
                edge(
                    &id(number % states),
                    &id((number * 7 + number / states) % states),
                    &guard,
                    EdgeKind::Normal,
                )
            })
            .collect(),
    }
}

#[test]
fn an_outline_shows_states_in_the_order_of_the_file() {
    insta::assert_snapshot!(order().to_ascii(80, Glyphs::Unicode));
}

#[test]
fn an_outline_fits_a_narrow_terminal() {
    insta::assert_snapshot!(order().to_ascii(40, Glyphs::Unicode));
}

#[test]
fn an_outline_needs_no_more_than_ascii() {
    let outline = order().to_ascii(80, Glyphs::Ascii);
    assert!(outline.is_ascii());
    insta::assert_snapshot!(outline);
}

#[test]
fn a_mermaid_diagram_has_all_states_and_ways() {
    insta::assert_snapshot!(order().to_mermaid());
}

#[test]
fn a_dot_graph_has_all_states_and_ways() {
    insta::assert_snapshot!(order().to_dot());
}

#[test]
fn json_is_for_programs() {
    let text = order().to_json();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["start"], "place");
    assert_eq!(json["states"][3]["kind"], "fail");
    assert_eq!(json["transitions"][0].get("label"), None);
    assert_eq!(json["transitions"][4]["to"], serde_json::Value::Null);
    assert_eq!(json["transitions"][6]["kind"], "timeout");
    insta::assert_snapshot!(text);
}

#[test]
fn hostile_names_stay_names() {
    let graph = hostile();
    insta::assert_snapshot!("hostile_outline", graph.to_ascii(60, Glyphs::Unicode));
    insta::assert_snapshot!("hostile_mermaid", graph.to_mermaid());
    insta::assert_snapshot!("hostile_dot", graph.to_dot());
    for text in [
        graph.to_ascii(60, Glyphs::Unicode),
        graph.to_mermaid(),
        graph.to_dot(),
    ] {
        let control = |character: char| character.is_control() && character != '\n';
        assert!(!text.contains(control) && !text.contains('\u{202e}'));
    }
    let json: serde_json::Value = serde_json::from_str(&graph.to_json()).unwrap();
    assert_eq!(json["states"][1]["id"], "two\nlines");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_every_name_is_there() {
    for graph in [order(), hostile(), large(30)] {
        for width in (24..=60).chain([80, 120, 200]) {
            for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
                let outline = graph.to_ascii(width, glyphs);
                for line in outline.lines() {
                    assert!(line.width() <= width, "{width}: {line}");
                    assert_eq!(line, line.trim_end());
                }
            }
        }
        let wide = graph.to_ascii(200, Glyphs::Unicode);
        for node in &graph.nodes {
            assert!(wide.contains(&visible_name(&node.id)), "{:?}", node.id);
        }
    }
}

#[test]
fn a_start_that_is_written_last_stands_on_top() {
    let mut graph = order();
    graph.nodes.rotate_left(1);
    let outline = graph.to_ascii(80, Glyphs::Unicode);
    assert_eq!(
        outline.lines().nth(3),
        Some("│ place │  start · 1 instruction")
    );
}

#[test]
fn the_smallest_machine_is_drawn() {
    let graph = Graph {
        name: "one".into(),
        start: "a".into(),
        nodes: vec![node("a", NodeKind::Final, &[])],
        edges: Vec::new(),
    };
    assert_eq!(
        graph.to_ascii(80, Glyphs::Unicode),
        "one · 1 state · 0 transitions\n\n╔═══╗\n║ a ║  start · ✓ passes\n╚═══╝\n"
    );
}

#[test]
fn two_hundred_states_are_drawn_whole_and_always_alike() {
    let graph = large(200);
    for width in [40, 80, 120] {
        assert!(graph.to_ascii(width, Glyphs::Unicode).lines().count() > 1000);
    }
    assert!(graph.to_mermaid().len() > 10_000);
    assert!(graph.to_dot().len() > 10_000);
    assert_eq!(graph.to_mermaid(), large(200).to_mermaid());
}

#[test]
fn texts_are_cut_and_wrapped_by_columns() {
    assert_eq!(cut_middle("order-placed", 12, "…"), "order-placed");
    assert_eq!(cut_middle("order-placed", 7, "…"), "ord…ced");
    assert_eq!(cut_middle("北京の注文", 7, "…"), "北…文");
    assert_eq!(cut_middle("abc", 1, "…"), "…");
    assert_eq!(wrap("a bc def", 4, 9, "…"), ["a bc", "def"]);
    assert_eq!(wrap("abcdefgh i", 3, 9, "…"), ["abc", "def", "gh", "i"]);
    assert_eq!(wrap("a b c d", 1, 2, "…"), ["a", "b…"]);
    assert_eq!(wrap("", 9, 9, "…"), [""]);
    assert_eq!(visible(" a\n  b\t\u{7} "), r"a b \u{7}");
    assert_eq!(visible_name("a\nb"), r"a\nb");
    assert_eq!(visible_name(""), "\"\"");
}

/// A state with two regions, one of which has a region itself.
fn nested() -> Graph {
    let machine = |name: &str, regions: Vec<Graph>| Graph {
        name: name.into(),
        start: "a".into(),
        nodes: vec![
            Node {
                regions,
                ..node("a", NodeKind::Normal, &["1 instruction"])
            },
            node("b", NodeKind::Final, &[]),
        ],
        edges: vec![edge("a", "b", "wait 1s", EdgeKind::Normal)],
    };
    let inner = machine("inner", Vec::new());
    machine(
        "outer",
        vec![machine("one", vec![inner]), machine("two", Vec::new())],
    )
}

#[test]
fn regions_are_boxes_in_every_format() {
    let graph = nested();
    insta::assert_snapshot!("regions_ascii", graph.to_ascii(60, Glyphs::Unicode));
    insta::assert_snapshot!("regions_plain", graph.to_ascii(60, Glyphs::Ascii));
    insta::assert_snapshot!("regions_mermaid", graph.to_mermaid());
    insta::assert_snapshot!("regions_dot", graph.to_dot());
    insta::assert_snapshot!("regions_json", graph.to_json());
}

#[test]
fn how_often_it_was_taken_stands_behind_what_it_is() {
    let mut graph = order();
    graph.nodes[0].entered = Some(3);
    graph.nodes[1].entered = Some(0);
    graph.edges[0].taken = Some(2);
    graph.edges[1].taken = Some(0);
    let outline = graph.to_ascii(100, Glyphs::Unicode);
    for drawn in [&outline, &graph.to_dot(), &graph.to_mermaid()] {
        for words in ["3 times", "never", "2 times"] {
            assert!(drawn.contains(words), "{words}\n{drawn}");
        }
    }
    let json: serde_json::Value = serde_json::from_str(&graph.to_json()).unwrap();
    assert_eq!(json["states"][0]["entered"], 3);
    assert_eq!(json["transitions"][1]["taken"], 0);
    assert!(json["transitions"][2].get("taken").is_none());
}
