use super::text::{visible, visible_name};
use super::{EdgeKind, Graph, NodeKind};
use std::fmt::Write as _;

impl Graph {
    /// A Mermaid `stateDiagram-v2`. Names and guards stand in it as labels, never as ids, so that they may hold
    /// anything. Mermaid draws all arrows alike: `⧖` marks `on_timeout`, `!` marks `on_error`.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let resolved = self.resolve();
        let mut out = format!("%% {}\n", escape(&visible_name(&self.name)));
        out.push_str("stateDiagram-v2\n");
        let mut line = |statement: std::fmt::Arguments| {
            writeln!(out, "    {statement}").expect("a string takes any text");
        };
        for (number, node) in resolved.nodes.iter().enumerate() {
            let name = escape(&visible_name(node.id));
            line(format_args!("state \"{name}\" as s{number}"));
            for detail in node.details.iter().map(|detail| visible(detail)) {
                if !detail.is_empty() {
                    line(format_args!("s{number}: {}", escape(&detail)));
                }
            }
        }
        line(format_args!("[*] --> s{}", resolved.start));
        for (number, (from, to, edge)) in resolved.edges.iter().enumerate() {
            let to = match to {
                Some(to) => format!("s{to}"),
                None => format!("f{number}"),
            };
            if edge.to.is_none() {
                line(format_args!("state \"fails\" as {to}"));
            }
            let mark = match edge.kind {
                EdgeKind::Normal => "",
                EdgeKind::Timeout => "⧖ ",
                EdgeKind::Error => "! ",
            };
            let label = format!("{mark}{}", escape(&visible(&edge.label)));
            match label.trim() {
                "" => line(format_args!("s{from} --> {to}")),
                label => line(format_args!("s{from} --> {to}: {label}")),
            }
        }
        let ends = |kind| {
            let nodes = resolved.nodes.iter().enumerate();
            nodes.filter(move |(_, node)| node.kind == kind)
        };
        for (number, _) in ends(NodeKind::Final) {
            line(format_args!("s{number} --> [*]"));
        }
        let mut fails: Vec<String> = ends(NodeKind::Fail)
            .map(|(number, _)| format!("s{number}"))
            .collect();
        let watches = resolved.edges.iter().enumerate();
        fails.extend(
            watches
                .filter(|(_, (_, to, _))| to.is_none())
                .map(|(number, _)| format!("f{number}")),
        );
        if !fails.is_empty() {
            line(format_args!("classDef fails stroke-dasharray: 4 3"));
            line(format_args!("class {} fails", fails.join(",")));
        }
        out
    }
}

/// Mermaid reads labels word by word: punctuation ends them, `%%` and `#` start comments, some words are
/// statements anywhere in a line (`direction LR`), and markup is honoured. All of that is written as entities.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' if ends_with_ignoring_case(&out, "direction") => out.push_str("#32;"),
            ' ' | '.' | ',' | '(' | ')' | '/' | '=' | '!' | '?' | '+' | '\'' | '-' | '_' | '$' => {
                out.push(character);
            }
            _ if character.is_alphanumeric() => out.push(character),
            _ if !character.is_ascii() && !character.is_whitespace() => out.push(character),
            _ => write!(out, "#{};", character as u32).expect("a string takes any text"),
        }
    }
    out
}

fn ends_with_ignoring_case(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(word))
}
